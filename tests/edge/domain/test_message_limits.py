"""How much a station takes in a message: learned from what it tells, and kept to whoever asks."""

from __future__ import annotations

from typing import Any

from edge.domain.asking import ask
from edge.domain.decision import Decision
from protocols.charger.commands import MessageLimit
from protocols.charger.events import ReportReceived
from protocols.charger.operations.variables import GetReport, GetVariables, SetVariables, VariableName, VariableSetting
from tests.edge.domain.site_kit import Play
from tests.edge.domain.station_kit import order, reply

NAMES = tuple(VariableName(component="C", variable=f"V{number}") for number in range(5))
GET = GetVariables(names=NAMES)


def told(instance: str, value: str, variable: str = "ItemsPerMessage", component: str = "DeviceDataCtrlr") -> Any:
    """An item of a NotifyReport."""
    return {
        "component": {"name": component},
        "variable": {"name": variable, "instance": instance},
        "variableAttribute": [{"value": value, "mutability": "ReadOnly"}],
        "variableCharacteristics": {"dataType": "integer", "supportsMonitoring": False},
    }


def report(play: Play, *items: Any, station: str = "B") -> None:
    play.tell(
        ReportReceived(station_id=station, kind="variables", request_id=1, seq_no=0, is_last=True, items=items, at=None)
    )


def connected() -> Play:
    play = Play()
    play.connect()
    return play


def test_without_a_word_of_the_station_there_is_no_limit_and_nothing_is_kept() -> None:
    play = connected()
    report(play, told("GetVariables", "4", component="ElseCtrlr"), told("", "4"))
    (asked,) = order(play, "B", GET).commands
    assert asked.limit is None
    assert play.site.inventory.limits.told == {}


def test_a_report_tells_how_much_it_takes() -> None:
    play = connected()
    report(
        play,
        told("GetVariables", "4"),
        told("GetVariables", "3000", "BytesPerMessage"),
        told("SetVariableMonitoring", "2", component="MonitoringCtrlr"),
    )
    (asked,) = order(play, "B", GET).commands
    assert asked.limit == MessageLimit(items=4, size_bytes=3000)
    (asked,) = order(play, "B", SetVariables(settings=(VariableSetting(name=NAMES[0], value="1"),))).commands
    assert asked.limit is None
    (asked,) = order(play, "A", GET).commands
    assert asked.limit is None


def test_an_answer_tells_it_too_and_the_next_question_keeps_to_it() -> None:
    """1.6 tells it as the key GetConfigurationMaxKeys."""
    play = connected()
    name = VariableName(component="DeviceDataCtrlr", variable="ItemsPerMessage", variable_instance="GetVariables")
    (asked,) = order(play, "A", GetVariables(names=(name,))).commands
    row = {"component": name.component, "variable": name.variable, "variable_instance": "GetVariables", "value": "3"}
    reply(play, asked, result={"variables": [row], "unknown": []})
    (asked,) = order(play, "A", GET).commands
    assert asked.limit == MessageLimit(items=3)
    decision = Decision()
    ask(play.site, decision, "A", GET, play.now)
    assert decision.commands[0].limit == MessageLimit(items=3)  # the site's own questions, too


def test_what_is_no_count_is_no_limit() -> None:
    play = connected()
    for value in ("0", "-1", "many", "", "99999999999999999999"):
        report(play, told("GetVariables", "4"), told("GetVariables", value))
        (asked,) = order(play, "B", GET).commands
        assert asked.limit == MessageLimit()


def test_stations_that_are_alike_share_what_they_told() -> None:
    play = connected()
    for station in ("A", "B"):
        report(play, told("GetVariables", "4"), station=station)
    limits = play.site.inventory.limits
    assert limits.told["A"] is limits.told["B"]


def test_reports_that_are_split_have_numbers_that_nobody_else_gets() -> None:
    play = connected()
    (first,) = order(play, "B", GetReport(names=NAMES)).commands
    (second,) = order(play, "B", GetReport(names=NAMES)).commands
    assert isinstance(first.operation, GetReport)
    assert isinstance(second.operation, GetReport)
    assert first.operation.request_id is not None
    assert second.operation.request_id is not None
    assert second.operation.request_id >= first.operation.request_id + len(NAMES)
