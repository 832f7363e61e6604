"""Validation over the official schemas: all compile, and a refusal names path and problem but no value."""

from __future__ import annotations

import contextlib

import orjson
import pytest
from msgspec import UNSET

from protocols.errors import BadPayload
from protocols.ocpp import schema
from protocols.ocpp.schema import Direction, decode, known_actions, load, validate
from protocols.ocpp.version import Version


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("version", Version)
def test_every_schema_of_the_standard_compiles(version: Version, direction: Direction) -> None:
    for action in known_actions(version):
        with contextlib.suppress(BadPayload):
            validate(version, action, direction, {})


def test_the_standards_are_whole() -> None:
    assert len(known_actions(Version.V16)) == 39
    assert len(known_actions(Version.V201)) == 64
    assert len(known_actions(Version.V21)) == 90
    assert known_actions(Version.V201) < known_actions(Version.V21)
    assert "SecurityEventNotification" in known_actions(Version.V16)
    assert "TransactionEvent" in known_actions(Version.V201)


def test_the_schemas_of_another_version_are_not_reached() -> None:
    with pytest.raises(ValueError, match="not an action"):
        validate(Version.V16, "../v201/schemas/TransactionEventRequest", Direction.REQUEST, {})


def test_a_refusal_tells_the_first_three_problems_and_no_values() -> None:
    payload = {"connectorId": "SECRET", "idTag": "SECRET" * 10, "meterStart": "SECRET", "foo": "SECRET"}
    with pytest.raises(BadPayload) as caught:
        validate(Version.V16, "StartTransaction", Direction.REQUEST, payload)
    assert "SECRET" not in caught.value.description
    assert "timestamp" in caught.value.description
    assert caught.value.description.endswith("and 2 more")


def test_a_time_without_zone_does_not_refuse_the_frame() -> None:
    payload = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": "yesterday"}
    validate(Version.V16, "StatusNotification", Direction.REQUEST, payload)


def test_what_is_loaded_needs_no_file_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all file handles taken by stations, the first MeterValues would otherwise be answered InternalError."""
    load(Version.V16, ["Heartbeat", "MeterValues"])

    def no_file_left(_: str) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(schema, "files", no_file_left)
    decode(Version.V16, "Heartbeat", b"{}")
    with pytest.raises(BadPayload):
        decode(Version.V16, "MeterValues", b"{}")


def test_a_refusal_of_bytes_reads_like_one_of_a_dict() -> None:
    payload = {"connectorId": "SECRET", "idTag": "SECRET" * 10, "meterStart": None, "foo": "SECRET"}
    with pytest.raises(BadPayload) as by_dict:
        validate(Version.V16, "StartTransaction", Direction.REQUEST, payload)
    with pytest.raises(BadPayload) as by_bytes:
        decode(Version.V16, "StartTransaction", orjson.dumps(payload))
    assert (by_bytes.value.code, by_bytes.value.description) == (by_dict.value.code, by_dict.value.description)


def test_what_only_the_schema_takes_is_taken() -> None:
    """An integer with a point, and a key that stands twice, the first time wrong: the last one wins."""
    evse = b'{"id":1,"id":2.0,"connectorId":1e308,"customData":{"vendorId":"v","free":[1]}}'
    decoded = decode(
        Version.V201,
        "TransactionEvent",
        b'{"eventType":"Nonsense","eventType":"Updated","timestamp":"","triggerReason":"Trigger","seqNo":3.0,'
        b'"transactionInfo":{"transactionId":"T"},"evse":' + evse + b"}",
    )
    assert (decoded.eventType, decoded.seqNo, decoded.offline) == ("Updated", 3, UNSET)
    assert (decoded.evse.id, decoded.evse.connectorId, decoded.evse.customData.vendorId) == (2, 1e308, "v")


@pytest.mark.parametrize(
    "payload", [b"", b"{", b'{"a":1e400}', b'{"vendorId":"\xff"}', b'{"vendorId":"\\ud800"}', b"9" * 400]
)
def test_what_is_no_json_is_refused_as_such(payload: bytes) -> None:
    with pytest.raises(BadPayload, match="not JSON") as caught:
        decode(Version.V201, "DataTransfer", payload)
    assert caught.value.code == "RpcFrameworkError"


@pytest.mark.parametrize("payload", [b"[]", b"null", b'"text"', b"1"])
def test_a_payload_that_is_no_object_is_refused(payload: bytes) -> None:
    with pytest.raises(BadPayload):
        decode(Version.V16, "Heartbeat", payload)
