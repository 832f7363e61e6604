"""The site's clock is put on and back while things run: durations stay what they were, and bills say what happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from edge.domain.clock_events import ClockLooked, HubTimeHeard
from edge.domain.edge_transactions import AWAITED_FOR
from edge.domain.events import Ticked
from edge.domain.run_book import Awaited, EvseRun
from edge.domain.transaction import Doubt
from protocols.charger.commands import IdTokenAnswer
from protocols.charger.events import IdTokenPresented, MeterValuesReported
from protocols.ocpi.tariff import IdleRules, Tariff
from protocols.ocpi.token import Token
from protocols.sync.clock import ClockNoted, ClockQuality
from protocols.sync.comparing import OpenTransactionsTold, digest_of
from protocols.sync.up import AlarmCleared, AlarmRaised
from protocols.sync.upkeep import ReservationEnded, ReservationMade
from protocols.terms import AuthorizationStatus, ChargingState, ConnectorStatus
from tests.edge.domain.pricing.tariff_kit import element, of
from tests.edge.domain.site_kit import Play, doubts, issued, new_site, number, register
from tests.edge.domain.station_kit import done
from tests.edge.domain.test_reservations import reserve

BOOT = "boot-1"
BY_TIME = of("ENERGY 0.50; TIME 6; PARKING 60", idle=IdleRules(grace_s=900, max_price=Decimal(20)))
BY_DAY = of(element("ENERGY 0.10", start_time="22:00", end_time="06:00"), "ENERGY 0.50")
STEPS = {
    "back two hours": timedelta(hours=-2),
    "back ninety seconds": timedelta(seconds=-90),
    "on ninety seconds": timedelta(seconds=90),
    "on two hours": timedelta(hours=2),
    "on 400 days": timedelta(days=400),
    "back 400 days": timedelta(days=-400),
}


class Clocked(Play):
    """Its machine has a monotonic clock beside the one that is put on; the station follows when it is told."""

    off = timedelta()
    station_off = timedelta()

    def look(self, *, boot: str = BOOT, is_synchronised: bool = False, has_rtc: bool = True) -> None:
        monotonic = self.now - self.off - datetime(2026, 1, 1, tzinfo=UTC)
        self.tell(
            ClockLooked(
                boot_id=boot,
                monotonic_ms=monotonic // timedelta(milliseconds=1),
                is_synchronised=is_synchronised,
                has_rtc=has_rtc,
            )
        )

    def step(self, by: timedelta, *, is_synchronised: bool = False) -> None:
        self.now += by
        self.off += by
        self.look(is_synchronised=is_synchronised)

    @property
    def station_now(self) -> datetime:
        return self.now - self.off + self.station_off

    def follow(self) -> None:
        self.station_off = self.off

    def read(self, wh: int) -> None:
        samples = (register(wh, self.station_now),)
        self.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=samples))


def site_of(tariff: Tariff, *, is_synchronised: bool = False, has_rtc: bool = True) -> Clocked:
    site = new_site()
    site.rules.tariffs["standard"] = tariff
    play = Clocked(site=site)
    play.look(is_synchronised=is_synchronised, has_rtc=has_rtc)
    play.connect()
    return play


@pytest.mark.parametrize("does_follow", [True, False], ids=["the station follows", "the station stays behind"])
@pytest.mark.parametrize("step", STEPS.values(), ids=list(STEPS))
def test_a_step_in_a_transaction_changes_neither_its_duration_nor_its_price(step: timedelta, does_follow: bool) -> None:
    play = site_of(BY_TIME)
    transaction = number(play.start(meter_wh=0))
    play.after(20)
    play.read(4000)
    play.step(step)
    play.tell(Ticked())
    if does_follow:
        play.follow()
    play.after(10)
    play.read(6000)
    play.tell(Ticked())
    play.after(10)
    play.stop(transaction, 8000, at=play.station_now)
    cdr = issued(play)
    assert (cdr.total_time_s, cdr.total_parking_time_s, cdr.total_energy_wh) == (2400, 0, 8000)
    assert cdr.total_cost.excl_vat == Decimal("8.00")
    assert cdr.tariff == BY_TIME
    (remark,) = [each for each in cdr.remarks if "in its course" in each]
    assert str(abs(int(step.total_seconds()))) in remark


@pytest.mark.parametrize("step", STEPS.values(), ids=list(STEPS))
def test_no_parking_fee_begins_because_of_a_step(step: timedelta) -> None:
    play = site_of(BY_TIME)
    transaction = number(play.start(meter_wh=0))
    play.after(10)
    play.read(1000)
    play.status("A", 1, ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV)
    play.after(5)
    play.step(step)
    play.follow()
    play.tell(Ticked())
    play.after(5)
    play.stop(transaction, 1000, at=play.station_now)
    cdr = issued(play)
    assert (cdr.total_time_s, cdr.total_parking_time_s) == (600, 600)
    assert cdr.total_cost.excl_vat == Decimal("1.50")


def test_a_start_that_is_stamped_by_the_time_before_a_step_began_when_it_came() -> None:
    play = site_of(BY_TIME)
    play.step(timedelta(hours=2))
    transaction = number(play.start(meter_wh=0, at=play.station_now))
    play.after(30)
    play.stop(transaction, 100, at=play.station_now)
    assert issued(play).total_time_s == 1800


def test_where_the_time_of_day_has_a_price_a_step_is_for_a_person() -> None:
    play = site_of(BY_DAY)
    transaction = number(play.start(meter_wh=0))
    play.after(10)
    play.step(timedelta(hours=-2))
    play.follow()
    play.after(10)
    play.stop(transaction, 1000, at=play.station_now)
    assert doubts(play)[0].startswith(Doubt.CLOCK)


def test_slewing_is_noted_and_no_bill_speaks_of_it() -> None:
    play = site_of(BY_TIME)
    transaction = number(play.start(meter_wh=0))
    play.after(30)
    play.step(timedelta(seconds=1.2))
    play.follow()
    play.after(30)
    play.stop(transaction, 100, at=play.station_now)
    assert issued(play).remarks == ()
    assert play.found(ClockNoted)[-1].step_ms == 1200


@pytest.mark.parametrize("step", STEPS.values(), ids=list(STEPS))
def test_a_reservation_lasts_as_long_as_it_was_made_for(step: timedelta) -> None:
    play = site_of(BY_TIME)
    done(play, "A", reserve(minutes=30))
    (made,) = play.found(ReservationMade)
    play.after(10)
    play.step(step)
    play.tell(Ticked())
    play.after(19)
    play.tell(Ticked())
    assert play.found(ReservationEnded) == []
    moved = play.found(ReservationMade)[-1]
    assert (moved.made_at, moved.expires_at) == (made.made_at + step, made.expires_at + step)
    assert play.site.reservations.reserved
    play.after(4)
    play.tell(Ticked())
    (ended,) = play.found(ReservationEnded)
    assert ended.ended_at == moved.expires_at


def test_a_card_does_not_expire_because_the_clock_was_put_on_and_nobody_confirms_it() -> None:
    play = site_of(BY_TIME)
    play.site.tokens.site["SHORT"] = Token(uid="SHORT", contract_id="C", expires_at=play.now + timedelta(days=30))
    card = IdTokenPresented(station_id="A", token_uid="SHORT")

    def verdict() -> AuthorizationStatus:
        reply = play.tell(card).reply
        assert isinstance(reply, IdTokenAnswer)
        return reply.status

    play.step(timedelta(days=400))
    assert play.site.clock.noted is not None
    assert play.site.clock.noted.quality is ClockQuality.STEPPED
    assert verdict() is AuthorizationStatus.ACCEPTED
    play.step(timedelta(seconds=0), is_synchronised=True)  # a time server says so, too
    assert verdict() is AuthorizationStatus.EXPIRED


def test_the_hub_confirms_a_step_or_tells_that_the_clock_is_wrong() -> None:
    play = site_of(BY_TIME)
    hear(play, timedelta(0))
    play.step(timedelta(hours=2))  # what the hub's clock shows is known on
    noted = play.found(ClockNoted)[-1]
    assert (noted.quality, noted.offset_ms, noted.step_ms) == (ClockQuality.WRONG, -7_200_000, 7_200_000)
    (alarm,) = play.found(AlarmRaised)
    assert alarm.alarm == "clock_wrong"
    assert "wrong by 7200 s" in alarm.text
    hear(play, timedelta(seconds=-2))
    assert play.found(ClockNoted)[-1].quality is ClockQuality.FREE_RUNNING
    assert [each.alarm_id for each in play.found(AlarmCleared)] == [alarm.alarm_id]


def test_what_begins_and_ends_by_a_wrong_clock_says_so_and_is_billed_by_its_tariff() -> None:
    play = site_of(BY_TIME)
    hear(play, timedelta(days=-400))
    transaction = number(play.start(meter_wh=0))
    play.after(30)
    play.stop(transaction, 1000, at=play.now)
    cdr = issued(play)
    assert cdr.total_cost.excl_vat == Decimal("3.50")
    assert [remark.split(" when ")[1] for remark in cdr.remarks] == ["it began", "it ended"]
    assert all("wrong by 34560000 s" in remark for remark in cdr.remarks)


@pytest.mark.parametrize(
    ("how", "is_said"),
    [
        ({"is_synchronised": True, "has_rtc": False}, False),
        ({"is_synchronised": False, "has_rtc": True}, False),
        ({"is_synchronised": False, "has_rtc": False}, True),
    ],
)
def test_a_clock_that_nobody_ever_set_is_told_on_the_bill(how: dict[str, bool], is_said: bool) -> None:
    play = site_of(BY_TIME, **how)
    transaction = number(play.start(meter_wh=0))
    play.after(30)
    play.stop(transaction, 1000, at=play.now)
    assert bool(issued(play).remarks) is is_said


def test_a_time_before_2024_is_wrong() -> None:
    play = Clocked(site=new_site(), now=datetime(1970, 1, 1, 0, 5, tzinfo=UTC))
    play.look()
    assert play.found(ClockNoted)[0].quality is ClockQuality.WRONG
    assert "before 2024" in play.found(AlarmRaised)[0].text


def test_a_step_while_the_agent_was_down_is_known_by_the_monotonic_clock() -> None:
    play = site_of(BY_TIME)
    transaction = number(play.start(meter_wh=0))
    play.after(20)
    play.now += timedelta(days=400)
    play.off += timedelta(days=400)
    play.follow()
    play.look()
    play.tell(Ticked())
    play.after(20)
    play.stop(transaction, 1000, at=play.station_now)
    assert issued(play).total_time_s == 2400


def test_after_a_boot_a_time_before_what_is_written_is_a_step_back() -> None:
    play = site_of(BY_TIME)
    transaction = number(play.start(meter_wh=0))
    play.after(20)
    play.read(1000)
    play.now -= timedelta(hours=3)
    play.look(boot="boot-2")
    assert play.found(ClockNoted)[-1].step_ms <= -3 * 3_600_000
    play.after(10)
    play.stop(transaction, 2000, at=play.now)
    cdr = issued(play)
    assert 600 <= cdr.total_time_s <= 1800
    assert cdr.start_date_time <= cdr.end_date_time


def test_what_nobody_contradicts_for_a_day_is_the_time() -> None:
    play = site_of(BY_TIME)
    play.step(timedelta(hours=2))
    assert play.site.clock.is_bad
    play.after(24 * 60 + 1)
    play.tell(Ticked())
    assert play.found(ClockNoted)[-1].quality is ClockQuality.FREE_RUNNING
    assert not play.site.clock.is_bad


def test_a_connection_tells_what_is_open() -> None:
    play = site_of(BY_TIME)
    play.start(meter_wh=0)
    (transaction_id,) = play.site.transactions
    hear(play, timedelta(0))
    (told,) = play.found(OpenTransactionsTold)
    assert told == OpenTransactionsTold(count=1, digest=digest_of([transaction_id]), transaction_ids=(transaction_id,))


def test_an_answer_that_crosses_a_step_says_nothing_of_the_clock() -> None:
    play = site_of(BY_TIME)
    play.tell(HubTimeHeard(birth_at=play.now + timedelta(hours=2), hub_at=play.now))
    assert play.site.clock.offset is None
    assert len(play.found(OpenTransactionsTold)) == 1


def hear(play: Play, offset: timedelta) -> None:
    birth_at = play.now - timedelta(seconds=2)
    play.tell(HubTimeHeard(birth_at=birth_at, hub_at=birth_at + timedelta(seconds=1) + offset))


def test_both_ways_count_half() -> None:
    play = site_of(BY_TIME)
    hear(play, timedelta(milliseconds=250))
    assert play.found(ClockNoted)[-1] == replace(play.found(ClockNoted)[-1], offset_ms=250)


def test_what_is_deleted_by_its_age_goes_by_the_time_that_is_believed() -> None:
    play = site_of(BY_TIME)
    right = play.now
    play.step(timedelta(days=400))
    assert play.site.clock.is_doubted
    assert play.site.clock.believed(play.now) == right
    play.step(timedelta(days=-400), is_synchronised=True)
    assert not play.site.clock.is_doubted
    assert play.site.clock.believed(play.now) == play.now == right


def test_a_card_waits_for_its_vehicle_as_long_as_before() -> None:
    play = site_of(BY_TIME)
    play.site.runs.stations["M"] = {1: EvseRun(awaited=Awaited(token_uid="GOOD", until=play.now + AWAITED_FOR))}
    play.step(timedelta(hours=2))
    (run,) = play.site.runs.stations["M"].values()
    assert run.awaited is not None
    assert run.awaited.until == play.now + AWAITED_FOR
