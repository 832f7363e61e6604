"""Frames: what is no frame is refused cheaply and with the version's code; what is one comes through whole."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import BadFrame
from protocols.ocpp.frame import (
    MAX_DEPTH,
    MAX_FRAME_BYTES,
    Call,
    CallError,
    CallResult,
    Frame,
    encode,
    encode_call,
    parse,
)
from protocols.ocpp.schema import decode
from protocols.ocpp.version import Version

versions = st.sampled_from(Version)
message_ids = st.text(min_size=1, max_size=36)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
payloads = st.dictionaries(st.text(), values, max_size=5)


def read(raw: bytes, version: Version) -> Frame | BadFrame:
    """The frame, or why it is none; nothing else may happen."""
    try:
        return parse(raw, version)
    except BadFrame as bad:
        return bad


@given(st.binary(max_size=300), versions)
def test_no_bytes_do_more_than_be_refused(raw: bytes, version: Version) -> None:
    frame = read(raw, version)
    assert frame.message_id == "-1" or not isinstance(frame, BadFrame)


@given(st.lists(st.sampled_from([2, 3, 4, 5, "id"]) | values, max_size=6), versions)
def test_no_array_does_more_than_be_refused(items: list[Any], version: Version) -> None:
    frame = read(orjson.dumps(items), version)
    assert 1 <= len(frame.message_id) <= 36
    if isinstance(frame, BadFrame):
        assert items[:1] not in ([3], [4])  # nobody may answer an answer


@given(message_ids, st.text(), payloads, versions)
def test_what_is_written_is_read(message_id: str, text: str, payload: dict[str, Any], version: Version) -> None:
    for frame in (CallResult(message_id, payload), CallError(message_id, text, text[:255], payload)):
        assert parse(encode(frame), version) == frame
    call = parse(encode_call(message_id, text, payload), version)
    assert isinstance(call, Call)
    assert (call.message_id, call.action, orjson.loads(bytes(call.payload))) == (message_id, text, payload)


@pytest.mark.parametrize("version", Version)
def test_depth_is_bounded_and_brackets_in_texts_do_not_count(version: Version) -> None:
    def nested(levels: int) -> bytes:
        return b'[2,"1","DataTransfer",' + b'{"a":' * levels + b"1" + b"}" * levels + b"]"

    assert parse(nested(MAX_DEPTH - 1), version)
    with pytest.raises(BadFrame, match="nest"):
        parse(nested(MAX_DEPTH), version)
    with pytest.raises(BadFrame, match="nest"):
        parse(b"[" * 10_000 + b"]" * 10_000, version)
    text = orjson.dumps([2, "1", "DataTransfer", {"vendorId": "[{" * 100 + '\\"[['}])
    assert parse(text, version)
    wide = orjson.dumps([2, "1", "DataTransfer", {"data": [{}] * 1000}])
    assert parse(wide, version)


bracketed = st.text('[]{}"\\\\,:', max_size=8)
nests = st.recursive(
    bracketed | st.none(), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(bracketed, inner, max_size=4)
)


def depth(node: Any) -> int:
    if not isinstance(node, dict | list):
        return 0
    return 1 + max((depth(child) for child in (node.values() if isinstance(node, dict) else node)), default=0)


@settings(max_examples=150)
@given(nests, st.integers(MAX_DEPTH - 6, MAX_DEPTH), st.lists(st.booleans(), min_size=MAX_DEPTH), st.booleans())
def test_depth_is_counted_exactly(node: Any, levels: int, are_lists: list[bool], is_wide: bool) -> None:
    for is_list in are_lists[:levels]:
        node = [node] if is_list else {"a": node}
    frame = [2, "1", "DataTransfer", {"data": node, "wide": [[]] * 40 if is_wide else None}]
    bad = read(orjson.dumps(frame), Version.V201)
    assert isinstance(bad, BadFrame) == (depth(frame) > MAX_DEPTH)


calls = st.tuples(
    st.sampled_from([2, 2.0, True, "2", 3, -(2**63), 2**64 - 1]),
    message_ids | values,
    st.text() | values,
    payloads | values,
)


@settings(max_examples=250)
@given(calls.map(list) | st.lists(values, max_size=6), st.binary(max_size=3), st.integers(0, 400), versions)
def test_a_call_is_what_a_plain_reader_makes_of_it(items: list[Any], noise: bytes, at: int, version: Version) -> None:
    """Also with some bytes of it overwritten: nothing gets through that JSON does not allow."""
    raw = orjson.dumps(items)
    if at < len(raw):
        raw = raw[:at] + noise + raw[at + len(noise) :]
    frame = read(raw, version)
    try:
        plain = orjson.loads(raw)
    except orjson.JSONDecodeError:
        assert isinstance(frame, BadFrame) or is_left_to_decode(raw)
        return
    match plain:
        case [kind, str() as message_id, str() as action, dict() as payload] if kind == 2 and 0 < len(message_id) <= 36:
            assert isinstance(frame, Call)
            assert (frame.message_id, frame.action) == (message_id, action)
            assert orjson.loads(memoryview(frame.payload)) == payload
        case _:
            assert not isinstance(frame, Call)


def is_left_to_decode(raw: bytes) -> bool:
    """A number beyond all floats, in a payload: proper JSON, which `schema.decode` refuses when it gets there."""
    return "inf" in repr(json.loads(raw, parse_int=float))


def test_size_is_bounded() -> None:
    with pytest.raises(BadFrame, match="bytes"):
        parse(b'"' + b"a" * MAX_FRAME_BYTES + b'"', Version.V16)


@pytest.mark.parametrize("text", ["[NaN]", "[1e400]", '["\\ud800"]', "[2,]", "\ufeff[]", "", "[", '"', "null", "[]"])
def test_what_json_does_not_allow_is_no_frame(text: str) -> None:
    with pytest.raises(BadFrame):
        parse(text.encode(), Version.V201)


def test_the_last_of_duplicate_keys_wins() -> None:
    frame = parse(b'[2,"1","Authorize",{"idTag":"A","idTag":"B"}]', Version.V16)
    assert isinstance(frame, Call)
    assert decode(Version.V16, "Authorize", frame.payload).idTag == "B"


@pytest.mark.parametrize("raw", [b"[3]", b'[3,"7"]', b'[3,"7",1]', b'[4,"7"]', b'[4,"7",3,"x",{}]', b"[4,null,[]]"])
def test_an_answer_without_sense_is_an_error_to_whom_it_names_and_never_answered(raw: bytes) -> None:
    frame = parse(raw, Version.V16)
    assert isinstance(frame, CallError)
    assert frame.code == "FormationViolation"
    assert frame.message_id in ("7", "-1")


def test_a_short_callerror_is_read() -> None:
    assert parse(b'[4,"7","GenericError"]', Version.V16) == CallError("7", "GenericError")


def test_a_long_description_is_cut_to_the_standards_255() -> None:
    assert len(orjson.loads(encode(CallError("1", "InternalError", "x" * 300)))[3]) == 255
