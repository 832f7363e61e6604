"""A station's requests and their answers, byte for byte, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.conversation import FRAMES_HELD, Conversation
from edge.chargers.habits import UNKNOWN_MODEL, Habits, Model
from edge.chargers.handshake import Admitted
from edge.chargers.station_socket import StationSocket
from edge.domain.events import Refused
from edge.ports import Relay
from protocols.charger.commands import CertificateStatusAnswer, Reply
from protocols.charger.events import ChargerEvent, DeviationNoticed, SigningRequested
from protocols.charger.inquiries import Inquiry
from protocols.ocpp.version import Version
from tests.edge.chargers.scripted import NOW, ScriptedInbox
from tests.kit import wait_until
from tests.protocols.ocpp.golden import Golden, goldens, read_reply, write_event


class Wire:
    """What a Conversation needs of a socket: what it says is kept."""

    def __init__(self) -> None:
        self.said: list[bytes] = []
        self.choked_since_s: float | None = None
        self.is_reading = True

    def send(self, raw: bytes) -> bool:
        self.said.append(raw)
        return True

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True


class NoFleet:
    """Welcomes every conversation at once."""

    def join(self, conversation: Conversation) -> None:
        conversation.welcome()

    def leave(self, conversation: Conversation) -> None: ...


class ScriptedRelay:
    """Knows what the inbox would say. What is to be signed goes on to the site, as it is."""

    def __init__(self, inbox: ScriptedInbox) -> None:
        self._inbox = inbox

    def ask(self, inquiry: Inquiry, on_answer: Callable[[Reply | ChargerEvent], None]) -> None:
        if isinstance(inquiry, SigningRequested):
            on_answer(inquiry)
        else:
            self._inbox.put(inquiry, on_answer)  # type: ignore[arg-type]


def conversation(
    version: Version,
    inbox: ScriptedInbox,
    now: datetime = NOW,
    model_of: Callable[[str], Model] = lambda _station_id: UNKNOWN_MODEL,
    relay: Relay | None = None,
) -> Conversation:
    admitted = Admitted(station_id="CS-1", version=version, subprotocol="", is_known=True)
    metrics = ChargerMetrics(CollectorRegistry())
    habits = Habits(inbox, metrics, lambda raw: raw, model_of)
    talk = Conversation(
        admitted, NoFleet(), inbox, lambda: now, metrics, asyncio.get_running_loop(), habits, None, relay
    )
    talk.begin(cast(StationSocket, Wire()))
    return talk


def wire_of(talk: Conversation) -> Wire:
    return cast(Wire, talk.socket)


def hear(talk: Conversation, raw: bytes) -> bytes | None:
    """What a message is answered with, there and then."""
    before = len(wire_of(talk).said)
    talk.take(raw, talk.loop.time())
    (answer,) = wire_of(talk).said[before:] or [None]
    return answer


def metrics_of(talk: Conversation) -> ChargerMetrics:
    return talk._metrics


async def ask(talk: Conversation, *frame: Any) -> Any:
    answer = hear(talk, orjson.dumps(list(frame)))
    return None if answer is None else orjson.loads(answer)


@pytest.mark.parametrize("golden", goldens("out"), ids=str)
async def test_golden_frames(golden: Golden) -> None:
    inbox = ScriptedInbox()
    if golden.document.get("reply") is not None:
        inbox.answer = lambda _event: read_reply(golden.document["reply"])
    now = datetime.fromisoformat(golden.document.get("now", NOW.isoformat())).astimezone(UTC)
    answer = hear(conversation(golden.version, inbox, now, relay=ScriptedRelay(inbox)), golden.raw)
    assert answer == golden.raw_answer
    expected = [golden.document["event"]] if "event" in golden.document else []
    told = [event for event in inbox.events if not isinstance(event, DeviationNoticed)]
    assert [write_event(event) for event in told] == expected


async def test_a_repeated_request_gets_the_answer_it_got_and_is_decided_once() -> None:
    inbox = ScriptedInbox()
    talk = conversation(Version.V16, inbox)
    first = await ask(talk, 2, "m1", "Authorize", {"idTag": "A"})
    again = await ask(talk, 2, "m1", "Authorize", {"idTag": "A"})
    assert first == again
    assert len(inbox.events) == 1
    assert metrics_of(talk).messages["Authorize", "repeated"] == 1


async def test_a_reused_message_id_for_another_request_is_refused() -> None:
    inbox = ScriptedInbox()
    talk = conversation(Version.V16, inbox)
    await ask(talk, 2, "m1", "Authorize", {"idTag": "A"})
    kind, message_id, code, *_ = await ask(talk, 2, "m1", "Authorize", {"idTag": "B"})
    assert (kind, message_id, code) == (4, "m1", "ProtocolError")
    assert len(inbox.events) == 1


async def test_only_the_last_answer_is_kept() -> None:
    talk = conversation(Version.V16, ScriptedInbox())
    for message_id in ("m0", "m1"):
        await ask(talk, 2, message_id, "Authorize", {"idTag": "A"})
    assert (await ask(talk, 2, "m0", "Authorize", {"idTag": "B"}))[0] == 3


async def test_heartbeats_are_always_answered_afresh_even_with_one_message_id() -> None:
    talk = conversation(Version.V16, ScriptedInbox())
    for _ in range(3):
        assert (await ask(talk, 2, "same", "Heartbeat", {}))[0] == 3
    assert metrics_of(talk).messages["Heartbeat", "answered"] == 3


@pytest.mark.parametrize("version", Version)
async def test_a_station_waits_for_an_overloaded_site_and_is_refused_nothing(version: Version) -> None:
    inbox = ScriptedInbox()
    talk = conversation(version, inbox)
    refusals = iter([True, True])
    inbox.is_full = lambda _event: next(refusals, False)
    payload = {"idTag": "A"} if version is Version.V16 else {"idToken": {"idToken": "A", "type": "Local"}}
    assert await ask(talk, 2, "m1", "Authorize", payload) is None
    await wait_until(lambda: wire_of(talk).said)
    assert orjson.loads(wire_of(talk).said[0])[:2] == [3, "m1"]
    assert metrics_of(talk).held_by_full_inbox == 2


async def test_a_fault_of_ours_is_an_internal_error_and_the_conversation_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inbox = ScriptedInbox()
    talk = conversation(Version.V16, inbox)

    def broken(*_: object) -> Any:
        raise RuntimeError("boom")

    with monkeypatch.context() as patched:
        patched.setattr("edge.chargers.conversation.proper_call", lambda *_: None)
        patched.setattr("edge.chargers.conversation.decode", broken)
        assert (await ask(talk, 2, "m1", "Authorize", {"idTag": "A"}))[:3] == [4, "m1", "InternalError"]
    inbox.answer = lambda _event: Refused(reason="no")
    assert (await ask(talk, 2, "m1", "Authorize", {"idTag": "A"}))[:3] == [4, "m1", "InternalError"]
    inbox.answer = None
    assert (await ask(talk, 2, "m1", "Authorize", {"idTag": "A"}))[0] == 3


async def test_a_station_that_runs_wild_waits_for_the_next_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.chargers.conversation.MAX_FRAMES_PER_S", 5)
    talk = conversation(Version.V16, ScriptedInbox())
    now_s = talk.loop.time()
    for number in range(40):
        talk.take(orjson.dumps([2, str(number), "Heartbeat", {}]), now_s)
    assert len(wire_of(talk).said) == 5
    assert not wire_of(talk).is_reading
    assert metrics_of(talk).slowed_down > 0
    talk._second_ends_s = 0.0  # the second is over
    talk.go_on()
    await wait_until(lambda: len(wire_of(talk).said) == 40)
    assert [orjson.loads(raw)[1] for raw in wire_of(talk).said] == [str(number) for number in range(40)]
    assert wire_of(talk).is_reading


async def test_a_station_that_does_not_read_is_asked_for_no_more_until_it_does() -> None:
    talk = conversation(Version.V16, ScriptedInbox())
    wire_of(talk).choked_since_s = talk.loop.time()
    for number in range(FRAMES_HELD):
        talk.take(orjson.dumps([2, str(number), "Heartbeat", {}]), talk.loop.time())
    assert wire_of(talk).said == []
    assert not wire_of(talk).is_reading
    wire_of(talk).choked_since_s = None
    talk.go_on()
    await wait_until(lambda: len(wire_of(talk).said) == FRAMES_HELD)
    assert wire_of(talk).is_reading


async def test_an_answer_to_nothing_is_dropped() -> None:
    talk = conversation(Version.V16, ScriptedInbox())
    assert await ask(talk, 3, "never-asked", {}) is None
    assert await ask(talk, 4, "never-asked", "GenericError", "", {}) is None
    assert await ask(talk, 4) is None


async def test_labels_of_metrics_are_bounded() -> None:
    talk = conversation(Version.V16, ScriptedInbox())
    for number in range(50):
        await ask(talk, 2, "m", f"Made{number}Up", {})
    assert set(metrics_of(talk).messages) == {("unknown", "NotImplemented")}


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), st.sampled_from(Version))
async def test_no_bytes_end_a_conversation(raw: bytes, version: Version) -> None:
    answer = hear(conversation(version, ScriptedInbox()), raw)
    assert answer is None or orjson.loads(answer)[0] in (3, 4)


class SlowRelay:
    """Answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[Inquiry, Callable[[Reply | ChargerEvent], None]]] = []

    def ask(self, inquiry: Inquiry, on_answer: Callable[[Reply | ChargerEvent], None]) -> None:
        self.asked.append((inquiry, on_answer))


