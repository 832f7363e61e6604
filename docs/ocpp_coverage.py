"""What is said of every message of every OCPP version: who sends it, what is made of it here, and what tests it.

Read off the dialects' tables and the tests; only what is left out on purpose is written down, with its reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, assert_never

from protocols.ocpp.dialect import Decided, Dialect, Immediate, Relayed
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.schema import known_actions
from protocols.ocpp.version import Version

ROOT: Final = Path(__file__).parent.parent
FRAMES: Final = MappingProxyType({Version.V16: "ocpp16", Version.V201: "ocpp201", Version.V21: "ocpp21"})
PLAYED_IN: Final = ("tests/edge/domain", "tests/edge/certificates", "tests/edge/conformance", "tests/journeys")
"""Where messages mean something: playbooks of the domain, the certification cases, journeys."""

TO_SITE: Final = "station to site"
TO_STATION: Final = "site to station"
BOTH_WAYS: Final = frozenset({"DataTransfer"})

_CHAIN = "beyond the core of 2.1: GetCertificateStatus tells of one certificate at a time"
_DER = "control of vehicles that feed in is beyond the core of 2.1"
_DYNAMIC = "schedules that are pulled and pushed every few seconds are beyond the core of 2.1: profiles are set instead"
_STREAM = "streams of variables are beyond the core of 2.1: monitors and meter values tell the same"
_SWAP = "battery swapping is beyond the core of 2.1"
_TARIFF = "tariffs that a station reckons with itself are beyond the core of 2.1: the site prices, and tells the cost"
_PAYMENT = "payment at the station is beyond the core of 2.1"
_PRIORITY = "charging with priority is beyond the core of 2.1"

ABSENT: Final = MappingProxyType(
    {
        (Version.V21, "GetCertificateChainStatus", TO_SITE): _CHAIN,
        (Version.V21, "AFRRSignal", TO_STATION): _DER,
        (Version.V21, "SetDERControl", TO_STATION): _DER,
        (Version.V21, "GetDERControl", TO_STATION): _DER,
        (Version.V21, "ClearDERControl", TO_STATION): _DER,
        (Version.V21, "ReportDERControl", TO_SITE): _DER,
        (Version.V21, "NotifyDERAlarm", TO_SITE): _DER,
        (Version.V21, "NotifyDERStartStop", TO_SITE): _DER,
        (Version.V21, "NotifyAllowedEnergyTransfer", TO_STATION): _DER,
        (Version.V21, "PullDynamicScheduleUpdate", TO_SITE): _DYNAMIC,
        (Version.V21, "UpdateDynamicSchedule", TO_STATION): _DYNAMIC,
        (Version.V21, "OpenPeriodicEventStream", TO_SITE): _STREAM,
        (Version.V21, "ClosePeriodicEventStream", TO_SITE): _STREAM,
        (Version.V21, "AdjustPeriodicEventStream", TO_STATION): _STREAM,
        (Version.V21, "GetPeriodicEventStream", TO_STATION): _STREAM,
        (Version.V21, "BatterySwap", TO_SITE): _SWAP,
        (Version.V21, "RequestBatterySwap", TO_STATION): _SWAP,
        (Version.V21, "SetDefaultTariff", TO_STATION): _TARIFF,
        (Version.V21, "GetTariffs", TO_STATION): _TARIFF,
        (Version.V21, "ClearTariffs", TO_STATION): _TARIFF,
        (Version.V21, "ChangeTransactionTariff", TO_STATION): _TARIFF,
        (Version.V21, "NotifySettlement", TO_SITE): _PAYMENT,
        (Version.V21, "NotifyWebPaymentStarted", TO_STATION): _PAYMENT,
        (Version.V21, "VatNumberValidation", TO_SITE): _PAYMENT,
        (Version.V21, "NotifyPriorityCharging", TO_SITE): _PRIORITY,
        (Version.V21, "UsePriorityCharging", TO_STATION): _PRIORITY,
    }
)
"""Deliberately not supported: a station that sends it is answered NotSupported; `ohmstead-edge call` can send it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A message in one direction. `names` are the types of the model that it becomes or is made from; `goldens` the
    golden frames and `played` the test files that have it."""

    version: Version
    action: str
    direction: str
    how: str
    is_supported: bool
    names: tuple[str, ...] = ()
    goldens: tuple[str, ...] = ()
    played: tuple[str, ...] = ()


def coverage() -> list[Row]:
    """Every message of every version, by version, action and direction."""
    texts = {path.relative_to(ROOT): path.read_text("utf-8") for place in PLAYED_IN for path in _tests(ROOT / place)}
    return [row for version, dialect in DIALECTS.items() for row in _rows(version, dialect, texts)]


def unaccounted(rows: Iterable[Row]) -> list[str]:
    """Messages of the standard's schemas that no row speaks of, and directions that are missing."""
    told = {(row.version, row.action, row.direction) for row in rows}
    found = []
    for version in DIALECTS:
        for action in sorted(known_actions(version)):
            directions = {direction for v, a, direction in told if (v, a) == (version, action)}
            if not directions or (action in BOTH_WAYS and len(directions) < 2):
                found.append(f"OCPP {version} {action}: neither supported nor left out for a reason")
    return found


