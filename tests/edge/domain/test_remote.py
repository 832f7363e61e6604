"""What the hub and the staff want: commands at most once and never late, token lists, acknowledgements."""

from __future__ import annotations

from datetime import timedelta

import pytest

from edge.domain.events import (
    DocumentUnreadable,
    Done,
    Refused,
    Restarted,
    Ticked,
    TokenBlocked,
    TokensImported,
    UplinkChanged,
)
from edge.domain.view import totals
from protocols.charger.events import CommandAnswered, IdTokenPresented, StationDisconnected
from protocols.charger.operations.transactions import StartTransaction, StopTransaction
from protocols.ocpi.token import Token
from protocols.sync.down import Ack, Command, DesiredTokens, RejectedEntry, RemoteStart, RemoteStop
from protocols.sync.topics import Stream
from protocols.sync.up import (
    AlarmCleared,
    AlarmRaised,
    CommandFinished,
    CommandTaken,
    DocumentApplied,
    StationConnectionChanged,
    TokensChanged,
)
from tests.edge.domain.site_kit import Play


@pytest.fixture
def play() -> Play:
    play = Play()
    play.connect()
    return play


def start(play: Play, command_id: str = "c1", evse: int = 1, token: str = "GOOD", station: str = "A") -> Command:
    body = RemoteStart(station_id=station, evse_id=evse, token_uid=token)
    return Command(id=command_id, issued_at=play.now, expires_at=play.now + timedelta(minutes=1), body=body)


def outcome(play: Play) -> tuple[str, str]:
    (finished,) = play.found(CommandFinished)
    return finished.outcome, finished.detail


def test_a_command_is_taken_executed_and_its_outcome_journaled(play: Play) -> None:
    decision = play.tell(start(play))
    (sent,) = decision.commands
    assert isinstance(sent.operation, StartTransaction)
    assert (sent.station_id, sent.operation.evse_id, sent.operation.token_uid) == ("A", 1, "GOOD")
    assert [taken.command_id for taken in play.found(CommandTaken)] == ["c1"]
    play.tell(CommandAnswered(station_id="A", command_id="c1", is_accepted=True))
    assert outcome(play)[0] == "accepted"
    play.tell(CommandAnswered(station_id="A", command_id="c1", is_accepted=False))
    assert outcome(play)[0] == "accepted"


def test_a_command_is_never_executed_twice(play: Play) -> None:
    command = start(play)
    play.tell(command)
    play.tell(CommandAnswered(station_id="A", command_id="c1", is_accepted=True))
    for minutes in (0, 5):
        play.after(minutes)
        play.tell(Ticked())
        again = play.tell(command)
        assert isinstance(again.reply, Refused)
        assert again.commands == []
    assert len(play.found(CommandTaken)) == len(play.found(CommandFinished)) == 1


def test_a_command_is_never_executed_late(play: Play) -> None:
    command = start(play)
    play.after(1)
    assert play.tell(command).commands == []
    assert outcome(play)[0] == "expired"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"evse": 9}, "does not exist"),
        ({"station": "Z"}, "does not exist"),
        ({"token": "BLOCKED"}, "Blocked"),
        ({"token": "NOBODY"}, "Unknown"),
        ({"evse": 2}, "has a running transaction"),
    ],
)
def test_what_cannot_be_is_rejected_with_a_reason(play: Play, changes: dict[str, object], reason: str) -> None:
    play.start(evse=2, token="OTHER")
    assert play.tell(start(play, **changes)).commands == []  # type: ignore[arg-type]
    assert outcome(play)[0] == "rejected"
    assert reason in outcome(play)[1]


def test_a_station_that_is_away_cannot_be_commanded(play: Play) -> None:
    play.tell(StationDisconnected(station_id="A"))
    assert play.tell(start(play)).commands == []
    assert outcome(play) == ("rejected", "station A is not connected")


def test_a_running_transaction_is_stopped_by_its_id(play: Play) -> None:
    number = play.start().reply.charger_transaction_id  # type: ignore[union-attr]
    (transaction_id,) = play.site.transactions
    expires_at = play.now + timedelta(minutes=1)
    stop = Command(id="s", issued_at=play.now, expires_at=expires_at, body=RemoteStop(transaction_id=transaction_id))
    (sent,) = play.tell(stop).commands
    assert (sent.command_id, sent.station_id) == ("s", "A")
    assert sent.operation == StopTransaction(charger_transaction_id=number)
    unknown = Command(id="u", issued_at=play.now, expires_at=expires_at, body=RemoteStop(transaction_id="none"))
    assert play.tell(unknown).commands == []
    assert outcome(play)[0] == "rejected"


def test_a_command_that_nobody_answered_fails_in_the_end(play: Play) -> None:
    play.tell(start(play))
    play.after(5)
    play.tell(Ticked())
    assert play.found(CommandFinished) == []
    play.after(10)
    play.tell(Ticked())
    assert outcome(play) == ("failed", "the station never answered")
    play.after(3 * 24 * 60)
    play.tell(Ticked())
    assert play.site.commands == {}


def test_after_a_restart_open_commands_have_failed_and_stations_are_away(play: Play) -> None:
    play.tell(start(play))
    play.tell(Restarted())
    assert outcome(play)[0] == "failed"
    assert [c.station_id for c in play.found(StationConnectionChanged) if not c.is_online] == ["A", "B"]


# --- tokens ---


