"""Who gets in, on real sockets: everything is decided before the upgrade (faults_and_attacks 1, 2 and 4)."""

from __future__ import annotations

import asyncio
import contextlib
from ipaddress import ip_network

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from edge.chargers.attempts import FREE_FAILURES
from protocols.charger.events import StationConnected
from tests.edge.chargers.scripted import PASSWORD, basic, exchange, http_get, running_server
from tests.kit import wait_until

WRONG = PASSWORD[::-1]
OCPP16 = {"Sec-WebSocket-Protocol": "ocpp1.6"}


def without_date(answer: tuple[int, dict[str, str], str]) -> tuple[int, dict[str, str], str]:
    status, headers, body = answer
    return status, {name: value for name, value in headers.items() if name != "date"}, body


async def test_no_or_a_wrong_credential_is_refused_alike_for_known_and_unknown_ids() -> None:
    async with running_server() as server:
        answers = [
            without_date(await http_get(server.port, path, OCPP16 | headers))
            for path, headers in (
                ("/CS-1", {}),
                ("/CS-1", basic("CS-1", WRONG)),
                ("/CS-1", basic("CS-2", PASSWORD)),
                ("/CS-9", {}),
                ("/CS-9", basic("CS-9", WRONG)),
                ("/CS-9", basic("CS-1", PASSWORD)),
            )
        ]
        assert answers[0][0] == 401
        assert answers[0][1]["www-authenticate"].startswith("Basic ")
        assert all(answer == answers[0] for answer in answers)
        assert server.inbox.events == []
        assert server.metrics.refusals["credential"] == 6


async def test_no_id_is_not_found() -> None:
    async with running_server() as server:
        for path in ("/", "/%00", "/a%2Fb"):
            assert (await http_get(server.port, path, OCPP16 | basic("CS-1", PASSWORD)))[0] == 404


@pytest.mark.parametrize("offered", [{}, {"Sec-WebSocket-Protocol": "ocpp1.5, ocpp2.0"}])
async def test_no_subprotocol_of_ours_is_refused_with_the_names_of_ours(offered: dict[str, str]) -> None:
    async with running_server() as server:
        status, _, body = await http_get(server.port, "/CS-1", basic("CS-1", PASSWORD) | offered)
        assert status == 400
        assert "ocpp1.6" in body
        assert "ocpp2.0.1" in body


async def test_two_authorization_headers_are_none() -> None:
    async with running_server() as server:
        two = basic("CS-1", PASSWORD)["Authorization"] + "\r\nAuthorization: Basic x"
        assert (await http_get(server.port, "/CS-1", OCPP16 | {"Authorization": two}))[0] == 401


async def test_a_plain_http_request_is_told_to_upgrade() -> None:
    async with running_server() as server:
        headers = OCPP16 | basic("CS-1", PASSWORD) | {"Upgrade": "nothing"}
        assert (await http_get(server.port, "/CS-1", headers))[0] == 426


async def test_the_clients_first_known_subprotocol_is_chosen_in_its_own_spelling() -> None:
    async with running_server() as server, server.connect(subprotocol="OCPP2.0.1") as station:
        assert station.subprotocol == "OCPP2.0.1"
        await wait_until(lambda: server.inbox.of(StationConnected))
        assert server.inbox.of(StationConnected)[0].abilities.ocpp_version == "2.0.1"


async def test_paths_with_a_prefix_a_slash_and_percents_are_tolerated() -> None:
    async with running_server() as server:
        url, headers = server.url("/ocpp/%43S-1/"), basic("CS-1", PASSWORD)
        async with connect(url, subprotocols=[Subprotocol("ocpp1.6")], additional_headers=headers):
            await wait_until(lambda: server.fleet.is_connected("CS-1"))


async def test_extensions_are_off() -> None:
    async with running_server() as server, server.connect(compression="deflate") as station:
        assert station.response is not None
        assert "Sec-WebSocket-Extensions" not in station.response.headers


