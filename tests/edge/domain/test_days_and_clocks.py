"""Real transactions on days of 23 and 25 hours, over midnights and a leap day, with clocks that jump: exact to the Wh
and the second, and kept back where a clock makes the bill doubtful."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from edge.domain.pricing.re_rate import re_rate
from edge.domain.transaction import Doubt
from protocols.charger.events import MeterValuesReported
from protocols.ocpi.cdr import Cdr
from protocols.ocpi.tariff import Tariff
from tests.edge.domain.pricing.tariff_kit import element, of
from tests.edge.domain.site_kit import Play, doubts, issued, new_site, number, register

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTS = of(element("ENERGY 0.10; TIME 1", start_time="22:00", end_time="06:00"), "ENERGY 0.50; TIME 2")
WH_A_MINUTE = 100


def charged(tariff: Tariff, began_at: datetime, ended_at: datetime, every_min: int = 10) -> Cdr:
    """6 kW from the beginning to the end, read every so many minutes."""
    play = play_by(tariff, began_at)
    transaction = number(play.start(meter_wh=0))
    minutes = int((ended_at - began_at).total_seconds()) // 60
    for minute in range(every_min, minutes, every_min):
        play.now = began_at + timedelta(minutes=minute)
        read(play, minute * WH_A_MINUTE)
    play.now = ended_at
    play.stop(transaction, minutes * WH_A_MINUTE)
    cdr = issued(play)
    bill = re_rate(cdr)
    assert (bill.lines, bill.total) == (cdr.lines, cdr.total_cost)
    assert cdr.total_time_s == minutes * 60
    assert sum(period.energy_wh for period in cdr.charging_periods) == minutes * WH_A_MINUTE
    return cdr


def play_by(tariff: Tariff, now: datetime) -> Play:
    site = new_site()
    site.rules.tariffs["standard"] = tariff
    play = Play(site=site, now=now)
    play.connect()
    return play


def read(play: Play, wh: int, at: datetime | None = None) -> None:
    samples = (register(wh, at or play.now),)
    play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=samples))


def quantities(cdr: Cdr) -> dict[tuple[str, Decimal], int]:
    """What is billed, by dimension and price: in Wh and s."""
    found: dict[tuple[str, Decimal], int] = {}
    for line in cdr.lines:
        assert line.quantity == int(line.quantity)
        key = (line.type.value, line.price.normalize())
        found[key] = found.get(key, 0) + int(line.quantity)
    return found


@pytest.mark.parametrize(
    ("began_at", "night_h"),
    [
        (datetime(2026, 3, 27, 22, 0, tzinfo=UTC), 7),  # 23:00 on a plain night
        (datetime(2026, 3, 28, 22, 0, tzinfo=UTC), 6),  # the night that has no 02:30
        (datetime(2026, 10, 24, 21, 0, tzinfo=UTC), 8),  # the night that has it twice
    ],
)
def test_a_night_is_as_long_as_it_is(began_at: datetime, night_h: int) -> None:
    """From 23:00 until an hour after the end of the night, whatever the clocks do in it."""
    cdr = charged(NIGHTS, began_at, began_at + timedelta(hours=night_h + 1))
    assert cdr.end_date_time.astimezone(BERLIN).hour == 7
    night_s, hour_s = night_h * 3600, 3600
    assert quantities(cdr) == {
        ("ENERGY", Decimal("0.1")): night_s * WH_A_MINUTE // 60,
        ("ENERGY", Decimal("0.5")): hour_s * WH_A_MINUTE // 60,
        ("TIME", Decimal(1)): night_s,
        ("TIME", Decimal(2)): hour_s,
    }


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 28), 0), ((2026, 10, 24), 2), ((2026, 5, 1), 1)])
def test_the_hour_that_is_left_out_or_comes_twice(day: tuple[int, int, int], hours: int) -> None:
    tariff = of(element("ENERGY 1", start_time="02:00", end_time="03:00"), "ENERGY 0.20")
    began_at = datetime(*day, 22, 0, tzinfo=BERLIN).astimezone(UTC)
    cdr = charged(tariff, began_at, began_at + timedelta(hours=9), every_min=7)
    assert quantities(cdr).get(("ENERGY", Decimal(1)), 0) == hours * 6000
    assert quantities(cdr)["ENERGY", Decimal("0.2")] == (9 - hours) * 6000


def test_days_of_the_week_change_at_the_midnight_of_the_location() -> None:
    tariff = of(element("ENERGY 0.90", day_of_week="SUNDAY"), "ENERGY 0.30")
    began_at = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)  # 21:00 on the Saturday
    cdr = charged(tariff, began_at, began_at + timedelta(hours=27), every_min=13)  # to 01:00 on the Monday
    assert quantities(cdr) == {("ENERGY", Decimal("0.9")): 23 * 6000, ("ENERGY", Decimal("0.3")): 4 * 6000}


@pytest.mark.parametrize(("year", "hours"), [(2027, 0), (2028, 24)])
def test_the_29th_of_february_is_a_day_in_a_leap_year(year: int, hours: int) -> None:
    tariff = of(element("ENERGY 0.90", start_date="2028-02-29", end_date="2028-03-01"), "ENERGY 0.30")
    began_at = datetime(year, 2, 28, 18, 0, tzinfo=BERLIN).astimezone(UTC)
    cdr = charged(tariff, began_at, began_at + timedelta(hours=32), every_min=30)
    assert quantities(cdr).get(("ENERGY", Decimal("0.9")), 0) == hours * 6000
    assert cdr.end_date_time.astimezone(BERLIN).day == (1 if hours else 2)


# --- clocks that jump in a session ---


def test_our_own_clock_is_put_forward_and_the_station_knows_better() -> None:
    """The station's stamps are its own: the bill is as long as the station says."""
    began_at = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
    play = play_by(NIGHTS, began_at)
    transaction = number(play.start(meter_wh=0))
    for minute in (30, 60, 90):
        jump = timedelta(hours=3) if minute > 30 else timedelta()
        play.now = began_at + timedelta(minutes=minute) + jump
        read(play, minute * WH_A_MINUTE, at=play.now - jump)
    play.stop(transaction, 9000, at=began_at + timedelta(minutes=90))
    cdr = issued(play)
    assert (cdr.total_time_s, cdr.total_energy_wh) == (5400, 9000)


