"""Which calls give a station a new password, and whether it took it."""

from __future__ import annotations

from typing import Any

import pytest

from protocols.ocpp.passwords import is_password_taken, password_in

NAME = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
OTHER = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}, "attributeValue": "300"}


@pytest.mark.parametrize(
    ("action", "payload", "password"),
    [
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "s"}, "s"),
        ("ChangeConfiguration", {"key": "authorizationkey", "value": "s"}, "s"),
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "300"}, None),
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": 7}, None),
        ("ChangeConfiguration", {}, None),
        ("SetVariables", {"setVariableData": [OTHER, {**NAME, "attributeValue": "s"}]}, "s"),
        ("SetVariables", {"setVariableData": [OTHER]}, None),
        ("SetVariables", {"setVariableData": [7, {"component": "SecurityCtrlr"}]}, None),
        ("SetVariables", {"setVariableData": "x"}, None),
    ],
)
def test_a_password_is_found_in_the_calls_that_set_one(
    action: str, payload: dict[str, Any], password: str | None
) -> None:
    assert password_in(action, payload) == password


@pytest.mark.parametrize(
    ("action", "answer", "is_taken"),
    [
        ("ChangeConfiguration", {"status": "Accepted"}, True),
        ("ChangeConfiguration", {"status": "RebootRequired"}, True),
        ("ChangeConfiguration", {"status": "Rejected"}, False),
        ("ChangeConfiguration", {}, False),
        ("SetVariables", {"setVariableResult": [{**NAME, "attributeStatus": "Accepted"}]}, True),
        ("SetVariables", {"setVariableResult": [{**OTHER, "attributeStatus": "Accepted"}]}, False),
        ("SetVariables", {"setVariableResult": [{**NAME, "attributeStatus": "Rejected"}]}, False),
    ],
)
def test_an_answer_says_whether_it_was_taken(action: str, answer: dict[str, Any], is_taken: bool) -> None:
    assert is_password_taken(action, answer) is is_taken
