"""The certification cases about stations that take only so much in one message, of both versions, and what else is
limited like it. The limits are the station's own word: in a report, or in an answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from protocols.charger.operations.monitoring import ClearVariableMonitoring, SetVariableMonitoring, VariableMonitor
from protocols.charger.operations.variables import (
    GetBaseReport,
    GetReport,
    GetVariables,
    SetVariables,
    VariableName,
    VariableSetting,
)
from protocols.ocpp.version import Version
from tests.edge.conformance import steps_16, steps_201
from tests.edge.conformance.charge_point import ChargePoint, charge_point
from tests.edge.conformance.running_agent import RunningAgent
from tests.edge.conformance.steps_16 import stamp

V201 = Version.V201


def of_device(variable: str, instance: str, component: str = "DeviceDataCtrlr") -> VariableName:
    return VariableName(component=component, variable=variable, variable_instance=instance)


FIVE = (
    of_device("ItemsPerMessage", "GetReport"),
    of_device("ItemsPerMessage", "GetVariables"),
    of_device("BytesPerMessage", "GetReport"),
    of_device("BytesPerMessage", "GetVariables"),
    VariableName(component="AuthCtrlr", variable="AuthorizeRemoteStart"),
)


def told(most: int, payload: dict[str, Any]) -> dict[str, Any]:
    """What a station answers to GetVariables that takes so many."""
    values = {"ItemsPerMessage": str(most), "BytesPerMessage": "4096", "AuthorizeRemoteStart": "true"}
    return {
        "getVariableResult": [
            {"attributeStatus": "Accepted", "attributeValue": values[item["variable"]["name"]], **item}
            for item in payload["getVariableData"]
        ]
    }


def taken(payload: dict[str, Any]) -> dict[str, Any]:
    """What a station answers to SetVariables."""
    return {
        "setVariableResult": [
            {"attributeStatus": "Accepted", "component": item["component"], "variable": item["variable"]}
            for item in payload["setVariableData"]
        ]
    }


async def report(agent: RunningAgent, point: ChargePoint, limits: Sequence[tuple[VariableName, str]]) -> None:
    """The station tells in a report how much it takes."""
    assert (await agent.operate(point.station_id, GetBaseReport())).problem is None
    asked = await point.asked("GetBaseReport")
    items = [
        {
            "component": {"name": name.component},
            "variable": {"name": name.variable, "instance": name.variable_instance},
            "variableAttribute": [{"value": value, "mutability": "ReadOnly"}],
            "variableCharacteristics": {"dataType": "integer", "supportsMonitoring": False},
        }
        for name, value in limits
    ]
    answer = await point.call(
        "NotifyReport", requestId=asked["requestId"], generatedAt=stamp(), seqNo=0, tbc=False, reportData=items
    )
    assert answer == {}


@pytest.mark.parametrize(
    ("way", "most", "sizes"), [("report", 4, [4, 1]), ("answer", 3, [3, 2]), ("raw", 2, [2, 2, 1])]
)
async def test_tc_b_08_get_variables_limit_to_maximum_number_of_values(
    agent: RunningAgent, case: str, way: str, most: int, sizes: list[int]
) -> None:
    """Five variables of a station that takes fewer, whichever way it told that: in several messages, and one result."""
    async with charge_point(agent, case, V201) as point:
        await steps_201.booted(point)
        point.answers["GetVariables"] = partial(told, most)
        match way:
            case "report":
                await report(agent, point, [(FIVE[1], str(most))])
            case "answer":
                assert (await agent.operate(case, GetVariables(names=FIVE[1:2]))).problem is None
                await point.asked("GetVariables")
            case _:
                name = {"name": "ItemsPerMessage", "instance": "GetVariables"}
                payload = {"getVariableData": [{"component": {"name": "DeviceDataCtrlr"}, "variable": name}]}
                raw = await agent.call(case, "GetVariables", payload)
                assert (await point.asked("GetVariables"), raw.result) == (payload, told(most, payload))
        done = await agent.operate(case, GetVariables(names=FIVE))
        asked = [(await point.asked("GetVariables"))["getVariableData"] for _ in sizes]
        assert [len(each) for each in asked] == sizes
        assert [each["variable"]["name"] for part in asked for each in part] == [name.variable for name in FIVE]
        assert done.problem is None
        assert [row["value"] for row in done.result["result"]["variables"]] == [str(most)] * 2 + ["4096"] * 2 + ["true"]


async def test_also_settings_are_limited_by_items_and_by_bytes(agent: RunningAgent, case: str) -> None:
    """B05.FR.11: ItemsPerMessageSetVariables and BytesPerMessageSetVariables."""
    name = VariableName(component="DisplayMessageCtrlr", variable="SupportedFormats")
    settings = tuple(VariableSetting(name=name, value=letter * 500) for letter in "abcde")
    async with charge_point(agent, case, V201) as point:
        await steps_201.booted(point)
        point.answers["SetVariables"] = taken
        await report(agent, point, [(of_device("ItemsPerMessage", "SetVariables"), "3")])
        assert (await agent.operate(case, SetVariables(settings=settings))).problem is None
        assert [len((await point.asked("SetVariables"))["setVariableData"]) for _ in range(2)] == [3, 2]
        await report(agent, point, [(of_device("BytesPerMessage", "SetVariables"), "1500")])
        assert (await agent.operate(case, SetVariables(settings=settings))).problem is None
        assert [len((await point.asked("SetVariables"))["setVariableData"]) for _ in range(3)] == [2, 2, 1]
        point.errors["SetVariables"] = ("InternalError", "no memory", {})
        failed = await agent.operate(case, SetVariables(settings=settings))
        assert "InternalError" in (failed.problem or "")
        assert {row["status"] for row in failed.result["result"]["variables"]} == {"InternalError"}


async def test_also_reports_of_more_than_the_station_takes(agent: RunningAgent, case: str) -> None:
    """B08: ItemsPerMessageGetReport; each question has a number, and a report of its own."""
    async with charge_point(agent, case, V201) as point:
        await steps_201.booted(point)
        await report(agent, point, [(of_device("ItemsPerMessage", "GetReport"), "2")])
        done = await agent.operate(case, GetReport(criteria=("Active",), names=FIVE))
        assert done.problem is None
        asked = [await point.asked("GetReport") for _ in range(3)]
        assert [len(each["componentVariable"]) for each in asked] == [2, 2, 1]
        assert all(each["componentCriteria"] == ["Active"] for each in asked)
        numbers = [each["requestId"] for each in asked]
        assert numbers == list(range(numbers[0], numbers[0] + 3))
        for number in numbers:
            assert await point.call("NotifyReport", requestId=number, generatedAt=stamp(), seqNo=0) == {}
        statuses = iter([{"status": "EmptyResultSet"}, {"status": "Accepted"}, {"status": "NotSupported"}])
        point.answers["GetReport"] = lambda _: next(statuses)
        assert "NotSupported" in ((await agent.operate(case, GetReport(names=FIVE))).problem or "")
        assert (await point.asked("GetReport"))["requestId"] > numbers[-1]


async def test_also_monitors_are_limited_by_their_own_controller(agent: RunningAgent, case: str) -> None:
    """N04, N06: MonitoringCtrlr's ItemsPerMessage."""
    monitors = tuple(VariableMonitor(name=name, type="Delta", value=1, severity=6) for name in FIVE)
    numbers = iter(range(1, 100))

    def set_them(payload: dict[str, Any]) -> dict[str, Any]:
        named = ("type", "severity", "component", "variable")
        results = [
            {"id": next(numbers), "status": "Accepted", **{key: item[key] for key in named}}
            for item in payload["setMonitoringData"]
        ]
        return {"setMonitoringResult": results}

    def clear_them(payload: dict[str, Any]) -> dict[str, Any]:
        return {"clearMonitoringResult": [{"id": each, "status": "Accepted"} for each in payload["id"]]}

    async with charge_point(agent, case, V201) as point:
        await steps_201.booted(point)
        point.answers |= {"SetVariableMonitoring": set_them, "ClearVariableMonitoring": clear_them}
        of_monitors = partial(of_device, "ItemsPerMessage", component="MonitoringCtrlr")
        limits = [(of_monitors("SetVariableMonitoring"), "4"), (of_monitors("ClearVariableMonitoring"), "3")]
        await report(agent, point, limits)
        done = await agent.operate(case, SetVariableMonitoring(monitors=monitors))
        assert done.problem is None
        made = tuple(monitor["monitor_id"] for monitor in done.result["result"]["monitors"])
        assert made == (1, 2, 3, 4, 5)
        assert [len((await point.asked("SetVariableMonitoring"))["setMonitoringData"]) for _ in range(2)] == [4, 1]
        assert (await agent.operate(case, ClearVariableMonitoring(monitor_ids=made))).problem is None
        assert [len((await point.asked("ClearVariableMonitoring"))["id"]) for _ in range(2)] == [3, 2]


