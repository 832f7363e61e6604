"""OCPP 2.0.1 and 2.1: whatever an operation says, it becomes a call that the standard takes, or a text that says why it
cannot. And whatever a station answers is read without a fault."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.charger.operations.firmware import GetDiagnostics, PublishFirmware
from protocols.charger.operations.transactions import StartTransaction, UpdateCost
from protocols.charger.operations.variables import SetVariables, TriggerMessage, VariableName, VariableSetting
from protocols.errors import BadText
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.frame import encode_call
from protocols.ocpp.schema import Direction, known_actions, validate
from protocols.ocpp.version import Version
from tests.protocols.ocpp.drawn import JSON, operations

VERSIONS = [Version.V201, Version.V21]
OPERATIONS = sorted(DIALECTS[Version.V201].operations, key=lambda kind: kind.__name__)
FIELDS = [
    *("status", "statusInfo", "reasonCode", "data", "versionNumber", "filename", "transactionId", "messagesInQueue"),
    *("setVariableResult", "getVariableResult", "attributeStatus", "attributeType", "attributeValue", "component"),
    *("variable", "name", "instance", "evse", "id", "connectorId", "schedule", "chargingSchedulePeriod", "limit"),
    *("startPeriod", "setMonitoringResult", "clearMonitoringResult", "type", "severity", "certificateHashDataChain"),
    *("certificateHashData", "childCertificateHashData", "serialNumber", "ongoingIndicator", "scheduleStart"),
]
WORDS = st.sampled_from(["Accepted", "Rejected", "NotSupported", "Scheduled", "NotFound", "Unlocked", "NoProfiles"])
INNER = st.dictionaries(st.sampled_from(FIELDS), JSON | WORDS, max_size=4)
PARTS = st.dictionaries(st.sampled_from(FIELDS), JSON | WORDS | INNER | st.lists(INNER, max_size=2), max_size=4)
ANSWER = st.dictionaries(st.sampled_from(FIELDS), JSON | WORDS | PARTS | st.lists(PARTS, max_size=2), max_size=5)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.__name__)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_an_operation_is_a_call_that_the_standard_takes_or_a_refusal(
    version: Version, kind: type, data: st.DataObject
) -> None:
    operation = data.draw(operations(kind))
    operated = DIALECTS[version].operations[kind]
    try:
        calls = operated.render(operation)
    except BadText:
        return
    assert [action for action, _ in calls] == list(operated.actions)
    for action, payload in calls:
        validate(version, action, Direction.REQUEST, payload)
        encode_call("1", action, payload)


@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.__name__)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_whatever_a_station_answers_is_read(kind: type, data: st.DataObject) -> None:
    operation = data.draw(operations(kind))
    result = DIALECTS[Version.V201].operations[kind].read(operation, [data.draw(ANSWER)])
    assert result.is_accepted or result.detail
    told = encode_call("1", "result", {"result": result.result})
    assert b"\\u0000" not in told or "\\x00" in repr(operation)  # what we asked for is told as it was asked


def test_both_versions_are_asked_the_same_and_all_but_what_is_1_6_alone() -> None:
    assert DIALECTS[Version.V201].operations.keys() == DIALECTS[Version.V21].operations.keys()
    assert GetDiagnostics not in DIALECTS[Version.V201].operations


def test_every_call_of_a_central_system_in_2_0_1_can_be_made_and_every_message_of_a_station_is_taken() -> None:
    dialect = DIALECTS[Version.V201]
    asked = {action for operated in dialect.operations.values() for action in operated.actions}
    relayed = {"Get15118EVCertificate", "GetCertificateStatus"}
    assert asked | dialect.requests.keys() | relayed == known_actions(Version.V201)
    assert asked & dialect.requests.keys() == {"DataTransfer"}


@pytest.mark.parametrize(
    "operation",
    [
        TriggerMessage(requested_message="DiagnosticsStatusNotification"),
        StartTransaction(evse_id=1, token_uid="T"),
        PublishFirmware(location="http://x/", checksum="0" * 32),
        UpdateCost(charger_transaction_id="x" * 37, total_cost=Decimal(1)),
        UpdateCost(charger_transaction_id="T", total_cost=Decimal("1e400")),
    ],
    ids=lambda operation: operation.operation,
)
def test_what_cannot_be_said_is_refused_with_a_reason(operation: object) -> None:
    with pytest.raises(BadText):
        DIALECTS[Version.V201].operations[type(operation)].render(operation)


def test_a_secret_is_not_in_the_text_of_a_refusal() -> None:
    secret = "s" * 1001
    setting = VariableSetting(name=VariableName(component="SecurityCtrlr", variable="BasicAuthPassword"), value=secret)
    with pytest.raises(BadText) as refused:
        DIALECTS[Version.V201].operations[SetVariables].render(SetVariables(settings=(setting,)))
    assert secret not in str(refused.value)