def contradictions(rows: Iterable[Row]) -> list[str]:
    """What is written down as left out, but is supported or is no message of that version."""
    supported = {(row.version, row.action, row.direction) for row in rows if row.is_supported}
    return [
        f"OCPP {version} {action}: {'supported' if is_supported else 'no message'}, and left out for a reason"
        for version, action, direction in ABSENT
        if (is_supported := (version, action, direction) in supported) or action not in known_actions(version)
    ]


def _rows(version: Version, dialect: Dialect, texts: dict[Path, str]) -> Iterator[Row]:
    requests, calls, events = _goldens(version)
    asked_by: dict[str, list[type]] = {}
    for operation, operated in dialect.operations.items():
        for action in operated.actions:
            asked_by.setdefault(action, []).append(operation)
    for action in sorted(known_actions(version)):
        handled = dialect.requests.get(action)
        if handled is not None:
            names = tuple(sorted(events.get(action, ())))
            how = _how(handled, names)
            played = _played(version, (action, *names), texts)
            yield _row(version, action, TO_SITE, how, names, requests.get(action, ()), played)
        if action in asked_by:
            kinds = asked_by[action]
            names = tuple(kind.__name__ for kind in kinds)
            told = ", ".join(f"`{kind.__dataclass_fields__['operation'].default}`" for kind in kinds)  # type: ignore[attr-defined]
            yield _row(
                version,
                action,
                TO_STATION,
                f"operation {told}",
                names,
                calls.get(action, ()),
                _played(version, (action, *names), texts),
            )
        for direction in (TO_SITE, TO_STATION):
            reason = ABSENT.get((version, action, direction))
            if reason is not None:
                yield Row(
                    version=version, action=action, direction=direction, how=f"not here: {reason}", is_supported=False
                )


def _row(
    version: Version,
    action: str,
    direction: str,
    how: str,
    names: tuple[str, ...],
    goldens: tuple[str, ...] | list[str],
    played: tuple[str, ...],
) -> Row:
    return Row(
        version=version,
        action=action,
        direction=direction,
        how=how,
        is_supported=True,
        names=names,
        goldens=tuple(goldens),
        played=played,
    )


def _how(handled: Decided | Relayed | Immediate, names: tuple[str, ...]) -> str:
    match handled:
        case Decided():
            return f"decided: {', '.join(names)}"
        case Relayed():
            return f"asked for beyond the site: {', '.join(names)}"
        case Immediate():
            return "answered at once"
        case _:
            assert_never(handled)


def _goldens(version: Version) -> tuple[dict[str, list[str]], dict[str, list[str]], dict[str, set[str]]]:
    """Golden frames by action: those of requests that are answered, those of calls; and the events that they become."""
    requests: dict[str, list[str]] = {}
    calls: dict[str, list[str]] = {}
    events: dict[str, set[str]] = {}
    for path in sorted((ROOT / "tests/frames" / FRAMES[version]).glob("*.json")):
        document = json.loads(path.read_text("utf-8"))
        if "in" in document and document["out"][0] == 3:
            action = document["in"][2]
            requests.setdefault(action, []).append(path.stem)
            if "event" in document:
                events.setdefault(action, set()).add(document["event"]["type"])
        for action in dict.fromkeys(action for action, _ in document.get("calls", ())):
            calls.setdefault(action, []).append(path.stem)
    return requests, calls, events


def _tests(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("test_*.py")))


def _played(version: Version, names: tuple[str, ...], texts: dict[Path, str]) -> tuple[str, ...]:
    """The tests that name one of these; cases of another version are not of this one."""
    named = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in names))
    mark, marks = _marked(version), [_marked(other) for other in DIALECTS]
    fitting = ((p, text) for p, text in texts.items() if mark in p.stem or not any(m in p.stem for m in marks))
    return tuple(path.stem for path, text in fitting if named.search(text))


def _marked(version: Version) -> str:
    """How the name of a file of certification cases tells its version: test_16_cases."""
    return f"_{version.replace('.', '')}_"
