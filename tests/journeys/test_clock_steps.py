"""The machine's wall clock is put on and back while a real agent bills; its monotonic clock goes on.

The agent is a process of its own that reads another wall clock. Debian's libfaketime would do, but for time.sleep,
which fails under it on Python 3.11 (clock_nanosleep with a monotonic clock).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from protocols.ocpi.cdr import Cdr
from tests.edge.conformance.running_agent import PASSWORD, RunningAgent, running_agent, token_of
from tests.journeys.wire import V16, Wire, stamp
from tests.kit import wait_until

STATION: Final = "CP01"
CUSTOMIZED: Final = """\
import pathlib, time
_time, _file = time.time, pathlib.Path({file!r})
time.time = lambda: _time() + float(_file.read_text())
"""


class MachineClock:
    """The wall clock of all processes that are started meanwhile."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.off_s = 0
        self.put(0)

    def put(self, off_s: int) -> None:
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(f"{off_s:+d}\n", encoding="ascii")
        unfinished.replace(self._file)
        self.off_s = off_s

    def now(self) -> datetime:
        real_s = time.time()  # noqa: TID251 - the clock of whoever plays with the agent
        return datetime.fromtimestamp(real_s, UTC) + timedelta(seconds=self.off_s)


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MachineClock:
    file, python = tmp_path / "clock", tmp_path / "python"
    python.mkdir()
    (python / "sitecustomize.py").write_text(CUSTOMIZED.format(file=str(file)), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(python))
    return MachineClock(file)


@contextlib.asynccontextmanager
async def charger(agent: RunningAgent) -> AsyncIterator[Wire]:
    basic = base64.b64encode(f"{STATION}:{PASSWORD}".encode()).decode()
    async with connect(
        f"ws://127.0.0.1:{agent.ocpp_port}/{STATION}",
        subprotocols=[Subprotocol(V16)],
        additional_headers={"Authorization": f"Basic {basic}"},
        compression=None,
        proxy=None,
    ) as socket:
        wire = Wire(socket)
        await wire.boot()
        yield wire


@pytest.mark.parametrize(
    ("step", "does_follow"),
    [(timedelta(days=400), False), (timedelta(hours=2), True), (timedelta(hours=-2), False)],
    ids=["on 400 days, the station stays behind", "on 2 h, the station follows", "back 2 h, the station stays behind"],
)
async def test_a_step_in_a_session_changes_nothing_of_its_bill(
    tmp_path: Path, clock: MachineClock, step: timedelta, does_follow: bool
) -> None:
    with running_agent(tmp_path, [STATION]) as agent:
        async with charger(agent) as wire:
            began_s = time.monotonic()
            number = await wire.start(1, token_of(STATION), 1000, clock.now())
            await asyncio.sleep(1.5)
            clock.put(int(step.total_seconds()))
            lag = timedelta() if does_follow else step
            await asyncio.sleep(0.5)
            sampled = [{"value": "1010", "measurand": "Energy.Active.Import.Register"}]
            reading = {"timestamp": stamp(clock.now() - lag), "sampledValue": sampled}
            await wire.call("MeterValues", connectorId=1, transactionId=number, meterValue=[reading])
            answer = await wire.call("Heartbeat")
            told_at = datetime.fromisoformat(answer["currentTime"])
            assert abs(told_at - clock.now()) < timedelta(seconds=5)
            await asyncio.sleep(11)  # a tick of the agent by the new time
            await wire.stop(number, 1020, clock.now() - lag)
            lasted_s = time.monotonic() - began_s

            def bills() -> list[Cdr]:
                return agent.bills(STATION)

            await wait_until(lambda: bool(bills()), 10)
            (cdr,) = bills()
    assert cdr.quarantine == ()
    assert abs(cdr.total_time_s - lasted_s) < 2
    assert cdr.total_energy_wh == 20
    (said,) = [remark for remark in cdr.remarks if "in its course" in remark]
    assert str(abs(int(step.total_seconds())))[:-1] in said
