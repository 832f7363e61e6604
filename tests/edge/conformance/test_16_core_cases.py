"""The certification cases of OCPP 1.6 for central systems, Core profile: TC_001 to TC_040, TC_061, TC_064.

Each plays a charge point over a socket with a real agent; titles and numbers are those of the Open Charge Alliance.
"""

from __future__ import annotations

import json

from protocols.charger.operations.availability import ChangeAvailability, ClearCache
from protocols.charger.operations.messages import TransferData
from protocols.charger.operations.transactions import StartTransaction, StopTransaction, UnlockConnector
from protocols.charger.operations.variables import (
    GetBaseReport,
    GetVariables,
    Reset,
    SetVariables,
    VariableName,
    VariableSetting,
)
from tests.edge.conformance.charge_point import charge_point
from tests.edge.conformance.running_agent import BLOCKED, EXPIRED, UNKNOWN, RunningAgent, token_of
from tests.edge.conformance.steps_16 import authorize, booted, charging, parked, stamp, start, status, stop
from tests.kit import wait_until

INTERVAL = VariableName(component="SampledDataCtrlr", variable="TxUpdatedInterval")


async def test_tc_001_cold_boot_charge_point(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        answer = await booted(point)
        assert answer["interval"] == 300
        assert list(answer) == ["currentTime", "interval", "status"]
        assert (await point.call("Heartbeat"))["currentTime"].endswith("Z")
        station = await agent.station(case)
        assert (station["online"], station["vendor"], station["model"]) == (True, "Conformance", "CP")


async def test_tc_003_regular_charging_session_plugin_first(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        transaction_id = await charging(point)
        assert await agent.transaction(case) is not None
        await point.call(
            "MeterValues",
            connectorId=1,
            transactionId=transaction_id,
            meterValue=[{"timestamp": stamp(), "sampledValue": [{"value": "2000", "unit": "Wh"}]}],
        )
        assert (await authorize(point))["status"] == "Accepted"
        answer = await stop(point, transaction_id, idTag=token_of(case))
        assert answer["idTagInfo"]["status"] == "Accepted"
        await status(point, "Finishing")
        await status(point, "Available")
    [bill] = agent.bills(case)
    assert (bill.total_energy_wh, bill.token_uid) == (2500, token_of(case))


async def test_tc_004_1_regular_charging_session_identification_first(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        assert (await authorize(point))["status"] == "Accepted"
        await status(point, "Preparing")
        started = await start(point)
        assert list(started) == ["idTagInfo", "transactionId"]
        await status(point, "Charging")
        await parked(point, started["transactionId"])


async def test_tc_004_2_identification_first_connection_time_out(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        assert (await authorize(point))["status"] == "Accepted"
        await status(point, "Preparing")
        await status(point, "Available")
        assert await agent.transaction(case) is None


async def test_tc_005_1_ev_side_disconnected(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        transaction_id = await charging(point)
        await status(point, "SuspendedEV")
        await parked(point, transaction_id, "EVDisconnected")
    assert [bill.stop_reason for bill in agent.bills(case)] == ["EVDisconnected"]


async def test_tc_007_regular_start_charging_session_cached_id(agent: RunningAgent, case: str) -> None:
    """The station lets the token in from its cache, and asks for it with the start alone."""
    async with charge_point(agent, case) as point:
        await booted(point)
        await status(point, "Preparing")
        started = await start(point)
        assert started["idTagInfo"]["status"] == "Accepted"
        await status(point, "Charging")
        await parked(point, started["transactionId"])


async def test_tc_010_remote_start_cable_plugged_in_first(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        await status(point, "Preparing")
        done = await agent.operate(case, StartTransaction(evse_id=1, token_uid=token_of(case)))
        assert done.problem is None
        assert await point.asked("RemoteStartTransaction") == {"connectorId": 1, "idTag": token_of(case)}
        assert (await authorize(point))["status"] == "Accepted"
        started = await start(point)
        assert started["idTagInfo"]["status"] == "Accepted"
        await status(point, "Charging")
        await parked(point, started["transactionId"])


async def test_tc_011_1_remote_start_remote_start_first(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        assert (await agent.operate(case, StartTransaction(evse_id=1, token_uid=token_of(case)))).problem is None
        await point.asked("RemoteStartTransaction")
        await authorize(point)
        await status(point, "Preparing")
        started = await start(point)
        await status(point, "Charging")
        await parked(point, started["transactionId"])


async def test_tc_011_2_remote_start_time_out(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        assert (await agent.operate(case, StartTransaction(evse_id=1, token_uid=token_of(case)))).problem is None
        await status(point, "Preparing")
        await status(point, "Available")
        assert await agent.transaction(case) is None


async def test_tc_012_remote_stop_charging_session(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        transaction_id = await charging(point)
        done = await agent.operate(case, StopTransaction(charger_transaction_id=str(transaction_id)))
        assert done.problem is None
        assert await point.asked("RemoteStopTransaction") == {"transactionId": transaction_id}
        await parked(point, transaction_id, "Remote")
    assert [bill.stop_reason for bill in agent.bills(case)] == ["Remote"]


async def test_tc_013_hard_reset(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        transaction_id = await charging(point)
        assert (await agent.operate(case, Reset(type="Immediate"))).problem is None
        assert await point.asked("Reset") == {"type": "Hard"}
        await stop(point, transaction_id, reason="HardReset")
    async with charge_point(agent, case) as point:
        await booted(point)
    assert len(agent.bills(case)) == 1


async def test_tc_014_soft_reset(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        transaction_id = await charging(point)
        assert (await agent.operate(case, Reset(type="OnIdle"))).problem is None
        assert await point.asked("Reset") == {"type": "Soft"}
        await stop(point, transaction_id, reason="SoftReset")
    async with charge_point(agent, case) as point:
        await booted(point)
        assert await agent.transaction(case) is None


async def test_tc_017_1_unlock_connector_no_charging_session(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["UnlockConnector"] = {"status": "Unlocked"}
        await booted(point)
        assert (await agent.operate(case, UnlockConnector(evse_id=1))).problem is None
        assert await point.asked("UnlockConnector") == {"connectorId": 1}


async def test_tc_017_2_unlock_connector_fixed_cable(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["UnlockConnector"] = {"status": "NotSupported"}
        await booted(point)
        done = await agent.operate(case, UnlockConnector(evse_id=1))
        assert "NotSupported" in (done.problem or "")


async def test_tc_018_1_unlock_connector_with_charging_session(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["UnlockConnector"] = {"status": "Unlocked"}
        await booted(point)
        transaction_id = await charging(point)
        assert (await agent.operate(case, UnlockConnector(evse_id=1))).problem is None
        await parked(point, transaction_id, "UnlockCommand")
    assert len(agent.bills(case)) == 1


async def test_tc_019_1_retrieve_all_configuration_keys(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        keys = [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]
        point.answers["GetConfiguration"] = {"configurationKey": keys}
        await booted(point)
        done = await agent.operate(case, GetBaseReport())
        assert await point.asked("GetConfiguration") == {}
        [told] = done.result["result"]["variables"]
        assert (told["component"], told["variable"], told["value"]) == ("OCPPCommCtrlr", "HeartbeatInterval", "300")
        raw = await agent.call(case, "GetConfiguration", {})
        assert raw.result == {"configurationKey": keys}


async def test_tc_019_2_retrieve_specific_configuration_key(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        keys = [{"key": "SupportedFeatureProfiles", "readonly": True, "value": "Core"}]
        point.answers["GetConfiguration"] = {"configurationKey": keys}
        await booted(point)
        name = VariableName(variable="SupportedFeatureProfiles")
        done = await agent.operate(case, GetVariables(names=(name,)))
        assert await point.asked("GetConfiguration") == {"key": ["SupportedFeatureProfiles"]}
        assert done.result["result"]["variables"][0]["value"] == "Core"


async def test_tc_021_change_set_configuration(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        done = await agent.operate(case, SetVariables(settings=(VariableSetting(name=INTERVAL, value="60"),)))
        assert done.problem is None
        asked = await point.asked("ChangeConfiguration")
        assert list(asked.items()) == [("key", "MeterValueSampleInterval"), ("value", "60")]


async def test_tc_023_1_start_charging_session_authorize_invalid(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        assert await authorize(point, UNKNOWN) == {"status": "Invalid"}


async def test_tc_023_2_start_charging_session_authorize_expired(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        assert (await authorize(point, EXPIRED))["status"] == "Expired"


async def test_tc_023_3_start_charging_session_authorize_blocked(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        assert (await authorize(point, BLOCKED))["status"] == "Blocked"


async def test_tc_024_start_charging_session_lock_failure(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        await status(point, "Preparing")
        assert (await authorize(point))["status"] == "Accepted"
        await status(point, "Faulted", error="ConnectorLockFailure")
        assert await agent.transaction(case) is None
        evse = (await agent.station(case))["evses"][0]
        assert evse["state"] == "faulted"


async def test_tc_026_remote_start_charging_session_rejected(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["RemoteStartTransaction"] = {"status": "Rejected"}
        await booted(point)
        done = await agent.operate(case, StartTransaction(evse_id=1, token_uid=token_of(case)))
        assert done.problem == "failed: Rejected"
        raw = await agent.call(case, "RemoteStartTransaction", {"idTag": token_of(case), "connectorId": 1})
        assert raw.result == {"status": "Rejected"}


async def test_tc_028_remote_stop_transaction_rejected(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["RemoteStopTransaction"] = {"status": "Rejected"}
        await booted(point)
        transaction_id = await charging(point)
        raw = await agent.call(case, "RemoteStopTransaction", {"transactionId": transaction_id + 1})
        assert raw.result == {"status": "Rejected"}
        assert await agent.transaction(case) is not None
        await parked(point, transaction_id)


async def test_tc_030_unlock_connector_unlock_failure(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["UnlockConnector"] = {"status": "UnlockFailed"}
        await booted(point)
        done = await agent.operate(case, UnlockConnector(evse_id=1))
        assert "UnlockFailed" in (done.problem or "")


async def test_tc_031_unlock_connector_unknown_connector(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["UnlockConnector"] = {"status": "NotSupported"}
        await booted(point)
        raw = await agent.call(case, "UnlockConnector", {"connectorId": 9})
        assert await point.asked("UnlockConnector") == {"connectorId": 9}
        assert raw.result == {"status": "NotSupported"}


async def test_tc_032_1_power_failure_boot_charge_point_stop_transactions(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        transaction_id = await charging(point)
    async with charge_point(agent, case) as point:
        await booted(point)
        await stop(point, transaction_id, reason="PowerLoss")
        await status(point, "Available")
    assert [bill.stop_reason for bill in agent.bills(case)] == ["PowerLoss"]


async def test_tc_037_1_offline_start_transaction_valid_id_tag(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
    await wait_until(lambda: _is_offline(agent, case))
    async with charge_point(agent, case) as point:
        started = await start(point, ago_s=60)
        assert started["idTagInfo"]["status"] == "Accepted"
        await status(point, "Charging")
        await parked(point, started["transactionId"])


async def test_tc_037_3_offline_start_transaction_invalid_id_tag(agent: RunningAgent, case: str) -> None:
    """The station had let it in by itself; told otherwise, it stops. What was drawn is known, though nobody's."""
    async with charge_point(agent, case) as point:
        await booted(point)
    async with charge_point(agent, case) as point:
        started = await start(point, UNKNOWN, ago_s=60)
        assert started["idTagInfo"]["status"] == "Invalid"
        await status(point, "Charging")
        await parked(point, started["transactionId"], "DeAuthorized")
        assert await agent.transaction(case) is None


async def test_tc_039_offline_transaction(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
    async with charge_point(agent, case) as point:
        started = await start(point, ago_s=600)
        assert started["idTagInfo"]["status"] == "Accepted"
        answer = await stop(point, started["transactionId"], ago_s=60, idTag=token_of(case))
        assert answer["idTagInfo"]["status"] == "Accepted"
    [bill] = agent.bills(case)
    assert 535 <= bill.total_time_s <= 545


async def test_tc_040_1_configuration_keys_not_supported(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["ChangeConfiguration"] = {"status": "NotSupported"}
        await booted(point)
        raw = await agent.call(case, "ChangeConfiguration", {"key": "NoSuchKey", "value": "1"})
        assert raw.result == {"status": "NotSupported"}
        setting = VariableSetting(name=VariableName(variable="NoSuchKey"), value="1")
        done = await agent.operate(case, SetVariables(settings=(setting,)))
        assert done.problem == "failed: NoSuchKey: UnknownVariable"


async def test_tc_040_2_configuration_keys_invalid_value(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["ChangeConfiguration"] = {"status": "Rejected"}
        await booted(point)
        raw = await agent.call(case, "ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "-1"})
        assert await point.asked("ChangeConfiguration") == {"key": "MeterValueSampleInterval", "value": "-1"}
        assert raw.result == {"status": "Rejected"}


async def test_tc_061_clear_authorization_data_in_authorization_cache(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        assert (await agent.operate(case, ClearCache())).problem is None
        assert await point.asked("ClearCache") == {}


async def test_tc_064_data_transfer_to_central_system(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        answer = await point.call("DataTransfer", vendorId="com.example", messageId="hello", data="x")
        assert answer["status"] in ("UnknownVendorId", "UnknownMessageId", "Rejected", "Accepted")
        point.answers["DataTransfer"] = {"status": "Accepted", "data": "y"}
        done = await agent.operate(case, TransferData(vendor_id="com.example", data="x"))
        assert done.result["result"] == {"status": "Accepted", "data": "y"}


async def test_also_scheduled_availability_while_charging(agent: RunningAgent, case: str) -> None:
    """No case of its own, but an operation of Core all the same."""
    async with charge_point(agent, case) as point:
        await booted(point)
        transaction_id = await charging(point)
        point.answers["ChangeAvailability"] = {"status": "Scheduled"}
        done = await agent.operate(case, ChangeAvailability(operational_status="Inoperative", evse_id=1))
        assert (done.problem, done.result["detail"]) == (None, "Scheduled")
        assert await point.asked("ChangeAvailability") == {"connectorId": 1, "type": "Inoperative"}
        await stop(point, transaction_id)
        await status(point, "Unavailable")


async def test_also_raw_a_call_prints_what_the_station_answered_and_sends_what_it_was_given(
    agent: RunningAgent, case: str
) -> None:
    """By the command line: key order, numbers and letters of the answer stay as they came, a CALLERROR is told."""
    async with charge_point(agent, case) as point:
        await booted(point)
        answer = {"unknownKey": ["Kühlung"], "configurationKey": [{"value": "1.0", "readonly": True, "key": "Z"}]}
        point.answers["GetConfiguration"] = answer
        told = await agent.run("call", case, "GetConfiguration", '{"key": ["Z", "Kühlung"]}')
        assert (told.status, json.dumps(json.loads(told.output), ensure_ascii=False)) == (
            0,
            json.dumps(answer, ensure_ascii=False),
        )
        assert await point.asked("GetConfiguration") == {"key": ["Z", "Kühlung"]}
        point.errors["Reset"] = ("InternalError", "no memory", {"free": 0})
        told = await agent.run("call", case, "Reset", '{"type": "Soft"}')
        assert (told.status, "InternalError" in told.errors, "no memory" in told.errors) == (1, True, True)
        told = await agent.run("command", case, "reset", '{"type": "Immediate"}')
        assert (told.status, "InternalError" in told.errors) == (1, True)


async def test_also_lost_stop_a_new_start_at_the_connector_ends_what_ran_there(agent: RunningAgent, case: str) -> None:
    """A station that forgot its transaction and begins anew: its driver is not charging elsewhere."""
    async with charge_point(agent, case) as point:
        await booted(point)
        first = await charging(point)
    async with charge_point(agent, case) as point:
        await booted(point)
        assert (await authorize(point))["status"] == "Accepted"
        second = await start(point)
        assert second["idTagInfo"]["status"] == "Accepted"
        third = await start(point)
        assert third["idTagInfo"]["status"] == "Accepted"
        assert len({first, second["transactionId"], third["transactionId"]}) == 3
        await parked(point, third["transactionId"])
    assert len(agent.bills(case)) == 3


async def _is_offline(agent: RunningAgent, station_id: str) -> bool:
    return not (await agent.station(station_id))["online"]