async def test_strangers_are_let_in_for_commissioning_only_and_never_as_somebody_known() -> None:
    async with running_server(allow_unknown=True) as server:
        with capture_logs() as logs:
            async with server.connect("NEW-1", password="x") as station:
                assert (await exchange(station, 2, "1", "Heartbeat", {}))[0] == 3
        assert [line["station_id"] for line in logs if line["event"] == "stranger_admitted"] == ["NEW-1"]
        assert [event.is_known for event in server.inbox.of(StationConnected)] == [False]
        with pytest.raises(InvalidStatus):
            await server.connect("CS-1", password=WRONG)
        async with server.connect("CS-1"):
            await wait_until(lambda: len(server.inbox.of(StationConnected)) == 2)
        assert server.inbox.of(StationConnected)[1].is_known


async def test_nobody_comes_under_the_name_of_a_charger_that_is_polled() -> None:
    async with running_server(allow_unknown=True, polled=frozenset({"KEBA1"})) as server:
        with pytest.raises(InvalidStatus):
            await server.connect("KEBA1", password="x")
        assert server.inbox.of(StationConnected) == []


async def test_guesses_are_slowed_and_locked_and_the_others_still_connect() -> None:
    async with running_server() as server:
        guess = OCPP16 | basic("CS-1", WRONG)
        with capture_logs() as logs:
            statuses = [(await http_get(server.port, "/CS-1", guess))[0] for _ in range(FREE_FAILURES + 5)]
            unknown = [(await http_get(server.port, "/CS-9", guess))[0] for _ in range(FREE_FAILURES + 5)]
        assert statuses == [401] * FREE_FAILURES + [429] * 5
        assert unknown == statuses
        assert len([line for line in logs if line["event"] == "station_locked_out"]) == 2
        async with server.connect("CS-2") as station:
            assert (await exchange(station, 2, "1", "Heartbeat", {}))[0] == 3

        async def is_let_in() -> bool:
            with contextlib.suppress(InvalidStatus):
                async with server.connect("CS-1"):
                    return True
            return False

        await wait_until(is_let_in)


async def test_a_bad_second_connection_leaves_the_first_untouched() -> None:
    async with running_server() as server, server.connect() as station:
        with pytest.raises(InvalidStatus):
            await server.connect(password=WRONG)
        assert (await exchange(station, 2, "1", "Heartbeat", {}))[0] == 3
        assert server.inbox.kinds() == ["StationConnected"]


async def test_a_slow_handshake_is_cut_off() -> None:
    async with running_server(open_timeout_s=0.1) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /CS-1 HTTP/1.1\r\n")
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


async def test_no_password_is_logged() -> None:
    with capture_logs() as logs:
        async with running_server() as server:
            for _ in range(FREE_FAILURES + 2):
                await http_get(server.port, "/CS-1", OCPP16 | basic("CS-1", WRONG))
            async with server.connect("CS-2"):
                pass
    assert WRONG not in str(logs)
    assert PASSWORD not in str(logs)


async def test_lock_outs_are_about_the_address_that_a_trusted_proxy_names() -> None:
    proxy = (ip_network("127.0.0.1/32"),)
    async with running_server(trusted_proxies=proxy) as server:
        for _ in range(FREE_FAILURES + 1):
            stranger = OCPP16 | basic("CS-1", WRONG) | {"X-Forwarded-For": "203.0.113.9"}
            status = (await http_get(server.port, "/CS-1", stranger))[0]
        assert status == 429
        station = OCPP16 | basic("CS-1", PASSWORD)
        assert (await http_get(server.port, "/CS-1", station | {"X-Forwarded-For": "203.0.113.9"}))[0] == 429
        assert (await http_get(server.port, "/CS-1", station | {"X-Forwarded-For": "203.0.113.10"}))[0] == 101


async def test_without_a_trusted_proxy_nobody_names_another_address() -> None:
    async with running_server() as server:
        for number in range(FREE_FAILURES + 1):
            stranger = OCPP16 | basic("CS-1", WRONG) | {"X-Forwarded-For": f"203.0.113.{number}"}
            status = (await http_get(server.port, "/CS-1", stranger))[0]
        assert status == 429
