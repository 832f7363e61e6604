"""Which socket owns a station, our calls and commands, on real sockets (faults_and_attacks 3, field_quirks 5, 9)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection

from edge.chargers.calls import MAX_WAITING
from edge.domain.events import RawCallAnswered, Refused, SiteEvent, SiteReply
from edge.ports import CallFailed
from protocols.charger.commands import ChargerCommand, MessageLimit, RawCall
from protocols.charger.events import CommandAnswered, StationConnected, StationDisconnected
from protocols.charger.operations.availability import (
    CancelReservation,
    ChangeAvailability,
    ReserveNow,
    SendLocalList,
)
from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    SchedulePeriod,
    SetChargingProfile,
)
from protocols.charger.operations.transactions import GetTransactionStatus, StartTransaction, StopTransaction
from protocols.charger.operations.variables import (
    GetBaseReport,
    GetVariables,
    SetVariables,
    VariableName,
    VariableSetting,
)
from tests.edge.chargers.scripted import exchange, expect_failure, running_server
from tests.kit import wait_until

AT = datetime(2026, 3, 2, 7, tzinfo=UTC)
START = ChargerCommand(
    command_id="c1",
    station_id="CS-1",
    operation=StartTransaction(evse_id=1, token_uid="04A2", remote_start_id=7),
)
STOP = ChargerCommand(command_id="c2", station_id="CS-1", operation=StopTransaction(charger_transaction_id="1017"))


async def receive(station: ClientConnection) -> Any:
    return orjson.loads(await station.recv())


async def answer(station: ClientConnection, call: Any, payload: dict[str, Any]) -> None:
    await station.send(orjson.dumps([3, call[1], payload]).decode())


async def test_the_newest_socket_owns_the_station_and_the_old_ones_end_touches_nothing() -> None:
    async with running_server() as server:
        with capture_logs() as logs:
            old = await server.connect()
            await exchange(old, 2, "1", "Heartbeat", {})
            async with server.connect() as new:
                await exchange(new, 2, "1", "Heartbeat", {})
                await old.wait_closed()
                assert old.close_code == 1008
                await wait_until(lambda: server.metrics.connections == 1)
                assert server.inbox.kinds() == ["StationConnected", "StationConnected"]
                calling = server.tasks.create_task(server.fleet.call("CS-1", "ClearCache", {}, 5))
                await answer(new, await receive(new), {"status": "Accepted"})
                assert await calling == {"status": "Accepted"}
        assert [line["event"] for line in logs if line.get("security")] == ["station_taken_over"]
        await wait_until(lambda: server.inbox.of(StationDisconnected))
        assert server.inbox.kinds()[2:] == ["StationDisconnected"]
        assert server.metrics.takeovers == 1


async def test_a_stale_socket_that_still_speaks_is_not_heard() -> None:
    async with running_server() as server:
        old = await server.connect()
        await exchange(old, 2, "1", "Heartbeat", {})
        old.transport.pause_reading()  # half-open: it never learns that it was closed
        async with server.connect() as new:
            await exchange(new, 2, "1", "Heartbeat", {})
            old.protocol.send_text(b'[2,"2","Authorize",{"idTag":"A"}]')
            old.send_data()
            await exchange(new, 2, "2", "Heartbeat", {})
            assert "IdTokenPresented" not in server.inbox.kinds()
        old.transport.abort()


async def test_a_call_that_waits_on_the_old_socket_fails_when_a_new_one_takes_over() -> None:
    async with running_server() as server, server.connect() as old:
        calling = server.tasks.create_task(expect_failure(server.fleet.call("CS-1", "ClearCache", {}, 5)))
        call = await receive(old)
        async with server.connect() as new:
            assert (await calling).code == "NotConnected"
            await answer(new, call, {"status": "Accepted"})  # too late, and on another socket
            assert (await exchange(new, 2, "1", "Heartbeat", {}))[0] == 3


async def test_the_site_hears_of_connections_in_their_order_even_when_it_is_slow() -> None:
    async with running_server() as server:
        release = asyncio.Event()

        async def slow(event: SiteEvent) -> SiteReply | None:
            if isinstance(event, StationDisconnected):
                await release.wait()
            return None

        server.inbox.hook = slow
        async with server.connect():
            await wait_until(lambda: server.inbox.of(StationConnected))
        await wait_until(lambda: server.inbox.of(StationDisconnected))
        async with server.connect() as station:
            await station.send('[2,"1","Heartbeat",{}]')
            release.set()
            await station.recv()
            assert server.inbox.kinds() == ["StationConnected", "StationDisconnected", "StationConnected"]


async def test_an_overloaded_site_hears_of_the_connection_later() -> None:
    async with running_server(retry_s=0.01) as server:
        refusals = iter([True, True, False])

        server.inbox.is_full = lambda _event: next(refusals, False)
        async with server.connect() as station:
            assert (await exchange(station, 2, "1", "Heartbeat", {}))[0] == 3
            assert server.inbox.kinds() == ["StationConnected"] * 3


async def test_commands_are_carried_out_in_order_one_at_a_time() -> None:
    async with running_server() as server, server.connect() as station:
        await exchange(station, 2, "1", "Heartbeat", {})
        server.fleet.send(START)
        server.fleet.send(STOP)
        first = await receive(station)
        assert first[2:] == ["RemoteStartTransaction", {"connectorId": 1, "idTag": "04A2"}]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await station.recv()
        await answer(station, first, {"status": "Accepted"})
        second = await receive(station)
        assert second[2:] == ["RemoteStopTransaction", {"transactionId": 1017}]
        await answer(station, second, {"status": "Rejected"})
        await wait_until(lambda: len(server.inbox.of(CommandAnswered)) == 2)
        assert server.inbox.of(CommandAnswered) == [
            CommandAnswered(station_id="CS-1", command_id="c1", is_accepted=True),
            CommandAnswered(station_id="CS-1", command_id="c2", is_accepted=False, detail="Rejected"),
        ]


@pytest.mark.parametrize(
    ("command", "detail"),
    [
        (START, "NotConnected: CS-1 is not connected"),
        (STOP, "NotConnected: CS-1 is not connected"),
    ],
)
async def test_a_command_to_nobody_is_answered_with_no(command: ChargerCommand, detail: str) -> None:
    async with running_server() as server:
        server.fleet.send(command)
        await wait_until(lambda: server.inbox.of(CommandAnswered))
        (answered,) = server.inbox.of(CommandAnswered)
        assert (answered.is_accepted, answered.detail) == (False, detail)


async def test_a_command_that_the_version_cannot_say_is_answered_with_no() -> None:
    async with running_server() as server, server.connect() as station:
        await exchange(station, 2, "1", "Heartbeat", {})
        long_token = StartTransaction(evse_id=1, token_uid="x" * 21, remote_start_id=7)
        foreign_id = StopTransaction(charger_transaction_id="7f3c-01")
        of_another = GetTransactionStatus()
        for operation in (long_token, foreign_id, of_another):
            server.fleet.send(ChargerCommand(command_id="c3", station_id="CS-1", operation=operation))
        await wait_until(lambda: len(server.inbox.of(CommandAnswered)) == 3)
        assert server.inbox.of(CommandAnswered)[2].detail == "OCPP 1.6 has no get_transaction_status"
        assert not any(event.is_accepted for event in server.inbox.of(CommandAnswered))


async def test_what_a_station_cannot_take_of_several_calls_does_not_cost_the_others() -> None:
    async with running_server() as server, server.connect() as station:
        await exchange(station, 2, "1", "Heartbeat", {})
        names = [VariableName(variable=key) for key in ("HeartbeatInterval", "Odd", "ResetRetries")]
        settings = tuple(VariableSetting(name=name, value="3") for name in names)
        server.fleet.send(ChargerCommand(command_id="c6", station_id="CS-1", operation=SetVariables(settings=settings)))
        await answer(station, await receive(station), {"status": "Accepted"})
        refused = await receive(station)
        await station.send(orjson.dumps([4, refused[1], "InternalError", "no memory", {}]).decode())
        await answer(station, await receive(station), {"status": "Accepted"})
        await wait_until(lambda: server.inbox.of(CommandAnswered))
        (answered,) = server.inbox.of(CommandAnswered)
        assert (answered.is_accepted, answered.detail) == (False, "Odd: InternalError")
        told = [variable["status"] for variable in answered.result["variables"]]
        assert told == ["Accepted", "InternalError", "Accepted"]


async def test_a_long_operation_is_as_many_messages_as_the_station_wants() -> None:
    async with running_server() as server, server.connect() as station:
        await exchange(station, 2, "1", "Heartbeat", {})
        get = GetVariables(names=tuple(VariableName(variable=key) for key in ("A", "B", "C")))
        limit = MessageLimit(items=2)
        for command_id in ("c7", "c8"):
            server.fleet.send(ChargerCommand(command_id=command_id, station_id="CS-1", operation=get, limit=limit))
        keys = []
        for _ in range(3):  # of two commands at once, call by call
            call = await receive(station)
            keys.append(tuple(call[3]["key"]))
            await answer(station, call, {"unknownKey": call[3]["key"]})
        last = await receive(station)
        await station.send(orjson.dumps([4, last[1], "InternalError", "", {}]).decode())
        assert sorted([*keys, tuple(last[3]["key"])]) == [("A", "B"), ("A", "B"), ("C",), ("C",)]
        await wait_until(lambda: len(server.inbox.of(CommandAnswered)) == 2)
        good, bad = sorted(server.inbox.of(CommandAnswered), key=lambda each: not each.is_accepted)
        assert [row["variable"] for row in good.result["unknown"]] == ["A", "B", "C"]
        assert (bad.is_accepted, bad.detail[:13]) == (False, "InternalError")  # no answer of 1.6 can tell half of it


@pytest.mark.parametrize(
    ("action", "payload", "operation"),
    [
        (
            "ReserveNow",
            {"connectorId": 1, "expiryDate": "2026-03-02T07:00:00Z", "idTag": "04A2", "reservationId": 7},
            ReserveNow(token_uid="04A2", expires_at=AT, evse_id=1, reservation_id=7),
        ),
        (
            "ReserveNow",
            {
                "connectorId": 0,
                "expiryDate": "2026-03-02T08:00:00+01:00",
                "idTag": "04A2",
                "parentIdTag": "G",
                "reservationId": 8,
            },
            ReserveNow(token_uid="04A2", expires_at=AT, group_id="G", reservation_id=8),
        ),
        ("CancelReservation", {"reservationId": 7}, CancelReservation(reservation_id=7)),
        (
            "ChangeAvailability",
            {"connectorId": 0, "type": "Inoperative"},
            ChangeAvailability(operational_status="Inoperative"),
        ),
        ("SendLocalList", {"listVersion": 3, "updateType": "Full"}, SendLocalList(version=3)),
        (
            "GetConfiguration",
            {"key": ["GetConfigurationMaxKeys", "Odd"]},
            GetVariables(
                names=(
                    VariableName(
                        component="DeviceDataCtrlr", variable="ItemsPerMessage", variable_instance="GetVariables"
                    ),
                    VariableName(variable="Odd"),
                )
            ),
        ),
        ("GetConfiguration", {}, GetBaseReport(request_id=0)),
        ("ReserveNow", {"connectorId": 1}, None),
        ("CancelReservation", {"reservationId": -1}, None),
        ("ClearCache", {}, None),
    ],
)
async def test_the_site_is_told_what_a_raw_call_meant(action: str, payload: dict[str, Any], operation: Any) -> None:
    async with running_server() as server, server.connect() as station:
        await exchange(station, 2, "1", "Heartbeat", {})
        calling = server.tasks.create_task(server.fleet.call("CS-1", action, payload, 5))
        call = await receive(station)
        assert call[2:] == [action, payload]
        await answer(station, call, {"status": "Accepted", "more": 1})
        assert await calling == {"status": "Accepted", "more": 1}
        told = [(event.operation, event.is_accepted) for event in server.inbox.of(RawCallAnswered)]
        assert told == ([(operation, True)] if operation else [])


async def test_a_command_says_what_the_site_does_not_know_of() -> None:
    async with running_server() as server, server.connect() as station:
        await exchange(station, 2, "1", "Heartbeat", {})
        reserve = {"connectorId": 9, "expiryDate": "2026-03-02T07:00:00Z", "idTag": "04A2", "reservationId": 7}
        server.inbox.answer = lambda _event: Refused(reason="EVSE CS-1/9 does not exist")
        for payload in (reserve, {**reserve, "expiryDate": "soon"}):
            raw = RawCall(action="ReserveNow", payload=payload)
            server.fleet.send(ChargerCommand(command_id="c9", station_id="CS-1", operation=raw))
            await answer(station, await receive(station), {"status": "Accepted"})
        await wait_until(lambda: len(server.inbox.of(CommandAnswered)) == 2)
        known, unread = server.inbox.of(CommandAnswered)
        assert (known.is_accepted, known.result) == (True, {"status": "Accepted"})
        assert known.detail == "the site does not know of it: EVSE CS-1/9 does not exist"
        assert unread.detail.startswith("the site does not know of it: ")


async def test_a_profile_is_written_in_the_words_of_the_model() -> None:
    async with running_server() as server, server.connect() as station:
        boot = {"chargePointVendor": "ABB", "chargePointModel": "Terra AC W22"}
        await exchange(station, 2, "1", "BootNotification", boot)
        for limit_w in (11_040.0, 1_000.0):
            periods = (SchedulePeriod(start_s=0, limit=limit_w),)
            schedule = ChargingSchedule(rate_unit="W", periods=periods, start_at=datetime(2026, 3, 2, tzinfo=UTC))
            profile = ChargingProfile(purpose="TxDefaultProfile", schedules=(schedule,), profile_id=1)
            operation = SetChargingProfile(evse_id=1, profile=profile)
            server.fleet.send(ChargerCommand(command_id="c5", station_id="CS-1", operation=operation))
        call = await receive(station)
        told = call[3]["csChargingProfiles"]["chargingSchedule"]
        assert (told["chargingRateUnit"], told["chargingSchedulePeriod"][0]["limit"]) == ("A", 16.0)
        await wait_until(lambda: server.inbox.of(CommandAnswered))
        assert "takes no limit under 6 A" in server.inbox.of(CommandAnswered)[0].detail


async def test_a_command_without_an_answer_times_out() -> None:
    async with running_server(command_timeout_s=0.05) as server, server.connect() as station:
        await exchange(station, 2, "1", "Heartbeat", {})
        server.fleet.send(START)
        call = await receive(station)
        await wait_until(lambda: server.inbox.of(CommandAnswered))
        assert server.inbox.of(CommandAnswered)[0].detail.startswith("Timeout")
        await answer(station, call, {"status": "Accepted"})  # too late: nobody is told
        assert (await exchange(station, 2, "2", "Heartbeat", {}))[0] == 3
        assert len(server.inbox.of(CommandAnswered)) == 1


async def test_raw_means_raw_and_the_next_call_goes_out_after_a_time_out() -> None:
    async with running_server() as server, server.connect() as station:
        await exchange(station, 2, "1", "Heartbeat", {})
        failing = server.tasks.create_task(
            expect_failure(server.fleet.call("CS-1", "NotOfTheStandard", {"a": [None, 1.5]}, 0.05))
        )
        late = await receive(station)
        assert late[2:] == ["NotOfTheStandard", {"a": [None, 1.5]}]
        assert (await failing).code == "Timeout"
        calling = server.tasks.create_task(server.fleet.call("CS-1", "ClearCache", {}, 5))
        call = await receive(station)
        await answer(station, late, {"status": "Late"})
        await answer(station, call, {"status": "Accepted", "extra": {"deep": True}})
        assert await calling == {"status": "Accepted", "extra": {"deep": True}}


async def test_calls_that_wait_are_bounded() -> None:
    async with running_server() as server, server.connect() as station:
        await exchange(station, 2, "1", "Heartbeat", {})
        calls = [
            server.tasks.create_task(expect_failure(server.fleet.call("CS-1", "ClearCache", {}, 0.2)))
            for _ in range(MAX_WAITING + 1)
        ]
        codes = [(await call).code for call in calls]
        assert codes == ["Timeout"] * MAX_WAITING + ["Busy"]
        assert server.metrics.calls["Busy"] == 1


async def test_what_json_cannot_say_is_invalid() -> None:
    async with running_server() as server, server.connect() as station:
        await exchange(station, 2, "1", "Heartbeat", {})
        with pytest.raises(CallFailed, match="Invalid"):
            await server.fleet.call("CS-1", "ClearCache", {"big": 2**70}, 5)


async def test_a_call_fails_when_the_connection_ends() -> None:
    async with running_server() as server:
        async with server.connect() as station:
            failing = server.tasks.create_task(expect_failure(server.fleet.call("CS-1", "ClearCache", {}, 5)))
            await receive(station)
        assert (await failing).code == "NotConnected"
        assert (await expect_failure(server.fleet.call("CS-1", "ClearCache", {}, 5))).code == "NotConnected"
