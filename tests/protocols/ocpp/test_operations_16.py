"""OCPP 1.6: whatever an operation says, it becomes calls that the standard takes, or a text that says why it cannot.

And whatever a station answers is read without a fault."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.charger.operations.variables import SetVariables, VariableName, VariableSetting
from protocols.errors import BadText
from protocols.ocpp.frame import encode_call
from protocols.ocpp.schema import Direction, validate
from protocols.ocpp.v16.configuration_keys import KEYS, as_variable, key_of, known_key, mapped
from protocols.ocpp.v16.messages import DIALECT
from protocols.ocpp.version import Version
from tests.protocols.ocpp.drawn import JSON, operations

OPERATIONS = sorted(DIALECT.operations, key=lambda kind: kind.__name__)
FIELDS = [
    *("status", "data", "listVersion", "fileName", "filename", "configurationKey", "unknownKey", "key", "value"),
    *("readonly", "chargingSchedule", "scheduleStart", "chargingSchedulePeriod", "startPeriod", "limit"),
    *("certificateHashData", "hashAlgorithm", "serialNumber"),
]
WORDS = st.sampled_from(["Accepted", "ACCEPTED", "Rejected", "NotSupported", "Scheduled", "NotFound", "Unlocked"])
PARTS = st.dictionaries(st.sampled_from(FIELDS), JSON | WORDS, max_size=4)
ANSWER = st.dictionaries(st.sampled_from(FIELDS), JSON | WORDS | PARTS | st.lists(PARTS, max_size=2), max_size=5)


@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.__name__)
@settings(max_examples=40)
@given(data=st.data())
def test_an_operation_is_calls_that_the_standard_takes_or_a_refusal(kind: type, data: st.DataObject) -> None:
    operation = data.draw(operations(kind))
    operated = DIALECT.operations[kind]
    try:
        calls = operated.render(operation)
    except BadText:
        return
    assert calls
    for action, payload in calls:
        assert action in operated.actions
        validate(Version.V16, action, Direction.REQUEST, payload)
        encode_call("1", action, payload)


@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.__name__)
@settings(max_examples=40)
@given(data=st.data())
def test_whatever_a_station_answers_is_read(kind: type, data: st.DataObject) -> None:
    operation = data.draw(operations(kind))
    try:
        calls = DIALECT.operations[kind].render(operation)
    except BadText:
        return
    answers = data.draw(st.lists(ANSWER, min_size=len(calls), max_size=len(calls)))
    result = DIALECT.operations[kind].read(operation, answers)
    assert result.is_accepted or result.detail
    assert b"\\u0000" not in encode_call("1", "result", {"result": result.result})


def test_every_key_and_its_variable_lead_to_each_other() -> None:
    assert len({known.name for known in KEYS.values()}) == len(KEYS)
    for known in KEYS.values():
        assert key_of(known.name) == known.key
        assert key_of(VariableName(variable=known.key)) == known.key
        assert as_variable(VariableName(variable=known.key)) == known.name
        assert known_key(known.key.upper()) is known
    assert {known.key for known in mapped()} >= {"HeartbeatInterval", "MeterValueSampleInterval", "ConnectionTimeOut"}


def test_a_vendors_key_keeps_its_name() -> None:
    vendors = VariableName(variable="FreevendEnabled")
    assert key_of(vendors) == "FreevendEnabled"
    assert as_variable(vendors) == vendors
    assert key_of(VariableName(variable="FreevendEnabled", component="VendorCtrlr")) is None


def test_a_secret_is_not_in_the_text_of_a_refusal() -> None:
    secret = "s" * 600
    setting = VariableSetting(name=VariableName(variable="AuthorizationKey"), value=secret)
    with pytest.raises(BadText) as refused:
        DIALECT.operations[SetVariables].render(SetVariables(settings=(setting,)))
    assert secret not in str(refused.value)
