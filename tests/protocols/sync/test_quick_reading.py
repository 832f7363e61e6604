"""What is read quickly is read as it would have been the usual way, whatever was done to it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols.errors import BadEntry
from protocols.sync import codec, quick_reading
from protocols.sync.codec import Batch, DeadLetter
from protocols.sync.quick_reading import QUICK
from protocols.sync.topics import Stream
from protocols.sync.up import Entry
from tests.protocols.sync.sample_things import EPOCH
from tests.protocols.sync.samples import ENTRIES

HOT = [entry for entry in ENTRIES if isinstance(entry.body, QUICK)]
ZONES = st.just(UTC) | st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
st.register_type_strategy(datetime, st.datetimes(timezones=ZONES))
st.register_type_strategy(Decimal, st.decimals(allow_nan=False, allow_infinity=False))
STREAMS = {stream: [entry for entry in HOT if entry.stream is stream] for stream in Stream}
SCRAPS = (
    "", " ", "0", "-1", "1.0", "1e400", "NaN", "-Infinity", "inf", "null", "true", "[]", "{}", '"', '"x"', "\\u0000",
    "\\ud800", "\\u00e9", "é", "\0", ",", ":", "}", "}}", '"kind":"cdr_issued"', '"body":{}', '"mood":1,',
    "2026-03-02T08:00:00", "+02:00", ".1234567Z", "1e2", "  ",
)  # fmt: skip


def payload_of(entries: list[Entry]) -> bytes:
    encoded = [codec.encode_entry(entry) for entry in entries]
    head = json.dumps({"v": 1, "epoch": EPOCH, "stream": entries[0].stream, "first_seq": entries[0].seq})
    return head[:-1].encode() + b', "entries": [' + b",".join(encoded) + b"]}"


def the_usual_way(document: bytes) -> Batch | str:
    try:
        return codec._read_batch(document)
    except BadEntry as error:
        return error.reason


def as_it_is(document: bytes) -> Batch | str:
    try:
        return codec.decode_batch(document)
    except BadEntry as error:
        return error.reason


def test_every_kind_that_comes_often_is_among_the_samples() -> None:
    assert {type(entry.body) for entry in HOT} == set(QUICK)


@pytest.mark.parametrize("entry", HOT, ids=lambda entry: str(entry.body.kind))
def test_what_an_edge_writes_is_read_quickly(entry: Entry) -> None:
    encoded = codec.encode_entry(entry)
    assert quick_reading.read_entry(encoded) == codec.decode_entry(encoded) == entry


def entry_of(kind: type[Any]) -> st.SearchStrategy[Entry]:
    stream = next(entry.stream for entry in HOT if isinstance(entry.body, kind))
    return st.builds(Entry, stream=st.just(stream), seq=st.just(7), body=st.from_type(kind))


@pytest.mark.parametrize("kind", QUICK, ids=lambda kind: kind.__name__)
def test_any_entry_of_its_kind_is_read_as_the_usual_way_reads_it(kind: type[Any]) -> None:
    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(entry_of(kind))
    def check(entry: Entry) -> None:
        document = payload_of([entry])
        assert as_it_is(document) == the_usual_way(document)

    check()


@settings(max_examples=300)
@given(st.sampled_from(HOT), st.data())
def test_what_was_tampered_with_is_read_or_refused_as_the_usual_way_does(entry: Entry, data: st.DataObject) -> None:
    document = payload_of([entry]).decode()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(document)))
        until = min(len(document), at + data.draw(st.integers(0, 12)))
        document = document[:at] + data.draw(st.sampled_from(SCRAPS)) + document[until:]
    encoded = document.encode()
    assert as_it_is(encoded) == the_usual_way(encoded)


@settings(max_examples=200)
@given(st.sampled_from(HOT), st.data())
def test_bytes_that_are_no_text_are_refused_by_both(entry: Entry, data: st.DataObject) -> None:
    document = bytearray(payload_of([entry]))
    document[data.draw(st.integers(0, len(document) - 1))] = data.draw(st.integers(0, 255))
    assert as_it_is(bytes(document)) == the_usual_way(bytes(document))


def fields(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for name, inner in items:
        found += fields(inner, (*path, name))
    return found


VALUES = st.sampled_from(
    [None, True, 0, -1, 1.0, 0.1, 10**30, "", "x", "1", "NaN", "-inf", "2026-03-02T08:00:00Z", [], {}, [1]]
)


@settings(max_examples=300)
@given(st.sampled_from(HOT), VALUES, st.data())
def test_another_value_in_any_field_is_read_or_refused_alike(entry: Entry, value: Any, data: st.DataObject) -> None:
    told = json.loads(payload_of([entry]))
    path = data.draw(st.sampled_from(fields(told)))
    inner = told
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    document = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    assert as_it_is(document) == the_usual_way(document)


def test_one_unusual_entry_leaves_its_neighbours_as_they_are() -> None:
    entry = STREAMS[Stream.EVENT][0]
    encoded = codec.encode_entry(entry)
    first, second = (encoded.replace(b'"seq":%d' % entry.seq, b'"seq":%d' % seq) for seq in (1, 3))
    batch = codec.decode_batch(
        codec.encode_batch(EPOCH, Stream.EVENT, 1, [first, b'{"seq": 2, "name": "NaN"}', second])
    )
    assert [each.seq for each in batch.entries] == [1, 3]
    assert batch.dead == (DeadLetter(seq=2, reason=batch.dead[0].reason, raw='{"seq":2,"name":"NaN"}'),)
    assert [batch.raw[1].encode(), batch.raw[3].encode()] == [first, second]
