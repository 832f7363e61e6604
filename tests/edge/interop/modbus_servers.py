"""Modbus servers that we did not write, with the register image of a device: pymodbus's, and npm's modbus-serial."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

from protocols.modbus.register import Table
from tests.edge.chargers.modbus.foreign import BY_FUNCTION, Image, serving
from tests.edge.interop.npm_packages import installed_or_skip, node_program

HERE = Path(__file__).parent / "modbus_serial"
PATIENCE_S = 15.0


@contextlib.asynccontextmanager
async def pymodbus_server(image: Image) -> AsyncIterator[int]:
    """https://pymodbus.readthedocs.io, "Server": ModbusTcpServer. Yields the port."""
    async with serving(image) as port:
        yield port


@contextlib.asynccontextmanager
async def npm_server(image: Image) -> AsyncIterator[int]:
    """https://github.com/yaacov/node-modbus-serial, README "ModbusTCP Server". What is written is in the image."""
    folder = installed_or_skip(HERE)
    process = await asyncio.create_subprocess_exec(
        node_program(), "server.mjs", cwd=folder, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for (unit_id, table), words in image.tables.items():
            told = {"unit": unit_id, "table": table.value, "words": words}
            process.stdin.write(json.dumps(told).encode() + b"\n")
        process.stdin.write(b"{}\n")
        async with asyncio.timeout(PATIENCE_S):
            port: int = json.loads(await process.stdout.readline())["port"]
        async with asyncio.TaskGroup() as tasks:
            noting = tasks.create_task(_note(image, process.stdout))
            yield port
            noting.cancel()
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _note(image: Image, told: asyncio.StreamReader) -> None:
    async for line in told:
        written = json.loads(line)
        function, unit_id, address = written["function"], written["unit"], written["address"]
        words = tuple(written["words"])
        image.tables[unit_id, BY_FUNCTION.get(function, Table.HOLDING)].update(enumerate(words, address))
        image.writes.append((function, unit_id, address, words))
