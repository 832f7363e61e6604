"""Stations against a real WebSocket server that speaks OCPP with the `ocpp` package, both versions."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ocpp.exceptions import OCPPError
from ocpp.v16 import call as call16
from ocpp.v201 import call as call201

from firmware_sim.clock import unix_now_s
from firmware_sim.fleet import Fleet
from firmware_sim.messages import ConnectorState
from firmware_sim.settings import EvseSpec, OcppVersion, StationSpec
from firmware_sim.station import Pace, Station
from protocols.timeline import Timeline
from tests.firmware_sim.csms import Csms, Heard
from tests.firmware_sim.playbook import CARD, T0, car, spec
from tests.firmware_sim.playbook import OTHER_CARD as BAD_CARD

QUICK = Pace(call_floor_s=0.4, backoff_min_s=0.02, backoff_max_s=0.1)
versions = pytest.mark.parametrize("version", list(OcppVersion))


def fleet_of(csms: Csms, *specs: StationSpec, state: Path | None = None, speed: float = 600) -> Fleet:
    timeline = Timeline(origin=T0, anchor_s=unix_now_s(), speed=speed)
    return Fleet(specs, edge_url=csms.url, timeline=timeline, state=state, pace=QUICK)


def state_is(evse_id: int, state: ConnectorState) -> Callable[[Station], bool]:
    return lambda station: station.charger.evses[evse_id].state is state


def starts(csms: Csms) -> list[Heard]:
    return csms.of("StartTransaction") + [
        each for each in csms.of("TransactionEvent") if each.payload["eventType"] == "Started"
    ]


def stops(csms: Csms) -> list[Heard]:
    return csms.of("StopTransaction") + [
        each for each in csms.of("TransactionEvent") if each.payload["eventType"] == "Ended"
    ]


def register_wh(heard: Heard) -> int:
    """The energy register that a start or a stop reports."""
    payload = heard.payload
    if heard.action == "TransactionEvent":
        values = payload["meterValue"][0]["sampledValue"]
        return next(each["value"] for each in values if each["measurand"] == "Energy.Active.Import.Register")
    return payload["meterStart"] if heard.action == "StartTransaction" else payload["meterStop"]


async def begin(station: Station, evse_id: int = 1) -> None:
    """Plug in, hold the card to the reader, charge."""
    station.plug(evse_id, car())
    station.present(evse_id, CARD)
    await station.wait_for(state_is(evse_id, ConnectorState.CHARGING))


def all_starts_are_answered(station: Station) -> bool:
    return all(each.acknowledged_start for each in station.charger.transactions.values())


@versions
async def test_boots_with_its_password_and_tells_its_states(csms: Csms, version: OcppVersion) -> None:
    async with fleet_of(csms, spec(version, password="let me in")) as fleet:
        await fleet["CP01"].connect()
        expected = 3 if version is OcppVersion.V16 else 2
        await csms.wait_for(lambda it: len(it.of("StatusNotification")) == expected)
    credentials = base64.b64encode(b"CP01:let me in").decode()
    assert csms.authorizations == [f"Basic {credentials}"]
    assert csms.heard[0].action == "BootNotification"


@versions
async def test_asks_until_the_boot_is_accepted(csms: Csms, version: OcppVersion) -> None:
    csms.accepts_boot = False
    async with fleet_of(csms, spec(version), speed=3_000) as fleet:
        fleet["CP01"].power_up()
        await csms.wait_for(lambda it: len(it.of("BootNotification")) == 2)
        csms.accepts_boot = True
        await fleet["CP01"].connect()
    assert {each.action for each in csms.heard[:2]} == {"BootNotification"}


@versions
async def test_a_session_is_told_as_the_charger_accounts_for_it(csms: Csms, version: OcppVersion) -> None:
    async with fleet_of(csms, spec(version)) as fleet:
        station = fleet["CP01"]
        await station.connect()
        await begin(station)
        sampled = "MeterValues" if version is OcppVersion.V16 else "TransactionEvent"
        await csms.wait_for(lambda it: len(it.of(sampled)) >= 4)
        station.present(1, CARD)
        station.unplug(1)
        assert await fleet.drain(5)
        (told,) = fleet.transactions()
    (start,), (stop,) = starts(csms), stops(csms)
    assert (start.payload["timestamp"], stop.payload["timestamp"]) == (told["started_at"], told["ended_at"])
    assert (register_wh(start), register_wh(stop)) == (told["meter_start_wh"], told["meter_stop_wh"])
    assert told["meter_stop_wh"] > told["meter_start_wh"]
    assert told["acknowledged_start"]
    assert told["acknowledged_stop"]
    if version is OcppVersion.V16:
        assert stop.payload["transactionId"] == told["transaction_id"] == 1000
        assert stop.payload["reason"] == "Local"
        assert all(each.payload["transactionId"] == 1000 for each in csms.of("MeterValues"))
    else:
        events = csms.of("TransactionEvent")
        assert {each.payload["transactionInfo"]["transactionId"] for each in events} == {told["transaction_id"]}
        assert [each.payload["seqNo"] for each in events] == list(range(len(events)))
        assert stop.payload["triggerReason"] == "StopAuthorized"


@versions
async def test_a_blocked_card_starts_nothing(csms: Csms, version: OcppVersion) -> None:
    csms.blocked = {BAD_CARD}
    async with fleet_of(csms, spec(version)) as fleet:
        station = fleet["CP01"]
        await station.connect()
        station.plug(1, car())
        station.present(1, BAD_CARD)
        await station.wait_for(lambda it: it.charger.evses[1].asking is None)
        assert station.charger.transactions == {}
    assert starts(csms) == []


@versions
async def test_what_happens_offline_is_replayed_in_order(csms: Csms, version: OcppVersion) -> None:
    async with fleet_of(csms, spec(version)) as fleet:
        station = fleet["CP01"]
        await station.connect()
        await begin(station)
        await station.wait_for(all_starts_are_answered)
        station.link_cut()
        await csms.wait_for(lambda it: len(it.closes) == 1)
        station.present(1, CARD)
        station.unplug(1)
        for _ in range(2):
            await begin(station)
            await station.wait_for(lambda it: len(it.outbox.durable) % 3 == 2)
            station.unplug(1)
        before = len(csms.heard)
        station.link_up()
        assert await fleet.drain(10)
        account = fleet.transactions()
    replayed = [each for each in csms.heard[before:] if each.action != "Heartbeat"]
    assert "BootNotification" not in {each.action for each in replayed}
    times = [_instant(each) for each in replayed if each.action != "StatusNotification"]
    assert times == sorted(times)
    assert [each["acknowledged_stop"] for each in account] == [True] * 3
    assert [each.payload["timestamp"] for each in starts(csms)] == [each["started_at"] for each in account]
    assert [each.payload["timestamp"] for each in stops(csms)] == [each["ended_at"] for each in account]
    assert [register_wh(each) for each in stops(csms)] == [each["meter_stop_wh"] for each in account]
    if version is OcppVersion.V16:
        assert [each.payload["transactionId"] for each in stops(csms)] == [1000, 1001, 1002]
    else:
        events = [each for each in replayed if each.action == "TransactionEvent"]
        late = {account[1]["transaction_id"], account[2]["transaction_id"]}
        assert all(each.payload["offline"] for each in events if _transaction(each) in late)


def _instant(heard: Heard) -> str:
    if "timestamp" in heard.payload:
        return str(heard.payload["timestamp"])
    return str(heard.payload["meterValue"][0]["timestamp"])


def _transaction(heard: Heard) -> str:
    return str(heard.payload["transactionInfo"]["transactionId"])


@versions
async def test_power_failure_in_the_middle_of_a_session(csms: Csms, version: OcppVersion) -> None:
    async with fleet_of(csms, spec(version)) as fleet:
        station = fleet["CP01"]
        await station.connect()
        await begin(station)
        await csms.wait_for(lambda it: len(it.of("MeterValues", "TransactionEvent")) >= 3)
        station.power_cut()
        cut_at, register = station.charger.now, station.charger.evses[1].meter.register_wh
        await csms.wait_for(lambda it: len(it.closes) == 1)
        assert stops(csms) == []
        before = len(csms.heard)
        await station.connect()
        assert await fleet.drain(10)
        (told,) = fleet.transactions()
    assert csms.closes[0] == ("CP01", 1006)
    after = csms.heard[before:]
    assert after[0].action == "BootNotification"
    if version is OcppVersion.V201:
        assert after[0].payload["reason"] == "PowerUp"
    actions = [each.action for each in after]
    (stop,) = stops(csms)
    assert actions.index("StatusNotification") < actions.index(stop.action)
    reason = stop.payload.get("reason") or stop.payload["transactionInfo"]["stoppedReason"]
    assert (reason, register_wh(stop), told["meter_stop_wh"]) == ("PowerLoss", register, register)
    assert told["ended_at"] == stop.payload["timestamp"]
    assert told["ended_at"][:19] == cut_at.isoformat()[:19]


@versions
async def test_an_unanswered_start_is_sent_again_word_for_word(csms: Csms, version: OcppVersion) -> None:
    csms.silent = lambda heard: _is_start(heard) and len(starts(csms)) < 2
    async with fleet_of(csms, spec(version)) as fleet:
        station = fleet["CP01"]
        await station.connect()
        await begin(station)
        await csms.wait_for(lambda it: len(starts(it)) == 3)
        station.unplug(1)
        assert await fleet.drain(10)
        (told,) = fleet.transactions()
    first, second, third = starts(csms)
    assert first.payload == second.payload == third.payload
    assert len({first.unique_id, second.unique_id, third.unique_id}) == 3
    assert len(stops(csms)) == 1
    assert told["acknowledged_start"]


def _is_start(heard: Heard) -> bool:
    return heard.action == "StartTransaction" or heard.payload.get("eventType") == "Started"


@versions
async def test_a_start_that_was_never_answered_is_sent_again_after_a_reconnect(
    csms: Csms, version: OcppVersion
) -> None:
    csms.silent = _is_start
    async with fleet_of(csms, spec(version)) as fleet:
        station = fleet["CP01"]
        await station.connect()
        await begin(station)
        await csms.wait_for(lambda it: len(starts(it)) == 1)
        station.link_cut()
        csms.silent = lambda _: False
        station.link_up()
        station.unplug(1)
        assert await fleet.drain(10)
    payloads = [each.payload for each in starts(csms)]
    assert payloads[0] == payloads[-1]
    assert len(stops(csms)) == 1


async def test_a_stop_that_gets_errors_is_given_up_after_three_attempts(csms: Csms) -> None:
    csms.fails = lambda heard: heard.action == "StopTransaction"
    async with fleet_of(csms, spec(), speed=3_000) as fleet:
        station = fleet["CP01"]
        await station.connect()
        await begin(station)
        station.unplug(1)
        assert await fleet.drain(10)
        (told,) = fleet.transactions()
    assert len(csms.of("StopTransaction")) == 3
    assert not told["acknowledged_stop"]


async def test_remote_start_and_stop_16(csms: Csms) -> None:
    async with fleet_of(csms, spec()) as fleet:
        station = fleet["CP01"]
        await station.connect()
        station.plug(1, car())
        peer = csms.peers["CP01"]
        result = await peer.call(call16.RemoteStartTransaction(id_tag=CARD, connector_id=1))
        assert result.status == "Accepted"
        await csms.wait_for(lambda it: len(starts(it)) == 1)
        await station.wait_for(lambda it: any(each.csms_id for each in it.charger.transactions.values()))
        assert (await peer.call(call16.RemoteStopTransaction(transaction_id=1))).status == "Rejected"
        assert (await peer.call(call16.RemoteStopTransaction(transaction_id=1000))).status == "Accepted"
        assert await fleet.drain(5)
    assert stops(csms)[0].payload["reason"] == "Remote"


async def test_remote_start_and_stop_201(csms: Csms) -> None:
    async with fleet_of(csms, spec(OcppVersion.V201)) as fleet:
        station = fleet["CP01"]
        await station.connect()
        station.plug(1, car())
        peer = csms.peers["CP01"]
        token = {"id_token": "DESK-1", "type": "Central"}
        result = await peer.call(call201.RequestStartTransaction(id_token=token, remote_start_id=7, evse_id=1))
        assert result.status == "Accepted"
        await csms.wait_for(lambda it: len(starts(it)) == 1)
        start = starts(csms)[0].payload
        transaction_id = start["transactionInfo"]["transactionId"]
        stop_call = call201.RequestStopTransaction(transaction_id=transaction_id)
        assert (await peer.call(stop_call)).status == "Accepted"
        assert await fleet.drain(5)
    assert start["transactionInfo"]["remoteStartId"] == 7
    assert start["idToken"] == {"idToken": "DESK-1", "type": "Central"}
    assert start["triggerReason"] == "RemoteStart"
    stop = stops(csms)[0].payload
    assert (stop["triggerReason"], stop["transactionInfo"]["stoppedReason"]) == ("RemoteStop", "Remote")


@versions
async def test_what_it_cannot_do_it_says(csms: Csms, version: OcppVersion) -> None:
    async with fleet_of(csms, spec(version)) as fleet:
        await fleet["CP01"].connect()
        peer = csms.peers["CP01"]
        foreign = call201.GetTransactionStatus() if version is OcppVersion.V16 else call16.GetDiagnostics(location="")
        with pytest.raises(OCPPError) as refused:
            await peer.call(foreign, suppress=False, skip_schema_validation=True)
        assert refused.value.code in ("NotImplemented", "NotSupported")


@versions
async def test_configured_interval_changes_the_samples(csms: Csms, version: OcppVersion) -> None:
    async with fleet_of(csms, spec(version, sample_interval_s=0)) as fleet:
        station = fleet["CP01"]
        await station.connect()
        await begin(station)
        peer = csms.peers["CP01"]
        if version is OcppVersion.V16:
            changed = await peer.call(call16.ChangeConfiguration(key="MeterValueSampleInterval", value="30"))
            assert changed.status == "Accepted"
        else:
            wanted = {
                "component": {"name": "SampledDataCtrlr"},
                "variable": {"name": "TxUpdatedInterval"},
                "attribute_value": "30",
            }
            changed = await peer.call(call201.SetVariables(set_variable_data=[wanted]))
            assert changed.set_variable_result[0]["attribute_status"] == "Accepted"
        before = len(csms.of("MeterValues", "TransactionEvent"))
        await csms.wait_for(lambda it: len(it.of("MeterValues", "TransactionEvent")) >= before + 3)


@versions
async def test_reset_ends_the_session_and_boots_again(csms: Csms, version: OcppVersion) -> None:
    async with fleet_of(csms, spec(version)) as fleet:
        station = fleet["CP01"]
        await station.connect()
        await begin(station)
        peer = csms.peers["CP01"]
        reset: Any = call16.Reset(type="Soft") if version is OcppVersion.V16 else call201.Reset(type="Immediate")
        assert (await peer.call(reset)).status == "Accepted"
        await csms.wait_for(lambda it: len(it.of("BootNotification")) == 2)
        assert await fleet.drain(5)
    (stop,) = stops(csms)
    if version is not OcppVersion.V16:
        assert stop.payload["transactionInfo"]["stoppedReason"] == "ImmediateReset"
        assert csms.of("BootNotification")[1].payload["reason"] == "RemoteReset"
    else:
        assert stop.payload["reason"] == "SoftReset"


async def test_a_simulator_that_ends_takes_up_where_it_was(csms: Csms, tmp_path: Path) -> None:
    """The queue, the odometer and the open transaction come back from the folder, whatever ended the first life."""
    async with fleet_of(csms, spec(), state=tmp_path) as fleet:
        station = fleet["CP01"]
        await station.connect()
        await begin(station)
        await station.wait_for(all_starts_are_answered)
        station.link_cut()
        await station.wait_for(lambda it: len(it.outbox.durable) >= 2)
        register = station.charger.evses[1].meter.register_wh
    async with fleet_of(csms, spec(), state=tmp_path) as fleet:
        station = fleet["CP01"]
        assert station.charger.evses[1].meter.register_wh >= register
        await station.connect()
        assert await fleet.drain(10)
        (told,) = fleet.transactions()
    assert (told["reason"], told["transaction_id"], told["acknowledged_stop"]) == ("PowerLoss", 1000, True)
    assert len(starts(csms)) == 1
    assert register_wh(stops(csms)[0]) == told["meter_stop_wh"] >= register
    assert len(csms.of("MeterValues")) >= 1


async def test_many_stations_at_once(csms: Csms) -> None:
    specs = [
        spec(version, station_id=f"CP{number:02d}", evses=(EvseSpec(evse_id=1, max_power_w=22_000),))
        for number, version in enumerate(list(OcppVersion) * 8)
    ]
    async with fleet_of(csms, *specs, speed=60) as fleet:
        for station in fleet.stations.values():
            station.power_up()
        for station in fleet.stations.values():
            await station.wait_for(lambda it: it.charger.online)
            await begin(station)
        for station in fleet.stations.values():
            station.unplug(1)
        assert await fleet.drain(10)
        assert len(fleet.transactions()) == len(specs)
        assert all(each["acknowledged_stop"] for each in fleet.transactions())


async def test_the_error_of_the_caller_is_not_wrapped(csms: Csms) -> None:
    async def fails() -> None:
        async with fleet_of(csms, spec()) as fleet:
            await fleet["CP01"].connect()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()


async def test_waiting_for_what_never_comes_ends(csms: Csms) -> None:
    async with fleet_of(csms, spec()) as fleet:
        with pytest.raises(TimeoutError):
            await fleet["CP01"].wait_for(lambda it: it.charger.online, 0.05)


def test_backoff_grows_is_bounded_and_jittered() -> None:
    pace, rng = Pace(), random.Random(1)
    waits = [pace.backoff_s(failures, rng) for failures in range(20)]
    assert all(0.1 <= each <= 5.0 for each in waits)
    assert waits[0] <= 0.2 < waits[3]
    assert len(set(waits)) == 20
    assert Pace().call_timeout_s(Timeline(speed=600)) == 5.0
    assert Pace().call_timeout_s(Timeline(speed=1)) == 30.0
