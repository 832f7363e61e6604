"""The certification cases of OCPP 2.0.1 for a CSMS that a station begins: blocks B, C, E, F, G, I, J, P.

Each plays a charging station over a socket with a real agent; titles and numbers are those of the Open Charge Alliance.
"""

from __future__ import annotations

import base64
from functools import partial

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake
from websockets.typing import Subprotocol

from protocols.charger.operations.transactions import StartTransaction, StopTransaction
from protocols.ocpp.version import Version
from tests.edge.conformance.charge_point import Refused, charge_point
from tests.edge.conformance.running_agent import BLOCKED, EXPIRED, PASSWORD, UNKNOWN, RunningAgent, token_of
from tests.edge.conformance.steps_16 import stamp
from tests.edge.conformance.steps_201 import Talk, authorize, booted, charging, connector, parked, register, token
from tests.kit import wait_until

V201 = Version.V201


# --- B: provisioning ---


async def test_tc_b_01_cold_boot_accepted(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        answer = await booted(point)
        assert list(answer) == ["currentTime", "interval", "status"]
        assert answer["interval"] == 300
        assert (await point.call("Heartbeat"))["currentTime"].endswith("Z")
        await point.call(
            "NotifyEvent",
            generatedAt=stamp(),
            seqNo=0,
            eventData=[
                {
                    "eventId": 1,
                    "timestamp": stamp(),
                    "trigger": "Delta",
                    "actualValue": "Available",
                    "eventNotificationType": "HardWiredNotification",
                    "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
                    "variable": {"name": "AvailabilityState"},
                }
            ],
        )
        station = await agent.station(case)
        assert (station["online"], station["vendor"], station["ocpp"]) == (True, "Conformance", "2.0.1")


async def test_tc_b_58_websocket_subprotocol_validation(agent: RunningAgent, case: str) -> None:
    basic = base64.b64encode(f"{case}:{PASSWORD}".encode()).decode()
    url, headers = f"ws://127.0.0.1:{agent.ocpp_port}/{case}", {"Authorization": f"Basic {basic}"}
    offered = [Subprotocol("ocpp0.1")]
    with pytest.raises(InvalidHandshake):
        await connect(url, subprotocols=offered, additional_headers=headers, proxy=None)
    for known in ("ocpp2.0.1", "ocpp2.1"):
        both = [*offered, Subprotocol(known)]
        async with connect(url, subprotocols=both, additional_headers=headers, proxy=None) as socket:
            assert socket.subprotocol == known


# --- C: authorisation ---


@pytest.mark.parametrize(("uid", "status"), [(UNKNOWN, "Unknown"), (BLOCKED, "Blocked"), (EXPIRED, "Expired")])
async def test_tc_c_02_authorization_not_accepted(agent: RunningAgent, case: str, uid: str, status: str) -> None:
    """TC_C_02 Invalid/Unknown, TC_C_06 Blocked, TC_C_07 Expired; and in a transaction, too."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        assert (await authorize(point, uid))["status"] == status
        talk = Talk(point, f"{case}-{uid}")
        started = await talk.started("Authorized", uid=uid)
        assert started["idTokenInfo"]["status"] == status
        await talk.ended("Deauthorized", "DeAuthorized")


async def test_tc_c_08_authorization_through_authorization_cache(agent: RunningAgent, case: str) -> None:
    """TC_C_08 Accepted, TC_C_20 Invalid: the station asks with the transaction alone."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = await charging(point)
        answer = await parked(talk, uid=token_of(case))
        assert answer["idTokenInfo"]["status"] == "Accepted"
        again = Talk(point, f"{case}-again")
        assert (await again.started("Authorized", uid=BLOCKED))["idTokenInfo"]["status"] == "Blocked"
        await again.ended("Deauthorized", "DeAuthorized")


async def test_tc_c_39_authorization_by_group_id(agent: RunningAgent, case: str) -> None:
    """One of the group begins, another ends; TC_C_47 to TC_C_49: a master pass is a token of the master's group."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        first = await authorize(point)
        talk = await charging(point)
        other = token_of("TC_C_02")
        second = await authorize(point, other)
        assert second["status"] == first["status"] == "Accepted"
        assert second["groupIdToken"] == first["groupIdToken"] == {"idToken": "FLEET", "type": "Central"}
        answer = await parked(talk, uid=other)
        assert answer["idTokenInfo"]["groupIdToken"] == first["groupIdToken"]


async def test_tc_c_47_stop_transactions_with_a_master_pass(agent: RunningAgent, case: str) -> None:
    """TC_C_47 all transactions, TC_C_48 one of them, TC_C_49 without a screen."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        first = await charging(point)
        second = await charging(point, 2, token_of("TC_C_39"))
        master = token_of("TC_C_08")
        assert (await authorize(point, master))["groupIdToken"]["idToken"] == "FLEET"
        for talk in (first, second):
            answer = await parked(talk, uid=master, reason="MasterPass")
            assert answer["idTokenInfo"]["status"] == "Accepted"
            assert answer["idTokenInfo"]["groupIdToken"]["idToken"] == "FLEET"
    assert sorted(bill.token_uid or "" for bill in agent.bills(case)) == [token_of("TC_C_39"), token_of(case)]


async def test_also_free_no_authorization_needed(agent: RunningAgent, case: str) -> None:
    """C02, C06: a button at the station; the answer says that this is well."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = Talk(point, case)
        started = await talk.started("Authorized", idToken=token("", "NoAuthorization"), state="Charging")
        assert started["idTokenInfo"] == {"status": "Accepted"}
        await parked(talk)
    [bill] = agent.bills(case)
    assert bill.token_uid is None


# --- E: transactions ---


@pytest.mark.parametrize(
    ("trigger", "state"),
    [
        ("ChargingStateChanged", "Charging"),
        ("CablePluggedIn", "EVConnected"),
        ("Authorized", "EVConnected"),
        ("SignedDataReceived", "EVConnected"),
        ("EVDetected", None),
    ],
)
async def test_tc_e_01_start_transaction_options(
    agent: RunningAgent, case: str, trigger: str, state: str | None
) -> None:
    """TC_E_01 PowerPathClosed, TC_E_02 EnergyTransfer, TC_E_09 EVConnected, TC_E_10 Authorized, TC_E_11 DataSigned,
    TC_E_12 ParkingBayOccupied."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = Talk(point, f"{case}-{trigger}")
        started = await talk.started(trigger, state=state, uid=token_of(case))
        assert started["idTokenInfo"]["status"] == "Accepted"
        assert await agent.transaction(case) is not None
        await parked(talk)


async def test_tc_e_03_local_start_cable_plugin_first(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        await connector(point, "Occupied")
        talk = Talk(point, case)
        assert await talk.started(state="EVConnected") == {}
        info = await authorize(point)
        assert info["status"] == "Accepted"
        updated = await talk.updated("Authorized", uid=token_of(case))
        assert updated["idTokenInfo"] == info
        await talk.updated("ChargingStateChanged", state="Charging")
        await parked(talk, uid=token_of(case))
    [bill] = agent.bills(case)
    assert (bill.token_uid, bill.stop_reason) == (token_of(case), "Local")


async def test_tc_e_04_local_start_authorization_first(agent: RunningAgent, case: str) -> None:
    """The EVSE is told when the cable comes; TC_E_38: the vehicle is not ready."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        await authorize(point)
        talk = Talk(point, case, evse=2)
        started = await talk.say("Started", "Authorized", uid=token_of(case))
        assert started["idTokenInfo"]["status"] == "Accepted"
        await connector(point, "Occupied", 2)
        await talk.updated("CablePluggedIn", evse=talk.evse, state="EVConnected")
        assert await agent.transaction(case, 2) is not None
        await talk.updated("ChargingStateChanged", state="SuspendedEV")
        await talk.updated("ChargingStateChanged", state="Charging")
        await parked(talk, uid=token_of(case))


@pytest.mark.parametrize(
    ("trigger", "reason", "by_card"),
    [
        ("StopAuthorized", "Local", True),
        ("ChargingStateChanged", "StoppedByEV", False),
        ("EVCommunicationLost", "EVDisconnected", False),
        ("Deauthorized", "DeAuthorized", False),
        ("EVDeparted", "Local", False),
        ("EVConnectTimeout", "Timeout", False),
        ("TimeLimitReached", "TimeLimitReached", False),
        ("EnergyLimitReached", "EnergyLimitReached", False),
        ("AbnormalCondition", "EmergencyStop", False),
        ("ResetCommand", "ImmediateReset", False),
        ("UnlockCommand", "Other", False),
    ],
)
async def test_tc_e_07_stop_transaction_options(
    agent: RunningAgent, case: str, trigger: str, reason: str, by_card: bool
) -> None:
    """TC_E_07, TC_E_08, TC_E_14, TC_E_15, TC_E_16, TC_E_17, TC_E_19, TC_E_20, TC_E_22, TC_E_39."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = Talk(point, f"{case}-{trigger}"[:36])
        await talk.started("Authorized", uid=token_of(case), state="Charging")
        await talk.ended(trigger, reason, uid=token_of(case) if by_card else None)
        assert await agent.transaction(case) is None
    assert agent.bills(case)[-1].stop_reason == reason


async def test_tc_e_16_deauthorized_invalid_id_token(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = Talk(point, case)
        await talk.started(state="EVConnected")
        answer = await talk.updated("Authorized", uid=UNKNOWN)
        assert answer["idTokenInfo"]["status"] in ("Invalid", "Unknown")
        await talk.ended("Deauthorized", "DeAuthorized")


async def test_tc_e_21_stop_authorized_remote(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = await charging(point)
        stop = StopTransaction(charger_transaction_id=talk.transaction_id)
        assert (await agent.operate(case, stop)).problem is None
        assert await point.asked("RequestStopTransaction") == {"transactionId": talk.transaction_id}
        await talk.ended("RemoteStop", "Remote")
    [bill] = agent.bills(case)
    assert bill.stop_reason == "Remote"


async def test_tc_e_26_disconnect_cable_on_ev_side_suspend_transaction(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = await charging(point)
        await talk.updated("EVCommunicationLost", state="SuspendedEV")
        await talk.updated("CablePluggedIn", state="EVConnected")
        await talk.updated("ChargingStateChanged", state="Charging")
        assert await agent.transaction(case) is not None
        await parked(talk)
    assert len(agent.bills(case)) == 1


async def test_tc_e_53_seq_no_0_at_the_start_of_a_transaction(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        for number in range(2):
            talk = Talk(point, f"{case}-{number}")
            await talk.started("Authorized", uid=token_of(case), seqNo=0)
            await talk.ended("StopAuthorized", "Local", seqNo=1)
    assert len(agent.bills(case)) == 2


async def test_also_offline_transaction_in_one_burst(agent: RunningAgent, case: str) -> None:
    """E04, E12: what the station said to itself while it was alone, each message twice."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = Talk(point, case)
        for turn in range(2):
            talk.seq_no = -1
            await talk.say(
                "Started",
                "Authorized",
                evse=talk.evse,
                uid=token_of(case),
                state="Charging",
                at="2026-03-02T06:00:00Z",
                meterValue=[{"timestamp": "2026-03-02T06:00:00Z", "sampledValue": [{"value": 1000}]}],
                offline=True,
            )
            ended = await talk.say(
                "Ended",
                "StopAuthorized",
                at="2026-03-02T07:00:00Z",
                info={"stoppedReason": "Local"},
                meterValue=[
                    {
                        "timestamp": "2026-03-02T07:00:00Z",
                        "sampledValue": [{"value": 4000, "context": "Transaction.End"}],
                    }
                ],
                offline=True,
            )
            assert "idTokenInfo" not in ended, turn
    [bill] = agent.bills(case)
    assert (bill.total_energy_wh, bill.total_time_s, bill.quarantine) == (3000, 3600, ())


# --- F: remote start ---


async def test_tc_f_01_remote_start_cable_plugin_first(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = Talk(point, case)
        await connector(point, "Occupied")
        await talk.started(state="EVConnected")
        await parked(talk)  # a site starts none where one runs
        done = await agent.operate(case, StartTransaction(evse_id=1, token_uid=token_of(case)))
        assert done.problem is None
        asked = await point.asked("RequestStartTransaction")
        assert list(asked) == ["evseId", "remoteStartId", "idToken"]
        assert (asked["evseId"], asked["idToken"]) == (1, token(token_of(case), "Central"))
        talk = Talk(point, f"{case}-remote")
        started = await talk.say(
            "Started",
            "RemoteStart",
            evse=talk.evse,
            idToken=asked["idToken"],
            info={"remoteStartId": asked["remoteStartId"]},
            state="EVConnected",
        )
        assert started["idTokenInfo"]["status"] == "Accepted"
        await parked(talk)


async def test_tc_f_02_remote_start_first_authorize_remote_start(agent: RunningAgent, case: str) -> None:
    """TC_F_02 the station asks for the token too, TC_F_03 it does not, TC_F_04 no cable comes."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        assert (await agent.operate(case, StartTransaction(evse_id=1, token_uid=token_of(case)))).problem is None
        asked = await point.asked("RequestStartTransaction")
        answer = await point.call("Authorize", idToken=asked["idToken"])
        assert answer["idTokenInfo"]["status"] == "Accepted"
        talk = Talk(point, case)
        info = {"remoteStartId": asked["remoteStartId"]}
        await talk.say("Started", "RemoteStart", evse=talk.evse, idToken=asked["idToken"], info=info)
        await talk.ended("EVConnectTimeout", "Timeout")
        assert await agent.transaction(case) is None


# --- G: availability ---


async def test_tc_g_01_status_notification(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        for word, shown in (("Occupied", "occupied"), ("Faulted", "faulted"), ("Unavailable", "unavailable")):
            await connector(point, word)
            await wait_until(partial(_is_shown, agent, case, shown))


async def _is_shown(agent: RunningAgent, case: str, state: str) -> bool:
    evses = (await agent.station(case))["evses"]
    return any(evse["evse_id"] == 1 and evse["state"] == state for evse in evses)


async def test_tc_g_20_lock_failure(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        event = {
            "eventId": 1,
            "timestamp": stamp(),
            "trigger": "Alerting",
            "actualValue": "true",
            "eventNotificationType": "HardWiredMonitor",
            "component": {"name": "ConnectorPlugRetentionLock", "evse": {"id": 1, "connectorId": 1}},
            "variable": {"name": "Problem"},
        }
        assert await point.call("NotifyEvent", generatedAt=stamp(), seqNo=0, eventData=[event]) == {}


# --- I, J: cost and metering ---


async def test_tc_i_02_final_total_cost(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = Talk(point, case)
        begin = [{"timestamp": stamp(7200), "sampledValue": [{"value": 1000, "context": "Transaction.Begin"}]}]
        await talk.started("Authorized", uid=token_of(case), state="Charging", at=stamp(7200), meterValue=begin)
        answer = await talk.ended("StopAuthorized", "Local", meterValue=register(11_000, "Transaction.End"))
    [bill] = agent.bills(case)
    assert answer["totalCost"] == float(bill.total_cost.incl_vat) == 5.83


@pytest.mark.parametrize("trigger", ["MeterValueClock", "MeterValuePeriodic", "Trigger"])
async def test_tc_j_02_meter_values_in_a_transaction(agent: RunningAgent, case: str, trigger: str) -> None:
    """TC_J_02 clock-aligned, TC_J_09 sampled; TC_J_03 and TC_J_10 at its end, TC_J_07 and TC_J_08 at its begin."""
    context = {"MeterValueClock": "Sample.Clock", "Trigger": "Trigger"}.get(trigger, "Sample.Periodic")
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = Talk(point, f"{case}-{trigger}")
        await talk.say("Started", "Authorized", uid=token_of(case), meterValue=register(1000, "Transaction.Begin"))
        await talk.updated("CablePluggedIn", evse=talk.evse, state="Charging")
        await talk.updated(trigger, meterValue=register(1500, context))
        await parked(talk, wh=2000)
    bill = agent.bills(case)[-1]
    assert (bill.meter_start_wh, bill.meter_stop_wh) == (1000, 2000)


async def test_tc_j_01_clock_aligned_no_transaction(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        for evse in (0, 1, 2):
            assert await point.call("MeterValues", evseId=evse, meterValue=register(5000, "Sample.Clock")) == {}


async def test_tc_j_04_signed_meter_values(agent: RunningAgent, case: str) -> None:
    """TC_J_04 clock-aligned, TC_J_11 sampled: they stand on the bill as the station sent them."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        signed = {
            "signedMeterData": "T0NNRnx7fXx7fQ==",
            "signingMethod": "ECDSA-secp256r1-SHA256",
            "encodingMethod": "OCMF",
            "publicKey": "MFkw",
        }
        last = {**signed, "signedMeterData": "bGFzdA=="}
        talk = Talk(point, case)
        begin = register(1000, "Transaction.Begin", signedMeterValue=signed)
        await talk.started("Authorized", uid=token_of(case), state="Charging", meterValue=begin)
        await talk.updated("SignedDataReceived", meterValue=register(1500, "Sample.Clock", signedMeterValue=signed))
        await talk.ended("StopAuthorized", "Local", meterValue=register(2000, "Transaction.End", signedMeterValue=last))
    [bill] = agent.bills(case)
    assert bill.signed_data is not None
    assert [value.signed_data for value in bill.signed_data.signed_values] == ["T0NNRnx7fXx7fQ==", "bGFzdA=="]
    assert (bill.signed_data.encoding_method, bill.signed_data.public_key) == ("OCMF", "MFkw")


# --- P: data transfer ---


async def test_tc_p_02_data_transfer_to_the_csms(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        answer = await point.call("DataTransfer", vendorId="org.example", messageId="m", data={"a": 1})
        assert answer["status"] in ("Rejected", "UnknownVendorId", "UnknownMessageId")


async def test_tc_p_03_custom_data(agent: RunningAgent, case: str) -> None:
    custom = {"customData": {"vendorId": "org.example", "anything": [1, {"b": None}]}}
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        assert "currentTime" in await point.call("Heartbeat", **custom)
        talk = Talk(point, case)
        await talk.started("Authorized", uid=token_of(case), state="Charging", **custom)
        await parked(talk)


# --- 2.1 on the same port ---


async def test_also_newer_a_session_in_ocpp_2_1(agent: RunningAgent, case: str) -> None:
    """The core of 2.1 by the same steps: boot, authorisation, a remote start, readings, the bill."""
    async with charge_point(agent, case, Version.V21) as point:
        await booted(point)
        assert (await agent.operate(case, StartTransaction(evse_id=1, token_uid=token_of(case)))).problem is None
        asked = await point.asked("RequestStartTransaction")
        talk = Talk(point, case)
        info = {"remoteStartId": asked["remoteStartId"]}
        await talk.say("Started", "RemoteStart", evse=talk.evse, idToken=asked["idToken"], info=info)
        await talk.updated("ChargingStateChanged", state="Charging", meterValue=register(1000, "Transaction.Begin"))
        await talk.updated("RunningCost", meterValue=register(1200))
        await parked(talk, wh=1500)
        assert (await agent.station(case))["ocpp"] == "2.1"
        with pytest.raises(Refused, match="NotSupported"):
            await point.call("NotifyPriorityCharging", transactionId=case, activated=True)
    [bill] = agent.bills(case)
    assert bill.total_energy_wh == 500
