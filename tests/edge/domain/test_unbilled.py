"""Energy without a transaction: told once, with where, how much and since when, and never without cause."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from edge.domain.events import ClaimAnswered, Restarted, StationsClaimed, Ticked
from edge.domain.run_book import RunRules
from edge.domain.site import Site
from edge.domain.station import Home
from edge.domain.unbilled import ENERGY_WITHOUT_TRANSACTION
from protocols.charger.abilities import Abilities, EnergySource, Polled
from protocols.charger.events import MeterValuesReported, Sample, StationConnected
from protocols.sync.up import AlarmCleared, AlarmRaised, Severity
from protocols.terms import ChargingState, ConnectorStatus, Measurand, ReadingContext
from tests.edge.domain.site_kit import Play, new_site


class Bay(Play):
    """EVSE 1 of station A, read as a meter shows it."""

    def read(
        self,
        power_w: int | None = None,
        register_wh: int | None = None,
        at: datetime | None = None,
        evse: int = 1,
        station: str = "A",
        transaction: str | None = None,
        context: ReadingContext = ReadingContext.SAMPLE_PERIODIC,
    ) -> None:
        at = at or self.now
        samples = []
        if power_w is not None:
            samples.append(Sample(measurand=Measurand.POWER, value=power_w, at=at, context=context))
        if register_wh is not None:
            samples.append(Sample(measurand=Measurand.ENERGY_REGISTER, value=register_wh, at=at, context=context))
        self.tell(
            MeterValuesReported(
                station_id=station, evse_id=evse, charger_transaction_id=transaction, samples=tuple(samples)
            )
        )

    def occupied(self, evse: int = 1) -> None:
        self.status("A", evse, ConnectorStatus.OCCUPIED, ChargingState.CHARGING)

    def tick(self, minutes: float = 0) -> None:
        self.after(minutes)
        self.tell(Ticked())

    def draw(self, power_w: int, minutes: int, register_wh: int) -> int:
        """A reading each minute, of power and register."""
        for _ in range(minutes):
            self.after(1)
            register_wh += power_w // 60
            self.read(power_w, register_wh)
            self.tell(Ticked())
        return register_wh

    def count(self, power_w: int, minutes: int, register_wh: int, every: int = 1) -> int:
        """Only the register is read."""
        for _ in range(minutes // every):
            self.after(every)
            register_wh += power_w * every // 60
            self.read(None, register_wh)
            self.tell(Ticked())
        return register_wh

    @property
    def raised(self) -> list[str]:
        return [each.text for each in self.found(AlarmRaised) if each.alarm == ENERGY_WITHOUT_TRANSACTION]

    @property
    def is_told(self) -> bool:
        return any(each.alarm == ENERGY_WITHOUT_TRANSACTION for each in self.site.alarms.values())


@pytest.fixture
def bay() -> Bay:
    bay = Bay()
    bay.connect()
    return bay


# --- what flows is told ---


def test_power_that_lasts_is_told_once_with_where_how_much_and_since_when(bay: Bay) -> None:
    bay.occupied()
    bay.draw(6000, 2, 50_000)
    assert not bay.raised
    bay.draw(6000, 10, 50_200)
    since = "2026-03-02T08:01:00+00:00"
    assert bay.raised == [f"A*1 gives energy without a transaction, since {since}: 200 Wh so far by its register"]
    (alarm,) = [each for each in bay.site.alarms.values() if each.alarm == ENERGY_WITHOUT_TRANSACTION]
    assert (alarm.station_id, alarm.evse_id, alarm.severity) == ("A", 1, Severity.WARNING)


def test_without_a_register_the_power_is_added_up(bay: Bay) -> None:
    for _ in range(4):
        bay.after(1)
        bay.read(6000)
    (text,) = bay.raised
    assert text.endswith("about 300 Wh so far by its power")


def test_a_register_alone_proves_it_too(bay: Bay) -> None:
    bay.occupied()
    bay.count(6000, 10, 50_000)
    (text,) = bay.raised
    assert "since 2026-03-02T08:01:00+00:00: 200 Wh so far by its register" in text
    assert bay.is_told


def test_a_register_that_is_told_each_quarter_of_an_hour(bay: Bay) -> None:
    bay.occupied()
    bay.count(6000, 90, 50_000, every=15)
    assert len(bay.raised) == 1
    assert bay.is_told
    bay.count(0, 15, 58_999, every=15)
    assert not bay.is_told


def test_a_station_whose_transaction_is_not_known_here(bay: Bay) -> None:
    """Its start is lost: it charges by its own account, and by ours nobody pays."""
    bay.occupied()
    for minute in range(4):
        bay.after(1)
        bay.read(6000, 50_000 + minute * 100, transaction="77")
    assert bay.is_told


# --- and taken back ---


def test_it_is_over_when_nothing_has_flowed_for_five_minutes(bay: Bay) -> None:
    register_wh = bay.draw(6000, 4, 50_000)
    bay.draw(0, 4, register_wh)
    assert bay.is_told
    bay.draw(0, 1, register_wh)
    assert not bay.is_told
    assert len(bay.found(AlarmCleared)) == 1
    assert not bay.site.unbilled.suspects


def test_it_is_over_when_a_transaction_begins(bay: Bay) -> None:
    bay.occupied()
    bay.draw(6000, 4, 50_000)
    bay.start(meter_wh=50_000, at=bay.now - timedelta(minutes=4))
    bay.tick()
    assert not bay.is_told
    assert not bay.site.unbilled.suspects


def test_it_is_over_where_a_transaction_came_and_went_between_two_looks(bay: Bay) -> None:
    bay.occupied()
    register_wh = bay.draw(6000, 4, 50_000)
    bay.start(meter_wh=50_000, at=bay.now - timedelta(minutes=4))
    (transaction,) = bay.site.transactions.values()
    bay.stop(transaction.charger_transaction_id, register_wh)
    assert not bay.is_told
    bay.draw(0, 10, register_wh)
    assert len(bay.raised) == 1


def test_a_bay_that_is_free_and_says_no_more_is_over(bay: Bay) -> None:
    bay.occupied()
    bay.draw(6000, 4, 50_000)
    bay.status("A", 1, ConnectorStatus.AVAILABLE)
    bay.tick(4)
    assert bay.is_told
    bay.tick(1)
    assert not bay.is_told


def test_silence_takes_nothing_back_while_the_vehicle_is_there(bay: Bay) -> None:
    bay.occupied()
    bay.draw(6000, 4, 50_000)
    bay.tick(30)
    assert bay.is_told
    bay.tick(120)
    assert not bay.is_told


def test_after_a_restart_the_meter_says_whether_it_is_over(bay: Bay) -> None:
    bay.occupied()
    register_wh = bay.draw(6000, 4, 50_000)
    again = Bay(site=Site(rules=bay.site.rules, epoch=bay.site.epoch), now=bay.now)
    for evse in bay.site.rules.location.evses:
        again.site.add_evse(evse)
    again.site.alarms = dict(bay.site.alarms)
    again.tell(Restarted())
    again.connect()
    again.occupied()
    register_wh = again.draw(6000, 5, register_wh)
    assert again.is_told
    assert not again.raised
    again.draw(0, 5, register_wh)
    assert not again.is_told


# --- what proves nothing ---


def test_what_a_charger_takes_for_itself(bay: Bay) -> None:
    bay.occupied()
    bay.draw(90, 12 * 60, 50_000)
    bay.count(60, 12 * 60, 60_000)
    assert not bay.raised


def test_one_step_of_a_coarse_register(bay: Bay) -> None:
    bay.occupied()
    for hours in range(20):
        for _ in range(60):
            bay.after(1)
            bay.read(None, 50_000 + hours // 10 * 1000)
    assert not bay.raised


def test_a_coarse_register_that_goes_on(bay: Bay) -> None:
    bay.occupied()
    for minute in range(30):
        bay.after(1)
        bay.read(None, 50_000 + minute * 11_000 // 60 // 1000 * 1000)
    (text,) = bay.raised
    assert "2000 Wh so far" in text


def test_a_short_burst(bay: Bay) -> None:
    register_wh = bay.draw(6000, 1, 50_000)
    bay.draw(0, 10, register_wh)
    assert not bay.raised


def test_readings_from_a_queue(bay: Bay) -> None:
    bay.occupied()
    for minute in range(120):
        bay.read(6000, 50_000 + minute * 100, at=bay.now - timedelta(minutes=150 - minute))
        bay.after(0.05)
    assert not bay.raised
    assert not bay.site.unbilled.suspects


def test_a_queue_of_the_last_minutes_that_comes_at_once(bay: Bay) -> None:
    bay.occupied()
    for minute in range(5):
        bay.read(6000, 50_000 + minute * 100, at=bay.now - timedelta(minutes=4 - minute))
    assert not bay.raised


def test_readings_of_a_transaction_that_come_after_its_end(bay: Bay) -> None:
    bay.occupied()
    bay.start(meter_wh=50_000)
    (transaction,) = bay.site.transactions.values()
    bay.after(10)
    bay.stop(transaction.charger_transaction_id, 51_000)
    ended_at = bay.now
    for second in range(0, 240, 10):
        bay.after(1 / 6)
        bay.read(6000, 50_600 + second, at=ended_at - timedelta(seconds=240 - second))
    assert not bay.raised
    assert not bay.site.unbilled.suspects


@pytest.mark.parametrize("context", [ReadingContext.TRANSACTION_BEGIN, ReadingContext.TRANSACTION_END])
def test_readings_of_a_begin_or_an_end(bay: Bay, context: ReadingContext) -> None:
    bay.occupied()
    for minute in range(5):
        bay.after(1)
        bay.read(6000, 50_000 + minute * 100, context=context)
    assert not bay.raised


def test_a_transaction_that_has_run_is_not_looked_at(bay: Bay) -> None:
    bay.occupied()
    bay.start(meter_wh=50_000)
    bay.draw(6000, 60, 50_000)
    assert not bay.site.unbilled.suspects
    assert not bay.raised


def test_a_register_that_is_another_one_now(bay: Bay) -> None:
    bay.occupied()
    bay.count(0, 10, 50_000)
    bay.count(0, 10, 9_000_000)
    bay.count(0, 10, 10)
    assert not bay.raised


def test_a_register_that_rolls_over_while_something_flows_is_counted_on(bay: Bay) -> None:
    bay.occupied()
    bay.count(6000, 1, 999_900)
    bay.count(6000, 10, 0)
    (text,) = bay.raised
    assert " 200 Wh so far" in text


def test_a_station_that_tells_at_a_free_bay_what_all_its_bays_draw(bay: Bay) -> None:
    bay.status("A", 2, ConnectorStatus.OCCUPIED, ChargingState.EV_CONNECTED)
    bay.occupied()
    bay.start(meter_wh=50_000)
    (transaction,) = bay.site.transactions.values()
    for minute in range(60):
        bay.after(1)
        bay.read(6000, 50_100 + minute * 100)
        bay.read(6000, 70_100 + minute * 100, evse=2)
        bay.tell(Ticked())
    bay.stop(transaction.charger_transaction_id, 56_000)
    for _ in range(10):
        bay.after(1)
        bay.read(0, 76_000, evse=2)
    assert not bay.raised


def test_two_bays_of_a_station_of_which_one_is_paid(bay: Bay) -> None:
    bay.occupied()
    bay.start(meter_wh=50_000)
    bay.occupied(evse=2)
    for minute in range(10):
        bay.after(1)
        bay.read(3000, 50_050 + minute * 50)
        bay.read(9000, 70_100 + minute * 150, evse=2)
    (text,) = bay.raised
    assert text.startswith("A*2 ")


def test_a_bay_where_nothing_flows_needs_no_memory(bay: Bay) -> None:
    bay.draw(0, 30, 50_000)
    assert not bay.site.unbilled.suspects
    bay.occupied()
    bay.start(meter_wh=50_000)
    (transaction,) = bay.site.transactions.values()
    bay.stop(transaction.charger_transaction_id, 50_000)
    bay.status("A", 1, ConnectorStatus.AVAILABLE)
    bay.draw(0, 21, 50_000)
    assert not bay.site.unbilled.suspects
    assert not bay.site.unbilled.ended


# --- several agents ---


def test_a_station_whose_transactions_may_be_with_another_agent() -> None:
    bay = Bay(site=new_site(peers=frozenset({"edge-2"})))
    bay.connect()
    bay.occupied()
    assert bay.site.stations["A"].home is Home.SOUGHT
    register_wh = bay.draw(6000, 10, 50_000)
    assert not bay.site.unbilled.suspects
    claim = bay.site.stations["A"].claim
    bay.tell(ClaimAnswered(station_id="A", claim=claim, is_complete=True))
    bay.draw(6000, 4, register_wh)
    assert bay.is_told
    bay.tell(StationsClaimed(by_edge_id="edge-2", station_ids=("A",)))
    bay.tick()
    assert not bay.is_told


# --- chargers without OCPP ---


def test_a_charger_that_ignores_its_pause_is_told_with_what_it_gave_beyond_the_bill() -> None:
    bay = Bay()
    bay.site.rules.runs["A"] = RunRules(end_after=timedelta(minutes=30))
    bay.tell(Restarted())
    polled = Polled(profile_id="some_charger", energy=EnergySource.TOTAL)
    bay.tell(StationConnected(station_id="A", abilities=Abilities(ocpp_version=None, polled=polled)))
    bay.occupied()
    bay.draw(0, 1, 50_000)
    bay.start(meter_wh=50_000)
    (transaction,) = bay.site.transactions.values()
    register_wh = bay.draw(6000, 10, 50_000)
    bay.stop(transaction.charger_transaction_id, None)
    ended_at = bay.now
    bay.draw(6000, 5, register_wh)
    (text,) = bay.raised
    since = ended_at.isoformat(timespec="seconds")
    assert text == (
        "A*1 gives energy without a transaction, though it was told to pause, "
        f"since {since}: 300 Wh so far beyond the last bill by its register"
    )
