"""A request that is read in one step is what the two steps make of it; whatever is not in order is left to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import BadFrame, BadPayload
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.frame import MAX_DEPTH, MAX_FRAME_BYTES, Call, parse
from protocols.ocpp.proper_call import _KEEPS_ANYTHING, proper_call
from protocols.ocpp.schema import decode, known_actions, struct_of
from protocols.ocpp.version import Version

METER_VALUES = (
    b'[2,"m1","MeterValues",{"connectorId":1,"transactionId":7,"meterValue":[{"timestamp":"2026-03-02T06:00:00Z",'
    b'"sampledValue":[{"value":"230.10","unit":"V","measurand":"Voltage"}]}]}]'
)
AUTHORIZE = b'[2,"m2","Authorize",{"idTag":"A"}]'
GOLDEN = Path(__file__).parent / "golden"


def by_two_steps(raw: bytes, version: Version) -> tuple[str, str, Any] | None:
    try:
        call = parse(raw, version)
        if not isinstance(call, Call) or call.action not in known_actions(version):
            return None
        return call.message_id, call.action, decode(version, call.action, call.payload)
    except (BadFrame, BadPayload):
        return None


@pytest.mark.parametrize("raw", [METER_VALUES, AUTHORIZE, AUTHORIZE.replace(b",", b" ,\n "), b'[2,"1","Heartbeat",{}]'])
def test_a_proper_request_is_read_in_one_step(raw: bytes) -> None:
    call = proper_call(raw, Version.V16)
    assert call is not None
    assert (call.message_id, call.action, call.decoded) == by_two_steps(raw, Version.V16)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'[2,"m","Authorize"]',
        b'[2,"m","Authorize",{"idTag":1}]',
        b'[2,"m","Authorize",{"idTag":"A"},1]',
        b'[2,"m","Authorize",[]]',
        b'[2,"","Authorize",{"idTag":"A"}]',
        b'[2,"' + b"x" * 37 + b'","Authorize",{"idTag":"A"}]',
        b'[2,7,"Authorize",{"idTag":"A"}]',
        b'[3,"m","Authorize",{"idTag":"A"}]',
        b'[2,"m","Reboot",{}]',
        b'[2,"m\\"","Heartbeat","Authorize",{"idTag":"A"}]',
        '[2,"m","Authorize",{"idTag":"ü"}]'.encode(),
        b'[2,"m","Authorize",{"idTag":"\xff"}]',
        b'[2,"m","Authorize",{"idTag":"A","idTag":1}]',
        b'[2,"m","Heartbeat",{}' + b" " * MAX_FRAME_BYTES + b"]",
    ],
)
def test_what_is_not_in_order_is_left_to_the_two_steps(raw: bytes) -> None:
    assert proper_call(raw, Version.V16) is None


def test_a_message_id_with_a_quote_is_read_as_it_stands() -> None:
    raw = b'[2,"m\\"Reset","Authorize",{"idTag":"A"}]'
    call = proper_call(raw, Version.V16)
    assert call is None or call.message_id == 'm"Reset'


@pytest.mark.parametrize("depth", [MAX_DEPTH, 900, 20_000])
def test_what_nests_deep_is_skipped_or_left_to_the_two_steps(depth: int) -> None:
    nest = b"[" * depth + b"]" * depth
    data = b'[2,"m","DataTransfer",{"vendorId":"v","data":%b}]' % nest
    assert proper_call(data, Version.V201) is None
    custom = b'[2,"m","Heartbeat",{"customData":{"vendorId":"v","more":%b}}]' % nest
    call = proper_call(custom, Version.V201)
    assert call is None or call.decoded == decode(Version.V201, "Heartbeat", b'{"customData":{"vendorId":"v"}}')


@pytest.mark.parametrize("version", list(Version))
def test_only_these_payloads_keep_whatever_a_station_puts_into_them(version: Version) -> None:
    keeping = {action for action in known_actions(version) if _keeps_anything(struct_of(version, action), set())}
    assert keeping == ({"DataTransfer"} if version is not Version.V16 else set())
    assert keeping <= {_KEEPS_ANYTHING}


def _keeps_anything(kind: Any, seen: set[Any]) -> bool:
    if kind is Any or kind is msgspec.Raw:
        return True
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind in seen:
            return False
        seen.add(kind)
        return any(_keeps_anything(each, seen) for each in kind.__annotations__.values())
    return any(_keeps_anything(each, seen) for each in get_args(kind) if not isinstance(each, str))


@given(
    st.sampled_from([(METER_VALUES, Version.V16), (AUTHORIZE, Version.V16), (b'[2,"1","Heartbeat",{}]', Version.V201)]),
    st.integers(0, 300),
    st.binary(max_size=4),
    st.integers(0, 4),
)
def test_both_ways_understand_a_frame_alike(
    case: tuple[bytes, Version], place: int, bytes_put_in: bytes, taken_out: int
) -> None:
    raw, version = case
    place %= len(raw)
    changed = raw[:place] + bytes_put_in + raw[place + taken_out :]
    call = proper_call(changed, version)
    if call is not None:
        assert (call.message_id, call.action, call.decoded) == by_two_steps(changed, version)


@pytest.mark.parametrize("version", list(Version))
def test_every_request_that_a_station_makes_can_be_read_so(version: Version) -> None:
    for action in DIALECTS[version].requests:
        raw = orjson.dumps([2, "m", action, {"no such field": 1}])
        assert proper_call(raw, version) is None
