"""The site's own meters: what they show is kept and is the present for a while, and what chargers tell is held against
it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from edge.domain.events import Restarted, Ticked
from edge.domain.meter_book import MeterRules
from edge.domain.meters import METER_SILENT, METERS_DISAGREE
from edge.domain.run_book import RunRules
from edge.domain.site import Site
from edge.domain.view import birth, live, snapshot, status, totals
from protocols.charger.abilities import Abilities, EnergySource, Polled
from protocols.charger.events import (
    IdTokenPresented,
    MeterFound,
    MeterLost,
    MeterRead,
    MeterValuesReported,
    Sample,
    StationConnected,
)
from protocols.sync.up import AlarmCleared, AlarmRaised, CdrIssued, CdrQuarantined, MeterValuesSampled
from protocols.terms import BalancePart, ChargingState, ConnectorStatus, EvseRef, Measurand, MeterRole
from tests.edge.domain.site_kit import Play, new_site, register

FEEDER = MeterRules(meter_id="GRID", role=MeterRole.FEEDER, profile_id="eastron_sdm630")
ROOF = MeterRules(meter_id="ROOF", role=MeterRole.PV, profile_id="sunspec_inverter")
HOUSE = MeterRules(meter_id="HOUSE", role=MeterRole.LOAD)
BEHIND_A1 = MeterRules(meter_id="M1", role=MeterRole.EVSE, behind=EvseRef("A", 1))


def a_site(*meters: MeterRules) -> Site:
    return new_site(meters={each.meter_id: each for each in meters})


@dataclass
class Metered(Play):
    """Tells what meters show."""

    wh: dict[str, int] = field(default_factory=dict)

    def shows(self, meter_id: str, **values: int) -> None:
        """`power`, `power_export`, `energy_register` … as Measurand names them."""
        samples = tuple(
            Sample(measurand=Measurand[name.upper()], value=value, at=self.now) for name, value in values.items()
        )
        self.tell(MeterRead(meter_id=meter_id, samples=samples))

    def flow(self, told: dict[str, int], shown: dict[str, int], minutes: int = 15) -> None:
        """Minute by minute, in W: what transactions at station A tell (by charger id), and what meters show."""
        for _ in range(minutes):
            self.after(1)
            for charger_id, power_w in told.items():
                key = f"told {charger_id}"
                self.wh[key] = self.wh.get(key, 1000 * 60) + power_w
                transaction = self.site.by_charger_id("A", charger_id)
                assert transaction is not None
                self.tell(
                    MeterValuesReported(
                        station_id="A",
                        evse_id=transaction.evse_id,
                        charger_transaction_id=charger_id,
                        samples=(register(self.wh[key] // 60, self.now),),
                    )
                )
            for meter_id, power_w in shown.items():
                self.wh[meter_id] = self.wh.get(meter_id, 70_000 * 60) + power_w
                self.shows(meter_id, energy_register=self.wh[meter_id] // 60)

    def parts(self) -> dict[BalancePart, int | None]:
        return {flow.part: flow.power_w for flow in totals(self.site, self.now).balance}

    def charger_id(self) -> str:
        (transaction,) = self.site.transactions.values()
        return transaction.charger_transaction_id


def open_alarms(play: Play) -> list[str]:
    return [alarm.alarm for alarm in play.site.alarms.values()]


# --- the present ---


def test_a_site_without_meters_has_no_balance() -> None:
    play = Metered()
    assert totals(play.site, play.now).balance == ()
    assert status(play.site, play.now)["meters"] == []


def test_the_hub_is_told_what_changed_and_all_of_it_now_and_then() -> None:
    play = Metered(a_site(FEEDER, HOUSE, BEHIND_A1))
    play.connect()
    found = play.tell(MeterFound(meter_id="GRID", vendor="Eastron", model="SDM630", serial_number="7"))
    assert found.shown == {FEEDER.ref}
    read_at = play.now
    play.shows("GRID", power=8_000, energy_register=70)
    play.shows("HOUSE", power=2_000)
    play.after(10 / 60)
    told = live(play.site, [FEEDER.ref, EvseRef("A", 1)], play.now, is_full=False)
    (grid,) = told.meters
    assert (grid.meter_id, grid.role, grid.is_online, grid.serial_number) == ("GRID", MeterRole.FEEDER, True, "7")
    assert (grid.power_w, grid.power_read_at, grid.energy_import_wh, grid.read_at) == (8_000, read_at, 70, read_at)
    assert [evse.station_id for evse in told.evses] == ["A"]
    assert [(each.part, each.power_w, each.read_at) for each in told.balance] == [
        (BalancePart.GRID, 8_000, read_at),
        (BalancePart.EVSES, 0, None),
        (BalancePart.LOADS, 2_000, read_at),
        (BalancePart.REST, 6_000, read_at),
    ]
    full = live(play.site, [], play.now, is_full=True)
    assert [each.meter_id for each in full.meters] == ["GRID", "HOUSE", "M1"]
    assert (full.meters[2].station_id, full.meters[2].evse_id, full.meters[2].read_at) == ("A", 1, None)
    assert live(play.site, [], play.now, is_full=False).meters == ()
    assert birth(play.site, play.now).meters == full.meters
    assert birth(play.site, play.now).balance == full.balance
    play.after(1)
    stale = live(play.site, [FEEDER.ref], play.now, is_full=False)
    assert (stale.meters[0].power_w, stale.meters[0].read_at) == (None, read_at)
    assert (stale.balance[0].power_w, stale.balance[0].read_at) == (None, None)
    assert play.tell(MeterLost(meter_id="GRID", reason="it does not answer")).shown == {FEEDER.ref}


def test_noise_of_a_meter_is_no_news() -> None:
    play = Metered(a_site(FEEDER))
    news = []
    for power_w in (8_000, 8_050, 8_099, 8_160, 8_240, 8_330, 5, -90, -100, 8_320):
        read = MeterRead(meter_id="GRID", samples=(Sample(measurand=Measurand.POWER, value=power_w, at=play.now),))
        if FEEDER.ref in play.tell(read).shown:
            news.append(power_w)
    assert news == [8_000, 8_160, 8_330, 5, -100, 8_320], "100 W and 2 %"


def test_the_balance_of_a_site() -> None:
    play = Metered(a_site(FEEDER, ROOF, HOUSE))
    play.connect()
    play.start()
    play.tell(
        MeterValuesReported(
            station_id="A",
            evse_id=1,
            charger_transaction_id=play.charger_id(),
            samples=(Sample(measurand=Measurand.POWER, value=11_000, at=play.now),),
        )
    )
    play.shows("GRID", power=8_000)
    play.shows("ROOF", power_export=6_000)
    play.shows("HOUSE", power=2_000)
    assert play.parts() == {
        BalancePart.GRID: 8_000,
        BalancePart.PV: 6_000,
        BalancePart.EVSES: 11_000,
        BalancePart.LOADS: 2_000,
        BalancePart.REST: 1_000,
    }
    assert snapshot(play.site, play.now).totals.balance == totals(play.site, play.now).balance


def test_a_reading_that_is_too_old_is_not_the_present_and_nothing_is_reckoned_with_it() -> None:
    play = Metered(a_site(FEEDER, ROOF))
    play.shows("GRID", power=8_000, energy_register=100)
    play.shows("ROOF", power_export=6_000)
    play.after(0.5)
    assert [flow.age_s for flow in totals(play.site, play.now).balance] == [30, 30, None, 30]
    play.after(0.5)
    play.shows("ROOF", power_export=5_000)
    assert play.parts() == {
        BalancePart.GRID: None,
        BalancePart.PV: 5_000,
        BalancePart.EVSES: 0,
        BalancePart.REST: None,
    }
    grid, roof = status(play.site, play.now)["meters"]
    assert (grid["power_w"], grid["energy_import_wh"], roof["power_w"]) == (None, None, -5_000)
    assert grid["read_at"] is not None


def test_each_quantity_has_its_own_time() -> None:
    rules = MeterRules(
        meter_id="GRID",
        role=MeterRole.FEEDER,
        fresh_for={Measurand.POWER: timedelta(seconds=11), Measurand.ENERGY_REGISTER: timedelta(seconds=40)},
    )
    play = Metered(a_site(rules))
    play.shows("GRID", power=8_000, energy_register=100)
    play.after(0.25)
    (grid,) = status(play.site, play.now)["meters"]
    assert (grid["power_w"], grid["energy_import_wh"]) == (None, 100)


def test_what_flows_back_counts_against_what_is_drawn() -> None:
    play = Metered(a_site(FEEDER))
    play.shows("GRID", power=500, power_export=2_000)
    assert play.parts()[BalancePart.GRID] == -1_500


def test_readings_go_through_the_filter_into_the_journal() -> None:
    play = Metered(a_site(FEEDER))
    for _ in range(30):
        play.after(1 / 60)
        play.shows("GRID", power=8_000, frequency=50_000, power_factor=980)
    (kept,) = play.found(MeterValuesSampled)
    assert (kept.station_id, kept.evse_id, kept.transaction_id) == ("GRID", 0, None)
    assert {sample.measurand for sample in kept.samples} == {
        Measurand.POWER,
        Measurand.FREQUENCY,
        Measurand.POWER_FACTOR,
    }
    assert play.site.stations.keys() == {"A", "B"}


def test_a_meter_that_is_silent_is_an_alarm_until_it_answers() -> None:
    play = Metered(a_site(FEEDER))
    play.tell(MeterLost(meter_id="GRID", reason="no answer within 1 s"))
    play.tell(MeterLost(meter_id="GRID", reason="no answer within 1 s"))
    (raised,) = play.found(AlarmRaised)
    assert (raised.alarm, raised.text) == (METER_SILENT, "meter GRID is not read: no answer within 1 s")
    play.tell(MeterFound(meter_id="GRID", vendor="Eastron", model="SDM630", serial_number="7"))
    assert len(play.found(AlarmCleared)) == 1
    (grid,) = status(play.site, play.now)["meters"]
    assert (grid["online"], grid["vendor"], grid["serial_number"]) == (True, "Eastron", "7")


def asleep(play: Metered) -> str | None:
    (told,) = status(play.site, play.now)["meters"]
    found: str | None = told["asleep_since"]
    return found


@pytest.fixture
def roof() -> Metered:
    """An inverter by day."""
    play = Metered(a_site(replace(ROOF, may_sleep=True)))
    play.tell(MeterFound(meter_id="ROOF", vendor="SMA", model="Sunny"))
    play.shows("ROOF", power_export=8_000)
    return play


def test_an_inverter_that_is_off_at_night_is_no_alarm_and_not_the_present_either(roof: Metered) -> None:
    roof.shows("ROOF", power_export=12)
    roof.after(1 / 6)
    evening = roof.now
    roof.tell(MeterLost(meter_id="ROOF", reason="no answer"))
    roof.after(1)
    assert (open_alarms(roof), asleep(roof)) == ([], evening.isoformat())
    assert roof.parts()[BalancePart.PV] is None
    roof.after(16 * 60)
    roof.tell(Ticked())
    roof.tell(MeterFound(meter_id="ROOF", vendor="SMA", model="Sunny"))
    roof.shows("ROOF", power_export=30)
    assert (open_alarms(roof), asleep(roof)) == ([], None)


def test_an_inverter_that_falls_silent_by_day_is_an_alarm_at_once(roof: Metered) -> None:
    roof.tell(MeterLost(meter_id="ROOF", reason="no answer"))
    assert (open_alarms(roof), asleep(roof)) == ([METER_SILENT], None)


def test_one_that_does_not_wake_the_next_day_is_an_alarm_until_it_does(roof: Metered) -> None:
    roof.shows("ROOF", power_export=0)
    roof.tell(MeterLost(meter_id="ROOF", reason="no answer"))
    roof.after(23 * 60)
    roof.tell(Ticked())
    assert open_alarms(roof) == []
    roof.after(61)
    roof.tell(Ticked())
    assert open_alarms(roof) == [METER_SILENT]
    roof.tell(MeterFound(meter_id="ROOF", vendor="SMA", model="Sunny"))
    assert open_alarms(roof) == []


def test_an_agent_that_begins_at_night_does_not_miss_it_before_the_next_day() -> None:
    play = Metered(a_site(replace(ROOF, may_sleep=True)))
    play.tell(MeterLost(meter_id="ROOF", reason="no answer"))
    assert open_alarms(play) == []
    play.after(24 * 60)
    play.tell(Ticked())
    assert open_alarms(play) == [METER_SILENT]


def test_a_meter_that_nobody_configured_changes_nothing() -> None:
    play = Metered(a_site(FEEDER))
    for event in (
        MeterFound(meter_id="X", vendor="", model=""),
        MeterLost(meter_id="X", reason=""),
        MeterRead(meter_id="X", samples=(Sample(measurand=Measurand.POWER, value=1, at=play.now),)),
    ):
        assert play.tell(event).entries == []


# --- cross-check: the meter behind an EVSE ---


def test_a_charger_that_tells_what_its_meter_shows_is_billed() -> None:
    play = Metered(a_site(BEHIND_A1))
    play.connect()
    play.start(meter_wh=1000)
    charger_id = play.charger_id()
    play.flow({charger_id: 11_000}, {"M1": 11_200}, minutes=60)
    play.stop(charger_id, 12_000)
    assert len(play.found(CdrIssued)) == 1
    assert open_alarms(play) == []


@pytest.mark.parametrize("shown_w", [5_500, 22_000])
def test_a_charger_that_tells_something_else_is_found_and_its_bill_kept_back(shown_w: int) -> None:
    play = Metered(a_site(BEHIND_A1))
    play.connect()
    play.start(meter_wh=1000)
    charger_id = play.charger_id()
    play.flow({charger_id: 11_000}, {"M1": shown_w}, minutes=17)
    assert open_alarms(play) == []
    play.flow({charger_id: 11_000}, {"M1": shown_w}, minutes=16)
    (raised,) = play.found(AlarmRaised)
    assert (raised.alarm, raised.station_id, raised.evse_id) == (METERS_DISAGREE, "A", 1)
    assert f"told 2750 Wh and the meter behind it shows {shown_w // 4} Wh" in raised.text
    play.stop(charger_id, play.wh[f"told {charger_id}"] // 60)
    (kept_back,) = play.found(CdrQuarantined)
    assert f"the meter behind it shows {shown_w // 4} Wh" in kept_back.cdr.quarantine[0]


def test_the_alarm_ends_when_they_agree_again() -> None:
    play = Metered(a_site(BEHIND_A1))
    play.connect()
    play.start(meter_wh=1000)
    charger_id = play.charger_id()
    play.flow({charger_id: 11_000}, {"M1": 5_500}, minutes=33)
    assert open_alarms(play) == [METERS_DISAGREE]
    play.flow({charger_id: 11_000}, {"M1": 11_000}, minutes=33)
    assert open_alarms(play) == []


def test_energy_that_flows_where_no_transaction_runs_is_found() -> None:
    play = Metered(a_site(BEHIND_A1))
    play.connect()
    play.flow({}, {"M1": 20}, minutes=40)
    assert open_alarms(play) == []
    play.flow({}, {"M1": 7_000}, minutes=40)
    assert open_alarms(play) == [METERS_DISAGREE]


def test_a_station_that_is_away_is_not_judged() -> None:
    play = Metered(a_site(BEHIND_A1))
    play.flow({}, {"M1": 7_000}, minutes=60)
    assert open_alarms(play) == []


def test_who_does_not_want_it_is_not_held_against_meters() -> None:
    rules = MeterRules(meter_id="M1", role=MeterRole.EVSE, behind=EvseRef("A", 1), is_compared=False)
    play = Metered(a_site(rules))
    play.connect()
    play.flow({}, {"M1": 7_000}, minutes=60)
    assert open_alarms(play) == []


# --- cross-check: the feeder ---


def test_evses_that_tell_more_than_the_site_is_given() -> None:
    play = Metered(a_site(FEEDER))
    play.connect()
    play.start(meter_wh=1000)
    charger_id = play.charger_id()
    play.flow({charger_id: 11_000}, {"GRID": 4_000}, minutes=33)
    (raised,) = play.found(AlarmRaised)
    assert raised.alarm_id == f"{METERS_DISAGREE}:GRID"
    play.stop(charger_id, play.wh[f"told {charger_id}"] // 60)
    assert len(play.found(CdrQuarantined)) == 1


def test_what_the_sun_gives_is_not_missed_at_the_feeder() -> None:
    play = Metered(a_site(FEEDER, ROOF))
    play.connect()
    play.start(meter_wh=1000)
    charger_id = play.charger_id()
    for minute in range(40):
        play.shows("ROOF", energy_export_register=50_000 + minute * 8_000 // 60)
        play.flow({charger_id: 11_000}, {"GRID": 4_000}, minutes=1)
    assert open_alarms(play) == []


def test_while_the_roofs_meter_is_not_known_the_feeder_proves_nothing() -> None:
    play = Metered(a_site(FEEDER, ROOF))
    play.connect()
    play.start(meter_wh=1000)
    play.flow({play.charger_id(): 11_000}, {"GRID": 4_000}, minutes=60)
    assert open_alarms(play) == []


def test_a_bill_for_which_its_own_meter_speaks_is_not_doubted() -> None:
    play = Metered(a_site(FEEDER, BEHIND_A1))
    play.connect()
    play.start(meter_wh=1000)
    charger_id = play.charger_id()
    play.flow({charger_id: 11_000}, {"M1": 11_000, "GRID": 4_000}, minutes=40)
    assert open_alarms(play) == [METERS_DISAGREE]
    play.stop(charger_id, play.wh[f"told {charger_id}"] // 60)
    assert len(play.found(CdrIssued)) == 1


# --- the meter of a charger that has none ---


@dataclass
class Polling(Metered):
    """Station A is polled and has no register."""

    energy: EnergySource = EnergySource.NONE

    def __post_init__(self) -> None:
        self.site.rules.runs["A"] = RunRules(end_after=timedelta(minutes=30))
        self.tell(Restarted())
        polled = Polled(profile_id="some_charger", energy=self.energy, is_estimated=True)
        self.tell(StationConnected(station_id="A", abilities=Abilities(ocpp_version=None, polled=polled)))
        self.status("A", 1, ConnectorStatus.AVAILABLE, at=self.now)

    def charge(self, minutes: int = 30) -> None:
        self.shows("M1", energy_register=70_000, power=0)
        self.status("A", 1, ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EVSE, at=self.now)
        self.tell(IdTokenPresented(station_id="A", token_uid="GOOD", evse_id=1))
        self.status("A", 1, ConnectorStatus.OCCUPIED, ChargingState.CHARGING, at=self.now)
        for minute in range(1, minutes + 1):
            self.after(1)
            self.tell(self._power_told())
            self.shows("M1", energy_register=70_000 + minute * 100, power=6_000)

    def _power_told(self) -> Any:
        sample = Sample(measurand=Measurand.POWER, value=5_000, at=self.now)
        return MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=(sample,))

    def leave(self) -> None:
        self.after(1 / 60)
        self.status("A", 1, ConnectorStatus.AVAILABLE, at=self.now)
        self.after(1 / 60)


@pytest.mark.parametrize("energy", [EnergySource.NONE, EnergySource.POWER])
def test_a_charger_without_a_register_is_billed_by_the_meter_behind_it(energy: EnergySource) -> None:
    play = Polling(a_site(BEHIND_A1), energy=energy)
    play.charge()
    play.leave()
    play.shows("M1", energy_register=73_050, power=0)
    play.tell(
        MeterValuesReported(
            station_id="A",
            evse_id=1,
            charger_transaction_id=None,
            samples=(Sample(measurand=Measurand.POWER, value=0, at=play.now),),
        )
    )
    (issued,) = play.found(CdrIssued)
    cdr = issued.cdr
    assert (cdr.meter_start_wh, cdr.meter_stop_wh, cdr.total_energy_wh) == (70_000, 73_050, 3_050)
    assert open_alarms(play) == []


def test_a_bill_whose_meter_was_lost_on_the_way_waits_for_a_person() -> None:
    play = Polling(a_site(BEHIND_A1))
    play.charge(10)
    play.after(20)
    play.leave()
    play.after(1)
    play.status("A", 1, ConnectorStatus.AVAILABLE, at=play.now)
    (kept_back,) = play.found(CdrQuarantined)
    assert "the meter behind it was last read at" in kept_back.cdr.quarantine[0]


def test_a_charger_with_a_register_of_its_own_is_not_billed_by_another() -> None:
    play = Polling(a_site(BEHIND_A1), energy=EnergySource.TOTAL)
    play.charge()
    (transaction,) = play.site.transactions.values()
    assert transaction.last_wh is None
