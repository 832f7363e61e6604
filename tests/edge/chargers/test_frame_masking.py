"""No secret reaches the frame log, whatever the frame looks like that carries it."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.chargers.frame_masking import Masker
from protocols.ocpp.vocabulary import words

MASKER = Masker(words, b"0123456789abcdef")
SECRET = "Z3cr3tW0rd"

TOKEN_PLACES: list[tuple[str, Any]] = [
    ("Authorize", {"idTag": SECRET}),
    ("StartTransaction", {"connectorId": 1, "idTag": SECRET, "meterStart": 0, "timestamp": "2026-03-02T06:00:00Z"}),
    ("RemoteStartTransaction", {"idTag": SECRET}),
    ("ReserveNow", {"idTag": "other", "parentIdTag": SECRET}),
    ("SendLocalList", {"localAuthorizationList": [{"idTag": SECRET, "idTagInfo": {"parentIdTag": SECRET}}]}),
    ("Authorize", {"idToken": {"idToken": SECRET, "type": "ISO14443"}}),
    ("Authorize", {"idToken": {"idToken": "x", "additionalInfo": [{"additionalIdToken": SECRET, "type": "t"}]}}),
    ("RequestStartTransaction", {"groupIdToken": {"idToken": SECRET, "type": "Central"}}),
    ("CustomerInformation", {"customerIdentifier": SECRET, "requestId": 1}),
    ("NotifyCustomerInformation", {"data": f"name {SECRET}", "seqNo": 0}),
    ("ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET}),
    ("SetVariables", {"setVariableData": [{"attributeValue": SECRET, "variable": {"name": "BasicAuthPassword"}}]}),
    (
        "NotifyReport",
        {"reportData": [{"variable": {"name": "MasterPassGroupId"}, "variableAttribute": [{"value": SECRET}]}]},
    ),
    ("SetNetworkProfile", {"connectionData": {"vpn": {"user": "u", "password": SECRET, "key": "k"}}}),
    ("SetNetworkProfile", {"connectionData": {"vpn": {"user": "u", "key": SECRET}}}),
    ("SetNetworkProfile", {"connectionData": {"apn": {"apnPassword": SECRET, "simPin": 1234}}}),
    ("GetLog", {"log": {"remoteLocation": f"ftp://user:{SECRET}@host/path"}}),
    ("DataTransfer", {"vendorId": "v", "data": orjson.dumps({"idTag": SECRET}).decode()}),
    ("DataTransfer", {"vendorId": "v", "data": f"idTag={SECRET}"}),
    ("DataTransfer", {"vendorId": "v", "messageId": "SetUserPrice", "data": f'{{"idToken":"{SECRET}"}}'}),
    ("StopTransaction", {"transactionId": 1, "idTag": SECRET, "info": f"stopped by {SECRET}"}),
    ("Authorize", {"IdTag": SECRET}),
    ("Authorize", {"id_tag": SECRET}),
    ("Authorize", {"idTag": [SECRET, {"a": SECRET}]}),
    ("Authorize", SECRET),
]
MISNAMED: list[tuple[str, Any]] = [
    ("Authorize", {"tagged": SECRET}),
    ("Authorize", {"idToken": {"idloken": SECRET, "type": "Central"}}),
    ("StopTransaction", {"transactionId": 1, "idTa": SECRET, "meterStop": 1}),
]
"""What gives a token away there is the action alone."""
ANSWERS: list[Any] = [
    {"idTagInfo": {"status": "Accepted", "parentIdTag": SECRET}},
    {"idTokenInfo": {"status": "Accepted", "groupIdToken": {"idToken": SECRET, "type": "Central"}}},
    {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": SECRET}]},
    {"getVariableResult": [{"attributeValue": SECRET, "variable": {"name": "BasicAuthPassword"}}]},
]
FRAMES = [orjson.dumps([2, "m1", action, payload]) for action, payload in TOKEN_PLACES] + [
    orjson.dumps([3, "m1", payload]) for payload in ANSWERS
]


@pytest.mark.parametrize(
    "raw",
    [
        *FRAMES,
        *(orjson.dumps([2, "m1", *each]) for each in MISNAMED),
        orjson.dumps([4, "m", "FormationViolation", f"bad idTag {SECRET}", {}]),
    ],
)
def test_no_secret_is_shown_but_what_is_around_it(raw: bytes) -> None:
    shown = MASKER.mask(raw)
    assert SECRET.encode() not in shown
    assert shown.startswith(raw[:3])
    assert b"****" in shown


@pytest.mark.parametrize("raw", FRAMES)
def test_no_secret_is_shown_of_a_frame_that_was_cut_off(raw: bytes) -> None:
    for length in range(len(raw)):
        assert SECRET.encode() not in MASKER.mask(raw[:length])


@given(st.sampled_from(FRAMES), st.integers(0, 600), st.binary(max_size=3), st.integers(0, 3))
@settings(max_examples=300)
def test_no_secret_is_shown_of_a_frame_with_other_bytes_in_its_envelope(
    raw: bytes, place: int, bytes_put_in: bytes, taken_out: int
) -> None:
    place %= max(1, raw.index(b"{") if b"{" in raw else len(raw))
    changed = raw[:place] + bytes_put_in + raw[place + taken_out :]
    assert SECRET.encode() not in MASKER.mask(changed)


@given(st.sampled_from(FRAMES), st.sampled_from("idTagokenKy"))
def test_no_secret_is_shown_where_a_name_is_written_with_escapes(raw: bytes, letter: str) -> None:
    names = re.compile(rb'"\w+":')
    escaped = names.sub(lambda name: name[0].replace(letter.encode(), f"\\u{ord(letter):04x}".encode()), raw)
    assert orjson.loads(escaped) == orjson.loads(raw)
    assert SECRET.encode() not in MASKER.mask(escaped)


@given(st.text("ABCDEFGHJKLMNPQRSTUVWXYZ23456789-_:*", min_size=6, max_size=36), st.sampled_from(range(len(FRAMES))))
def test_no_token_is_shown_whatever_its_text(token: str, number: int) -> None:
    if token not in words():
        assert token.encode() not in MASKER.mask(FRAMES[number].replace(SECRET.encode(), token.encode()))


@pytest.mark.parametrize(
    "raw",
    [
        b'[2,"1","Heartbeat",{}]',
        b'[3,"1",{"currentTime":"2026-03-02T06:00:00.000Z"}]',
        b'[2,"1","MeterValues",{"connectorId":1,"meterValue":[{"sampledValue":[{"value":"230.10","unit":"V",'
        b'"measurand":"Voltage"}],"timestamp":"2026-03-02T06:00:00Z"}]}]',
        b'[2, "1", "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}]',
        b'[3,"1",{"configurationKey":[{"key":"HeartbeatInterval","readonly":false,"value":"300"}]}]',
        b'[2,"1","GetConfiguration",{"key":["AuthorizationKey","HeartbeatInterval"]}]',
    ],
)
def test_what_is_no_secret_is_shown_as_it_came(raw: bytes) -> None:
    assert MASKER.mask(raw) == raw


def test_a_token_can_be_followed_but_not_read() -> None:
    first, again, other = (
        orjson.loads(MASKER.mask(orjson.dumps([2, "1", "Authorize", {"idTag": tag}])))[3]["idTag"]
        for tag in ("CARD-1", "CARD-1", "CARD-2")
    )
    assert first == again != other
    another = Masker(words, b"another key 1234")
    assert orjson.loads(another.mask(b'[2,"1","Authorize",{"idTag":"CARD-1"}]'))[3]["idTag"] != first


def test_a_password_leaves_nothing_that_could_be_compared() -> None:
    raw = b'[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"hunter2"}]'
    assert orjson.loads(MASKER.mask(raw))[3]["value"] == "****"


def test_a_second_key_of_the_same_name_hides_nothing() -> None:
    shown = MASKER.mask(b'[2,"1","Authorize",{"idTag":"Z3cr3tW0rd","idTag":null}]')
    assert b"Z3cr3tW0rd" not in shown


HARMLESS = [
    b'[2,"1","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"2026-03-02T06:00:00Z","sampledValue":'
    b'[{"value":"230.10","unit":"V","measurand":"Voltage"}]}]}]',
    b'[3,"1",{"configurationKey":[{"readonly":false,"value":"300"}]}]',
    b'[2,"1","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Available","info":"6-7"}]',
]


@given(
    st.sampled_from([*FRAMES, *HARMLESS]),
    st.sampled_from([*FRAMES, *HARMLESS]),
    st.integers(0, 300),
    st.sampled_from("0123456789.:-+"),
)
@settings(max_examples=500)
def test_a_frame_seen_before_lets_through_what_differs_from_it_in_digits_alone(
    before: bytes, raw: bytes, place: int, varying: str
) -> None:
    """A frame whose like was harmless may hold, taken together, what that one did not; one that cannot be read any more
    but differs from it in what varies alone may be shown, for it says nothing else."""
    place %= len(raw)
    parted = raw[:place] + varying.encode() + raw[place:]
    used = Masker(words, b"a secret key 123")
    for seen in (before, parted, raw):
        used.mask(seen)
    for frame in (raw, parted):
        shown, fresh = used.mask(frame), Masker(words, b"a secret key 123").mask(frame)
        assert shown == fresh or (shown == frame and raw in HARMLESS)
    assert SECRET.encode() not in used.mask(raw)


EVENT = (
    b'[2,"%b","TransactionEvent",{"eventType":"Updated","seqNo":%d,"transactionInfo":{"transactionId":"%b"},'
    b'"triggerReason":"MeterValuePeriodic","timestamp":"2026-03-02T06:00:00Z"%b}]'
)


def test_transactions_that_differ_by_their_ids_have_one_shape_and_what_comes_with_a_token_has_another() -> None:
    masker = Masker(words, b"a secret key 123")
    for number in range(1_000):
        frame = EVENT % (b"%032x" % number, number, b"5e0f7c1a-%04x-4000-8000-%012x" % (number, number * 7), b"")
        assert masker.mask(frame) == frame
    assert len(masker._harmless) == 1
    told = EVENT % (b"1", 7, b"5e0f", b',"idToken":{"idToken":"%b","type":"Central"}' % SECRET.encode())
    assert SECRET.encode() not in masker.mask(told)
    odd = EVENT % (b"1", 7, b'x\\","idTag":"' + SECRET.encode(), b"")
    assert SECRET.encode() not in masker.mask(odd)


@pytest.mark.parametrize("message_id", ['a\\"b', "ü", "a b", "x" * 80, "a\nb", ""])
def test_a_message_id_that_is_none_is_not_let_through_by_what_follows_it(message_id: str) -> None:
    for harmless in HARMLESS:
        used, fresh = (Masker(words, b"a secret key 123") for _ in range(2))
        used.mask(harmless)
        raw = harmless.replace(b'"1"', b'"%b"' % message_id.encode(), 1)
        assert used.mask(raw) == fresh.mask(raw)


def test_any_frame_is_one_line() -> None:
    for raw in (b'[2,"1","Heartbeat",\r\n{}]', b'[2,"1","Autho\nrize",{\n', b'[2,"1","Authorize",{"idTag":\n"A"}]'):
        assert b"\n" not in MASKER.mask(raw)
        assert b"\r" not in MASKER.mask(raw)


@given(st.binary(max_size=300))
def test_any_bytes_can_be_masked(raw: bytes) -> None:
    assert b"\n" not in MASKER.mask(raw)


def test_depth_and_length_are_bounded() -> None:
    for depth in (100, 300, 900, 5_000):
        for name in (b"idTag", b"data", b"meterValue", b"made up"):
            inner = b"[" * depth + b'"%b"' % SECRET.encode() + b"]" * depth
            deep = b'[2,"1","DataTransfer",{"idTag":"%b","%b":%b}]' % (SECRET.encode(), name, inner)
            assert SECRET.encode() not in MASKER.mask(deep)
    assert len(MASKER.mask(b'[2,"1","' + b"x" * 200_000)) < 5_000
