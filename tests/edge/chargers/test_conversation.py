"""A station's requests and their answers, byte for byte, without a socket."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.conversation import ANSWERS_KEPT, Conversation
from edge.chargers.handshake import Admitted
from edge.chargers.station_socket import StationSocket
from edge.domain.events import Refused, SiteEvent, SiteReply
from edge.ports import Overloaded
from protocols.ocpp.version import Version
from tests.edge.chargers.scripted import NOW, ScriptedInbox
from tests.protocols.ocpp.golden import Golden, goldens, read_reply, write_event


class NoSocket:
    """What a Conversation needs of a socket when nothing is received or sent."""

    on_answer: Any = None


def conversation(version: Version, inbox: ScriptedInbox, now: datetime = NOW) -> Conversation:
    admitted = Admitted(station_id="CS-1", version=version, subprotocol="", is_known=True)
    socket = cast(StationSocket, NoSocket())
    return Conversation(socket, admitted, inbox, lambda: now, ChargerMetrics(CollectorRegistry()))


def metrics_of(talk: Conversation) -> ChargerMetrics:
    return talk._metrics


async def ask(talk: Conversation, *frame: Any) -> Any:
    answer = await talk.answer(orjson.dumps(list(frame)))
    return None if answer is None else orjson.loads(answer)


@pytest.mark.parametrize("golden", goldens("out"), ids=str)
async def test_golden_frames(golden: Golden) -> None:
    inbox = ScriptedInbox()

    async def hook(_event: SiteEvent) -> SiteReply | None:
        return read_reply(golden.document["reply"])

    inbox.hook = hook
    now = datetime.fromisoformat(golden.document.get("now", NOW.isoformat())).astimezone(UTC)
    answer = await conversation(golden.version, inbox, now).answer(golden.raw)
    assert answer == golden.raw_answer
    expected = [golden.document["event"]] if "event" in golden.document else []
    assert [write_event(event) for event in inbox.events] == expected


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


async def test_only_the_last_answers_are_kept() -> None:
    inbox = ScriptedInbox()
    talk = conversation(Version.V16, inbox)
    for number in range(ANSWERS_KEPT + 1):
        await ask(talk, 2, f"m{number}", "Authorize", {"idTag": "A"})
    assert (await ask(talk, 2, "m0", "Authorize", {"idTag": "B"}))[0] == 3


async def test_heartbeats_are_always_answered_afresh_even_with_one_message_id() -> None:
    talk = conversation(Version.V16, ScriptedInbox())
    for _ in range(3):
        assert (await ask(talk, 2, "same", "Heartbeat", {}))[0] == 3
    assert metrics_of(talk).messages["Heartbeat", "answered"] == 3


@pytest.mark.parametrize("version", Version)
async def test_an_overloaded_site_lets_the_station_try_again(version: Version) -> None:
    inbox = ScriptedInbox()
    talk = conversation(version, inbox)

    async def full(_event: SiteEvent) -> SiteReply | None:
        raise Overloaded

    inbox.hook = full
    payload = {"idTag": "A"} if version is Version.V16 else {"idToken": {"idToken": "A", "type": "Local"}}
    assert (await ask(talk, 2, "m1", "Authorize", payload))[:3] == [4, "m1", "InternalError"]
    inbox.hook = None
    assert (await ask(talk, 2, "m1", "Authorize", payload))[0] == 3


async def test_a_fault_of_ours_is_an_internal_error_and_the_conversation_goes_on() -> None:
    inbox = ScriptedInbox()
    talk = conversation(Version.V16, inbox)

    async def broken(_event: SiteEvent) -> SiteReply | None:
        raise RuntimeError("boom")

    async def refusing(_event: SiteEvent) -> SiteReply | None:
        return Refused(reason="no")

    for hook in (broken, refusing):
        inbox.hook = hook
        assert (await ask(talk, 2, "m1", "Authorize", {"idTag": "A"}))[:3] == [4, "m1", "InternalError"]
    inbox.hook = None
    assert (await ask(talk, 2, "m1", "Authorize", {"idTag": "A"}))[0] == 3


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
    answer = await conversation(version, ScriptedInbox()).answer(raw)
    assert answer is None or orjson.loads(answer)[0] in (3, 4)
