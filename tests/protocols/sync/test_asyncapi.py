"""docs/asyncapi.json says of the wire what the wire is.

AsyncAPI's own JSON schema is in no package that is locked here, so the document's shape is checked by hand: what
AsyncAPI 3.0.0 requires of the parts that are used.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import pytest

from docs.sync_contract import MESSAGES as KINDS
from docs.sync_contract import asyncapi, bodies
from protocols.sync import down
from protocols.sync.topics import HUB_LISTENS, EdgeAddress, Stream, parse_topic
from tests.protocols.sync.samples import ENTRIES, MESSAGES

FRAMES = Path(__file__).parents[2] / "frames" / "sync"
DOCUMENT: dict[str, Any] = json.loads(asyncapi())
SCHEMAS = DOCUMENT["components"]["schemas"]


@functools.cache
def validator(name: str) -> jsonschema_rs.Draft7Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}
    return jsonschema_rs.Draft7Validator(schema, validate_formats=True)


def golden(name: str) -> Any:
    return json.loads((FRAMES / f"{name}.json").read_text(encoding="utf-8"))


def refs(part: Any) -> list[str]:
    match part:
        case dict():
            mine = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return mine + [ref for each in part.values() for ref in refs(each)]
        case list():
            return [ref for each in part for ref in refs(each)]
        case _:
            return []


def found(ref: str) -> Any:
    part: Any = DOCUMENT
    for name in ref.removeprefix("#/").split("/"):
        part = part[name]
    return part


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_messages_are_as_it_says(name: str) -> None:
    validator(type(MESSAGES[name]).__name__).validate(golden(name))


@pytest.mark.parametrize("stream", Stream)
def test_entries_are_as_it_says(stream: Stream) -> None:
    entry = validator(f"Entry_{stream}")
    for each in ENTRIES:
        document = golden(f"entry_{each.body.kind}")
        assert entry.is_valid(document) is (each.stream is stream), each.body.kind


def test_the_batch_is_as_it_says() -> None:
    validator("Batch_event").validate(golden("batch"))
    assert not validator("Batch_event").is_valid({**golden("batch"), "entries": []})
    assert not validator("Batch_money").is_valid(golden("batch"))


def test_what_is_missing_or_of_another_version_is_not_as_it_says() -> None:
    ack = golden("ack")
    assert validator("Ack").is_valid({**ack, "said_by_a_later_version": 1})
    assert not validator("Ack").is_valid({**ack, "v": 2})
    assert not validator("Ack").is_valid({**ack, "seq": "12"})
    assert not validator("Ack").is_valid({name: each for name, each in ack.items() if name != "epoch"})


def test_each_schema_is_one_and_each_reference_leads_somewhere() -> None:
    jsonschema_rs.meta.validate({"$schema": "http://json-schema.org/draft-07/schema#", "definitions": SCHEMAS})
    for word in ("prefixItems", "$defs", "mapping"):  # of later drafts and of OpenAPI
        assert f'"{word}":' not in json.dumps(SCHEMAS)
    for ref in refs(DOCUMENT):
        assert found(ref) is not None


def test_its_shape_is_that_of_asyncapi_3() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    for name, channel in DOCUMENT["channels"].items():
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel["parameters"]), name
        assert all(ref.startswith("#/components/messages/") for ref in refs(channel["messages"]))
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in ("send", "receive")
        channel = found(operation["channel"]["$ref"])
        assert {ref.rsplit("/", 1)[1] for ref in refs(operation["messages"])} == set(channel["messages"])
    for message in DOCUMENT["components"]["messages"].values():
        assert found(message["payload"]["$ref"])
    spoken_of = {operation["channel"]["$ref"] for operation in DOCUMENT["operations"].values()}
    assert spoken_of == {f"#/channels/{name}" for name in DOCUMENT["channels"]}


def test_every_topic_is_in_it_and_who_listens_hears_it() -> None:
    place = EdgeAddress(0, "edge-7")

    def is_heard(topic: str, patterns: list[str]) -> bool:
        return any(re.fullmatch(each.replace("+", "[^/]+"), topic) for each in patterns)

    listeners = {"send": [topic for topic, _ in HUB_LISTENS], "receive": list(place.edge_listens)}
    said = set()
    for operation in DOCUMENT["operations"].values():
        address = found(operation["channel"]["$ref"])["address"]
        topic = re.sub(r"{command_id}", "c-1", address.format(domain="00", edge_id="edge-7", command_id="c-1"))
        assert is_heard(topic, listeners[operation["action"]]), topic
        said.add(parse_topic(topic).branch)
        qos = operation["bindings"]["mqtt"]["qos"]
        if operation["action"] == "send":
            assert qos == next(qos for pattern, qos in HUB_LISTENS if is_heard(topic, [pattern]))
    assert said == {"birth", "state", "live", "up", "ack", "down"}


def test_every_message_has_a_golden_file() -> None:
    assert {type(each) for each in MESSAGES.values()} == set(KINDS)
    ordered = {type(each.body) for each in MESSAGES.values() if isinstance(each, down.Command)}
    assert ordered == set(get_args(get_args(down.CommandBody)[0]))
    said = {type(each.body) for each in ENTRIES}
    assert said == {body for of_stream in bodies().values() for body in of_stream}
    there = {path.stem for path in FRAMES.glob("*.json")}
    assert there == {*MESSAGES, *(f"entry_{entry.body.kind}" for entry in ENTRIES), "batch"}


def test_each_desired_document_is_known_by_its_name() -> None:
    for name, kind in down.DOCUMENTS.items():
        assert kind.__dataclass_fields__["document"].default == name
