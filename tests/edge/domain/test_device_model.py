"""What stations tell of themselves: asked for with care, kept in the journal, severe events as alarms."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from edge.domain.decision import Decision
from edge.domain.events import Ticked
from edge.domain.inventory import InventoryRules
from edge.domain.reported_variables import MAX_PART_CHARS, in_parts
from protocols.charger.commands import ChargerCommand
from protocols.charger.events import (
    BootReported,
    CommandAnswered,
    FirmwarePublishingReported,
    MonitorsTriggered,
    ReportReceived,
    StationConnected,
    StationDisconnected,
    TransactionFinished,
)
from protocols.charger.operations.monitoring import ClearVariableMonitoring, SetVariableMonitoring, VariableMonitor
from protocols.charger.operations.variables import GetBaseReport, SetVariables, VariableName, VariableSetting
from protocols.sync.down import Command, Operate
from protocols.sync.up import AlarmCleared, AlarmRaised, Severity
from protocols.sync.upkeep import MonitorEventsReported, MonitorsLearned, ReportKept, VariableReading, VariablesRead
from tests.edge.domain.site_kit import Play, new_site


def asked_play(**rules: Any) -> Play:
    return Play(site=new_site(inventory=InventoryRules(is_enabled=True, **rules)))


def boot(play: Play, station: str, firmware: str = "1") -> Decision:
    return play.tell(BootReported(station_id=station, vendor="V", model="M", firmware_version=firmware))


def tick(play: Play, **time: float) -> list[ChargerCommand]:
    play.now += timedelta(**time)
    return [c for c in play.tell(Ticked()).commands if isinstance(c.operation, GetBaseReport)]


def answer(play: Play, command: ChargerCommand, is_accepted: bool = True, detail: str = "", **result: Any) -> None:
    play.tell(
        CommandAnswered(
            station_id=command.station_id,
            command_id=command.command_id,
            is_accepted=is_accepted,
            detail=detail,
            result=result or None,
        )
    )


def operate(play: Play, operation: Any, station: str = "B") -> ChargerCommand:
    expires_at = play.now + timedelta(minutes=1)
    body = Operate(station_id=station, operation=operation)
    (command,) = play.tell(Command(id="c-1", issued_at=play.now, expires_at=expires_at, body=body)).commands
    return command


def part(play: Play, request_id: int, seq_no: int, is_last: bool, *names: str) -> None:
    items = tuple(
        {
            "component": {"name": "C", "evse": {"id": 1}},
            "variable": {"name": name},
            "variableAttribute": [{"value": "1", "mutability": "ReadOnly"}, {"type": "MaxSet", "value": "9"}],
            "variableCharacteristics": {"dataType": "integer", "unit": "A", "supportsMonitoring": False},
        }
        for name in names
    )
    play.tell(
        ReportReceived(
            station_id="B", kind="variables", request_id=request_id, seq_no=seq_no, is_last=is_last, items=items
        )
    )


def test_a_station_is_asked_once_for_a_firmware_after_it_has_settled() -> None:
    play = asked_play()
    play.connect()
    boot(play, "A")
    assert not tick(play, minutes=9)
    (command,) = tick(play, minutes=2)
    assert command.station_id == "A"
    answer(play, command, variables=[{"component": "", "variable": "K", "value": "1", "is_readonly": True}], unknown=[])
    (read,) = play.found(VariablesRead)
    assert read.is_complete
    assert read.identity
    assert read.variables == (VariableReading("", "K", "1", "ReadOnly"),)
    boot(play, "A")
    assert not tick(play, minutes=20)
    boot(play, "A", "2")
    assert len(tick(play, minutes=20)) == 1


def test_stations_are_asked_one_after_the_other_and_not_while_they_charge() -> None:
    play = asked_play(every=timedelta(minutes=1))
    play.connect()
    boot(play, "A")
    boot(play, "B")
    play.began201()
    (first,) = tick(play, minutes=20)
    assert first.station_id == "A"
    assert not tick(play, seconds=30)
    assert not tick(play, minutes=20)
    play.tell(
        TransactionFinished(
            station_id="B", charger_transaction_id="T1", token_uid=None, meter_stop_wh=1100, at=play.now
        )
    )
    (second,) = tick(play, seconds=10)
    assert second.station_id == "B"


def test_a_report_in_parts_takes_the_place_of_the_one_before() -> None:
    play = asked_play()
    play.connect()
    boot(play, "B")
    (command,) = tick(play, minutes=20)
    assert isinstance(command.operation, GetBaseReport)
    number = command.operation.request_id or 0
    answer(play, command)
    part(play, number, 0, False, "X", "Y")
    part(play, number, 1, True, "Z")
    first, second = play.found(VariablesRead)
    assert [each.variable for each in first.variables] == ["X", "X", "Y", "Y"]
    assert first.variables[1] == VariableReading(
        "C", "X", "9", "ReadWrite", "MaxSet", evse_id=1, data_type="integer", unit="A"
    )
    assert (first.is_complete, first.identity) == (False, None)
    assert second.is_complete
    assert second.identity == play.site.stations["B"].inventory


def test_a_report_with_a_gap_is_kept_and_is_not_the_whole() -> None:
    play = asked_play()
    play.connect()
    boot(play, "B")
    (command,) = tick(play, minutes=20)
    number = command.operation.request_id or 0  # type: ignore[union-attr]
    answer(play, command)
    part(play, number, 0, False, "X")
    part(play, number, 2, True, "Z")
    part(play, number + 1, 0, True, "W")  # nobody asked for it
    assert [read.is_complete for read in play.found(VariablesRead)] == [False, False, False]


def test_a_station_that_refuses_is_not_asked_again_in_vain() -> None:
    play = asked_play()
    play.connect()
    boot(play, "B")
    (command,) = tick(play, minutes=20)
    answer(play, command, False, "NotSupported")
    (read,) = play.found(VariablesRead)
    assert (read.problem, read.variables) == ("NotSupported", ())
    play.tell(StationDisconnected(station_id="B"))
    play.tell(StationConnected(station_id="B", abilities=play.site.stations["B"].abilities))  # type: ignore[arg-type]
    assert not tick(play, minutes=20)


def test_a_station_that_did_not_hear_is_asked_when_it_comes_again() -> None:
    play = asked_play()
    play.connect()
    boot(play, "B")
    (command,) = tick(play, minutes=20)
    answer(play, command, False, "NotConnected: gone")
    assert not play.found(VariablesRead)
    play.tell(StationConnected(station_id="B", abilities=play.site.stations["B"].abilities))  # type: ignore[arg-type]
    assert len(tick(play, minutes=20)) == 1


def test_a_station_that_does_not_answer_is_asked_again_hours_later() -> None:
    play = asked_play()
    play.connect()
    boot(play, "B")
    (command,) = tick(play, minutes=20)
    answer(play, command, False, "Timeout: no answer")
    assert not tick(play, hours=5)
    assert len(tick(play, hours=2)) == 1


def test_without_the_setting_nothing_is_asked() -> None:
    play = Play()
    play.connect()
    boot(play, "B")
    assert not tick(play, days=1)


def test_what_an_operator_reads_and_sets_is_known_and_secrets_are_not() -> None:
    play = Play()
    play.connect()
    settings = tuple(
        VariableSetting(name=VariableName(component="C", variable=name), value="v")
        for name in ("Taken", "Reboot", "BasicAuthPassword")
    )
    command = operate(play, SetVariables(settings=settings))
    rows = [
        {"component": "C", "variable": setting.name.variable, "status": status}
        for setting, status in zip(settings, ("Accepted", "RebootRequired", "Accepted"), strict=True)
    ]
    answer(play, command, variables=rows)
    (read,) = play.found(VariablesRead)
    assert [(each.variable, each.value) for each in read.variables] == [("Taken", "v"), ("BasicAuthPassword", None)]


def test_parts_are_small_enough_to_travel() -> None:
    readings = [VariableReading("C", f"V{number}", "x" * 2_500) for number in range(100)]
    parts = in_parts(readings)
    assert [reading for part in parts for reading in part] == readings
    assert all(sum(len(reading.value or "") for reading in part) <= MAX_PART_CHARS for part in parts)
    assert in_parts([]) == [()]


# --- reports and monitors ---


def test_other_reports_are_kept_as_they_came_within_bounds() -> None:
    play = Play()
    items: Any = ({"id": 1}, {"text": "x" * 5_000}, *({"id": number} for number in range(300)))
    play.tell(
        ReportReceived(station_id="B", kind="display_messages", request_id=5, seq_no=0, is_last=True, items=items)
    )
    (kept,) = play.found(ReportKept)
    assert (len(kept.items), kept.is_cut) == (199, True)
    play.tell(FirmwarePublishingReported(station_id="B", status="Published", locations=("http://a",)))
    assert play.found(ReportKept)[-1].items == ({"status": "Published", "locations": ["http://a"]},)


def alert(monitor: int | None = 7, **more: Any) -> dict[str, Any]:
    return {
        "eventId": 1,
        "trigger": "Alerting",
        "actualValue": "91",
        "component": {"name": "EVSE", "evse": {"id": 1}},
        "variable": {"name": "Temperature"},
        **({} if monitor is None else {"variableMonitoringId": monitor}),
        **more,
    }


def report(play: Play, *events: dict[str, Any]) -> None:
    play.tell(MonitorsTriggered(station_id="B", at=play.now, seq_no=0, is_last=True, events=events))


def set_monitor(play: Play, severity: int, monitor_id: int = 7) -> None:
    monitor = VariableMonitor(
        name=VariableName(component="EVSE", variable="Temperature"), type="UpperThreshold", value=90, severity=severity
    )
    command = operate(play, SetVariableMonitoring(monitors=(monitor,)))
    row = {"monitor_id": monitor_id, "severity": severity, "status": "Accepted", "type": "UpperThreshold"}
    answer(play, command, monitors=[row])
    play.site.commands.clear()


def test_a_severe_monitor_is_an_alarm_until_it_is_cleared() -> None:
    play = Play()
    play.connect()
    set_monitor(play, severity=2)
    report(play, alert())
    (alarm,) = play.found(AlarmRaised)
    assert (alarm.severity, alarm.alarm_id) == (Severity.CRITICAL, "monitor_alerting:B/EVSE.1.Temperature")
    assert (alarm.station_id, alarm.evse_id) == ("B", 1)
    report(play, alert())
    assert len(play.found(AlarmRaised)) == 1
    report(play, alert(cleared=True))
    assert [cleared.alarm_id for cleared in play.found(AlarmCleared)] == [alarm.alarm_id]
    assert len(play.found(MonitorEventsReported)) == 3


def test_an_alarm_of_a_monitor_names_the_station_where_the_evse_is_none_of_the_site() -> None:
    play = Play()
    for component in ({"name": "EVSE", "evse": {"id": 99}}, {"name": "Controller"}):
        report(play, alert(component=component))
    assert [(alarm.station_id, alarm.evse_id) for alarm in play.found(AlarmRaised)] == [("B", None)] * 2


def test_a_mild_monitor_is_an_event_alone() -> None:
    play = Play()
    play.connect()
    set_monitor(play, severity=4)
    report(play, alert(), alert(None, trigger="Periodic"), alert(None, severity=5))
    assert not play.found(AlarmRaised)


def test_an_alert_of_unknown_severity_is_a_warning() -> None:
    play = Play()
    report(play, alert(99))
    assert play.found(AlarmRaised)[0].severity is Severity.WARNING
    report(play, *(alert(99, variable={"name": f"V{number}"}) for number in range(100)))
    assert len(play.found(AlarmRaised)) == 20


def test_severities_are_learned_from_a_monitoring_report_and_forgotten_with_the_monitor() -> None:
    play = Play()
    play.connect()
    item = {"variableMonitoring": [{"id": 3, "severity": 1, "value": 1, "type": "Delta", "transaction": False}]}
    play.tell(
        ReportReceived(station_id="B", kind="monitors", request_id=5, seq_no=0, is_last=True, items=(item, {"x": 1}))
    )
    assert play.site.monitors == {"B": {3: 1}}
    command = operate(play, ClearVariableMonitoring(monitor_ids=(3,)))
    answer(play, command, monitors=[{"monitor_id": 3, "status": "Accepted"}])
    assert not play.site.monitors
    assert [learned.severities for learned in play.found(MonitorsLearned)] == [{3: 1}, {3: None}]
