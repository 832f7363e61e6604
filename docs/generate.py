"""Writes the documents that are made from the code (`make docs`); a test fails when one of them is out of date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cloud.config import described
from cloud.metrics import Metrics
from docs import quirk_table
from docs.ocpp_coverage import coverage
from docs.sync_contract import asyncapi
from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from edge.config import EdgeConfig
from edge.domain.transaction import TABLE
from edge.files.file_metrics import FileMetrics
from edge.ledger.ledger_metrics import LedgerMetrics
from edge.metrics import AgentMetrics
from edge.standby.standby_metrics import StandbyMetrics
from edge.uplink.metrics import UplinkMetrics
from protocols.modbus.catalogue import all_profiles, parsed
from protocols.modbus.profile import DeviceKind, Profile, Transport
from protocols.modbus.register import Unit

HERE = Path(__file__).parent
_MADE = "<!-- Made by `make docs` from the code; changes here are overwritten. -->\n\n"


def documents() -> dict[str, Callable[[], str]]:
    """What makes each generated document, by its file name."""
    return {
        "settings.md": lambda: _MADE + _settings(),
        "metrics.md": lambda: _MADE + _metrics(),
        "transaction.md": lambda: _MADE + _transaction(),
        "ocpp.md": lambda: _MADE + _ocpp(),
        "devices.md": lambda: _MADE + _devices(),
        "quirks.md": lambda: _MADE + quirk_table.TITLE + _table(quirk_table.HEAD, quirk_table.rows()),
        "asyncapi.json": asyncapi,
    }


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


# --- settings ---


_SETTINGS_HEAD = """\
# Settings

## The edge

One TOML file: `ohmstead-edge … --config FILE`, or OHMSTEAD_EDGE_CONFIG; /etc/ohmstead/edge.toml without it.
A setting may be overridden by a variable such as OHMSTEAD_EDGE_OCPP__PORT. `ohmstead-edge check` names every
problem with its line. `[]` stands for each table of an array.

"""


def _settings() -> str:
    return (
        _SETTINGS_HEAD
        + _table(("setting", "default", "meaning"), _edge_rows(EdgeConfig, ""))
        + "\n## The hub\n\nA TOML file (`ohmstead-cloud … --config FILE`) or variables such as"
        " OHMSTEAD_CLOUD_MQTT_HOST.\n\n"
        + _table(("setting", "default", "meaning"), _hub_rows())
        + "\n## The wall display\n\n"
        + _table(
            ("option of `ohmstead-ui bigscreen`", "variable", "meaning"),
            [
                ("`--edge`", "OHMSTEAD_UI_EDGE", "the edge's local WebSocket, ws://127.0.0.1:9001 without it"),
                ("`--token-file`", "OHMSTEAD_UI_TOKEN_FILE", "`local.token` in the edge's data folder"),
                ("`--language`", "OHMSTEAD_UI_LANGUAGE", "`en` or `zh`; the key l switches"),
            ],
        )
        + "\nOHMSTEAD_TIMELINE, when set, gives all processes of one run the same fast clock (demo and tests).\n"
    )


def _edge_rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, ...]]:
    for name, info in model.model_fields.items():
        inner, is_array = _inner_model(info)
        if inner is not None:
            yield from _edge_rows(inner, f"{prefix}{name}{'[]' if is_array else ''}.")
        else:
            yield f"`{prefix}{name}`", _default(info), info.description or ""


def _inner_model(info: FieldInfo) -> tuple[type[BaseModel] | None, bool]:
    for candidate in (info.annotation, *get_args(info.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate, "tuple" in str(info.annotation)
    return None, False


def _hub_rows() -> Iterator[tuple[str, ...]]:
    for name, info in described():
        yield f"`{name}`", _default(info), info.description or ""


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "**required**"
    default: Any = info.get_default(call_default_factory=True, validated_data={})
    if default is None or default == () or default == frozenset():
        return "-"
    if isinstance(default, bool):
        return str(default).lower()
    return f"`{default}`" if str(default) else '`""`'


# --- metrics ---


def _metrics() -> str:
    edge = CollectorRegistry()
    for make in (
        AgentMetrics,
        ChargerMetrics,
        FileMetrics,
        LedgerMetrics,
        ModbusMetrics,
        StandbyMetrics,
        UplinkMetrics,
    ):
        make(edge)
    parts = []
    for room, place, registry in (
        ("The edge", "`http://127.0.0.1:9001/metrics`, with the local token as bearer", edge),
        ("The hub", "`/metrics`", Metrics().registry),
    ):
        rows = sorted(
            (f"`{family.name}`", family.type, family.documentation)
            for family in registry.collect()
            if family.name.startswith("ohmstead")
        )
        parts.append(f"## {room}\n\nAt {place}.\n\n" + _table(("metric", "type", "meaning"), rows))
    return "# Prometheus metrics\n\n" + "\n".join(parts)


# --- the transaction's state machine ---


_TRANSACTION = """\
# The life of a transaction

