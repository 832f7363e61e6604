"""A Modbus master that is not ours: pymodbus's clients, at a simulated device."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.pdu import ModbusPDU

from firmware_sim.modbus.device import Device
from protocols.modbus.codec import Decoded
from protocols.modbus.profile import Transport
from protocols.modbus.reads import Read, decode, plan, points
from protocols.modbus.register import Table
from protocols.modbus.setpoint import Write

TIMEOUT_S = 0.4


class Master:
    """One connection. `ask` sends everything twice to a device that wants it so."""

    def __init__(self, client: AsyncModbusTcpClient | AsyncModbusSerialClient, device: Device) -> None:
        self.client = client
        self.device = device

    async def ask(self, read: Read) -> ModbusPDU:
        for _ in range(1 + self.device.profile.reads.twice):
            reads = {
                Table.HOLDING: self.client.read_holding_registers,
                Table.INPUT: self.client.read_input_registers,
                Table.COIL: self.client.read_coils,
                Table.DISCRETE: self.client.read_discrete_inputs,
            }
            answer = await reads[read.table](read.address, count=read.count, device_id=read.unit_id)
        return answer

    async def words(self, read: Read) -> list[int]:
        answer = await self.ask(read)
        assert not answer.isError(), f"{read}: {answer}"
        return [int(bit) for bit in answer.bits[: read.count]] if read.table.is_bits else answer.registers

    async def raw(self, address: int, count: int = 1, *, unit_id: int | None = None) -> ModbusPDU:
        """Holding registers, as they are asked for."""
        unit = self.device.profile.unit_id if unit_id is None else unit_id
        return await self.client.read_holding_registers(address, count=count, device_id=unit)

    async def values(self, names: Iterable[str], evse_id: int = 1) -> dict[tuple[str, int], Decoded]:
        """What the registers say, by name and index."""
        wanted = plan(points(self.device.profile, names, evse_id), self.device.profile)
        found = decode([(read, await self.words(read)) for read in wanted])
        return {(name, index): value for (_, name, index), value in found.items()}

    async def value(self, name: str, evse_id: int = 1, index: int = 0) -> int | str | bytes | None:
        return (await self.values([name], evse_id))[name, index].value

    async def write(self, write: Write) -> ModbusPDU:
        return await self.write_words(write.function, write.address, write.words, write.unit_id)

    async def write_words(self, function: int, address: int, words: Sequence[int], unit_id: int) -> ModbusPDU:
        for _ in range(1 + self.device.profile.reads.twice):
            match function:
                case 5:
                    answer = await self.client.write_coil(address, bool(words[0]), device_id=unit_id)
                case 6:
                    answer = await self.client.write_register(address, words[0], device_id=unit_id)
                case 15:
                    answer = await self.client.write_coils(address, [bool(w) for w in words], device_id=unit_id)
                case _:
                    answer = await self.client.write_registers(address, list(words), device_id=unit_id)
        return answer

    async def set(self, writes: Iterable[Write]) -> None:
        for write in writes:
            answer = await self.write(write)
            assert not answer.isError(), f"{write}: {answer}"


@asynccontextmanager
async def connected(device: Device, transport: Transport = Transport.TCP) -> AsyncIterator[Master]:
    """A master at the device's line, which gives up after `TIMEOUT_S` and asks nothing twice by itself."""
    client: AsyncModbusTcpClient | AsyncModbusSerialClient
    if transport is Transport.RTU:
        client = AsyncModbusSerialClient(
            device.path, framer=FramerType.RTU, baudrate=115200, timeout=TIMEOUT_S, retries=0, reconnect_delay=0
        )
    else:
        framer = FramerType.SOCKET if transport is Transport.TCP else FramerType.RTU
        client = AsyncModbusTcpClient(
            device.host, port=device.port, framer=framer, timeout=TIMEOUT_S, retries=0, reconnect_delay=0
        )
    assert await client.connect()
    try:
        yield Master(client, device)
    finally:
        client.close()


__all__ = ["TIMEOUT_S", "Master", "ModbusException", "connected"]
