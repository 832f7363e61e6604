"""Which calls give a station another security profile, and whether it took it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.ocpp.security_profiles import PROFILE_ACTIONS, profile_set, slots_chosen, slots_written
from tests.protocols.ocpp.drawn import JSON

ACCEPTED: dict[str, Any] = {"status": "Accepted"}
PRIORITY = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}
SLOT_1 = {"component": {"name": "NetworkConfiguration", "instance": "1"}, "variable": {"name": "SecurityProfile"}}
OTHER = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}, "attributeValue": "300"}


@pytest.mark.parametrize(
    ("payload", "status", "profile"),
    [
        ({"key": "SecurityProfile", "value": "2"}, "Accepted", 2),
        ({"key": "securityprofile", "value": " 3 "}, "RebootRequired", 3),
        ({"key": "SecurityProfile", "value": "2"}, "Rejected", None),
        ({"key": "SecurityProfile", "value": "2"}, None, None),
        ({"key": "SecurityProfile", "value": "0"}, "Accepted", None),
        ({"key": "SecurityProfile", "value": "4"}, "Accepted", None),
        ({"key": "SecurityProfile", "value": "²"}, "Accepted", None),
        ({"key": "HeartbeatInterval", "value": "2"}, "Accepted", None),
        ({}, "Accepted", None),
    ],
)
def test_a_key_sets_the_profile_of_a_16_station(payload: dict[str, Any], status: Any, profile: int | None) -> None:
    assert profile_set("ChangeConfiguration", payload, {"status": status}) == profile
    assert profile_set("SetVariables", payload, {"status": status}) is None


@pytest.mark.parametrize(
    ("action", "payload", "answer", "written"),
    [
        ("SetNetworkProfile", {"configurationSlot": 1, "connectionData": {"securityProfile": 3}}, ACCEPTED, {1: 3}),
        ("SetNetworkProfile", {"configurationSlot": 1, "connectionData": {"securityProfile": 3}}, {}, {}),
        ("SetNetworkProfile", {"configurationSlot": True, "connectionData": {"securityProfile": 3}}, ACCEPTED, {}),
        ("SetNetworkProfile", {"configurationSlot": 1, "connectionData": []}, ACCEPTED, {}),
        (
            "SetVariables",
            {"setVariableData": [OTHER, {**SLOT_1, "attributeValue": "2"}]},
            {"setVariableResult": [{**SLOT_1, "attributeStatus": "Accepted"}]},
            {1: 2},
        ),
        (
            "SetVariables",
            {"setVariableData": [OTHER, {**SLOT_1, "attributeValue": "2"}]},
            {"setVariableResult": [{**OTHER, "attributeStatus": "Accepted"}]},
            {},
        ),
    ],
)
def test_a_slot_is_written(
    action: str, payload: dict[str, Any], answer: dict[str, Any], written: dict[int, int]
) -> None:
    assert slots_written(action, payload, answer) == written
    assert slots_chosen(action, payload, answer) == ()


@pytest.mark.parametrize(
    ("value", "status", "slots"),
    [
        ("1,0", "RebootRequired", (1, 0)),
        ("2", "Accepted", (2,)),
        (" 1 , x, 0", "Accepted", (1, 0)),
        ("1,0", "Rejected", ()),
        (1, "Accepted", ()),
    ],
)
def test_slots_are_chosen(value: Any, status: str, slots: tuple[int, ...]) -> None:
    payload = {"setVariableData": [OTHER, {**PRIORITY, "attributeValue": value}]}
    answer = {"setVariableResult": [{**PRIORITY, "attributeStatus": status}, {**OTHER, "attributeStatus": "Accepted"}]}
    assert slots_chosen("SetVariables", payload, answer) == slots
    assert slots_written("SetVariables", payload, answer) == {}


FIELDS = st.sampled_from(["key", "value", "status", "configurationSlot", "connectionData", "securityProfile"])
ITEMS = st.lists(JSON | st.sampled_from([PRIORITY, SLOT_1, OTHER]), max_size=3)


@given(
    action=st.sampled_from(sorted(PROFILE_ACTIONS)),
    payload=st.dictionaries(FIELDS, JSON) | st.fixed_dictionaries({"setVariableData": ITEMS}),
    answer=st.dictionaries(FIELDS, JSON) | st.fixed_dictionaries({"setVariableResult": ITEMS}),
)
def test_whatever_was_called_and_answered_is_read(action: str, payload: dict[str, Any], answer: dict[str, Any]) -> None:
    profile = profile_set(action, payload, answer)
    assert profile is None or 1 <= profile <= 3
    slots_written(action, payload, answer)
    slots_chosen(action, payload, answer)
