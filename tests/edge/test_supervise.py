"""Which faults end the process, and which do not."""

from __future__ import annotations

import asyncio

import pytest

from edge.supervise import run_together
from protocols.errors import BadText


class Broken:
    """A part that fails some times and then tells that it runs."""

    def __init__(self, failures: list[Exception]) -> None:
        self.failures = failures
        self.runs = asyncio.Event()

    async def run(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.runs.set()
        await asyncio.Event().wait()


async def test_a_fault_in_a_part_that_can_be_missed_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.supervise.FIRST_PAUSE_S", 0.01)
    part = Broken([RuntimeError("a fault of ours"), ZeroDivisionError()])
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run_together({"trim": part.run}, ["trim"]))
        async with asyncio.timeout(5):
            await part.runs.wait()
        running.cancel()


async def test_a_fault_in_any_other_part_is_the_end() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await run_together({"agent": Broken([RuntimeError("boom")]).run, "trim": Broken([]).run}, ["trim"])
    assert raised.group_contains(RuntimeError, match="boom")


async def test_what_is_raised_on_purpose_is_the_end_in_every_part() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await run_together({"uplink": Broken([BadText("no such file")]).run}, ["uplink"])
    assert raised.group_contains(BadText)
