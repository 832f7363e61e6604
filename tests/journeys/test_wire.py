"""What chargers and attackers send to a real agent over a socket, and that it changes nothing it must not change."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from deploy.demo.site import Edge
from edge.local.client import local_client
from protocols.ocpi.cdr import Cdr
from protocols.site.requests import GetStations
from tests.journeys.harness import a_site, settle
from tests.journeys.wire import V201, CallError, event_201, stamp, wire

CARD = "04A1B2C3D4E5{:02}".format
REPLAYS = 100


async def _stations(edge: Edge) -> dict[str, dict[str, Any]]:
    async with local_client("127.0.0.1", edge.local_port, edge.token_file) as client:
        found = (await client.ask(GetStations(id="1"))).result
    return {station["station_id"]: station for station in found}


async def _open_transactions(edge: Edge) -> dict[str, str]:
    """Open transactions by place."""
    return {
        f"{station_id}*{evse['evse_id']}": evse["transaction_id"]
        for station_id, station in (await _stations(edge)).items()
        for evse in station["evses"]
        if evse["transaction_id"]
    }


def _bills(edge: Edge, station_id: str) -> list[Cdr]:
    return [cdr for cdr in edge.cdrs() if cdr.station_id == station_id]


async def test_what_is_said_again_changes_nothing(tmp_path: Path) -> None:
    """Retried starts are one transaction, replayed stops one bill: at once, after a reconnect, after a kill."""
    async with a_site(tmp_path, speed=1) as site:
        edge, end = site.edge, site.now()
        begin = end - timedelta(hours=2)

        # OCPP 1.6: the same start ten times, over three sockets and two lives of the agent.
        async with wire(edge, "CP01") as charger:
            await charger.boot()
            number = await charger.start(1, CARD(1), 1000, begin)
            assert {await charger.start(1, CARD(1), 1000, begin) for _ in range(4)} == {number}
        async with wire(edge, "CP01") as charger:
            assert {await charger.start(1, CARD(1), 1000, begin) for _ in range(3)} == {number}
        await edge.kill()
        await edge.start()
        async with wire(edge, "CP01") as charger:
            assert {await charger.start(1, CARD(1), 1000, begin) for _ in range(3)} == {number}
            assert list(await _open_transactions(edge)) == ["CP01*1"]

            # The stop a hundred times, each with another meter and another time; then again over a new socket.
            for replay in range(REPLAYS):
                await charger.stop(number, 9000 + replay * 777, end + timedelta(seconds=replay))
        async with wire(edge, "CP01") as charger:
            await charger.stop(number, 250_000, end)
            await charger.stop(number, 0, end)
        await edge.kill()
        await edge.start()
        async with wire(edge, "CP01") as charger:
            await charger.stop(number, 333_333, end)
            assert await charger.start(1, CARD(1), 1000, begin) == number, "a late retry of an ended one is known too"

        # OCPP 2.0.1 alike; the agent dies between two messages.
        middle = begin + timedelta(hours=1)
        told = [("Started", 0, 500, begin), ("Updated", 1, 4500, middle), ("Ended", 2, 8500, end)]
        for kind, seq_no, meter_wh, at in told:
            for life in range(2):
                async with wire(edge, "CP03", V201) as charger:
                    for repeat in range(5):
                        uid = CARD(2) if kind == "Started" else None
                        more_wh = repeat + life if kind == "Ended" else 0
                        event = event_201(kind, "T-201", seq_no, at, meter_wh + more_wh, uid=uid)
                        await charger.call("TransactionEvent", **event)
                await edge.kill()
                await edge.start()

        # Two sides of one station, one card, one second, one register: two transactions for all that.
        async with wire(edge, "CP05") as charger:
            numbers = []
            for connector in (1, 2):
                said = {"idTag": CARD(3), "meterStart": 0, "timestamp": stamp(begin)}
                numbers.append((await charger.call("StartTransaction", connectorId=connector, **said))["transactionId"])
            for number in numbers:
                await charger.stop(number, 700, end)
        assert len(_bills(edge, "CP05")) == len(set(numbers)) == 2

        (bill,) = _bills(edge, "CP01")
        assert (bill.meter_start_wh, bill.meter_stop_wh, bill.end_date_time) == (
            1000,
            9000,
            end.replace(microsecond=end.microsecond // 1000 * 1000),
        )
        (bill,) = _bills(edge, "CP03")
        assert (bill.meter_start_wh, bill.meter_stop_wh, bill.quarantine) == (500, 8500, ())
        await settle(site, None)


async def test_nobody_ends_or_takes_what_is_not_theirs(tmp_path: Path) -> None:
    """Stops for foreign, unknown and random ids, second sockets with and without the right password."""
    rng = random.Random(3)
    async with a_site(tmp_path, speed=1) as site:
        edge, end = site.edge, site.now()
        begin = end - timedelta(hours=1)
        async with wire(edge, "CP01") as mine, wire(edge, "CP02") as other, wire(edge, "CP03", V201) as other_201:
            number = await mine.start(1, CARD(1), 1000, begin)
            before = await _open_transactions(edge)
            bills = len(edge.cdrs())
            strange = [number, 0, -1, 1, 2**31 - 1, *(rng.randrange(2**31) for _ in range(20))]
            for transaction_id in strange:
                await other.stop(transaction_id, 99_999, end, idTag=CARD(1))
            for name in (str(number), "unknown", *before.values()):
                ended = event_201("Ended", name, 3, end, 99_999)
                await other_201.call("TransactionEvent", **ended)
            for transaction_id in strange[1:]:
                await mine.stop(transaction_id, 99_999, end)
            assert await _open_transactions(edge) == before
            assert len(edge.cdrs()) == bills

            # A second socket with a wrong password, and one with none, leave the first alone.
            for password in ("wrong", ""):
                with pytest.raises(InvalidStatus) as refused:
                    async with wire(edge, "CP01", password=password):
                        pass
                assert refused.value.response.status_code == 401
            assert await mine.call("Heartbeat")

            # One with the right password takes over; the transaction goes on there, and the old end ends nothing.
            async with wire(edge, "CP01") as newer:
                await newer.call("Heartbeat")
                with pytest.raises(ConnectionClosed):
                    async with asyncio.timeout(5):
                        while True:
                            await mine.socket.recv()
                meter = [{"timestamp": stamp(end), "sampledValue": [{"value": "3500"}]}]
                named: list[dict[str, int]] = [
                    {},
                    {"transactionId": 0},
                    {"transactionId": -1},
                    {"transactionId": number},
                ]
                for which in named:
                    await newer.call("MeterValues", connectorId=1, meterValue=meter, **which)
                (evse,) = (await _stations(edge))["CP01"]["evses"]
                assert (await _stations(edge))["CP01"]["online"]
                assert evse["transaction_id"] in before.values()
                assert evse["energy_wh"] == 2500
                await newer.stop(number, 4000, end)
        (bill,) = edge.cdrs()
        assert (bill.station_id, bill.meter_stop_wh, bill.total_energy_wh) == ("CP01", 4000, 3000)
        await settle(site, None)


async def test_readings_that_cannot_be_are_never_charged(tmp_path: Path) -> None:
    """A meter that runs backwards, an odometer for a bill, stamps from the past and the future: kept for a person."""
    async with a_site(tmp_path, speed=1) as site:
        edge, end = site.edge, site.now()
        begin = end - timedelta(hours=1)
        async with wire(edge, "CP01") as charger:
            for index, meter_stop in enumerate((500, -5, 910_000, 2_000_000_000, 1e308, None, "9000", 9000.5)):
                number = await charger.start(1, CARD(1), 1000, begin + timedelta(seconds=index))
                with contextlib.suppress(CallError):
                    await charger.stop(number, meter_stop, end)
            number = await charger.start(1, CARD(1), 1000, begin + timedelta(minutes=1))
            nan = {"transactionId": number, "meterStop": math.nan, "timestamp": stamp(end)}
            with contextlib.suppress(CallError):
                await charger.call("StopTransaction", **nan)
            await charger.stop(number, 3000, datetime(2099, 1, 1, tzinfo=UTC))
            begin += timedelta(minutes=2)
            assert await charger.start(1, CARD(1), 1000, begin), "the socket lives"
            await charger.stop(await charger.start(1, CARD(1), 1000, begin), 2000, end)
        bills = sorted(edge.cdrs(), key=lambda cdr: cdr.start_date_time)
        assert len(bills) == 10, "each transaction has one bill"
        assert all(cdr.total_energy_wh >= 0 and cdr.total_cost.incl_vat >= 0 for cdr in bills)
        assert all(cdr.quarantine for cdr in bills[:4] + bills[8:9])
        assert all(cdr.quarantine or cdr.total_energy_wh <= 8000 for cdr in bills)
        assert (bills[9].total_energy_wh, bills[9].quarantine) == (1000, ())
        await settle(site, None)


async def test_a_whole_night_in_one_burst(tmp_path: Path) -> None:
    """Hundreds of frames that waited in a charger come at once, while others send what no charger may send."""
    transactions, updates = 60, 8
    async with a_site(tmp_path, speed=1) as site:
        edge, end = site.edge, site.now()
        async with wire(edge, "CP04", V201) as charger, wire(edge, "CP01") as bystander, asyncio.TaskGroup() as tasks:
            begin = end - timedelta(hours=transactions)
            sent: list[str] = []
            for index in range(transactions):
                at, register_wh = begin + timedelta(hours=index), 1000 + 5000 * index
                minute = timedelta(minutes=5)
                for step in range(updates + 2):
                    kind = "Started" if step == 0 else "Ended" if step == updates + 1 else "Updated"
                    event = event_201(
                        kind,
                        f"T{index}",
                        step,
                        at + step * minute,
                        register_wh + 500 * step,
                        uid=CARD(1 + index % 9) if step == 0 else None,
                    )
                    sent.append(await charger.send("TransactionEvent", offline=True, **event))
            tasks.create_task(_garbage(edge))
            answers: list[str] = []
            async with asyncio.timeout(30):
                while len(answers) < len(sent):
                    frame = json.loads(await charger.socket.recv())
                    assert frame[0] == 3, frame
                    answers.append(frame[1])
            assert answers == sent, "each answered, in order"
            assert await bystander.call("Heartbeat")
        bills = _bills(edge, "CP04")
        assert len(bills) == transactions
        assert {cdr.total_energy_wh for cdr in bills} == {500 * (updates + 1)}
        assert not any(cdr.quarantine for cdr in bills)
        await settle(site, None)


async def _garbage(edge: Edge) -> None:
    """Frames that end the sender's connection, or are refused; each on a socket of its own."""
    deep = "[" * 10_000 + "]" * 10_000
    call = f'[2,"1","Heartbeat",{deep}]'
    for frame in ("x" * 20_000_000, deep, call, "\x00", "[]", '{"a":1,"a":2}', b"\xff\xfe"):
        # AttributeError: what the client's library says when it was cut off in the middle of a long write.
        with contextlib.suppress(ConnectionClosed, TimeoutError, OSError, AttributeError):
            async with wire(edge, "CP02") as attacker, asyncio.timeout(2):
                await attacker.socket.send(frame)
                await attacker.socket.recv()
