"""Old and new versions together: tests/frames/sync_1_0 is the contract 1.0 as it was, and is never written again.

What version 1.0 wrote is read by today's readers. What today's writers say is read by those of 1.0, who know only what
its document names: a field may be added, never be taken away or mean something else.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from protocols.errors import BadEntry
from protocols.sync import codec
from protocols.sync.topics import Stream
from tests.protocols.sync.sample_things import EPOCH
from tests.protocols.sync.samples import ENTRIES, MESSAGES

OLD = Path(__file__).parents[2] / "frames" / "sync_1_0"
SCHEMAS: dict[str, Any] = json.loads((OLD / "asyncapi.json").read_text(encoding="utf-8"))["components"]["schemas"]
OLD_KINDS = {
    schema["properties"]["kind"]["const"]: name
    for name, schema in SCHEMAS.items()
    if "kind" in schema.get("properties", {}) and "const" in schema["properties"]["kind"]
}
"""The others are kept by a hub of 1.0 as dead letters, see below; new messages go to nobody who would not know them."""


@functools.cache
def old_reader(name: str) -> jsonschema_rs.Draft7Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}
    return jsonschema_rs.Draft7Validator(schema)


def as_if_newer(document: Any) -> Any:
    """The same with fields that nobody knows yet, at every depth where an object of the contract may have them."""
    return {**document, "said_by_a_later_version": {"v": [1]}} if isinstance(document, dict) else document


def without_news(written: Any, said: Any) -> Any:
    """What is written without the fields of objects in it that came later."""
    if isinstance(written, dict) and isinstance(said, dict):
        return {name: without_news(value, said[name]) for name, value in written.items() if name in said}
    if isinstance(written, list) and isinstance(said, list) and len(written) == len(said):
        return [without_news(*pair) for pair in zip(written, said, strict=True)]
    return written


@pytest.mark.parametrize("path", sorted(OLD.glob("entry_*.json")), ids=lambda path: path.stem)
def test_entries_of_before_are_read_and_nothing_is_lost(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    said, written = json.loads(text), json.loads(codec.encode_entry(codec.decode_entry(text)))
    for name, value in said["body"].items():
        assert without_news(written["body"][name], value) == value, name
    assert {**written, "body": None} == {**said, "body": None}


@pytest.mark.parametrize("path", [each for each in sorted(OLD.glob("*.json")) if each.stem in MESSAGES])
def test_messages_of_before_are_read_and_nothing_is_lost(path: Path) -> None:
    said = json.loads(path.read_text(encoding="utf-8"))
    message = codec.decode(type(MESSAGES[path.stem]), path.read_bytes())
    written = json.loads(codec._decompress(codec.encode(message)))
    assert {name: written[name] for name in said} == said


def test_the_batch_of_before_is_read() -> None:
    batch = codec.decode_batch((OLD / "batch.json").read_bytes())
    assert not batch.dead
    assert batch.entries


def test_entries_of_today_are_read_by_those_who_know_only_what_was() -> None:
    for entry in ENTRIES:
        if entry.body.kind in OLD_KINDS:
            old_reader(f"Entry_{entry.stream}").validate(json.loads(codec.encode_entry(entry)))


def test_messages_of_today_are_read_by_those_who_know_only_what_was() -> None:
    for message in MESSAGES.values():
        if type(message).__name__ in SCHEMAS:
            said = json.loads(codec._decompress(codec.encode(message)))
            old_reader(type(message).__name__).validate(said)


def test_nothing_of_before_has_gone() -> None:
    assert OLD_KINDS.keys() <= {entry.body.kind for entry in ENTRIES}
    assert {path.stem for path in OLD.glob("*.json")} - {"asyncapi"} <= {
        *MESSAGES,
        *(f"entry_{entry.body.kind}" for entry in ENTRIES),
        "batch",
    }


def test_fields_that_are_not_known_yet_are_left_out() -> None:
    for entry in ENTRIES:
        said = json.loads(codec.encode_entry(entry))
        later = as_if_newer({**said, "body": as_if_newer(said["body"])})
        assert codec.decode_entry(json.dumps(later)) == entry
    for message in MESSAGES.values():
        said = json.loads(codec._decompress(codec.encode(message)))
        assert codec.decode(type(message), json.dumps(as_if_newer(said)).encode()) == message


def test_a_body_that_is_not_known_yet_is_kept_as_it_came_and_its_neighbours_are_read() -> None:
    money = [entry for entry in ENTRIES if entry.stream is Stream.MONEY][:1]
    later = {"stream": "money", "seq": money[0].seq + 1, "at": "2027-01-01T00:00:00Z"}
    later["body"] = {"kind": "gift_card_sold", "amount": "20.00", "cards": [{"number": "1"}]}
    encoded = [codec.encode_entry(money[0]), json.dumps(later).encode()]
    batch = codec.decode_batch(codec.encode_batch(EPOCH, Stream.MONEY, money[0].seq, encoded))
    assert batch.entries == tuple(money)
    (letter,) = batch.dead
    assert json.loads(letter.raw) == later
    assert "gift_card_sold" in letter.reason


@pytest.mark.parametrize(("version", "advice"), [(0, "update whoever sent it"), (2, "update this side")])
def test_another_schema_version_is_refused_and_it_says_what_to_do(version: int, advice: str) -> None:
    for message in MESSAGES.values():
        said = json.loads(codec._decompress(codec.encode(message)))
        with pytest.raises(BadEntry, match=advice):
            codec.decode(type(message), json.dumps({**said, "v": version}).encode())
    batch = json.loads((OLD / "batch.json").read_text(encoding="utf-8"))
    with pytest.raises(BadEntry, match=advice):
        codec.decode_batch(json.dumps({**batch, "v": version}).encode())
