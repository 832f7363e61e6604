"""Charge points that we did not write, against a running agent: sessions, remote control and raw calls, both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any

import pytest

from protocols.charger.operations.transactions import StartTransaction, StopTransaction
from tests.edge.conformance.running_agent import BLOCKED, PASSWORD, RunningAgent, running_agent, token_of
from tests.edge.interop.flows import Session16, Session201, answers_of
from tests.edge.interop.foreign import Foreign, npm_client, python_package
from tests.kit import wait_until

MAKERS = {"python": python_package, "npm": npm_client}
SESSIONS = {"ocpp1.6": Session16, "ocpp2.0.1": Session201, "ocpp2.1": Session201}
PAIRS = [("python", version) for version in SESSIONS] + [("npm", "ocpp1.6"), ("npm", "ocpp2.0.1")]  # it has no 2.1
CASES = ("boot", "bill", "remote", "raw", "crossing")
everyone = pytest.mark.parametrize(("maker", "version"), PAIRS)


def station_of(maker: str, version: str, case: str) -> str:
    return f"{maker}{version.removeprefix('ocpp')}-{case}".upper()  # with TAG- before it still a 1.6 idTag


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAgent]:
    stations = [station_of(*pair, case) for pair in PAIRS for case in CASES]
    with running_agent(tmp_path_factory.mktemp("agent"), stations) as running:
        yield running


def connecting(
    agent: RunningAgent, maker: str, version: str, case: str
) -> tuple[str, AbstractAsyncContextManager[Foreign]]:
    station = station_of(maker, version, case)
    url = f"ws://127.0.0.1:{agent.ocpp_port}"
    return station, MAKERS[maker](url, station, PASSWORD, version, answers_of(version))


@everyone
async def test_boot_status_and_cards(agent: RunningAgent, maker: str, version: str) -> None:
    station, connection = connecting(agent, maker, version, "boot")
    async with connection as foreign:
        session = SESSIONS[version](foreign)
        booted = await session.boot()
        assert (booted["status"], booted["interval"]) == ("Accepted", 300)
        assert await session.authorize(token_of(station)) == "Accepted"
        assert await session.authorize(BLOCKED) == "Blocked"
        assert await session.authorize("NOBODY") == ("Invalid" if version == "ocpp1.6" else "Unknown")
        assert "currentTime" in await foreign.call("Heartbeat", {})
        (evse, _) = (await agent.station(station))["evses"]
        assert evse["state"] == "free"


@everyone
async def test_a_bill_to_the_watt_hour_and_cent(agent: RunningAgent, maker: str, version: str) -> None:
    station, connection = connecting(agent, maker, version, "bill")
    async with connection as foreign:
        session = SESSIONS[version](foreign)
        await session.boot()
        transaction = await session.start(token_of(station), 1_000, 30)
        await session.read(transaction, 2_500, 15)
        assert await agent.transaction(station) is not None
        await session.stop(transaction, token_of(station), 4_001, 1)
        await wait_until(lambda: agent.bills(station))
    (bill,) = agent.bills(station)
    assert (bill.meter_start_wh, bill.meter_stop_wh, bill.total_energy_wh) == (1_000, 4_001, 3_001)
    assert (bill.token_uid, bill.quarantine) == (token_of(station), ())
    assert (bill.total_cost.excl_vat, bill.total_cost.incl_vat) == (Decimal("1.47"), Decimal("1.75"))


@everyone
async def test_remote_start_and_stop(agent: RunningAgent, maker: str, version: str) -> None:
    station, connection = connecting(agent, maker, version, "remote")
    async with connection as foreign:
        session = SESSIONS[version](foreign)
        await session.boot()
        started = await agent.operate(station, StartTransaction(evse_id=1, token_uid=token_of(station)))
        assert started.problem is None, started
        token, number = session.remote_start()
        assert token == token_of(station)
        transaction = await session.start(token, 0, 20, transaction="R1", number=number)
        await session.read(transaction, 900, 10)
        stopped = await agent.operate(station, StopTransaction(charger_transaction_id=transaction))
        assert stopped.problem is None, stopped
        assert str(foreign.asked[-1][1]["transactionId"]) == transaction
        await session.stop(transaction, token, 1_000, 1)
        await wait_until(lambda: agent.bills(station))
    (bill,) = agent.bills(station)
    assert (bill.total_energy_wh, bill.total_cost.excl_vat, bill.quarantine) == (1_000, Decimal("0.49"), ())


@everyone
async def test_raw_calls_both_ways(agent: RunningAgent, maker: str, version: str) -> None:
    """What the station answers comes back exactly; what it cannot do comes back as its CALLERROR."""
    station, connection = connecting(agent, maker, version, "raw")
    async with connection as foreign:
        await SESSIONS[version](foreign).boot()
        action, payload = _raw(version)
        answer = await agent.call(station, action, payload)
        assert answer.result == answers_of(version)[action]
        assert (action, payload) in foreign.asked
        if version != "ocpp2.1":  # there the package leaves without any answer what it has no handler for
            refused = await agent.call(station, "ClearCache", {})
            assert refused.result["code"] == "NotImplemented"
        told = await foreign.call("DataTransfer", {"vendorId": "com.example", "data": "x"})
        assert told == {"status": "UnknownVendorId"}


@everyone
async def test_calls_that_cross_do_not_wait_for_each_other(agent: RunningAgent, maker: str, version: str) -> None:

    station, connection = connecting(agent, maker, version, "crossing")
    async with connection as foreign:
        await SESSIONS[version](foreign).boot()
        action, payload = _raw(version)
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            ours = [tasks.create_task(agent.call(station, action, payload)) for _ in range(10)]
            theirs = [tasks.create_task(foreign.call("Heartbeat", {})) for _ in range(10)]
        assert all(each.result().result == answers_of(version)[action] for each in ours)
        assert all("currentTime" in each.result() for each in theirs)


def _raw(version: str) -> tuple[str, dict[str, Any]]:
    if version == "ocpp1.6":
        return "GetConfiguration", {"key": ["HeartbeatInterval", "Nonsense"]}
    wanted = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
    return "GetVariables", {"getVariableData": [wanted]}
