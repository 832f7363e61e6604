"""Every golden frame, through the pure functions alone."""

from __future__ import annotations

import pytest

from protocols.ocpp.dialect import Decided
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.frame import Call, CallResult, encode, encode_call, parse
from protocols.ocpp.schema import Direction, decode, validate
from tests.protocols.ocpp.golden import Golden, goldens, read_command, read_reply, write_event


@pytest.mark.parametrize("golden", goldens("event"), ids=str)
def test_a_request_becomes_its_event_and_a_reply_its_answer(golden: Golden) -> None:
    call = parse(golden.raw, golden.version)
    assert isinstance(call, Call)
    handling = DIALECTS[golden.version].requests[call.action]
    assert isinstance(handling, Decided)
    event = handling.read("CS-1", decode(golden.version, call.action, call.payload))
    assert write_event(event) == golden.document["event"]
    payload = handling.render(read_reply(golden.document["reply"]))
    validate(golden.version, call.action, Direction.RESPONSE, payload)
    assert encode(CallResult(call.message_id, payload)) == golden.raw_answer


@pytest.mark.parametrize("golden", goldens("command"), ids=str)
def test_a_command_becomes_its_call_and_an_answer_its_outcome(golden: Golden) -> None:
    dialect = DIALECTS[golden.version]
    action, payload = dialect.command(read_command(golden.document["command"]))
    validate(golden.version, action, Direction.REQUEST, payload)
    expected = encode_call("1", golden.document["action"], golden.document["payload"])
    assert encode_call("1", action, payload) == expected
    for answer in golden.document["answers"]:
        assert dialect.outcome(answer["payload"]) == (answer["is_accepted"], answer["detail"])


def test_every_message_that_is_taken_has_a_golden_frame() -> None:
    seen = {(golden.version, golden.document["in"][2]) for golden in goldens("in") if golden.document["out"][0] == 3}
    assert seen == {(version, action) for version, dialect in DIALECTS.items() for action in dialect.requests}
