"""Operations longer than a message: split, answered in parts, told as one (OCPP 2.0.1 B05, B06, B08; 1.6 §9.1.7)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.charger.commands import MessageLimit
from protocols.charger.operations.monitoring import ClearVariableMonitoring, SetVariableMonitoring, VariableMonitor
from protocols.charger.operations.variables import GetReport, GetVariables, SetVariables, VariableName, VariableSetting
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.message_parts import in_parts, joined, refused
from protocols.ocpp.schema import Direction, validate
from protocols.ocpp.version import Version

TWO = MessageLimit(items=2)
NAMES = tuple(VariableName(component="C", variable=f"V{number}") for number in range(5))


def parts(version: Version, operation: Any, limit: MessageLimit | None) -> tuple[str, list[dict[str, Any]]]:
    """All of them valid by the schema."""
    [(action, payload)] = DIALECTS[version].operations[type(operation)].render(operation)
    found = in_parts(action, payload, limit)
    for part in found:
        validate(version, action, Direction.REQUEST, part)
    return action, found


def setting(name: VariableName) -> VariableSetting:
    return VariableSetting(name=name, value="1")


def monitor(name: VariableName) -> VariableMonitor:
    return VariableMonitor(name=name, type="Delta", value=1, severity=5)


@pytest.mark.parametrize(
    ("version", "operation", "items"),
    [
        (Version.V201, GetVariables(names=NAMES), "getVariableData"),
        (Version.V201, SetVariables(settings=tuple(setting(name) for name in NAMES)), "setVariableData"),
        (Version.V201, SetVariableMonitoring(monitors=tuple(monitor(name) for name in NAMES)), "setMonitoringData"),
        (Version.V201, ClearVariableMonitoring(monitor_ids=(1, 2, 3, 4, 5)), "id"),
        (Version.V201, GetReport(request_id=7, names=NAMES), "componentVariable"),
        (Version.V21, GetVariables(names=NAMES), "getVariableData"),
        (Version.V16, GetVariables(names=tuple(VariableName(variable=f"K{n}") for n in range(5))), "key"),
    ],
)
def test_all_items_go_out_in_order_and_none_twice(version: Version, operation: Any, items: str) -> None:
    _, [whole] = parts(version, operation, None)
    _, found = parts(version, operation, TWO)
    assert [len(part[items]) for part in found] == [2, 2, 1]
    assert [item for part in found for item in part[items]] == whole[items]
    assert all(list(part) == list(whole) for part in found)
    assert parts(version, operation, MessageLimit(items=5))[1] == [whole]


def test_each_report_has_a_number_of_its_own() -> None:
    _, found = parts(Version.V201, GetReport(request_id=7, criteria=("Active",), names=NAMES), TWO)
    assert [part["requestId"] for part in found] == [7, 8, 9]
    assert {tuple(part["componentCriteria"]) for part in found} == {("Active",)}
    assert len(parts(Version.V201, GetReport(request_id=7), TWO)[1]) == 1


@given(lengths=st.lists(st.integers(0, 900), min_size=1, max_size=30), size_bytes=st.integers(1, 4_000))
def test_no_message_is_longer_than_the_station_takes(lengths: list[int], size_bytes: int) -> None:
    settings = tuple(
        VariableSetting(name=VariableName(component="C", variable=f"V{number}"), value="é" * (length // 2))
        for number, length in enumerate(lengths)
    )
    _, found = parts(Version.V201, SetVariables(settings=settings), MessageLimit(size_bytes=size_bytes))
    assert sum(len(part["setVariableData"]) for part in found) == len(settings)
    for part in found:
        frame = json.dumps([2, "x" * 36, "SetVariables", part], ensure_ascii=False, separators=(",", ":"))
        assert len(frame.encode()) <= size_bytes or len(part["setVariableData"]) == 1


def test_what_cannot_be_split_goes_as_it_is() -> None:
    assert in_parts("Reset", {"type": "OnIdle"}, TWO) == [{"type": "OnIdle"}]


def result(names: tuple[VariableName, ...], status: str = "Accepted") -> dict[str, Any]:
    told = [
        {
            "attributeStatus": status,
            "attributeValue": "1",
            "component": {"name": name.component},
            "variable": {"name": name.variable},
        }
        for name in names
    ]
    return {"getVariableResult": told}


def test_the_answers_are_one_result() -> None:
    operated = DIALECTS[Version.V201].operations[GetVariables]
    answer = joined([result(NAMES[:2]), result(NAMES[2:4], "Rejected"), result(NAMES[4:])])
    told = operated.read(GetVariables(names=NAMES), [answer])
    assert [row["variable"] for row in told.result["variables"]] == ["V0", "V1", "V4"]
    assert [(row["variable"], row["status"]) for row in told.result["unknown"]] == [
        ("V2", "Rejected"),
        ("V3", "Rejected"),
    ]


def test_keys_of_1_6_are_one_result() -> None:
    get = GetVariables(names=tuple(VariableName(variable=f"K{number}") for number in range(3)))
    first = {"configurationKey": [{"key": "K0", "readonly": False, "value": "a"}], "unknownKey": ["K1"]}
    second = {"configurationKey": [{"key": "K2", "readonly": True, "value": "c"}]}
    told = DIALECTS[Version.V16].operations[GetVariables].read(get, [joined([first, second])])
    assert [row["value"] for row in told.result["variables"]] == ["a", "c"]
    assert [row["variable"] for row in told.result["unknown"]] == ["K1"]


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (("Accepted", "EmptyResultSet"), "Accepted"),
        (("EmptyResultSet", "Accepted"), "Accepted"),
        (("EmptyResultSet", "EmptyResultSet"), "EmptyResultSet"),
        (("Accepted", "Rejected", "EmptyResultSet"), "Rejected"),
        (("NotSupported", "Accepted"), "NotSupported"),
        (("Accepted", 7), 7),
    ],
)
def test_the_worst_word_holds_for_all(statuses: tuple[Any, ...], status: Any) -> None:
    assert joined([{"status": each} for each in statuses]) == {"status": status}


def test_a_part_that_was_refused_does_not_hide_the_others() -> None:
    set_variables = SetVariables(settings=tuple(setting(name) for name in NAMES[:3]))
    action, found = parts(Version.V201, set_variables, TWO)
    good = {"setVariableResult": result(NAMES[:2])["getVariableResult"]}
    bad = refused(action, found[1], "InternalError")
    assert bad is not None
    told = DIALECTS[Version.V201].operations[SetVariables].read(set_variables, [joined([good, bad])])
    assert (told.is_accepted, told.detail) == (False, "C.V2: InternalError")
    assert [row["status"] for row in told.result["variables"]] == ["Accepted", "Accepted", "InternalError"]


def test_a_refused_part_is_told_in_the_words_of_each_action() -> None:
    action, [_, second] = parts(Version.V201, ClearVariableMonitoring(monitor_ids=(1, 2, 3)), TWO)
    assert refused(action, second, "GenericError") == {"clearMonitoringResult": [{"id": 3, "status": "GenericError"}]}
    assert refused("GetReport", {"requestId": 1}, "GenericError") == {"status": "GenericError"}
    assert refused("ChangeConfiguration", {"key": "a"}, "GenericError") == {"status": "GenericError"}
    assert refused("GetConfiguration", {"key": ["a"]}, "GenericError") is None


def test_answers_that_make_no_sense_are_joined_all_the_same() -> None:
    assert joined([{"getVariableResult": "x"}, {"getVariableResult": [1]}, {}]) == {"getVariableResult": "x"}
