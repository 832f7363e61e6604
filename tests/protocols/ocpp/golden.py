"""The golden frames of tests/frames: what a station sends, what the site is told, what it says, what goes back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import orjson
from pydantic import TypeAdapter

from protocols.charger import commands
from protocols.charger.commands import AnyOperation, Operation, Reply
from protocols.ocpp.version import Version

_FRAMES = Path(__file__).parents[2] / "frames"
_OPERATION: TypeAdapter[Operation] = TypeAdapter(AnyOperation)
_FOLDERS = {Version.V16: "ocpp16", Version.V201: "ocpp201", Version.V21: "ocpp21"}


@dataclass(frozen=True)
class Golden:
    """One file. Requests have `in` (or `in_text`) and `out`; operations have `operation`, the `calls` that they
    become, and `answers`: the payloads of the station's answers to them and what is read from those. `unsayable` are
    operations that the version has no words for, each with the `problem` that it is refused with."""

    version: Version
    name: str
    document: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.version}-{self.name}"

    @property
    def raw(self) -> bytes:
        """The bytes that the station sends."""
        text = self.document.get("in_text")
        return orjson.dumps(self.document["in"]) if text is None else str(text).encode()

    @property
    def raw_answer(self) -> bytes:
        """The bytes that it must get back, key order and all."""
        return orjson.dumps(self.document["out"])


def goldens(having: str) -> list[Golden]:
    """All golden files that have a certain field."""
    found = [
        Golden(version, path.stem, json.loads(path.read_text()))
        for version, folder in _FOLDERS.items()
        for path in sorted((_FRAMES / folder).glob("*.json"))
    ]
    return [golden for golden in found if having in golden.document]


def read_reply(document: dict[str, Any]) -> Reply:
    """A Reply, named by its `type`."""
    fields = {name: value for name, value in document.items() if name != "type"}
    reply: Reply = TypeAdapter(getattr(commands, document["type"])).validate_python(fields)
    return reply


def read_operation(document: dict[str, Any]) -> Operation:
    """An Operation as it stands on a wire."""
    return _OPERATION.validate_python(document)


def write_event(event: msgspec.Struct) -> dict[str, Any]:
    """An event as the golden files show it: its type, and the fields that are not at their defaults. A field that is
    itself called type is shown as its_type."""
    shown = _fields(event)
    its_type = {"its_type": shown.pop("type")} if "type" in shown else {}
    return {"type": type(event).__name__, **shown, **its_type}


def _fields(struct: msgspec.Struct) -> dict[str, Any]:
    given = ((field.name, getattr(struct, field.name), field.default) for field in msgspec.structs.fields(struct))
    return {name: _shown(value) for name, value, default in given if value != default}


def _shown(value: Any) -> Any:
    match value:
        case msgspec.Struct():
            return _fields(value)
        case tuple():
            return [_shown(item) for item in value]
        case _:
            return msgspec.to_builtins(value)