async def test_also_keys_are_limited_by_get_configuration_max_keys(agent: RunningAgent, case: str) -> None:
    """OCPP 1.6 §9.1.7."""
    keys = ("GetConfigurationMaxKeys", "HeartbeatInterval", "ResetRetries", "Odd", "ConnectionTimeOut")
    values = {
        "GetConfigurationMaxKeys": "2",
        "HeartbeatInterval": "300",
        "ResetRetries": "3",
        "ConnectionTimeOut": "60",
    }

    def configuration(payload: dict[str, Any]) -> dict[str, Any]:
        known = [
            {"key": key, "readonly": False, "value": values[key]} for key in payload.get("key", values) if key in values
        ]
        return {"configurationKey": known, "unknownKey": [key for key in payload.get("key", ()) if key not in values]}

    get = GetVariables(names=tuple(VariableName(variable=key) for key in keys))
    async with charge_point(agent, case) as point:
        await steps_16.booted(point)
        point.answers["GetConfiguration"] = configuration
        assert (await agent.operate(case, get)).problem is None
        assert (await point.asked("GetConfiguration"))["key"] == list(keys)  # it has told no limit yet
        done = await agent.operate(case, get)
        asked = [(await point.asked("GetConfiguration"))["key"] for _ in range(3)]
        assert asked == [list(keys[:2]), list(keys[2:4]), list(keys[4:])]
        assert [row["value"] for row in done.result["result"]["variables"]] == ["2", "300", "3", "60"]
        assert [row["variable"] for row in done.result["result"]["unknown"]] == ["Odd"]