Drawn from the table in `edge/domain/transaction.py`. What is not drawn does not happen.

```mermaid
stateDiagram-v2
    [*] --> RUNNING: the station's start is journaled
%s    BILLED --> [*]: CDR and posting in the same commit
    QUARANTINED --> [*]: CDR kept for a person, not posted
```
"""


def _transaction() -> str:
    return _TRANSACTION % "".join(
        f"    {state.name} --> {following.name}: {cause}\n" for (state, cause), following in TABLE.items()
    )


# --- OCPP ---


_OCPP_HEAD = """\
# OCPP messages

Every message of the schemas of every version, and what becomes of it here. What a station sends becomes an event that
the site decides upon, or is answered at once from the clock. What a station is asked for is made from an operation:
`ohmstead-edge command`, the hub's `POST /v1/charging-stations/{id}/commands`, or a decision of the site. Any call, with
any payload, can be made by `ohmstead-edge call` and `POST /v1/charging-stations/{id}/ocpp/{Action}`. What is not here
is answered with the CALLERROR that the standard names.

Golden frames are the files of `tests/frames`; the tests are those that name the message or what it becomes.

"""


def _ocpp() -> str:
    rows = [
        (row.version, row.action, row.direction, row.how, ", ".join(row.goldens) or "-", ", ".join(row.played) or "-")
        for row in coverage()
    ]
    return _OCPP_HEAD + _table(("version", "message", "direction", "how", "golden frames", "tests"), rows)


# --- Modbus devices ---


_DEVICES_HEAD = """\
# Modbus devices

One file each under `protocols/modbus/profiles/`, made from public documents and source code that the file names.
**A profile that was tried on no hardware says so here**: read back what you write, and compare what it shows with the
device's own display before you bill by it. `ohmstead-edge profile check FILE` explains what is wrong with a profile.

"""


def _devices() -> str:
    chargers, meters = [], []
    for profile in all_profiles():
        name, tried = f"{profile.vendor} {profile.model}", profile.verified or "no hardware yet"
        wires = ", ".join(
            transport.value.replace("_", " ") for transport in profile.transports if transport is not Transport.ASCII
        )
        if profile.kind is DeviceKind.CHARGER:
            measures = "total" if profile.energy.total else "session" if profile.energy.session else "**none**"
            row = (f"`{profile.id}`", name, wires, _limit(profile), _watchdog(profile), measures)
            chargers.append((*row, _extras(profile), tried, profile.remarks))
        else:
            told = {register.measurand for register in profile.registers.values() if register.measurand is not None}
            meters.append((f"`{profile.id}`", name, wires, ", ".join(sorted(told)), tried, profile.remarks))
    head = ("profile", "charger", "wires", "limit; pause", "watchdog", "energy", "besides", "tried on", "to be known")
    return (
        _DEVICES_HEAD
        + "## Chargers\n\n"
        + _table(head, chargers)
        + "\n## Meters and inverters\n\n"
        + _table(("profile", "device", "wires", "measures", "tried on", "to be known"), meters)
    )


def _limit(profile: Profile) -> str:
    rule = profile.limit
    if rule is None:
        return "none"
    is_power = profile.registers[rule.register].unit is Unit.WATT
    thousandths, unit = (1, "W") if is_power else (1000, "A")
    pause = "switched off" if rule.pause is None else f"{rule.pause / thousandths:g} {unit}"
    most = f" to {rule.maximum / thousandths:g} {unit}" if rule.maximum is not None else f" {unit} and more"
    return f"{rule.minimum / thousandths:g}{most}; {pause}"


def _watchdog(profile: Profile) -> str:
    return profile.watchdog.kind.value.replace("_", " ") if profile.watchdog is not None else "none known"


def _extras(profile: Profile) -> str:
    has = {"cards": profile.card, "1/3 phases": profile.phase_switch, "cable lock": profile.cable_lock}
    found = [name for name, section in has.items() if section is not None]
    found += [f"{profile.evses.at_most} EVSEs"] if profile.evses.at_most > 1 else []
    return ", ".join([*found, *(f"variant {variant}" for variant in parsed(profile.id).variants)]) or "-"


def main() -> None:
    for name, made in documents().items():
        (HERE / name).write_text(made(), encoding="utf-8")
        print(f"docs/{name}")


if __name__ == "__main__":
    main()
