"""Payloads made from the schemas that ship in `ocpp`: valid, and mostly about things that the site knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

import orjson

from protocols.ocpp.quirks import catalogue
from protocols.ocpp.quirks.model import Sign
from protocols.ocpp.version import Version

Schema = dict[str, Any]

TOKENS = ("GOOD", "OTHER", "BLOCKED", "OLD", "FLEET1", "FLEET2", "NOBODY", "good", "")
TEXTS = ("", "a", "CS", "Ünïcode 充电", "x" * 19, "1.0.2", "https://example.org/file", "-1", "0", "12.5", "1e3", "NaN")
NUMBERS = (0, 1, 2, 3, 5, 10, 60, 100, 1000, 32_767, 2**31 - 1, -1)
METER = ("0", "1000", "1000.5", "12.345", "-5", "1e6", "99999999")


@dataclass
class Lore:
    """What a station knows: the ids that it was given. `now` is the site's time."""

    now: datetime
    transaction_ids: list[Any] = field(default_factory=lambda: ["T1", "T2"])
    request_ids: list[int] = field(default_factory=lambda: [1])

    def learn(self, answer: Any) -> None:
        """Remember the ids in an answer or in a call of the site."""
        if isinstance(answer, dict):
            for key, value in answer.items():
                if key == "transactionId":
                    self.transaction_ids = [*self.transaction_ids[-5:], value]
                elif key in ("requestId", "remoteStartId", "reservationId") and isinstance(value, int):
                    self.request_ids = [*self.request_ids[-5:], value]
                else:
                    self.learn(value)
        elif isinstance(answer, list):
            for item in answer:
                self.learn(item)


@cache
def schema_of(version: Version, action: str, *, is_response: bool = False) -> Schema:
    folder = "v16" if version is Version.V16 else f"v{version.value.replace('.', '')}"
    suffix = "Response" if is_response else "" if version is Version.V16 else "Request"
    text = files("ocpp").joinpath(folder, "schemas", f"{action}{suffix}.json").read_text("utf-8-sig")
    schema: Schema = orjson.loads(text)
    return schema


@cache
def makers() -> tuple[Sign, ...]:
    """Vendors and models that are treated in their own way."""
    return tuple(sign for quirks in catalogue.all_quirks() for sign in quirks.signs)


class PayloadMaker:
    """One schema's payloads. `random` decides everything."""

    def __init__(self, random: Random, lore: Lore, schema: Schema) -> None:
        self._random = random
        self._lore = lore
        self._schema = schema
        self._makers: dict[str, Callable[[Schema, str, int], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": lambda schema, name, _depth: self._text(schema, name),
            "integer": lambda schema, name, _depth: self._number(schema, name),
            "number": lambda schema, name, _depth: self._real(schema, name),
            "boolean": lambda *_: self._random.random() < 0.5,
        }

    def payload(self) -> Any:
        return self._made(self._schema, "", 0)

    def _made(self, schema: Schema, name: str, depth: int) -> Any:
        if "$ref" in schema:
            schema = self._schema["definitions"][schema["$ref"].removeprefix("#/definitions/")]
        if "enum" in schema:
            return self._random.choice(schema["enum"])
        maker = self._makers.get(schema.get("type", ""))
        return self._random.choice(TEXTS) if maker is None else maker(schema, name, depth)

    def _object(self, schema: Schema, _name: str, depth: int) -> Any:
        required = schema.get("required", ())
        optional = 0.5 / (depth + 1)
        return {
            key: self._made(inner, key, depth + 1)
            for key, inner in schema.get("properties", {}).items()
            if key in required or (key != "customData" and self._random.random() < optional)
        }

    def _array(self, schema: Schema, name: str, depth: int) -> Any:
        least = schema.get("minItems", 0)
        most = min(schema.get("maxItems", 3), least + 2)
        return [self._made(schema["items"], name, depth + 1) for _ in range(self._random.randint(least, most))]

    def _text(self, schema: Schema, name: str) -> str:
        random = self._random
        if name in ("idTag", "parentIdTag", "idToken"):
            text: str = random.choice(TOKENS)
        elif name == "transactionId":
            text = str(random.choice(self._lore.transaction_ids))
        elif schema.get("format") == "date-time" or name.lower().endswith(("timestamp", "datetime")):
            return self._stamp()
        elif name in ("chargePointVendor", "vendorName"):
            text = random.choice(makers()).vendor.replace("*", "")
        elif name in ("chargePointModel", "model"):
            text = random.choice(makers()).model.replace("*", " ")
        elif name == "value":
            text = random.choice(METER)
        else:
            text = random.choice(TEXTS)
        return text[: schema.get("maxLength", 1000)]

    def _stamp(self) -> str:
        seconds = self._random.choice((0, 0, -1, -5, -60, -3600, -86_400, 1, 120, 90_000))
        return (self._lore.now + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")

    def _number(self, schema: Schema, name: str) -> int:
        random = self._random
        if name == "transactionId":
            numbers = [number for number in self._lore.transaction_ids if isinstance(number, int)]
            return random.choice(numbers or [0])
        if name in ("connectorId", "id", "evseId"):
            return random.choice((0, 1, 1, 1, 2, 2, 3))
        if name in ("requestId", "remoteStartId", "reservationId"):
            return random.choice(self._lore.request_ids)
        least, most = schema.get("minimum", -1), schema.get("maximum", 2**31)
        return min(max(random.choice(NUMBERS), int(least)), int(most))

    def _real(self, schema: Schema, _name: str) -> float:
        number = self._random.choice((*NUMBERS, 0.1, 11.5, 1234.5))
        return min(max(number, schema.get("minimum", -1e9)), schema.get("maximum", 1e9))
