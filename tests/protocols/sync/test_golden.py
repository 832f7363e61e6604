"""The wire as it stands: a golden file per message. A change here is a change of the contract.

After a wanted change run the tests once with WRITE_GOLDEN=1 and read the difference before committing it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, get_args

import pytest

from protocols.sync import codec, up
from protocols.sync.topics import Stream
from tests.protocols.sync.sample_things import EPOCH
from tests.protocols.sync.samples import ENTRIES, MESSAGES

FRAMES = Path(__file__).parents[2] / "frames" / "sync"
BY_KIND = {entry.body.kind: entry for entry in ENTRIES}


def golden(name: str, encoded: bytes) -> bytes:
    """The golden file's document, as compact as the wire has it."""
    path = FRAMES / f"{name}.json"
    if os.environ.get("WRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(json.loads(encoded), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    document = json.loads(path.read_text(encoding="utf-8"))
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize("kind", sorted(BY_KIND))
def test_entries(kind: str) -> None:
    encoded = codec.encode_entry(BY_KIND[kind])
    assert golden(f"entry_{kind}", encoded) == encoded
    assert codec.decode_entry(golden(f"entry_{kind}", encoded)) == BY_KIND[kind]


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_messages(name: str) -> None:
    message: Any = MESSAGES[name]
    encoded = codec._decompress(codec.encode(message))
    assert golden(name, encoded) == encoded
    assert codec.decode(type(message), golden(name, encoded)) == message


def test_batch() -> None:
    entries = [entry for entry in ENTRIES if entry.stream is Stream.EVENT][4:6]
    encoded = codec.encode_batch(EPOCH, Stream.EVENT, 5, [codec.encode_entry(entry) for entry in entries])
    assert json.loads(golden("batch", encoded)) == json.loads(encoded)
    assert codec.decode_batch(golden("batch", encoded)).entries == tuple(entries)


def test_no_kind_of_entry_is_left_out() -> None:
    bodies = {*get_args(up.MoneyBody), *get_args(up.EventBody), *get_args(up.TelemetryBody)}
    assert {type(entry.body) for entry in ENTRIES} == bodies
    assert len(BY_KIND) == len(bodies)
    for entry in ENTRIES:
        assert up.stream_of(entry.body) is entry.stream
