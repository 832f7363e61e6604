"""Who gets in, what a screen is shown and when, and what may be asked."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from edge.domain.events import TokenBlocked, TokensImported
from edge.local.settings import LocalSettings
from protocols.errors import BadText
from protocols.ocpi.token import Token
from protocols.site.requests import (
    REQUEST,
    BlockToken,
    CallStation,
    GetDeviations,
    GetStations,
    GetStatus,
    ImportTokens,
    Request,
    Watch,
)
from protocols.site.view import PATCH_WITHIN_S, Answer, Patch, Snapshot
from protocols.terms import EvseRef
from tests.edge.local.parts import QUICK, TOKEN, FakeWindow, hear, local_site
from tests.kit import wait_until

S1, S2 = EvseRef("S1", 1), EvseRef("S2", 1)


async def say(connection: ClientConnection, request: Request) -> None:
    await connection.send(REQUEST.dump_json(request).decode())


async def ask(connection: ClientConnection, request: Request) -> Answer:
    await say(connection, request)
    answer = await hear(connection)
    assert isinstance(answer, Answer)
    assert answer.id == request.id
    return answer


# --- who gets in ---


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org", ""])
def test_it_listens_on_this_machine_alone(host: str) -> None:
    with pytest.raises(BadText, match="this machine alone"):
        LocalSettings(host=host)


@pytest.mark.parametrize("header", [None, "Bearer ", "Bearer wrong", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
async def test_nobody_gets_in_without_the_token(header: str | None) -> None:
    async with local_site() as site:
        headers = {} if header is None else {"Authorization": header}
        with pytest.raises(InvalidStatus) as refused:
            await site.connect(additional_headers=headers)
        assert refused.value.response.status_code == 401


async def test_http_beside_the_websocket() -> None:
    async with local_site() as site:
        assert await site.http("/healthz", token=None) == (200, "ok")
        assert (await site.http("/metrics", token=None))[0] == 401
        status, body = await site.http("/metrics")
        assert status == 200
        assert "ohmstead_test_total 1.0" in body
        assert (await site.http("/etc/passwd"))[0] == 404


async def test_clients_are_bounded() -> None:
    async with local_site(replace(QUICK, max_clients=1)) as site, site.connect():
        with pytest.raises(InvalidStatus) as refused:
            await site.connect()
        assert refused.value.response.status_code == 503


# --- screens ---


async def test_a_screen_gets_a_snapshot_then_what_changes() -> None:
    async with local_site() as site, site.connect() as screen:
        await say(screen, Watch(id="w"))
        snapshot = await hear(screen)
        assert isinstance(snapshot, Snapshot)
        assert [evse.power_w for evse in snapshot.evses] == [0, 0]
        site.window.power_w[S2] = 7000
        site.server.changed([S2])
        patch = await hear(screen)
        while isinstance(patch, Patch) and not patch.evses:
            patch = await hear(screen)
        assert isinstance(patch, Patch)
        assert [(evse.station_id, evse.power_w) for evse in patch.evses] == [("S2", 7000)]
        assert patch.totals.power_w == 7000


async def test_patches_come_at_most_once_an_interval_and_hold_the_newest_values() -> None:
    clock = asyncio.get_running_loop().time
    async with local_site(replace(QUICK, patch_interval_s=0.2, patch_at_least_s=60)) as site, site.connect() as screen:
        await say(screen, Watch(id="w"))
        await hear(screen)
        began_s, heard = clock(), 0
        while clock() - began_s < 1.0:
            site.window.power_w[S1] += 1
            site.server.changed([S1])
            await asyncio.sleep(0.005)
        newest = site.window.power_w[S1]
        async for message in screen:
            heard += 1
            if json.loads(message)["evses"][0]["power_w"] == newest:
                break
        assert heard <= 1.0 / 0.2 + 2


async def test_a_quiet_site_is_still_heard_and_active_evses_are_shown_again() -> None:
    clock = asyncio.get_running_loop().time
    async with local_site() as site, site.connect() as screen:
        site.window.active = (S1,)
        await say(screen, Watch(id="w"))
        await hear(screen)
        patch = await hear(screen)
        while not (isinstance(patch, Patch) and patch.evses):
            patch = await hear(screen)
        before_s = clock()
        patch = await hear(screen)
        assert clock() - before_s < 0.4 + 0.1 + 0.3
        assert isinstance(patch, Patch)
        assert [evse.station_id for evse in patch.evses] == ["S1"]


async def test_active_evses_are_shown_again_also_while_others_change_all_the_time() -> None:
    async with local_site() as site, site.connect() as screen, asyncio.timeout(5):
        site.window.active = (S1,)
        await say(screen, Watch(id="w"))
        await hear(screen)
        while True:
            site.server.changed([S2])
            patch = await hear(screen)
            if isinstance(patch, Patch) and {evse.station_id for evse in patch.evses} == {"S1", "S2"}:
                break


def test_the_default_pace_keeps_the_promise_to_screens() -> None:
    settings = LocalSettings()
    assert settings.patch_at_least_s + settings.patch_interval_s < PATCH_WITHIN_S
    assert settings.patch_interval_s >= 0.25


async def test_a_screen_that_does_not_read_is_dropped_and_the_others_go_on() -> None:
    window = FakeWindow(label="x" * 200_000)
    settings = replace(QUICK, patch_interval_s=0.01, max_unread_bytes=1_000_000)
    async with (
        local_site(settings, window) as site,
        site.connect() as good,
        site.connect(max_queue=1, max_size=None) as slow,
    ):
        await say(slow, Watch(id="w"))
        await say(good, Watch(id="w"))

        async def keep_changing() -> None:
            while True:
                site.server.changed([S1, S2])
                await asyncio.sleep(0.005)

        async with asyncio.TaskGroup() as tasks, asyncio.timeout(20):
            changing = tasks.create_task(keep_changing())
            while len(site.server._screens._watchers) != 1:
                await hear(good)
            await hear(good)
            changing.cancel()
        with pytest.raises(ConnectionClosed):
            await read_to_the_end(slow)


async def read_to_the_end(connection: ClientConnection) -> None:
    async with asyncio.timeout(5):
        while True:
            await connection.recv()


# --- requests ---


async def test_status_and_stations() -> None:
    async with local_site() as site, site.connect() as client:
        assert (await ask(client, GetStatus(id="1"))).result == {"uptime_s": 5}
        assert (await ask(client, GetStations(id="2"))).result == [{"station_id": "S1"}]
        assert (await ask(client, GetDeviations(id="3"))).result == [{"vendor": "V", "model": "M", "count": 3}]


async def test_calls_to_stations() -> None:
    async with local_site() as site, site.connect() as client:
        call = CallStation(id="1", station_id="S1", action="Echo", payload={"a": [1, "ü"]})
        assert (await ask(client, call)).result == {"a": [1, "ü"]}
        failed = await ask(client, replace(call, action="Nothing"))
        assert failed.problem == "NotSupported: S1 knows no Nothing"
        assert failed.result == {
            "code": "NotSupported",
            "description": "S1 knows no Nothing",
            "details": {"action": "Nothing"},
        }
        assert (await ask(client, replace(call, timeout_s=-1.0))).problem


async def test_a_slow_call_does_not_hold_up_the_same_client_and_is_bounded() -> None:
    async with local_site(replace(QUICK, max_requests_per_client=3)) as site, site.connect() as client:
        for number in range(2):
            await say(client, CallStation(id=f"slow-{number}", station_id="S1", action="Hang"))
        assert (await ask(client, GetStatus(id="quick"))).result
        for number in range(5):
            await say(client, CallStation(id=f"more-{number}", station_id="S1", action="Hang"))
        await wait_until(lambda: site.chargers.hanging == 3)
        async with site.connect() as other:
            assert (await ask(other, GetStatus(id="other"))).result
        assert site.chargers.hanging == 3
        site.chargers.hangs_up.set()
        assert len({(await hear(client)).id for _ in range(7)}) == 7  # type: ignore[union-attr]


async def test_a_call_of_a_client_that_left_is_given_up() -> None:
    async with local_site() as site:
        async with site.connect() as client:
            await say(client, CallStation(id="1", station_id="S1", action="Hang"))
            await wait_until(lambda: site.chargers.hanging == 1)
        await wait_until(lambda: site.chargers.hanging == 0)


async def test_tokens_are_imported_and_blocked() -> None:
    token = Token(uid="04AA", contract_id="C1")
    async with local_site() as site, site.connect() as client:
        assert (await ask(client, ImportTokens(id="1", tokens=(token,), replaces_all=True))).result == "done"
        assert (await ask(client, BlockToken(id="2", uid="04AA"))).result == "done"
        assert (await ask(client, BlockToken(id="3", uid="unknown"))).problem == "no such token"
        assert site.inbox.events == [
            TokensImported(tokens=(token,), replaces_all=True),
            TokenBlocked(uid="04AA", is_blocked=True),
            TokenBlocked(uid="unknown", is_blocked=True),
        ]
        site.inbox.is_overloaded = True
        assert "try again" in ((await ask(client, BlockToken(id="4", uid="04AA"))).problem or "")


@pytest.mark.parametrize(
    ("message", "request_id"),
    [
        ("", ""),
        ("[]", ""),
        ('{"id": "7", "kind": "format_disk"}', "7"),
        ('{"id": "7", "kind": "call_station"}', "7"),
        ('{"id": 7}', ""),
        ("[" * 100_000, ""),
        (b"\xff\xfe", ""),
    ],
)
async def test_nonsense_is_answered_and_changes_nothing(message: str | bytes, request_id: str) -> None:
    async with local_site() as site, site.connect() as client:
        await client.send(message)
        answer = await hear(client)
        assert isinstance(answer, Answer)
        assert answer.id == request_id
        assert "not a request" in (answer.problem or "")
        assert (await ask(client, GetStatus(id="1"))).result


async def test_it_ends_although_a_client_hangs() -> None:
    async with asyncio.timeout(8):
        async with local_site() as site:
            client = await site.connect()
            await say(client, CallStation(id="1", station_id="S1", action="Hang"))
            await wait_until(lambda: site.chargers.hanging == 1)
        assert site.chargers.hanging == 0
        await client.close()
