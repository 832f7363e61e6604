"""The Structs against the schemas that they are made from: over every message of 1.6, 2.0.1 and 2.1, mutated."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from importlib.resources import files
from random import Random
from typing import Any

import jsonschema_rs
import msgspec
import orjson
import pytest

from protocols.ocpp import structs

MUTANTS_PER_MESSAGE = 60
FOLDERS = ("v16", "v201", "v21")
ASTRAL = "𝄞"
"""One code point, two UTF-16 units, four bytes: lengths are counted in the first."""
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 1.0, 1.5, -0.0, 16.05, 16.5, 1e308, 2**53, 2**63 - 1, 2**63, -(2**63), 2**64 - 1,
    "", "x", "1", "Accepted", "accepted", "\u0000", ASTRAL, "2026-03-02T06:00:00Z",
    [], {}, [{}], [1], {"vendorId": "v", "x": 1e300},
)  # fmt: skip


def messages(folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(files(f"ocpp.{folder}").joinpath("schemas").iterdir(), key=lambda file: file.name):
        yield file.name, orjson.loads(file.read_text("utf-8-sig"))


class Author:
    """Writes payloads of a schema that are mostly valid, and spoils them."""

    def __init__(self, document: dict[str, Any], seed: str) -> None:
        self.root = document
        self.dice = Random(seed)

    def payload(self) -> Any:
        return self._value(self.root)

    def spoiled(self, payload: Any) -> Any:
        """One or two things changed: a value, a key that is gone or too much, an array that is empty or too long."""
        payload = copy.deepcopy(payload)
        for _ in range(self.dice.randint(1, 2)):
            containers = list(_containers(payload))
            if not containers:
                return self._odd()
            container = self.dice.choice(containers)
            keys = list(container) if isinstance(container, dict) else list(range(len(container)))
            match self.dice.randint(0, 5):
                case 0 if isinstance(container, dict):
                    container[self.dice.choice(["zzz", "customData", "vendorid"])] = self._odd()
                case 1 if keys:
                    del container[self.dice.choice(keys)]
                case 2 if isinstance(container, list) and container:
                    container.extend(container[:1] * self.dice.choice([1, 4, 1100]))
                case 3 if keys and isinstance(container[key := self.dice.choice(keys)], str):
                    container[key] = ASTRAL * self.dice.choice([1, 8, 20, 36, 37, 50, 51, 255, 256, 2500, 2501])
                case _ if keys:
                    container[self.dice.choice(keys)] = self._odd()
        return payload

    def _odd(self) -> Any:
        return copy.deepcopy(self.dice.choice(ODD_VALUES))

    def _value(self, node: dict[str, Any]) -> Any:
        if "$ref" in node:
            return self._value(self.root["definitions"][node["$ref"].removeprefix("#/definitions/")])
        match node.get("type"):
            case "object":
                required = node.get("required", ())
                properties = node.get("properties", {}).items()
                return {n: self._value(inner) for n, inner in properties if n in required or self.dice.random() < 0.4}
            case "array":
                return [self._value(node["items"]) for _ in range(self.dice.randint(node.get("minItems", 0), 3))]
            case "string" if "enum" in node:
                return self.dice.choice(node["enum"])
            case "string":
                return ASTRAL * self.dice.choice([0, 1, min(node.get("maxLength", 9), 300), node.get("maxLength", 9)])
            case "integer":
                return self.dice.choice([0, 1, 7, 50, -1, -20, 2**31])
            case "number":
                return self.dice.choice([0, 1, 16, 0.1, 16.5, 50.25, 100, 100.5, -1, -0.5])
            case "boolean":
                return self.dice.random() < 0.5
            case _:
                return self._odd()


def _containers(node: Any) -> Iterator[Any]:
    if isinstance(node, dict | list):
        yield node
        for child in node.values() if isinstance(node, dict) else node:
            yield from _containers(child)


def has_odd_number(node: Any) -> bool:
    """Floats, and integers that one of the JSON readers makes a float of: for those the schema is asked."""
    if isinstance(node, dict | list):
        return any(has_odd_number(child) for child in (node.values() if isinstance(node, dict) else node))
    return isinstance(node, float) or (type(node) is int and not -(2**63) <= node < 2**63)


@pytest.mark.parametrize("folder", FOLDERS)
def test_struct_and_schema_agree_about_every_message(folder: str) -> None:
    seen = accepted = left_to_the_schema = 0
    for name, document in messages(folder):
        author = Author(document, name)
        kind = structs.make(document)
        decoder = msgspec.json.Decoder(kind)
        validator = jsonschema_rs.validator_for(document, validate_formats=False)
        for number in range(MUTANTS_PER_MESSAGE):
            payload = author.payload()
            if number % 4:
                payload = author.spoiled(payload)
            raw = orjson.dumps(payload)
            is_valid = validator.is_valid(payload)
            try:
                decoded = decoder.decode(raw)
            except ValueError:
                assert not is_valid or has_odd_number(payload), (name, raw[:2000])
                left_to_the_schema += is_valid
            else:
                assert is_valid, (name, raw[:2000])
                assert decoded == structs.build(kind, payload), (name, raw[:2000])
            seen += 1
            accepted += is_valid
    print(f"{folder}: {seen} payloads, {accepted} valid, {left_to_the_schema} of these by the schema's word alone")
    assert seen // 5 < accepted < seen * 4 // 5  # both kinds are really there
    assert left_to_the_schema < accepted // 10


def test_a_schema_that_says_more_than_is_understood_makes_no_struct() -> None:
    """A newer schema must not be checked by halves."""
    for node in ({"type": "string", "pattern": "a"}, {"type": "null"}, {"oneOf": []}):
        with pytest.raises(ValueError, match="not understood"):
            structs.make({"type": "object", "properties": {"field": node}})


def test_what_was_left_out_is_unset() -> None:
    kind = structs.make({"type": "object", "properties": {"some": {"type": "string"}, "none": {"type": "string"}}})
    decoded = msgspec.json.decode(b'{"some":""}', type=kind)
    assert (decoded.some, decoded.none) == ("", msgspec.UNSET)
