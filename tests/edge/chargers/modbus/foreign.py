"""A Modbus device that is not ours: pymodbus's server, with a register image made from a profile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from protocols.modbus.codec import Coding, Value
from protocols.modbus.profile import Profile
from protocols.modbus.register import Table

TABLES = (Table.COIL, Table.DISCRETE, Table.HOLDING, Table.INPUT)
BY_FUNCTION = {1: Table.COIL, 5: Table.COIL, 15: Table.COIL, 2: Table.DISCRETE, 4: Table.INPUT}


class Image:
    """What a device holds, by unit and table. Addresses that nobody put are refused, but for those in `filler`."""

    def __init__(self, profile: Profile, *, unit_id: int | None = None) -> None:
        self.profile = profile
        self.unit_id = unit_id
        self.tables: dict[tuple[int, Table], dict[int, int]] = {}
        self.writes: list[tuple[int, int, int, tuple[int, ...]]] = []
        """Function, unit, address and words of all that was written, in order."""
        self.on_write: Callable[[int, int, tuple[int, ...]], None] = lambda unit, address, words: None

    def put(self, name: str, value: Value, *, index: int = 0, evse_id: int = 1, exponent: int = 0) -> None:
        self.put_words(
            name, *Coding(self.profile.registers[name]).encode(value, exponent), index=index, evse_id=evse_id
        )

    def put_words(self, name: str, *words: int, index: int = 0, evse_id: int = 1) -> None:
        register = self.profile.registers[name]
        at = self.profile.address_of(register, evse_id) + index * register.step_words
        self.table(name, evse_id).update(enumerate(words, at))

    def words(self, name: str, evse_id: int = 1) -> list[int]:
        register = self.profile.registers[name]
        at = self.profile.address_of(register, evse_id)
        return [self.table(name, evse_id)[at + offset] for offset in range(register.form.words)]

    def table(self, name: str, evse_id: int = 1) -> dict[int, int]:
        register = self.profile.registers[name]
        unit_id = self.profile.unit_of(register.scope, evse_id)
        if self.unit_id is not None and unit_id == self.profile.unit_id:
            unit_id = self.unit_id
        return self.tables.setdefault((unit_id, register.table), {})

    def fill(self, *, evses: int = 1) -> Image:
        """Zeros in all of the profile's registers, and in the blocks that may be read through."""
        for name, register in self.profile.registers.items():
            for evse_id in range(1, evses + 1):
                for index in range(register.count):
                    self.put_words(name, *[0] * register.form.words, index=index, evse_id=evse_id)
        for block in self.profile.reads.blocks:
            for evse_id in range(1, evses + 1):
                unit_id = self.profile.unit_of(block.scope, evse_id)
                base = self.profile.evses.base + (evse_id - 1) * self.profile.evses.stride
                base = 0 if block.scope == "station" else base
                table = self.tables.setdefault((unit_id, block.table), {})
                for address in range(block.first + base, block.last + base + 1):
                    table.setdefault(address, 0)
        return self

    async def act(
        self, unit_id: int, function: int, start: int, address: int, count: int, registers: list[int], values: Any
    ) -> ExcCodes | None:
        """pymodbus's SimAction: what is asked for comes from here, what is written goes here."""
        table_of = BY_FUNCTION.get(function, Table.HOLDING)
        table = self.tables.get((unit_id, table_of))
        if table is None:
            return ExcCodes.ILLEGAL_ADDRESS
        if values is not None:
            words = tuple(int(value) for value in values)
            if any(address + offset not in table for offset in range(len(words))):
                return ExcCodes.ILLEGAL_ADDRESS
            self.writes.append((function, unit_id, address, words))
            table.update(enumerate(words, address))
            self.on_write(unit_id, address, words)
            return None
        if table_of.is_bits:
            if address not in table:
                return ExcCodes.ILLEGAL_ADDRESS
            for register in range(count):
                first = (address // 16 + register) * 16
                registers[address // 16 + register - start] = sum(table.get(first + bit, 0) << bit for bit in range(16))
            return None
        if any(address + offset not in table for offset in range(count)):
            return ExcCodes.ILLEGAL_ADDRESS
        registers[address - start : address - start + count] = [table[address + offset] for offset in range(count)]
        return None


def devices_of(*images: Image) -> list[SimDevice]:
    """The units of the images for a server of pymodbus's."""
    return [
        _device(unit_id, image) for image in images for unit_id in dict.fromkeys(unit_id for unit_id, _ in image.tables)
    ]


def _device(unit_id: int, image: Image) -> SimDevice:
    """Its blocks span the addresses in use; what is in them comes from the image."""

    def words(table: Table) -> list[SimData]:
        first, last = _span(image, unit_id, table)
        return [SimData(first, values=[0] * (last - first + 1), datatype=DataType.REGISTERS)]

    def bits(table: Table) -> list[SimData]:
        first, last = (at // 16 for at in _span(image, unit_id, table))
        return [SimData(first, values=[False] * 16 * (last - first + 2), datatype=DataType.BITS)]

    blocks = (bits(Table.COIL), bits(Table.DISCRETE), words(Table.HOLDING), words(Table.INPUT))
    return SimDevice(id=unit_id, simdata=blocks, action=partial(_act, image, unit_id))


def _span(image: Image, unit_id: int, table: Table) -> tuple[int, int]:
    addresses = image.tables.get((unit_id, table)) or {0: 0}
    return min(addresses), max(addresses)


async def _act(image: Image, unit_id: int, *args: Any) -> ExcCodes | None:
    return await image.act(unit_id, *args)


@asynccontextmanager
async def serving(*images: Image, framer: FramerType = FramerType.SOCKET) -> AsyncIterator[int]:
    """All units of all images on one TCP port of loopback; yields the port."""
    server = ModbusTcpServer(devices_of(*images), framer=framer, address=("127.0.0.1", 0), ignore_missing_devices=True)
    await server.serve_forever(background=True)
    try:
        yield server.transport.sockets[0].getsockname()[1]
    finally:
        await server.shutdown()
        await asyncio.sleep(0)
