"""Charge points that we did not write: the client side of the `ocpp` package, in all versions."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import pytest

from protocols.charger.events import (
    IdTokenPresented,
    MeterValuesReported,
    StatusReported,
    TransactionBegan,
    TransactionContinued,
    TransactionFinished,
)
from tests.edge.chargers.scripted import Running, expect_failure, running_server
from tests.kit import wait_until

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ocpp.routing import on
    from ocpp.v16 import ChargePoint as ChargePoint16
    from ocpp.v16 import call as call16
    from ocpp.v16 import call_result as result16
    from ocpp.v21 import ChargePoint as ChargePoint21
    from ocpp.v21 import call as call21
    from ocpp.v21 import call_result as result21
    from ocpp.v201 import ChargePoint as ChargePoint201
    from ocpp.v201 import call as call201
    from ocpp.v201 import call_result as result201

AT = "2026-03-02T06:00:00Z"


class Station16(ChargePoint16):  # type: ignore[misc]
    @on("RemoteStartTransaction")
    def on_remote_start(self, id_tag: str, connector_id: int, **_rest: Any) -> Any:
        return result16.RemoteStartTransaction(
            status="Accepted" if (id_tag, connector_id) == ("04A2", 1) else "Rejected"
        )


class Station201(ChargePoint201):  # type: ignore[misc]
    @on("RequestStartTransaction")
    def on_request_start(self, id_token: dict[str, Any], remote_start_id: int, **_rest: Any) -> Any:
        return result201.RequestStartTransaction(
            status="Accepted", transaction_id=f"{id_token['id_token']}-{remote_start_id}"
        )


class Station21(ChargePoint21):  # type: ignore[misc]
    @on("RequestStartTransaction")
    def on_request_start(self, id_token: dict[str, Any], remote_start_id: int, **_rest: Any) -> Any:
        return result21.RequestStartTransaction(
            status="Accepted", transaction_id=f"{id_token['id_token']}-{remote_start_id}"
        )


async def session_16(station: Any) -> None:
    boot = await station.call(call16.BootNotification(charge_point_model="M", charge_point_vendor="V"))
    assert (boot.status, boot.interval) == ("Accepted", 300)
    assert (await station.call(call16.Heartbeat())).current_time.startswith("2026-03-02T06:00:00")
    await station.call(call16.StatusNotification(connector_id=1, error_code="NoError", status="Preparing"))
    assert (await station.call(call16.Authorize(id_tag="04A2"))).id_tag_info["status"] == "Accepted"
    started = await station.call(call16.StartTransaction(connector_id=1, id_tag="04A2", meter_start=1000, timestamp=AT))
    assert started.transaction_id == 1017
    value = {"timestamp": AT, "sampled_value": [{"value": "1.5", "unit": "kWh"}]}
    await station.call(call16.MeterValues(connector_id=1, transaction_id=1017, meter_value=[value]))
    await station.call(call16.StopTransaction(meter_stop=2000, timestamp=AT, transaction_id=1017, reason="Local"))
    transfer = await station.call(call16.DataTransfer(vendor_id="V"))
    assert transfer.status == "UnknownVendorId"


async def session_201(station: Any, words: Any = call201) -> None:
    """The same in 2.1, whose classes have the same names."""
    about = {"model": "M", "vendor_name": "V"}
    boot = await station.call(words.BootNotification(charging_station=about, reason="PowerUp"))
    assert (boot.status, boot.interval) == ("Accepted", 300)
    await station.call(words.Heartbeat())
    await station.call(words.StatusNotification(timestamp=AT, connector_status="Occupied", evse_id=1, connector_id=1))
    token = {"id_token": "04A2", "type": "ISO14443"}
    assert (await station.call(words.Authorize(id_token=token))).id_token_info["status"] == "Accepted"
    register = {"value": 1.5, "unit_of_measure": {"unit": "kWh"}}
    for number, (kind, trigger) in enumerate(
        (("Started", "Authorized"), ("Updated", "MeterValuePeriodic"), ("Ended", "StopAuthorized"))
    ):
        answer = await station.call(
            words.TransactionEvent(
                event_type=kind,
                timestamp=AT,
                trigger_reason=trigger,
                seq_no=number,
                transaction_info={"transaction_id": "tx-1"},
                evse={"id": 1, "connector_id": 1},
                id_token=token if kind == "Started" else None,
                meter_value=[{"timestamp": AT, "sampled_value": [register]}],
            )
        )
        assert (answer.id_token_info is not None) == (kind == "Started")
    await station.call(words.MeterValues(evse_id=1, meter_value=[{"timestamp": AT, "sampled_value": [register]}]))
    assert (await station.call(words.DataTransfer(vendor_id="V"))).status == "UnknownVendorId"


async def session_21(station: Any) -> None:
    await session_201(station, call21)


async def run(server: Running, kind: Any, subprotocol: str, session: Any, action: str, payload: dict[str, Any]) -> Any:
    """Play a session, then call the station, all over one socket."""
    async with server.connect(subprotocol=subprotocol) as socket:
        station = kind("CS-1", socket)
        async with asyncio.timeout(20):
            listening = server.tasks.create_task(listen(station))
            await session(station)
            answer = await server.fleet.call("CS-1", action, payload, 10)
            listening.cancel()
    return answer


async def listen(station: Any) -> None:
    await station.start()


async def test_ocpp_16() -> None:
    async with running_server() as server:
        payload = {"connectorId": 1, "idTag": "04A2"}
        answer = await run(server, Station16, "ocpp1.6", session_16, "RemoteStartTransaction", payload)
        assert answer == {"status": "Accepted"}
        assert [event.charging_state for event in server.inbox.of(StatusReported)] == ["EVConnected"]
        assert [event.token_uid for event in server.inbox.of(IdTokenPresented)] == ["04A2"]
        assert [event.meter_start_wh for event in server.inbox.of(TransactionBegan)] == [1000]
        assert [event.samples[0].value for event in server.inbox.of(MeterValuesReported)] == [1500]
        assert [event.meter_stop_wh for event in server.inbox.of(TransactionFinished)] == [2000]


@pytest.mark.parametrize(
    ("kind", "subprotocol", "session"),
    [(Station201, "ocpp2.0.1", session_201), (Station21, "ocpp2.1", session_21)],
)
async def test_ocpp_2(kind: Any, subprotocol: str, session: Any) -> None:
    async with running_server() as server:
        payload = {"remoteStartId": 7, "idToken": {"idToken": "04A2", "type": "Central"}}
        answer = await run(server, kind, subprotocol, session, "RequestStartTransaction", payload)
        assert answer == {"status": "Accepted", "transactionId": "04A2-7"}
        assert [event.meter_start_wh for event in server.inbox.of(TransactionBegan)] == [1500]
        assert [event.samples[0].value for event in server.inbox.of(TransactionContinued)] == [1500]
        assert [event.meter_stop_wh for event in server.inbox.of(TransactionFinished)] == [1500]


@pytest.mark.parametrize(("kind", "subprotocol"), [(Station16, "ocpp1.6"), (Station201, "ocpp2.0.1")])
async def test_a_call_that_the_station_does_not_know_fails_with_its_callerror(kind: Any, subprotocol: str) -> None:
    async with running_server() as server, server.connect(subprotocol=subprotocol) as socket:
        listening = server.tasks.create_task(listen(kind("CS-1", socket)))
        await wait_until(lambda: server.fleet.is_connected("CS-1"))
        failed = await expect_failure(server.fleet.call("CS-1", "ClearCache", {}, 10))
        assert failed.code in ("NotImplemented", "NotSupported")
        listening.cancel()