def status_wanted(message_id: str) -> bytes:
    hashed = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": "1"}
    data = {"ocspRequestData": {**hashed, "responderURL": "http://ocsp.example/"}}
    return orjson.dumps([2, message_id, "GetCertificateStatus", data])


async def test_requests_behind_an_inquiry_wait_and_keep_their_order() -> None:
    relay = SlowRelay()
    talk = conversation(Version.V201, ScriptedInbox(), relay=relay)
    talk.take(status_wanted("m1"), talk.loop.time())
    talk.take(b'[2,"m2","Heartbeat",{}]', talk.loop.time())
    assert wire_of(talk).said == []
    relay.asked[0][1](CertificateStatusAnswer(ocsp_result="MIIB"))
    answered = [orjson.loads(raw)[:2] for raw in wire_of(talk).said]
    assert answered == [[3, "m1"], [3, "m2"]]


async def test_an_answer_to_an_inquiry_of_a_station_that_has_gone_is_dropped() -> None:
    relay = SlowRelay()
    talk = conversation(Version.V201, ScriptedInbox(), relay=relay)
    talk.take(status_wanted("m1"), talk.loop.time())
    talk.retire()
    relay.asked[0][1](CertificateStatusAnswer(ocsp_result="MIIB"))
    assert wire_of(talk).said == []


async def test_without_a_relay_an_inquiry_is_answered_with_an_error() -> None:
    talk = conversation(Version.V201, ScriptedInbox())
    answer = hear(talk, status_wanted("m1"))
    assert answer is not None
    assert orjson.loads(answer)[:3] == [4, "m1", "InternalError"]
