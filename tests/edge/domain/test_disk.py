"""What gives way when the disk fills, and that it comes back."""

from __future__ import annotations

import pytest

from edge.domain.disk_events import LEDGER_DAMAGED, DiskLevel, DiskLooked, LedgerReplaced, SheddingPlanned
from edge.domain.events import AlarmDismissed
from edge.domain.view import evse_view
from protocols.charger.commands import IdTokenAnswer, TransactionAnswer
from protocols.charger.events import IdTokenPresented
from protocols.sync.keeping import EntriesShed
from protocols.sync.topics import Stream
from protocols.sync.up import AlarmCleared, AlarmRaised, CdrIssued, IdTokenRefused, Severity
from protocols.terms import AuthorizationStatus, ConnectorStatus, EvseRef, EvseState
from tests.edge.domain.site_kit import Play, number


def look(play: Play, level: DiskLevel) -> None:
    play.tell(DiskLooked(level=level, used_percent=40 + 15 * level, free_bytes=1_000_000_000 >> level))


@pytest.fixture
def play() -> Play:
    made = Play()
    made.connect()
    made.status("A", 1, ConnectorStatus.AVAILABLE)
    made.status("A", 2, ConnectorStatus.AVAILABLE)
    return made


def present(play: Play, uid: str) -> AuthorizationStatus:
    reply = play.tell(IdTokenPresented(station_id="A", token_uid=uid)).reply
    assert isinstance(reply, IdTokenAnswer)
    return reply.status


def alarms(play: Play) -> set[str]:
    return set(play.site.alarms)


def test_each_level_has_its_alarm_and_none_stays() -> None:
    play = Play()
    for level, alarm in (
        (DiskLevel.THIN, {"disk_filling:thin"}),
        (DiskLevel.SHED, {"disk_filling:shed"}),
        (DiskLevel.SPARE, {"disk_filling:spare"}),
        (DiskLevel.FULL, {"disk_full:agent"}),
        (DiskLevel.THIN, {"disk_filling:thin"}),
        (DiskLevel.ROOMY, set()),
    ):
        look(play, level)
        assert alarms(play) == alarm
    raised = [each.body for each in play.entries if isinstance(each.body, AlarmRaised)]
    assert len(raised) == 5
    assert all("Free some of the disk" in each.text for each in raised)
    assert sum(isinstance(each.body, AlarmCleared) for each in play.entries) == 5


def test_on_a_full_disk_none_begins_and_what_runs_ends_and_is_billed(play: Play) -> None:
    running = number(play.start(1000))
    look(play, DiskLevel.FULL)
    assert present(play, "OTHER") is AuthorizationStatus.NOT_AT_THIS_TIME
    assert present(play, "GOOD") is AuthorizationStatus.ACCEPTED  # it charges here: the card is shown to stop
    free, charging = (evse_view(play.site, play.site.evses[EvseRef("A", n)], play.now) for n in (2, 1))
    assert (free.state, charging.state) == (EvseState.UNAVAILABLE, EvseState.CHARGING)
    play.after(10)
    play.stop(running, 3000)
    assert [each.body.cdr.total_energy_wh for each in play.entries if isinstance(each.body, CdrIssued)] == [2000]
    look(play, DiskLevel.ROOMY)
    assert present(play, "OTHER") is AuthorizationStatus.ACCEPTED
    assert evse_view(play.site, play.site.evses[EvseRef("A", 2)], play.now).state is EvseState.FREE


def test_a_transaction_that_its_charger_began_all_the_same_is_not_given_away(play: Play) -> None:
    look(play, DiskLevel.FULL)
    reply = play.start(1000).reply
    assert isinstance(reply, TransactionAnswer)
    assert reply.id_token is not None
    assert reply.id_token.status is AuthorizationStatus.NOT_AT_THIS_TIME
    assert len(play.site.transactions) == 1


def test_informational_events_that_found_no_room_are_counted_and_told(play: Play) -> None:
    look(play, DiskLevel.SPARE)
    for _ in range(3):
        assert present(play, "NOBODY") is AuthorizationStatus.UNKNOWN
    assert not any(isinstance(each.body, IdTokenRefused) for each in play.entries)
    look(play, DiskLevel.SHED)
    assert [each.body for each in play.entries if isinstance(each.body, EntriesShed)] == [
        EntriesShed(stream=Stream.EVENT, count=3)
    ]
    present(play, "NOBODY")
    assert isinstance(play.entries[-1].body, IdTokenRefused)


def test_what_is_about_to_be_shed_is_journaled_first(play: Play) -> None:
    shed = EntriesShed(stream=Stream.TELEMETRY, count=10, first_seq=5, last_seq=14)
    assert [each.body for each in play.tell(SheddingPlanned(shed=shed)).entries] == [shed]


def test_a_ledger_that_was_replaced_is_told_until_somebody_has_seen_to_it() -> None:
    play = Play()
    play.tell(LedgerReplaced(alarm=LEDGER_DAMAGED, text="it is kept as x"))
    (alarm,) = play.site.alarms.values()
    assert (alarm.alarm, alarm.severity, alarm.text) == (LEDGER_DAMAGED, Severity.CRITICAL, "it is kept as x")
    play.tell(AlarmDismissed(alarm_id=alarm.alarm_id))
    assert play.site.alarms == {}
