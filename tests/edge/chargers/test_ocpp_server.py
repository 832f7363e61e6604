"""A station on a real socket: order, limits, isolation, calls that cross, and the end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed

from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.credentials import Credentials
from edge.chargers.fleet import Fleet
from edge.chargers.habits import Habits
from edge.chargers.listener import FILES_KEPT
from edge.chargers.ocpp_server import OcppServer, OcppServerSettings
from edge.domain.events import ConnectionLimitReached, SiteEvent, SiteReply
from protocols.charger.events import IdTokenPresented, MeterValuesReported, StationConnected
from protocols.ocpp.frame import MAX_FRAME_BYTES
from tests.edge.chargers.scripted import NOW, exchange, expect_failure, running_server
from tests.kit import wait_until

METER_VALUES: dict[str, Any] = {
    "connectorId": 1,
    "meterValue": [{"timestamp": "2026-03-02T06:00:00Z", "sampledValue": [{"value": "1"}]}],
}


def authorize(message_id: str, id_tag: str) -> str:
    return orjson.dumps([2, message_id, "Authorize", {"idTag": id_tag}]).decode()


async def test_connected_first_then_its_requests_then_disconnected() -> None:
    async with running_server() as server:
        async with server.connect() as station:
            await exchange(station, 2, "1", "BootNotification", {"chargePointVendor": "a", "chargePointModel": "b"})
            await exchange(station, 2, "2", "MeterValues", METER_VALUES)
            assert server.fleet.is_connected("CS-1")
        await wait_until(lambda: len(server.inbox.events) == 4)
        assert server.inbox.kinds() == [
            "StationConnected",
            "BootReported",
            "MeterValuesReported",
            "StationDisconnected",
        ]
        assert not server.fleet.is_connected("CS-1")
        assert server.fleet.silent_s("CS-1") is not None
        assert server.fleet.silent_s("CS-9") is None


async def test_a_burst_is_decided_and_answered_in_order() -> None:
    async with running_server() as server, server.connect() as station:
        for number in range(300):
            await station.send(authorize(str(number), str(number)))
        answers = [orjson.loads(await station.recv()) for _ in range(300)]
        assert [answer[1] for answer in answers] == [str(number) for number in range(300)]
        assert [event.token_uid for event in server.inbox.of(IdTokenPresented)] == [str(n) for n in range(300)]


async def test_nothing_is_answered_before_it_is_decided() -> None:
    async with running_server() as server, server.connect() as station:
        release = asyncio.Event()

        async def slow(event: SiteEvent) -> SiteReply | None:
            if isinstance(event, IdTokenPresented):
                await release.wait()
            return None

        server.inbox.hook = slow
        await station.send(authorize("1", "A"))
        await station.send('[2,"2","Heartbeat",{}]')
        await wait_until(lambda: server.inbox.of(IdTokenPresented))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await station.recv()
        release.set()
        assert [orjson.loads(await station.recv())[1] for _ in range(2)] == ["1", "2"]


async def test_calls_that_cross_hold_nobody_up() -> None:
    """Their request waits for the site while ours is answered; ours waits for them while theirs is answered."""
    async with running_server() as server, server.connect() as station:
        release = asyncio.Event()

        async def slow(event: SiteEvent) -> SiteReply | None:
            if isinstance(event, IdTokenPresented) and event.token_uid == "SLOW":
                await release.wait()
            return None

        server.inbox.hook = slow
        await station.send(authorize("1", "SLOW"))
        await wait_until(lambda: server.inbox.of(IdTokenPresented))
        calling = server.tasks.create_task(server.fleet.call("CS-1", "GetConfiguration", {}, 5))
        call = orjson.loads(await station.recv())
        await station.send(orjson.dumps([3, call[1], {"unknownKey": ["x"]}]).decode())
        assert await calling == {"unknownKey": ["x"]}
        assert not release.is_set()
        release.set()
        assert orjson.loads(await station.recv())[1] == "1"

        calling = server.tasks.create_task(expect_failure(server.fleet.call("CS-1", "ClearCache", {}, 5)))
        call = orjson.loads(await station.recv())
        assert (await exchange(station, 2, "2", "Authorize", {"idTag": "FAST"}))[1] == "2"
        await station.send(orjson.dumps([4, call[1], "NotSupported", "no cache", {"why": 1}]).decode())
        failed = await calling
        assert (failed.code, failed.description, failed.details) == ("NotSupported", "no cache", {"why": 1})


async def test_an_answer_in_fragments_is_an_answer_too() -> None:
    async with running_server() as server, server.connect() as station:
        calling = server.tasks.create_task(server.fleet.call("CS-1", "ClearCache", {}, 5))
        call = orjson.loads(await station.recv())
        await station.send(["[3", f',"{call[1]}"', ',{"status":"Accepted"}]'])
        assert await calling == {"status": "Accepted"}


async def test_an_overloaded_site_drops_no_connection_and_refuses_nothing() -> None:
    async with running_server() as server, server.connect() as station:
        refusals = iter([True])
        server.inbox.is_full = lambda event: isinstance(event, MeterValuesReported) and next(refusals, False)
        assert (await exchange(station, 2, "1", "MeterValues", METER_VALUES))[0] == 3
        assert len(server.inbox.of(MeterValuesReported)) == 2


async def test_too_large_a_frame_closes_only_its_own_connection() -> None:
    async with running_server() as server, server.connect("CS-2") as other:
        async with server.connect("CS-1") as station:
            with pytest.raises(ConnectionClosed):
                await exchange(station, 2, "1", "DataTransfer", {"vendorId": "x", "data": "x" * MAX_FRAME_BYTES})
            assert station.close_code == 1009
        assert (await exchange(other, 2, "1", "Heartbeat", {}))[0] == 3


async def test_a_frame_in_endless_fragments_is_closed_at_the_limit() -> None:
    async with running_server() as server, server.connect() as station:
        with contextlib.suppress(ConnectionClosed):
            await station.send("x" * 1024 for _ in range(1024))
        await station.wait_closed()
        assert station.close_code == 1009


async def test_malformed_frames_are_answered_and_the_connection_stays() -> None:
    async with running_server() as server, server.connect() as station:
        for text, code in (
            ("garbage", "FormationViolation"),
            ("[" * 10_000, "FormationViolation"),
            ('[2,"1","StopTransaction",{"meterStop":"x","timestamp":"","transactionId":1}]', "TypeConstraintViolation"),
            ('[2,"1","MakeCoffee",{}]', "NotImplemented"),
            ('[2,"1","Reset",{}]', "NotSupported"),
        ):
            await station.send(text)
            assert orjson.loads(await station.recv())[2] == code
        await station.send(b'\xff\xfe[2,"1"')
        assert orjson.loads(await station.recv())[2] == "FormationViolation"
        assert (await exchange(station, 2, "1", "Heartbeat", {}))[0] == 3
        assert server.inbox.kinds() == ["StationConnected"]


async def test_id_tokens_of_refused_requests_are_not_logged() -> None:
    async with running_server() as server, server.connect() as station:
        with capture_logs() as logs:
            await exchange(station, 2, "1", "Authorize", {"idTag": "04A2B3C4D5E6F7" * 3})
            await exchange(station, 2, "2", "Authorize", {"idTag": ["04A2B3C4D5E6F7"]})
        assert logs
        assert "04A2B3C4D5E6F7" not in str(logs)


async def test_a_silent_station_that_answered_pings_before_is_given_up() -> None:
    settings = {"ping_interval_s": 0.1, "ping_timeout_s": 0.1, "silence_limit_s": 60}
    async with running_server(**settings) as server, server.connect() as station:
        await wait_until(lambda: [talk.socket.has_ponged for talk in server.fleet.conversations()] == [True])
        station.transport.pause_reading()  # no pongs any more
        await wait_until(lambda: server.metrics.silent_closed == 1)
        await wait_until(lambda: not server.fleet.is_connected("CS-1"))
        station.transport.resume_reading()


async def test_a_station_that_never_answers_pings_lives_as_long_as_it_says_something() -> None:
    settings = {"ping_interval_s": 0.05, "ping_timeout_s": 0.05, "silence_limit_s": 60}
    async with running_server(**settings) as server, server.connect() as station:
        receive = station.protocol.receive_data
        station.protocol.receive_data = _without_pings(receive)  # type: ignore[method-assign]
        await wait_until(lambda: list(server.fleet.conversations()))
        talk = next(server.fleet.conversations())
        await wait_until(lambda: talk.socket.last_ping_s > 0)
        first_ping_s = talk.socket.last_ping_s
        await wait_until(lambda: talk.socket.last_ping_s > first_ping_s + 0.2)
        assert not talk.socket.has_ponged
        assert (await exchange(station, 2, "1", "Heartbeat", {}))[0] == 3
    assert server.metrics.silent_closed == 0


def _without_pings(receive: Any) -> Any:
    def filtered(data: bytes) -> None:
        if data[:1] != b"\x89":
            receive(data)

    return filtered


async def test_a_reset_connection_is_a_disconnection_and_nothing_more() -> None:
    async with running_server() as server:
        station = await server.connect()
        raw = station.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        station.transport.abort()
        await wait_until(lambda: server.inbox.kinds()[-1:] == ["StationDisconnected"])


async def test_the_end_of_the_server_says_goodbye_and_nothing_about_the_stations() -> None:
    async with running_server() as server:
        station = await server.connect()
        await wait_until(lambda: server.inbox.of(StationConnected))
    await station.wait_closed()
    assert station.close_code == 1001
    assert server.inbox.kinds() == ["StationConnected"]


async def test_the_end_of_the_server_waits_for_no_site_that_is_stuck() -> None:
    async with running_server(close_timeout_s=0.1) as server:
        station = await server.connect()

        async def stuck(_event: SiteEvent) -> SiteReply | None:
            await asyncio.Event().wait()
            return None

        await wait_until(lambda: server.inbox.of(StationConnected))
        server.inbox.hook = stuck
        await station.send(authorize("1", "A"))
        await wait_until(lambda: server.inbox.of(IdTokenPresented))
    await station.wait_closed()


async def test_a_port_in_use_is_an_os_error() -> None:
    async with running_server() as server:
        settings = OcppServerSettings(host="127.0.0.1", port=server.port)
        metrics = ChargerMetrics(CollectorRegistry())
        fleet = Fleet(server.inbox, metrics)
        habits = Habits(server.inbox, metrics, lambda raw: raw)
        second = OcppServer(settings, server.inbox, lambda: NOW, fleet, Credentials({}), metrics, habits)
        with pytest.raises(OSError, match="in use"):
            await second.serve()


async def test_metrics_are_there_to_be_scraped() -> None:
    async with running_server() as server, server.connect() as station:
        await exchange(station, 2, "1", "Heartbeat", {})
        await exchange(station, 2, "2", "MakeCoffee", {})
        text = generate_latest(server.registry).decode()
    assert 'ohmstead_ocpp_messages_total{action="Heartbeat",outcome="answered"} 1.0' in text
    assert 'ohmstead_ocpp_messages_total{action="unknown",outcome="NotImplemented"} 1.0' in text
    assert 'ohmstead_ocpp_frames_total{direction="in"} 2.0' in text
    assert "ohmstead_ocpp_connections 1.0" in text


async def test_a_station_that_does_not_read_its_answers_is_dropped_without_harm_to_others() -> None:
    async with running_server(ping_timeout_s=1.0) as server, server.connect("CS-2") as other:
        async with server.connect("CS-1") as station:
            station.transport.pause_reading()
            with contextlib.suppress(ConnectionClosed, TimeoutError):
                async with asyncio.timeout(3):
                    while True:
                        await station.send('[2,"1","MakeCoffee",{}]')
            assert (await exchange(other, 2, "1", "Heartbeat", {}))[0] == 3
            await wait_until(lambda: not server.fleet.is_connected("CS-1"), timeout_s=20)
            station.transport.abort()
        assert (await exchange(other, 2, "2", "Heartbeat", {}))[0] == 3


async def test_what_finds_no_file_left_is_turned_away_and_told_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        lowest = probe.fileno()
    monkeypatch.setattr("edge.chargers.ocpp_server.raise_file_limit", lambda: lowest + 20 + FILES_KEPT)
    async with running_server(ping_interval_s=1.0) as server:
        async with contextlib.AsyncExitStack() as here:
            station = await here.enter_async_context(server.connect())
            idle = []
            with contextlib.suppress(OSError):
                for _ in range(60):
                    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
                    here.callback(writer.close)
                    idle.append(writer)
            await wait_until(lambda: server.metrics.refusals["files"] > 0)
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            here.callback(writer.close)
            assert (await reader.read(100)).startswith(b"HTTP/1.1 503")
            assert (await exchange(station, 2, "1", "Heartbeat", {}))[0] == 3
            told = server.inbox.of(ConnectionLimitReached)
            assert [event.is_reached for event in told] == [True]
        await wait_until(lambda: [event.is_reached for event in server.inbox.of(ConnectionLimitReached)][-1] is False)


async def test_fragments_pings_and_binary_between_each_other() -> None:
    async with running_server() as server, server.connect() as station:

        async def in_pieces() -> AsyncIterator[str]:
            yield '[2,"1",'
            await (await station.ping())
            yield '"Heartbeat",{}]'

        await station.send(in_pieces())
        assert orjson.loads(await station.recv())[:2] == [3, "1"]
        await station.send(b'[2,"2","Heartbeat",{}]')
        assert orjson.loads(await station.recv())[:2] == [3, "2"]


async def test_a_continuation_of_nothing_is_a_protocol_error() -> None:
    async with running_server() as server, server.connect() as station:
        station.protocol.expect_continuation_frame = True  # so that the client's library lets it out
        station.protocol.send_continuation(b"[2", fin=True)
        station.transport.write(b"".join(station.protocol.data_to_send()))
        await station.wait_closed()
        assert station.close_code == 1002
