"""pymodbus's own simulator as a program of its own: registers from a JSON file, and a REST interface to look at them.

https://pymodbus.readthedocs.io, "Simulator". It answers for every unit with the same registers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from deploy.demo.processes import program
from deploy.demo.servers import free_port, is_listening
from protocols.modbus.register import Access, Table
from tests.edge.chargers.modbus.foreign import Image
from tests.kit import wait_until

PATIENCE_S = 30.0
LOOK_S = 0.02
_BITS = 2
"""A register of coils and one of discrete inputs, which it wants to have."""
WRITE_MULTIPLE = 16
"""It counts writes, and does not say by which function."""


@contextlib.asynccontextmanager
async def pymodbus_simulator(image: Image) -> AsyncIterator[int]:
    """Yields the port. What is written is in the image. Only registers in words are served."""
    port, rest_port = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="ohmstead-pymodbus-") as folder:
        setup = Path(folder) / "setup.json"
        setup.write_text(json.dumps(_setup(image, port)), encoding="utf-8")
        with (Path(folder) / "output").open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(program("pymodbus.simulator"), "--json_file", str(setup), "--log", "error"),
                *("--http_host", "127.0.0.1", "--http_port", str(rest_port), "--log_file", f"{folder}/server.log"),
                cwd=folder,
                stdout=output,
                stderr=output,
            )
        try:
            await wait_until(lambda: is_listening(port) and is_listening(rest_port), PATIENCE_S)
            async with (
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{rest_port}") as rest,
                asyncio.TaskGroup() as tasks,
            ):
                noting = tasks.create_task(_note(image, rest))
                yield port
                noting.cancel()
        finally:
            process.terminate()
            await process.wait()


def _setup(image: Image, port: int) -> dict[str, Any]:
    """Its file: what the image holds in words; what a master may write, and nothing else, may be written."""
    tables = {table: _words(image, table) for table in (Table.INPUT, Table.HOLDING)}
    sizes = {table: max(words, default=0) + 1 for table, words in tables.items()}
    cells = tables[Table.INPUT] | {sizes[Table.INPUT] + at: word for at, word in tables[Table.HOLDING].items()}
    device = {
        "setup": {
            "co size": 1,
            "di size": 1,
            "ir size": sizes[Table.INPUT],
            "hr size": sizes[Table.HOLDING],
            "shared blocks": False,
            "type exception": False,
            "defaults": {"value": {"bits": 0, "uint16": 0}, "action": {}},
        },
        "invalid": [],
        "write": [_BITS + sizes[Table.INPUT] + at for span in _writable(image) for at in span],
        "bits": [0, 1],
        "uint16": [{"addr": _BITS + at, "value": word} for at, word in sorted(cells.items())],
        "uint32": [],
        "float32": [],
        "string": [],
        "repeat": [],
    }
    server = {"comm": "tcp", "host": "127.0.0.1", "port": port, "framer": "socket"}
    return {"server_list": {"server": server}, "device_list": {"device": device}}


def _words(image: Image, table: Table) -> dict[int, int]:
    """Of all units alike. Raises ValueError where two have different words at an address."""
    found: dict[int, int] = {}
    for (_, of), words in image.tables.items():
        if of is not table:
            continue
        for at, word in words.items():
            if found.setdefault(at, word) != word:
                raise ValueError(f"{image.profile.id}: two units differ at {table} {at}, and this simulator has one")
    return found


def _writable(image: Image) -> list[range]:
    """The addresses of each register that a master may write."""
    profile, held = image.profile, _words(image, Table.HOLDING)
    first = {
        profile.address_of(register, 1): register.form.words
        for register in profile.registers.values()
        if register.access is not Access.R and register.table is Table.HOLDING
    }
    return [range(at, at + words) for at, words in sorted(first.items()) if at in held]


async def _note(image: Image, rest: httpx.AsyncClient) -> None:
    """Look again and again what was written, and how often."""
    offset = _BITS + max(_words(image, Table.INPUT), default=0) + 1
    counted: dict[int, int] = {}
    while True:
        for span in _writable(image):
            asked = {"submit": "", "range_start": offset + span[0], "range_stop": offset + span[-1]}
            rows = (await rest.post("/restapi/registers", json=asked)).json()["register_rows"]
            if (count := sum(int(row["count_write"]) for row in rows)) > counted.get(span[0], 0):
                counted[span[0]] = count
                _take(image, span[0], tuple(int(row["value"]) for row in rows))
        await asyncio.sleep(LOOK_S)


def _take(image: Image, at: int, written: tuple[int, ...]) -> None:
    for (unit_id, table), words in image.tables.items():
        if table is Table.HOLDING and at in words:
            words.update(enumerate(written, at))
            image.writes.append((WRITE_MULTIPLE, unit_id, at, written))
