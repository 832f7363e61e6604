"""What we send has its keys in the order of the standard's tables, in whatever is asked or answered.

The schemas that ship in `ocpp` mostly have the same order, and are the measure where they do. Where they have another
one (they sort classes before attributes), the table is written down here.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.charger.operations.variables import SetNetworkProfile
from protocols.errors import BadText
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.version import Version
from tests.fuzz.payloads import schema_of
from tests.protocols.ocpp.drawn import operations
from tests.protocols.ocpp.golden import Golden, goldens

_16 = {
    "BootNotificationResponse": "currentTime interval status",
    "GetLog": "logType requestId retries retryInterval log",
}
"""OCPP 1.6 §6.4; security white paper §5.9."""
_201 = {
    "AuthorizationData": "idTokenInfo idToken",
    "AuthorizeResponse": "certificateStatus idTokenInfo",
    "ChangeAvailability": "operationalStatus evse",
    "ChargingProfileType": (
        "id stackLevel chargingProfilePurpose chargingProfileKind recurrencyKind validFrom validTo transactionId"
        " chargingSchedule"
    ),
    "ChargingScheduleType": (
        "id startSchedule duration chargingRateUnit minChargingRate chargingSchedulePeriod salesTariff"
    ),
    "ComponentType": "name instance evse",
    "CustomerInformation": "requestId report clear customerIdentifier idToken customerCertificate",
    "Get15118EVCertificateResponse": "status exiResponse statusInfo",
    "GetCertificateStatusResponse": "status ocspResult statusInfo",
    "GetLog": "logType requestId retries retryInterval log",
    "GetMonitoringReport": "requestId monitoringCriteria componentVariable",
    "GetReport": "requestId componentCriteria componentVariable",
    "IdTokenInfoType": (
        "status cacheExpiryDateTime chargingPriority language1 evseId language2 groupIdToken personalMessage"
    ),
    "IdTokenType": "idToken type additionalInfo",
    "MessageInfoType": "id priority state startDateTime endDateTime transactionId message display",
    "NetworkConnectionProfileType": (
        "ocppVersion ocppTransport ocppCsmsUrl messageTimeout securityProfile ocppInterface vpn apn"
    ),
    "RequestStartTransaction": "evseId remoteStartId idToken chargingProfile groupIdToken",
    "ReserveNow": "id expiryDateTime connectorType evseId idToken groupIdToken",
    "SendLocalList": "versionNumber updateType localAuthorizationList",
    "TriggerMessage": "requestedMessage evse",
}
"""OCPP 2.0.1 Part 2, "Messages" and "Datatypes": attributes stand before classes there."""
_21 = {
    **{name: table for name, table in _201.items() if name not in ("ChargingProfileType", "ChargingScheduleType")},
    "NetworkConnectionProfileType": (
        "ocppVersion ocppTransport ocppCsmsUrl messageTimeout securityProfile ocppInterface identity basicAuthPassword"
        " vpn apn"
    ),
}
"""OCPP 2.1: the schemas of the two left out have the order of their tables."""
TABLES = {Version.V16: _16, Version.V201: _201, Version.V21: _21}
AS_GIVEN = frozenset({"salesTariff", "data"})
"""What the operator writes himself, in an order of his own."""
KINDS = sorted(
    {(version, kind) for version, dialect in DIALECTS.items() for kind in dialect.operations},
    key=lambda each: (each[0].value, each[1].__name__),
)


def expect_order(version: Version, action: str, payload: dict[str, Any], *, is_response: bool = False) -> None:
    """Whatever is in a payload, however deep."""
    schema = schema_of(version, action, is_response=is_response)
    _expect(version, action + "Response" * is_response, schema, schema, payload)


def _expect(version: Version, name: str, root: dict[str, Any], node: dict[str, Any], value: Any) -> None:
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[1]
        node = root["definitions"][name]
    if isinstance(value, list):
        for item in value:
            _expect(version, name, root, node["items"], item)
    elif isinstance(value, dict) and "properties" in node:
        table = TABLES[version].get(name)
        order = table.split() if table is not None else list(node["properties"])
        assert list(value) == [key for key in order if key in value], name
        for key in value.keys() - AS_GIVEN:
            _expect(version, f"{name}/{key}", root, node["properties"][key], value[key])


@pytest.mark.parametrize(("version", "kind"), KINDS, ids=str)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_what_is_asked_is_in_order(version: Version, kind: type, data: st.DataObject) -> None:
    try:
        calls = DIALECTS[version].operations[kind].render(data.draw(operations(kind)))
    except BadText:
        return
    for action, payload in calls:
        expect_order(version, action, payload)


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
def test_a_network_profile_is_told_in_order_whoever_wrote_it(version: Version) -> None:
    apn = {"apn": "internet", "apnAuthentication": "AUTO"}
    data = {"apn": apn, "securityProfile": 2, "ocppCsmsUrl": "wss://edge.example/", "messageTimeout": 30}
    more = {"ocppInterface": "Wired0", "ocppTransport": "JSON", "ocppVersion": "OCPP20"}
    written = SetNetworkProfile(configuration_slot=1, connection_data={**data, **more})
    [(action, payload)] = DIALECTS[version].operations[SetNetworkProfile].render(written)
    assert payload["connectionData"] == written.connection_data
    expect_order(version, action, payload)


@pytest.mark.parametrize("golden", goldens("operation"), ids=str)
def test_what_is_asked_in_the_golden_frames_is_in_order(golden: Golden) -> None:
    for action, payload in golden.document["calls"]:
        expect_order(golden.version, action, payload)


@pytest.mark.parametrize("golden", [each for each in goldens("in") if each.document["out"][0] == 3], ids=str)
def test_what_is_answered_is_in_order(golden: Golden) -> None:
    expect_order(golden.version, golden.document["in"][2], golden.document["out"][2], is_response=True)


@pytest.mark.parametrize(("version", "name"), [(version, name) for version in TABLES for name in TABLES[version]])
def test_a_table_names_what_the_schemas_know_in_another_order(version: Version, name: str) -> None:
    fields, found = TABLES[version][name].split(), _properties(version, name)
    known = [field for field in found if field != "customData"]
    assert set(fields) <= set(known)
    assert fields != [field for field in known if field in fields], "the schema says the same"
    if version is not Version.V21:  # which has more fields than we write
        assert set(fields) == set(known)


def _properties(version: Version, name: str) -> list[str]:
    is_response = name.endswith("Response")
    for action in [name.removesuffix("Response"), *_HOLDERS]:
        try:
            schema = schema_of(version, action, is_response=is_response)
        except FileNotFoundError:
            continue
        held = schema if action == name.removesuffix("Response") else schema.get("definitions", {}).get(name)
        if held is not None:
            return list(held["properties"])
    raise AssertionError(f"{name} is in none of {_HOLDERS}")


_HOLDERS = ["SendLocalList", "SetChargingProfile", "GetReport", "SetDisplayMessage", "SetNetworkProfile"]
"""Messages that hold the types of the tables."""
