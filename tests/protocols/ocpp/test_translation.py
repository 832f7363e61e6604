"""Whatever passes the schema is translated or refused; whatever the site says can be written."""

from __future__ import annotations

import contextlib
import copy
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.charger.abilities import OCPP_16, OCPP_21, OCPP_201
from protocols.charger.commands import (
    Acknowledged,
    BootAnswer,
    CertificateStatusAnswer,
    ContractCertificateAnswer,
    IdTokenAnswer,
    Judged,
    Operation,
    Reply,
    TransactionAnswer,
)
from protocols.charger.inquiries import ContractPresented
from protocols.charger.operations.transactions import StartTransaction, StopTransaction
from protocols.errors import BadFrame, BadPayload
from protocols.ocpp.dialect import Decided, Relayed
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.frame import Call, parse
from protocols.ocpp.schema import Direction, decode, known_actions, validate
from protocols.ocpp.version import Version
from protocols.terms import AuthorizationStatus
from tests.protocols.ocpp.golden import Golden, goldens

times = st.integers(0, 4 * 10**9).map(lambda unix_s: datetime.fromtimestamp(unix_s, UTC))
short_texts = st.text(max_size=40)
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
SPLINTERS = [
    b"1e400",
    b"-0",
    b"1.0",
    b"9" * 30,
    b"null",
    b"{}",
    b"[]",
    b'""',
    b'"\\u0000"',
    b'"\\ud800"',
    b"NaN",
    b",",
    b"}",
]
values = st.none() | st.booleans() | numbers | short_texts | st.sampled_from(["NaN", "1e308", "0", "Percent", "\u0000"])

id_token_answers = st.builds(
    IdTokenAnswer,
    status=st.sampled_from(AuthorizationStatus),
    group_id=st.none() | short_texts,
    expires_at=st.none() | times,
    language=st.none() | st.text(max_size=12),
)
replies: dict[type, st.SearchStrategy[Any]] = {
    BootAnswer: st.builds(
        BootAnswer,
        at=times,
        heartbeat_interval_s=st.integers(0, 86_400),
        status=st.sampled_from(["Accepted", "Pending", "Rejected"]),
    ),
    IdTokenAnswer: id_token_answers,
    TransactionAnswer: st.builds(
        TransactionAnswer,
        charger_transaction_id=st.integers(1, 2**31 - 1).map(str),
        id_token=st.none() | id_token_answers,
        total_cost=st.none() | st.decimals(0, 10**6, places=2).map(str),
    ),
    Acknowledged: st.just(Acknowledged()),
    ContractCertificateAnswer: st.builds(
        ContractCertificateAnswer, is_accepted=st.booleans(), exi_response=short_texts, reason=short_texts
    ),
    CertificateStatusAnswer: st.builds(
        CertificateStatusAnswer, ocsp_result=st.none() | short_texts, reason=short_texts
    ),
    Judged: st.builds(Judged, is_accepted=st.booleans(), reason=short_texts),
}


def leaves(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values of a JSON document, containers included."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [(*path, key) for key, _ in children] + [
        leaf for key, child in children for leaf in leaves(child, (*path, key))
    ]


def mutated(payload: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    document = copy.deepcopy(payload)
    node: Any = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return document


@settings(max_examples=400, deadline=None)
@given(st.data(), st.sampled_from(goldens("event")))
def test_whatever_passes_the_schema_is_translated_or_refused(data: st.DataObject, golden: Golden) -> None:
    _, _, action, payload = golden.document["in"]
    for _ in range(data.draw(st.integers(1, 3))):
        paths = leaves(payload)
        if paths:
            payload = mutated(payload, data.draw(st.sampled_from(paths)), data.draw(values))
    with contextlib.suppress(BadPayload):
        decoded = decode(golden.version, action, orjson.dumps(payload))
        handling = DIALECTS[golden.version].requests[action]
        assert isinstance(handling, Decided | Relayed)
        assert b"\\u0000" not in msgspec.json.encode(handling.read("CS-1", decoded))


@settings(max_examples=600, deadline=None)
@given(st.data(), st.sampled_from(goldens("event")))
def test_no_bytes_do_more_than_be_refused(data: st.DataObject, golden: Golden) -> None:
    """Frames of stations with a few bytes changed, all the way to the event."""
    raw = bytearray(golden.raw)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3) | st.sampled_from(SPLINTERS))
    with contextlib.suppress(BadFrame, BadPayload):
        call = parse(bytes(raw), golden.version)
        if isinstance(call, Call) and call.action in known_actions(golden.version):
            decoded = decode(golden.version, call.action, call.payload)
            handling = DIALECTS[golden.version].requests.get(call.action)
            if isinstance(handling, Decided | Relayed):
                event = handling.read("CS-1", decoded)
                told = event.presented if isinstance(event, ContractPresented) else event
                assert told.station_id == "CS-1"


@settings(deadline=None)  # the first example compiles a schema
@given(st.data(), st.sampled_from(goldens("event")))
def test_whatever_the_site_says_is_a_payload_of_the_standard(data: st.DataObject, golden: Golden) -> None:
    action = golden.document["in"][2]
    handling = DIALECTS[golden.version].requests[action]
    assert isinstance(handling, Decided | Relayed)
    kinds = {kind.__name__: strategy for kind, strategy in replies.items()}
    reply: Reply = data.draw(kinds[golden.document["reply"]["type"]])
    validate(golden.version, action, Direction.RESPONSE, handling.render(reply))


@pytest.mark.parametrize("golden", goldens("event"), ids=str)
def test_a_reply_of_another_kind_is_our_fault_and_says_so(golden: Golden) -> None:
    handling = DIALECTS[golden.version].requests[golden.document["in"][2]]
    assert isinstance(handling, Decided | Relayed)
    if golden.document["reply"]["type"] == "Acknowledged":
        return  # nothing is said, whatever it is
    with pytest.raises(TypeError, match="from the site"):
        handling.render(Acknowledged())


operations = st.one_of(
    st.builds(
        StartTransaction,
        evse_id=st.integers(1, 999),
        token_uid=st.text(min_size=1, max_size=20),
        remote_start_id=st.integers(1, 2**31 - 1),
    ),
    st.builds(
        StopTransaction,
        charger_transaction_id=st.integers(1, 2**31 - 1).map(str),
    ),
)


@settings(deadline=None)
@given(operations, st.sampled_from(Version))
def test_every_operation_is_a_payload_of_the_standard(operation: Operation, version: Version) -> None:
    operated = DIALECTS[version].operations[type(operation)]
    for action, payload in operated.render(operation):
        assert action in operated.actions
        validate(version, action, Direction.REQUEST, payload)


def test_a_dialect_says_who_makes_the_transaction_ids() -> None:
    assert DIALECTS[Version.V16].abilities == OCPP_16
    assert DIALECTS[Version.V201].abilities == OCPP_201
    assert DIALECTS[Version.V21].abilities == OCPP_21