def test_our_own_clock_is_put_back_in_a_session_and_the_bill_waits() -> None:
    """By our clock the station's stamps lie ahead: nobody can tell who is right."""
    began_at = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
    play = play_by(NIGHTS, began_at)
    transaction = number(play.start(meter_wh=0))
    play.after(30)
    read(play, 3000)
    play.now -= timedelta(hours=2)
    read(play, 4000, at=began_at + timedelta(minutes=40))
    play.stop(transaction, 4000, at=began_at + timedelta(minutes=40))
    assert doubts(play)[0].startswith(str(Doubt.CLOCK))


def jumped(tariff: Tariff, jump_min: int, since_min: int = 100) -> Play:
    """Three hours at a station whose clock jumps after so many minutes."""
    began_at = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
    play = play_by(tariff, began_at)
    transaction = number(play.start(meter_wh=0))
    for minute in range(10, 190, 10):
        play.now = began_at + timedelta(minutes=minute)
        at = play.now + (timedelta(minutes=jump_min) if minute >= since_min else timedelta())
        if minute < 180:
            read(play, minute * WH_A_MINUTE, at=at)
        else:
            play.stop(transaction, 18_000, at=at)
    return play


@pytest.mark.parametrize("since_min", [100, 180])
@pytest.mark.parametrize("jump_min", [-300, -90, -20, 90, 24 * 60])
def test_a_station_whose_clock_jumps_has_its_bill_kept_back_where_time_matters(jump_min: int, since_min: int) -> None:
    assert any(doubt.startswith(str(Doubt.CLOCK)) for doubt in doubts(jumped(NIGHTS, jump_min, since_min)))


@pytest.mark.parametrize("jump_min", [-90, -20, 90, 24 * 60])
def test_where_energy_alone_is_priced_a_clock_that_jumps_changes_nothing(jump_min: int) -> None:
    cdr = issued(jumped(of("ENERGY 0.50"), jump_min))
    assert (cdr.total_energy_wh, cdr.total_cost.excl_vat) == (18_000, Decimal("9.00"))


def test_an_end_before_the_beginning_is_for_a_person_whatever_is_priced() -> None:
    assert doubts(jumped(of("ENERGY 0.50"), -300))[0].startswith(str(Doubt.TOO_MUCH_ENERGY))


def test_readings_that_come_late_and_in_disorder_say_nothing_against_a_clock() -> None:
    began_at = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
    play = play_by(NIGHTS, began_at)
    transaction = number(play.start(meter_wh=0))
    play.after(60)
    for minute in (10, 40, 20, 50, 30, 10):
        read(play, minute * WH_A_MINUTE, at=began_at + timedelta(minutes=minute))
    play.stop(transaction, 6000)
    assert quantities(issued(play)) == {("ENERGY", Decimal("0.5")): 6000, ("TIME", Decimal(2)): 3600}
