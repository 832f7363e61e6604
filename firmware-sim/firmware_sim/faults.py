"""What goes wrong on a charging site, as a plan of actions in time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """Each has a beginning and an end."""

    POWER_FAILURE = "power_failure"
    LINK_LOSS = "link_loss"
    CONNECTOR_FAULT = "connector_fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """From `at_s` after the scenario's beginning, for `for_s` seconds of site time; `evse_id` for a connector only."""

    kind: FaultKind
    station_id: str
    at_s: int
    for_s: int
    evse_id: int | None = None


class FaultAction(StrEnum):
    """What is done to a station."""

    POWER_CUT = "power_cut"
    POWER_UP = "power_up"
    LINK_CUT = "link_cut"
    LINK_UP = "link_up"
    FAULT = "fault"
    CLEAR_FAULT = "clear_fault"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TimedAction:
    """An action `at_s` after the scenario's beginning."""

    at_s: int
    station_id: str
    action: FaultAction
    evse_id: int | None = None


_ACTIONS = {
    FaultKind.POWER_FAILURE: (FaultAction.POWER_CUT, FaultAction.POWER_UP),
    FaultKind.LINK_LOSS: (FaultAction.LINK_CUT, FaultAction.LINK_UP),
    FaultKind.CONNECTOR_FAULT: (FaultAction.FAULT, FaultAction.CLEAR_FAULT),
}


def actions(faults: tuple[Fault, ...]) -> tuple[TimedAction, ...]:
    """All beginnings and ends of the faults, in order."""
    timed = [
        TimedAction(at_s=at_s, station_id=fault.station_id, action=action, evse_id=fault.evse_id)
        for fault in faults
        for at_s, action in zip((fault.at_s, fault.at_s + fault.for_s), _ACTIONS[fault.kind], strict=True)
    ]
    return tuple(sorted(timed, key=lambda each: (each.at_s, each.station_id, each.action)))
