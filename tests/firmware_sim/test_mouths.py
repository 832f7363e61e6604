"""The payloads of both mouths against golden files and against the schemas that ship in `ocpp`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from ocpp.messages import Call, _validate_payload

from firmware_sim.charger import Charger
from firmware_sim.messages import (
    Answered,
    AuthorizeMessage,
    BootMessage,
    BootReason,
    ConnectorFaulted,
    Event,
    FaultCleared,
    HeartbeatMessage,
    LinkLost,
    LinkUp,
    Message,
    Phase,
    Plugged,
    PowerCut,
    PowerRestored,
    Presented,
    RemoteStart,
    ResetRequested,
    TokenAnswer,
    TransactionMessage,
    Triggered,
    Unplugged,
)
from firmware_sim.settings import OcppVersion, OfflineAuthorize, Settings
from tests.firmware_sim.desk import MOUTHS, FakeDesk, ask, wire
from tests.firmware_sim.playbook import CARD, T0, answer, at, car, messages, online, spec

T = TypeVar("T")
GOLDEN = Path(__file__).parent / "golden"
versions = pytest.mark.parametrize("version", list(OcppVersion))


def a_day(charger: Charger) -> Iterator[Message]:
    """AC and DC sessions, an offline start, a power failure, a fault, a remote start and a reset, all answered."""
    numbers = iter(range(1, 100))

    def happens(event: Event, seconds: float) -> Iterator[Message]:
        for message in messages(charger.handle(event, at(seconds))):
            yield message
            if isinstance(message, AuthorizeMessage):
                yield from happens(Answered(message=message, answer=TokenAnswer(status="Accepted")), seconds)
            elif isinstance(message, TransactionMessage) and message.phase is Phase.STARTED:
                accepted = TokenAnswer(status="Accepted", csms_id=next(numbers))
                yield from happens(Answered(message=message, answer=accepted), seconds)

    yield BootMessage(reason=BootReason.POWER_UP)
    yield from messages(online(charger))
    yield HeartbeatMessage()
    yield from happens(Plugged(evse_id=1, vehicle=car()), 10)
    yield from happens(Presented(evse_id=1, id_token=CARD), 20.5)
    yield from happens(Triggered(what="MeterValues"), 90)
    yield from happens(LinkLost(), 100)
    yield from happens(Plugged(evse_id=2, vehicle=car()), 110)
    yield from happens(Presented(evse_id=2, id_token=CARD), 120)
    yield from happens(Unplugged(evse_id=2), 300)
    yield from happens(LinkUp(), 310)
    yield from happens(PowerCut(), 400)
    yield from happens(PowerRestored(), 500)
    yield from happens(Unplugged(evse_id=1), 510)
    yield BootMessage(reason=BootReason.REMOTE_RESET)
    yield from messages(online(charger, at(540)))
    yield from happens(ConnectorFaulted(evse_id=1), 542)
    yield from happens(FaultCleared(evse_id=1), 544)
    yield from happens(RemoteStart(id_token="REMOTE-1", token_type="Central", remote_start_id=42, evse_id=2), 550)
    yield from happens(Plugged(evse_id=2, vehicle=car(95)), 560)
    yield from happens(ResetRequested(hard=True), 700)


@versions
def test_a_day_on_the_wire(version: OcppVersion) -> None:
    """Golden: rewrite the file by deleting it, and read the difference before committing it."""
    mouth, schema = MOUTHS[version]
    charger = Charger(spec(version, offline_authorize=OfflineAuthorize.ANY), T0)
    told = []
    for message in a_day(charger):
        call = mouth.call(message, charger)
        if call is not None:
            action, payload = wire(call)
            _validate_payload(Call("1", action, payload), schema)
            told.append([action, payload])
    file = GOLDEN / f"{version.value}_day.json"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        file.write_text("[\n" + ",\n".join(json.dumps(each) for each in told) + "\n]\n")
        pytest.fail(f"{file.name} was written anew")
    assert told == json.loads(file.read_text())


def test_16_configuration() -> None:
    desk = FakeDesk(OcppVersion.V16)
    change = {"key": "HeartbeatInterval", "value": "60"}
    assert ask(OcppVersion.V16, desk, "ChangeConfiguration", **change)["status"] == "Accepted"
    assert desk.charger.settings.heartbeat_s == 60
    got = ask(OcppVersion.V16, desk, "GetConfiguration", key=["HeartbeatInterval", "Nonsense"])
    assert got == {
        "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "60"}],
        "unknownKey": ["Nonsense"],
    }
    every = ask(OcppVersion.V16, desk, "GetConfiguration")["configurationKey"]
    assert {"MeterValueSampleInterval", "ClockAlignedDataInterval", "NumberOfConnectors"} <= {e["key"] for e in every}


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("MeterValueSampleInterval", "15", "Accepted"),
        ("ClockAlignedDataInterval", "0", "Accepted"),
        ("AllowOfflineTxForUnknownId", "true", "Accepted"),
        ("LocalAuthorizeOffline", "FALSE", "Accepted"),
        ("StopTransactionOnInvalidId", "false", "Accepted"),
        ("HeartbeatInterval", "-1", "Rejected"),
        ("HeartbeatInterval", "soon", "Rejected"),
        ("NumberOfConnectors", "3", "Rejected"),
        ("Nonsense", "1", "NotSupported"),
    ],
)
def test_16_change_configuration(key: str, value: str, status: str) -> None:
    desk = FakeDesk(OcppVersion.V16)
    assert ask(OcppVersion.V16, desk, "ChangeConfiguration", key=key, value=value) == {"status": status}


def test_201_variables() -> None:
    desk = FakeDesk(OcppVersion.V201)

    def variable(component: str, name: str, **more: str) -> dict[str, Any]:
        return {"component": {"name": component}, "variable": {"name": name}} | more

    wanted = [
        variable("SampledDataCtrlr", "TxUpdatedInterval", attribute_value="30"),
        variable("TxCtrlr", "StopTxOnInvalidId", attribute_value="false"),
        variable("AuthCtrlr", "OfflineTxForUnknownIdEnabled", attribute_value="true"),
        variable("OCPPCommCtrlr", "HeartbeatInterval", attribute_value="never"),
        variable("OCPPCommCtrlr", "Nonsense", attribute_value="1"),
        variable("Nonsense", "Nonsense", attribute_value="1"),
    ]
    done = ask(OcppVersion.V201, desk, "SetVariables", set_variable_data=wanted)["setVariableResult"]
    assert [each["attributeStatus"] for each in done] == [
        "Accepted",
        "Accepted",
        "Accepted",
        "Rejected",
        "UnknownVariable",
        "UnknownComponent",
    ]
    assert desk.charger.settings == Settings(
        sample_s=30, stop_on_invalid_id=False, offline_authorize=OfflineAuthorize.ANY
    )
    got = ask(
        OcppVersion.V201,
        desk,
        "GetVariables",
        get_variable_data=[variable("SampledDataCtrlr", "TxUpdatedInterval"), variable("X", "Y")],
    )["getVariableResult"]
    assert got[0]["attributeValue"] == "30"
    assert got[1]["attributeStatus"] == "UnknownComponent"


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("RemoteStartTransaction", {"id_tag": CARD, "connector_id": 1}),
        ("RemoteStopTransaction", {"transaction_id": 1}),
        ("Reset", {"type": "Hard"}),
        ("ChangeAvailability", {"connector_id": 0, "type": "Inoperative"}),
        ("TriggerMessage", {"requested_message": "Heartbeat"}),
    ],
)
def test_16_requests_reach_the_charger(action: str, payload: dict[str, Any]) -> None:
    desk = FakeDesk(OcppVersion.V16)
    assert ask(OcppVersion.V16, desk, action, **payload) == {"status": "Accepted"}
    assert len(desk.asked) == 1


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("RequestStartTransaction", {"id_token": {"id_token": CARD, "type": "Central"}, "remote_start_id": 1}),
        ("RequestStopTransaction", {"transaction_id": "abc"}),
        ("Reset", {"type": "OnIdle"}),
        ("ChangeAvailability", {"operational_status": "Operative", "evse": {"id": 1}}),
        ("TriggerMessage", {"requested_message": "MeterValues", "evse": {"id": 1}}),
    ],
)
def test_201_requests_reach_the_charger(action: str, payload: dict[str, Any]) -> None:
    desk = FakeDesk(OcppVersion.V201)
    assert ask(OcppVersion.V201, desk, action, **payload) == {"status": "Accepted"}
    assert len(desk.asked) == 1


@versions
def test_unknown_vendors_are_told_so(version: OcppVersion) -> None:
    assert ask(version, FakeDesk(version), "DataTransfer", vendor_id="x") == {"status": "UnknownVendorId"}


def test_201_resets_no_evse_alone() -> None:
    desk = FakeDesk(OcppVersion.V201)
    assert ask(OcppVersion.V201, desk, "Reset", type="Immediate", evse_id=1) == {"status": "Rejected"}


def test_201_unlocks_nothing_that_is_in_use() -> None:
    desk = FakeDesk(OcppVersion.V201)
    charger = desk.charger
    online(charger)
    charger.handle(Plugged(evse_id=1, vehicle=car()), at(1))
    asked = charger.handle(Presented(evse_id=1, id_token=CARD), at(2))
    answer(charger, asked, AuthorizeMessage, TokenAnswer(status="Accepted"), at(3))
    unlock = {"evse_id": 1, "connector_id": 1}
    assert ask(OcppVersion.V201, desk, "UnlockConnector", **unlock)["status"] == "OngoingAuthorizedTransaction"
    unlock = {"evse_id": 9, "connector_id": 1}
    desk.ask = lambda event: "UnknownConnector"  # type: ignore[method-assign]
    assert ask(OcppVersion.V201, desk, "UnlockConnector", **unlock)["status"] == "UnknownConnector"
