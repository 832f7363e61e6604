"""Transactions under tariffs that change on the way: by the clock, by energy, by power, and by what the meter does."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from edge.domain.pricing.price import ENGINE
from edge.domain.pricing.re_rate import UnknownRules, re_rate
from edge.domain.running_cost import running_cost
from edge.domain.site import Site
from edge.domain.transaction import Transaction
from edge.ledger.projections import CHECKPOINT, encode
from protocols.charger.events import MeterValuesReported, Sample
from protocols.money import TAX_BY_LINE_RULE
from protocols.ocpi.cdr import Cdr
from protocols.ocpi.tariff import IdleRules, Tariff
from protocols.terms import ChargingState, ConnectorStatus, Measurand
from tests.edge.domain.pricing.tariff_kit import element, of
from tests.edge.domain.site_kit import Play, doubts, issued, new_site, number, register

BERLIN = ZoneInfo("Europe/Berlin")
BANDS = of(
    element("ENERGY 0.20", end_time="17:00"),
    element("ENERGY 0.50", start_time="17:00", end_time="22:00"),
    "ENERGY 0.10",
)
TIMES = of(element("TIME 6; PARKING 1", max_duration=1800), "TIME 12; PARKING 2")


def play_by(tariff: Tariff, start: str = "16:30") -> Play:
    site = new_site()
    site.rules.tariffs["standard"] = tariff
    hour, minute = map(int, start.split(":"))
    play = Play(site=site, now=datetime(2026, 3, 3, hour, minute, tzinfo=BERLIN))
    play.connect()
    return play


def read(play: Play, wh: int | None = None, power_w: int | None = None, phases_ma: tuple[int, ...] = ()) -> None:
    samples = [register(wh, play.now)] if wh is not None else []
    if power_w is not None:
        samples.append(Sample(measurand=Measurand.POWER, value=power_w, at=play.now))
    samples += [
        Sample(measurand=Measurand.CURRENT, value=ma, at=play.now, phase=f"L{n}") for n, ma in enumerate(phases_ma, 1)
    ]
    play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=tuple(samples)))


def restarted(play: Play) -> None:
    """The agent is killed, and reads its open transactions from their last checkpoints."""
    fresh: Site = new_site()
    fresh.rules.tariffs.update(play.site.rules.tariffs)
    fresh.last_seq, fresh.last_charger_number = play.site.last_seq, play.site.last_charger_number
    for transaction in play.site.transactions.values():
        fresh.open_transaction(CHECKPOINT.validate_json(encode(transaction)))
    play.site = fresh


def phases(cdr: Cdr) -> list[tuple[str, int, int]]:
    return [
        (f"{period.start_date_time.astimezone(BERLIN):%H:%M}", period.time_s + period.parking_time_s, period.energy_wh)
        for period in cdr.charging_periods
    ]


def check_made_again(cdr: Cdr) -> None:
    bill = re_rate(cdr)
    assert (bill.lines, bill.total) == (cdr.lines, cdr.total_cost)


@pytest.mark.parametrize("is_killed", [False, True])
def test_energy_between_two_readings_is_parted_at_the_boundary_between(*, is_killed: bool) -> None:
    """A slow hour before, a fast one after: what the boundary parts is not the mean of the whole session."""
    play = play_by(BANDS)
    transaction = number(play.start(meter_wh=1000))
    play.after(20)
    read(play, 2000)  # 16:50
    if is_killed:
        restarted(play)
    play.after(20)
    read(play, 8000)  # 17:10, so at 17:00 half of 6000
    play.after(20)
    read(play, 8000)
    play.stop(transaction, 8000)
    cdr = issued(play)
    assert phases(cdr) == [("16:30", 1800, 4000), ("17:00", 1800, 3000)]
    assert [line.quantity for line in cdr.lines] == [4000, 3000]
    assert cdr.total_cost.excl_vat == Decimal("2.30")
    assert (cdr.engine, cdr.time_zone) == (ENGINE, "Europe/Berlin")
    check_made_again(cdr)


def test_a_plain_tariff_cuts_nothing() -> None:
    play = play_by(of("ENERGY 0.20"))
    transaction = number(play.start(meter_wh=0))
    for wh in range(1000, 5000, 1000):
        play.after(60)
        read(play, wh)
    play.stop(transaction, 5000)
    assert len(issued(play).charging_periods) == 1


def test_several_boundaries_between_two_readings() -> None:
    play = play_by(BANDS, "16:00")
    transaction = number(play.start(meter_wh=0))
    play.after(480)
    play.stop(transaction, 48_000)
    assert phases(issued(play)) == [("16:00", 3600, 6000), ("17:00", 18_000, 30_000), ("22:00", 7200, 12_000)]


def test_what_was_not_measured_yet_costs_no_energy() -> None:
    """The register stood at 2000 at 16:50 and has not been told since: nothing of it was taken after 17:00."""
    play = play_by(BANDS)
    play.start(meter_wh=1000)
    play.after(20)
    read(play, 2000)
    play.after(60)
    (running,) = play.site.transactions.values()
    assert running_cost(running, play.now) == Decimal("0.20")


def test_energy_before_a_boundary_stays_there_when_the_vehicle_stops_after_it() -> None:
    play = play_by(BANDS)
    transaction = number(play.start(meter_wh=0))
    play.after(20)
    read(play, 4000)
    play.after(20)  # 17:10
    play.status("A", 1, ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV)
    play.after(5)
    play.stop(transaction, 4000)
    cdr = issued(play)
    assert phases(cdr) == [("16:30", 1800, 4000), ("17:00", 600, 0), ("17:10", 300, 0)]
    assert cdr.total_cost.excl_vat == Decimal("0.80")


def test_thresholds_of_energy_and_duration() -> None:
    play = play_by(of(element("TIME 6", max_kwh="3"), "TIME 12", element("ENERGY 0.10", max_duration=900), "ENERGY 1"))
    transaction = number(play.start(meter_wh=0))
    play.after(30)
    play.stop(transaction, 6000)
    cdr = issued(play)
    assert [(str(line.price), line.quantity) for line in cdr.lines] == [
        ("0.10", 3000),
        ("1", 3000),
        ("6", 900),
        ("12", 900),
    ]
    check_made_again(cdr)


def test_power_across_a_bound_begins_a_period() -> None:
    tariff = of(element("ENERGY 0.20", max_power="16"), element("ENERGY 0.35", max_power="32"), "ENERGY 0.50")
    play = play_by(tariff)
    transaction = number(play.start(meter_wh=0))
    for wh, power_w in ((0, 6000), (1000, 19_000), (6000, 20_000), (11_000, 4000), (11_500, 3900)):
        play.after(10)
        read(play, wh, power_w)
    play.stop(transaction, 11_500)
    cdr = issued(play)
    assert [(str(line.price), line.quantity) for line in cdr.lines] == [("0.20", 1500), ("0.35", 10_000)]
    assert [period.power_w for period in cdr.charging_periods] == [6000, 19_000, 4000]
    check_made_again(cdr)


def test_the_current_of_all_phases_together() -> None:
    tariff = of(element("TIME 6", max_current="32"), "TIME 12")
    play = play_by(tariff)
    transaction = number(play.start(meter_wh=0))
    play.after(10)
    read(play, 1000, phases_ma=(10_000, 10_000, 10_000))
    play.after(20)
    read(play, 2000, phases_ma=(11_000, 11_000, 11_000))
    play.after(30)
    play.stop(transaction, 3000)
    cdr = issued(play)
    assert [(str(line.price), line.quantity) for line in cdr.lines] == [("6", 1800), ("12", 1800)]
    check_made_again(cdr)


def test_a_bill_waits_where_the_tariff_asks_for_what_nobody_measured() -> None:
    play = play_by(of(element("ENERGY 0.20", max_power="16"), "ENERGY 0.50"))
    transaction = number(play.start(meter_wh=0))
    play.after(30)
    play.stop(transaction, 5000)
    assert doubts(play)[0].startswith("the tariff prices by power or current that was not measured")


def test_a_meter_that_falls_is_counted_on_and_looked_at() -> None:
    play = play_by(BANDS)
    transaction = number(play.start(meter_wh=90_000))
    play.after(20)
    read(play, 94_000)  # 16:50
    play.after(20)
    read(play, 0)  # 17:10, reset
    play.after(20)
    read(play, 2000)  # 17:30
    play.stop(transaction, 2000)
    assert doubts(play)[0].startswith("the meter ran backwards")
    (found,) = [entry.body.cdr for entry in play.entries if entry.body.kind == "cdr_quarantined"]
    assert [line.quantity for line in found.lines] == [4000, 2000]


def test_an_end_before_the_last_reading_bills_every_watt_hour_once() -> None:
    play = play_by(BANDS)
    transaction = number(play.start(meter_wh=0))
    play.after(40)
    read(play, 4000)
    play.stop(transaction, 4000, at=play.now - timedelta(minutes=15))
    cdr = issued(play)
    assert sum(line.quantity for line in cdr.lines) == 4000
    check_made_again(cdr)


def test_parking_is_free_in_its_grace_and_has_a_ceiling() -> None:
    idle = IdleRules(grace_s=900, max_price=Decimal(5))
    play = play_by(of("ENERGY 0.20 10%", "PARKING 6 20%", idle=idle))
    transaction = number(play.start(meter_wh=0))
    play.after(30)
    play.status("A", 1, ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV)
    read(play, 5000)
    (running,) = play.site.transactions.values()
    costs = [running_cost(running, play.now + timedelta(minutes=minutes)) for minutes in (0, 15, 25, 65, 180)]
    assert costs == [Decimal(each) for each in ("1.10", "1.10", "2.30", "7.10", "7.10")]
    play.after(90)
    play.stop(transaction, 5000)
    cdr = issued(play)
    assert [(line.type.value, line.quantity, str(line.cost.excl_vat)) for line in cdr.lines] == [
        ("ENERGY", 5000, "1.00"),
        ("PARKING_TIME", 4500, "7.50"),
        ("FLAT", 1, "-2.50"),
    ]
    check_made_again(cdr)


def test_old_bills_are_made_again_by_their_own_rules() -> None:
    """Two lines of 0.05 with 10 %: rounded each, then 0.06 and 0.06; in all, 0.11."""
    play = play_by(of("FLAT 0.05 10%", "ENERGY 0.05 10%"))
    transaction = number(play.start(meter_wh=0))
    play.after(10)
    play.stop(transaction, 1000)
    cdr = issued(play)
    assert cdr.total_cost.incl_vat == Decimal("0.11")
    for engine in ("ohmstead-pricing-1", "ohmstead-pricing-2"):
        old = structs.replace(cdr, engine=engine, rounding_rule=TAX_BY_LINE_RULE)
        assert re_rate(old).total.incl_vat == Decimal("0.12")
    with pytest.raises(UnknownRules):
        re_rate(structs.replace(cdr, engine="ohmstead-pricing-99"))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([BANDS, TIMES, of(element("ENERGY 0.3 500", min_kwh="2.5"), "ENERGY 0.1 500", "FLAT 1 20%")]),
    st.lists(st.tuples(st.integers(0, 5400), st.integers(0, 9000), st.integers(0, 3)), min_size=1, max_size=8),
    st.integers(0, 999_999),
)
def test_every_bill_is_made_again_from_itself_and_bills_all_energy_once(
    tariff: Tariff, steps: list[tuple[int, int, int]], microseconds: int
) -> None:
    play = play_by(tariff, "15:45")
    play.now += timedelta(microseconds=microseconds)
    transaction = number(play.start(meter_wh=500))
    wh = 500
    for seconds, more_wh, what in steps:
        play.now += timedelta(seconds=seconds, microseconds=microseconds // 7)
        if what == 0:
            restarted(play)
        elif what == 1:
            play.status("A", 1, ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV)
        elif what == 2:
            play.status("A", 1, ConnectorStatus.OCCUPIED, ChargingState.CHARGING)
        else:
            wh += more_wh
            read(play, wh)
    play.stop(transaction, wh)
    (cdr,) = [entry.body.cdr for entry in play.entries if entry.body.kind in ("cdr_issued", "cdr_quarantined")]
    check_made_again(cdr)
    energy = [line for line in cdr.lines if line.type == "ENERGY"]
    assert cdr.total_energy_wh == wh - 500
    if energy:
        assert sum(line.quantity for line in energy) == wh - 500
        assert not any(line.exact for line in energy)
    starts = [period.start_date_time for period in cdr.charging_periods]
    assert starts == sorted(starts)
    for period, following in zip(cdr.charging_periods, cdr.charging_periods[1:], strict=False):
        length = (following.start_date_time - period.start_date_time).total_seconds()
        assert length == period.time_s + period.parking_time_s


def test_the_phases_of_a_transaction_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.domain.phases.MAX_PHASES", 5)
    play = play_by(of(element("ENERGY 0.20", max_power="16"), "ENERGY 0.50"))
    transaction = number(play.start(meter_wh=0))
    for n in range(20):
        play.after(1)
        read(play, n * 10, 20_000 if n % 2 else 4000)
    (running,) = play.site.transactions.values()
    assert isinstance(running, Transaction)
    assert len(running.phases) == 5
    play.stop(transaction, 190)
    assert any(doubt.startswith("power or current crossed the tariff's bounds too often") for doubt in doubts(play))
