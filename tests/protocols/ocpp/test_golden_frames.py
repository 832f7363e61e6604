"""Every golden frame, through the pure functions alone."""

from __future__ import annotations

import pytest

from protocols.errors import BadText
from protocols.ocpp.dialect import Decided, Relayed
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.frame import Call, CallResult, encode, encode_call, parse
from protocols.ocpp.schema import Direction, decode, validate
from tests.protocols.ocpp.golden import Golden, goldens, read_operation, read_reply, write_event


@pytest.mark.parametrize("golden", goldens("event"), ids=str)
def test_a_request_becomes_its_event_and_a_reply_its_answer(golden: Golden) -> None:
    call = parse(golden.raw, golden.version)
    assert isinstance(call, Call)
    handling = DIALECTS[golden.version].requests[call.action]
    assert isinstance(handling, Decided | Relayed)
    event = handling.read("CS-1", decode(golden.version, call.action, call.payload))
    assert write_event(event) == golden.document["event"]
    payload = handling.render(read_reply(golden.document["reply"]))
    validate(golden.version, call.action, Direction.RESPONSE, payload)
    assert encode(CallResult(call.message_id, payload)) == golden.raw_answer


@pytest.mark.parametrize("golden", goldens("operation"), ids=str)
def test_an_operation_becomes_its_calls_and_the_answers_its_result(golden: Golden) -> None:
    operation = read_operation(golden.document["operation"])
    operated = DIALECTS[golden.version].operations[type(operation)]
    calls = operated.render(operation)
    for action, payload in calls:
        assert action in operated.actions
        validate(golden.version, action, Direction.REQUEST, payload)
    expected = [encode_call("1", action, payload) for action, payload in golden.document["calls"]]
    assert [encode_call("1", action, payload) for action, payload in calls] == expected
    for answer in golden.document["answers"]:
        for (action, _), payload in zip(calls, answer["payloads"], strict=True):
            if answer.get("is_standard", True):
                validate(golden.version, action, Direction.RESPONSE, payload)
        result = operated.read(operation, answer["payloads"])
        assert result.is_accepted is answer["is_accepted"]
        assert result.detail == answer.get("detail", "")
        assert result.result == answer.get("result")


@pytest.mark.parametrize("golden", goldens("unsayable"), ids=str)
def test_what_a_version_has_no_words_for_is_refused(golden: Golden) -> None:
    for refused in golden.document["unsayable"]:
        operation = read_operation(refused["operation"])
        with pytest.raises(BadText) as error:
            DIALECTS[golden.version].operations[type(operation)].render(operation)
        assert str(error.value) == refused["problem"]


def test_every_call_that_an_operation_may_make_has_a_golden_frame() -> None:
    seen = {(golden.version, action) for golden in goldens("operation") for action, _ in golden.document["calls"]}
    assert seen == {
        (version, action)
        for version, dialect in DIALECTS.items()
        for operated in dialect.operations.values()
        for action in operated.actions
    }


def test_every_message_that_is_taken_has_a_golden_frame() -> None:
    seen = {(golden.version, golden.document["in"][2]) for golden in goldens("in") if golden.document["out"][0] == 3}
    assert seen == {(version, action) for version, dialect in DIALECTS.items() for action in dialect.requests}
