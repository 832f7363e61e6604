"""The device model of stations: what they are asked for after a boot, and what they tell of themselves.

Variables are not in memory: they go through the journal into the ledger. A station is asked for all of them when it has
never been, or comes with another firmware or serial number; one station after the other, and none while it charges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final
from zlib import crc32

from edge.domain import local_lists
from edge.domain.asking import ask, number
from edge.domain.decision import Decision
from edge.domain.disk import inform
from edge.domain.inventory import OpenReport
from edge.domain.reported_variables import in_parts, reading_of_result, readings_of_report
from edge.domain.site import Site
from edge.domain.station import Station
from protocols.charger.commands import Operation, RawCall
from protocols.charger.events import CommandAnswered, FirmwarePublishingReported, MonitorsTriggered, ReportReceived
from protocols.charger.operations.monitoring import ClearVariableMonitoring, SetVariableMonitoring
from protocols.charger.operations.variables import GetBaseReport, GetVariables, SetVariables
from protocols.sync.up import Severity
from protocols.sync.upkeep import MonitorEventsReported, MonitorsLearned, ReportKept, VariableReading, VariablesRead
from protocols.terms import EvseRef

VARIABLES: Final = "variables"
MONITORS: Final = "monitors"
PUBLISHING: Final = "firmware_publishing"
KEPT: Final = (MONITORS, "customer_information", "display_messages")
"""Kinds of reports of which the newest is kept as it came."""
MAX_ITEMS: Final = 200
MAX_ITEM_CHARS: Final = 4_000
MAX_MONITORS: Final = 500
"""Of one station."""
MAX_MONITOR_ALARMS: Final = 20
"""Of one station."""
ALARM_UP_TO: Final = 3
"""OCPP 2.0.1 severities: 0 danger, 1 hardware failure, 2 system failure, 3 critical; 4 error and milder are events."""
MONITOR_ALARM: Final = "monitor_alerting"
AGAIN_AFTER: Final = timedelta(hours=6)
"""For a station that did not answer when it was asked; one that connects anew is asked sooner."""
LOOK_AT: Final = 64
"""Stations that are due and looked at in a tick: some of them charge, and wait."""


# --- asked after a boot ---


def consider(site: Site, station: Station, now: datetime) -> None:
    """The station has connected or booted: is it to be asked for its variables?"""
    rules = site.rules.inventory
    is_asked = rules.is_enabled and station.station_id not in site.rules.runs  # a polled charger knows no variables
    if is_asked and station.vendor is not None and station.inventory != identity_of(station):
        site.inventory.due[station.station_id] = now + rules.settle


def identity_of(station: Station) -> int:
    """Stands for hardware and firmware, never 0; two stations may share it."""
    told = (station.vendor, station.model, station.serial_number, station.firmware_version)
    return crc32("\0".join(text or "" for text in told).encode("utf-8", "replace")) or 1


def tick(site: Site, decision: Decision, now: datetime) -> None:
    """Ask as many of those that are due as the time since the last one allows."""
    inventory, rules = site.inventory, site.rules.inventory
    if not inventory.due:
        return
    last = inventory.asked_at
    may_ask = 1 if last is None else int((now - last) / rules.every)
    for station_id in list(islice(inventory.due, LOOK_AT)):
        if may_ask < 1:
            return
        due_at = inventory.due[station_id]
        station = site.stations.get(station_id)
        if station is None or not station.is_online or station.inventory == identity_of(station):
            del inventory.due[station_id]  # one that comes back is considered again
        elif due_at > now or site.open_at(station_id):
            del inventory.due[station_id]
            inventory.due[station_id] = due_at  # behind the others
        else:
            del inventory.due[station_id]
            request_id = number(site, now)
            inventory.expect(station_id, request_id, identity_of(station))
            inventory.asked_at = now
            may_ask -= 1
            ask(site, decision, station_id, GetBaseReport(request_id=request_id), now)


# --- answers ---


def note_answer(
    site: Site,
    decision: Decision,
    station: Station,
    operation: Operation | RawCall,
    answer: CommandAnswered,
    now: datetime,
) -> None:
    """Whoever asked: what an answer tells of variables and monitors is learned."""
    match operation:
        case GetBaseReport():
            _note_base_report(site, decision, station, operation, answer, now)
        case GetVariables():
            if told := _told(answer):
                _keep(site, decision, station.station_id, told, now)
        case SetVariables():
            if taken := _set(operation, answer):
                _keep(site, decision, station.station_id, taken, now)
        case SetVariableMonitoring():
            learned = {
                monitor["monitor_id"]: int(monitor["severity"])
                for monitor in _rows(answer, MONITORS)
                if monitor.get("status") == "Accepted" and isinstance(monitor.get("monitor_id"), int)
            }
            _learn_monitors(site, decision, station.station_id, learned, now)
        case ClearVariableMonitoring():
            gone = {
                monitor["monitor_id"]: None
                for monitor in _rows(answer, MONITORS)
                if monitor.get("status") in ("Accepted", "NotFound") and isinstance(monitor.get("monitor_id"), int)
            }
            _learn_monitors(site, decision, station.station_id, gone, now)
        case _:
            pass


def _note_base_report(
    site: Site,
    decision: Decision,
    station: Station,
    operation: GetBaseReport,
    answer: CommandAnswered,
    now: datetime,
) -> None:
    """OCPP 1.6 tells all at once, 2.0.1 in parts that follow. A no is an answer, too: it is not asked again in vain."""
    request_id = operation.request_id or 0
    key = (station.station_id, request_id)
    expected = site.inventory.reports.get(key)
    identity = expected.identity if expected is not None else None
    if answer.is_accepted and answer.result is not None and VARIABLES in answer.result:
        site.inventory.reports.pop(key, None)
        if identity is None and operation.report_base == "FullInventory":
            identity = identity_of(station)
        station.inventory = identity or station.inventory
        _keep(site, decision, station.station_id, _told(answer), now, request_id, identity, is_complete=True)
    elif answer.is_accepted:
        if expected is None and operation.report_base == "FullInventory" and request_id:
            site.inventory.expect(station.station_id, request_id, identity_of(station))
    elif identity is not None:
        site.inventory.reports.pop(key, None)
        if answer.detail.startswith(("NotConnected", "Timeout", "Busy")):
            site.inventory.due[station.station_id] = now + AGAIN_AFTER
        else:
            station.inventory = identity
            told = VariablesRead(
                station_id=station.station_id, variables=(), identity=identity, problem=answer.detail[:200]
            )
            decision.journal(site, now, told)


def _told(answer: CommandAnswered) -> list[VariableReading]:
    return [reading for row in _rows(answer, VARIABLES) if (reading := reading_of_result(row)) is not None]


def _set(operation: SetVariables, answer: CommandAnswered) -> list[VariableReading]:
    """What was accepted is the value now; what needs a reboot is not yet."""
    found = []
    for setting, row in zip(operation.settings, _rows(answer, VARIABLES), strict=False):
        reading = reading_of_result({**row, "value": setting.value})
        if row.get("status") == "Accepted" and reading is not None:
            found.append(reading)
    return found


def _rows(answer: CommandAnswered, name: str) -> Iterable[Mapping[str, Any]]:
    rows = (answer.result or {}).get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list | tuple) else []


# --- reports ---


def note_report(site: Site, decision: Decision, event: ReportReceived, now: datetime) -> None:
    """A part of a report that answers a request of ours, or that nobody asked for."""
    if event.kind == VARIABLES:
        _note_variables(site, decision, event, now)
    elif event.kind in KEPT:
        items = tuple(item for item in event.items[:MAX_ITEMS] if len(str(item)) <= MAX_ITEM_CHARS)
        kept = ReportKept(
            station_id=event.station_id,
            report=event.kind,
            request_id=event.request_id,
            seq_no=event.seq_no,
            is_last=event.is_last,
            items=items,
            is_cut=len(items) < len(event.items),
        )
        decision.journal(site, now, kept)
        if event.kind == MONITORS:
            _learn_monitors(site, decision, event.station_id, _severities(event.items), now)


def _note_variables(site: Site, decision: Decision, event: ReportReceived, now: datetime) -> None:
    """OCPP 2.0.1 B07, B08. What a whole report did not name is no more; of one with a gap that cannot be told."""
    key = (event.station_id, event.request_id)
    report = site.inventory.reports.get(key) or OpenReport(is_broken=True)
    report.is_broken = report.is_broken or event.seq_no != report.next_seq_no
    report.next_seq_no = event.seq_no + 1
    readings = tuple(readings_of_report(event.items))
    is_complete = event.is_last and not report.is_broken
    identity = report.identity if event.is_last else None
    if event.is_last:
        site.inventory.reports.pop(key, None)
    if identity is not None:
        site.station(event.station_id).inventory = identity
    _keep(site, decision, event.station_id, readings, now, event.request_id, identity, is_complete=is_complete)


def _keep(
    site: Site,
    decision: Decision,
    station_id: str,
    readings: Sequence[VariableReading],
    now: datetime,
    report_id: int | None = None,
    identity: int | None = None,
    *,
    is_complete: bool = False,
) -> None:
    local_lists.learn_limits(site, station_id, readings)
    site.inventory.limits.learn(station_id, readings)
    site.displays.learn(station_id, readings)
    parts = in_parts(readings)
    for number_of_part, part in enumerate(parts, 1):
        is_end = number_of_part == len(parts)
        read = VariablesRead(
            station_id=station_id,
            variables=part,
            report_id=report_id,
            is_complete=is_complete and is_end,
            identity=identity if is_end else None,
        )
        decision.journal(site, now, read)


def note_publishing(site: Site, decision: Decision, event: FirmwarePublishingReported, now: datetime) -> None:
    """OCPP 2.0.1 L03: how far a local controller is with a firmware that it offers to its stations."""
    told: dict[str, Any] = {"status": event.status, "locations": list(event.locations[:MAX_ITEMS])}
    kept = ReportKept(
        station_id=event.station_id,
        report=PUBLISHING,
        request_id=event.request_id or 0,
        seq_no=0,
        is_last=True,
        items=(told,),
    )
    decision.journal(site, now, kept)


def _severities(items: Iterable[Mapping[str, Any]]) -> dict[int, int | None]:
    """Of the items of a NotifyMonitoringReport."""
    monitors = [
        monitor for item in items for monitor in item.get("variableMonitoring") or () if isinstance(monitor, dict)
    ]
    return {
        monitor["id"]: monitor["severity"]
        for monitor in monitors
        if isinstance(monitor.get("id"), int) and isinstance(monitor.get("severity"), int)
    }


# --- monitors ---


def _learn_monitors(
    site: Site, decision: Decision, station_id: str, severities: Mapping[int, int | None], now: datetime
) -> None:
    known = site.monitors.setdefault(station_id, {})
    news = {
        monitor_id: severity
        for monitor_id, severity in severities.items()
        if known.get(monitor_id) != severity and (severity is None or len(known) < MAX_MONITORS)
    }
    for monitor_id, severity in news.items():
        if severity is None:
            known.pop(monitor_id, None)
        else:
            known[monitor_id] = severity
    if not known:
        del site.monitors[station_id]
    if news:
        decision.journal(site, now, MonitorsLearned(station_id=station_id, severities=news))


def note_monitors(site: Site, decision: Decision, event: MonitorsTriggered, now: datetime) -> None:
    """OCPP 2.0.1 N07, N08: every event is journaled, what is severe is an alarm until the station clears it."""
    events = tuple(each for each in event.events[:MAX_ITEMS] if len(str(each)) <= MAX_ITEM_CHARS)
    is_cut = len(events) < len(event.events)
    inform(site, decision, now, MonitorEventsReported(station_id=event.station_id, events=events, is_cut=is_cut))
    for each in events:
        _alarm(site, decision, event.station_id, each, now)


def _alarm(site: Site, decision: Decision, station_id: str, event: Mapping[str, Any], now: datetime) -> None:
    what = _name(event)
    about = f"{station_id}/{what}"
    if event.get("cleared") is True:
        decision.clear_alarm(site, now, MONITOR_ALARM, about)
        return
    severity = event.get("severity", site.monitors.get(station_id, {}).get(event.get("variableMonitoringId", -1)))
    if event.get("trigger") != "Alerting" or (severity is not None and severity > ALARM_UP_TO):
        return
    mine = sum(alarm_id.startswith(f"{MONITOR_ALARM}:{station_id}/") for alarm_id in site.alarms)
    if mine >= MAX_MONITOR_ALARMS:
        return
    value, info = event.get("actualValue"), event.get("techInfo") or ""
    text = f"{what} of {station_id} is {value}" + (f": {info}" if info else "")
    level = Severity.WARNING if severity is None else Severity.CRITICAL
    ref = EvseRef(station_id, ((event.get("component") or {}).get("evse") or {}).get("id", 0))
    decision.raise_alarm(site, now, MONITOR_ALARM, level, text[:500], about, ref if ref in site.evses else station_id)


def _name(event: Mapping[str, Any]) -> str:
    """Component and variable in a few words; monitors of one variable share an alarm."""
    component, variable = event.get("component") or {}, event.get("variable") or {}
    evse = component.get("evse") or {}
    parts = (component.get("name"), component.get("instance"), evse.get("id"), evse.get("connectorId"))
    names = (variable.get("name"), variable.get("instance"))
    return ".".join(str(part) for part in (*parts, *names) if part is not None)