def test_the_hubs_list_replaces_the_hubs_list_only_and_only_by_a_newer_one(play: Play) -> None:
    for version, uids in ((2, ["H1", "H2"]), (3, ["H2"]), (3, ["H9"]), (1, ["H8"])):
        tokens = tuple(Token(uid=uid, contract_id="C") for uid in uids)
        assert isinstance(play.tell(DesiredTokens(version=version, tokens=tokens)).reply, Done)
    assert set(play.site.tokens.hub) == {"H2"}
    assert "GOOD" in play.site.tokens.site
    assert [applied.version for applied in play.found(DocumentApplied)] == [2, 3]


def may_charge(play: Play, uid: str) -> bool:
    return play.tell(IdTokenPresented(station_id="A", token_uid=uid)).reply.status == "Accepted"  # type: ignore[union-attr]


def test_a_block_of_either_side_holds(play: Play) -> None:
    play.tell(DesiredTokens(version=1, tokens=(Token(uid="good", contract_id="HUB"),)))
    assert may_charge(play, "GOOD")
    assert isinstance(play.tell(TokenBlocked(uid="Good", is_blocked=True)).reply, Done)
    play.tell(DesiredTokens(version=2, tokens=(Token(uid="GOOD", contract_id="HUB"),)))
    assert not may_charge(play, "GOOD")
    play.tell(TokenBlocked(uid="GOOD", is_blocked=False))
    assert may_charge(play, "GOOD")
    play.tell(DesiredTokens(version=3, tokens=(Token(uid="GOOD", contract_id="HUB", valid=False),)))
    assert isinstance(play.tell(TokenBlocked(uid="GOOD", is_blocked=False)).reply, Refused)
    assert not may_charge(play, "GOOD")


def test_an_import_adds_or_replaces_the_sites_own(play: Play) -> None:
    new = (Token(uid="NEW", contract_id="C"),)
    play.tell(TokensImported(tokens=new))
    assert may_charge(play, "GOOD")
    play.tell(TokensImported(tokens=new, replaces_all=True))
    assert not may_charge(play, "GOOD")
    assert may_charge(play, "new")
    assert [changed.is_complete for changed in play.found(TokensChanged)] == [False, True]
    assert isinstance(play.tell(TokenBlocked(uid="GOOD", is_blocked=True)).reply, Refused)


def test_an_unreadable_document_leaves_the_last_good_one(play: Play) -> None:
    play.tell(DesiredTokens(version=4, tokens=(Token(uid="H", contract_id="C"),)))
    for _ in range(2):
        play.tell(DocumentUnreadable(document="tokens", problem="tokens.0.uid: Field required"))
    assert may_charge(play, "H")
    assert play.found(DocumentApplied)[-1].problem == "tokens.0.uid: Field required"
    assert len(play.found(AlarmRaised)) == 1
    play.tell(DesiredTokens(version=5, tokens=()))
    assert len(play.found(AlarmCleared)) == 1


# --- acknowledgements ---


def ack(play: Play, seq: int, **more: object) -> Ack:
    values = {"epoch": play.site.epoch, "stream": Stream.EVENT, "seq": seq, **more}
    return Ack(**values)  # type: ignore[arg-type]


def test_only_a_resend_moves_the_mark_back(play: Play) -> None:
    last = play.site.last_seq[Stream.EVENT]
    for seq, more, expected in (
        (2, {}, 2),
        (1, {}, 2),
        (last, {}, last),
        (last + 1, {}, last),
        (0, {"epoch": "other"}, last),
        (0, {"resend": True}, 0),
    ):
        play.tell(ack(play, seq, **more))
        assert play.site.acked_seq[Stream.EVENT] == expected
    assert totals(play.site, play.now).backlog == last


def test_a_rejected_entry_is_kept_and_a_person_told(play: Play) -> None:
    rejected = (RejectedEntry(seq=1, reason="kind: unknown"),)
    decision = play.tell(ack(play, 1, rejected=rejected))
    assert [(stream, entry.seq) for stream, entry in decision.dead] == [(Stream.EVENT, 1)]
    assert [alarm.alarm for alarm in play.found(AlarmRaised)] == ["entry_rejected"]
    play.tell(ack(play, 2, rejected=rejected))
    assert len(play.found(AlarmRaised)) == 1


def test_the_banner_of_the_screens_follows_the_uplink(play: Play) -> None:
    play.tell(UplinkChanged(is_online=True))
    since = play.now
    play.after(5)
    play.tell(UplinkChanged(is_online=True))
    assert (totals(play.site, play.now).is_uplink_online, totals(play.site, play.now).uplink_since) == (True, since)
    play.tell(UplinkChanged(is_online=False))
    assert (totals(play.site, play.now).is_uplink_online, totals(play.site, play.now).uplink_since) == (False, play.now)


def test_what_no_database_can_hold_is_left_out_of_an_outcome(play: Play) -> None:
    """A NUL in a station's answer, or in a name that an operator asked for, would be a dead letter at the hub."""
    command = start(play)
    play.tell(command)
    told = {"a\0": ["x\0y", {"b": "\0"}, 1, None]}
    play.tell(CommandAnswered(station_id="A", command_id="c1", is_accepted=False, detail="n\0o", result=told))
    (finished,) = play.found(CommandFinished)
    assert (finished.detail, finished.result) == ("no", {"a": ["xy", {"b": ""}, 1, None]})
