"""Frames: what is no frame is refused cheaply and with the version's code; what is one comes through whole."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
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
