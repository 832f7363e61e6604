"""Requests to a simulated device without a wire, in its own time."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from firmware_sim.modbus.charger_model import ChargerModel
from firmware_sim.modbus.outlet import US_PER_S, Outlet
from firmware_sim.modbus.pdu import Refusal
from firmware_sim.modbus.simulated import SimulatedDevice
from protocols.modbus.codec import Decoded
from protocols.modbus.reads import names_of, plan, points
from protocols.modbus.register import Table
from protocols.modbus.setpoint import Write

FUNCTIONS = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}


def send(device: SimulatedDevice, unit_id: int, pdu: bytes, at_s: float) -> bytes:
    """Ask at `at_s`, twice where it is wanted so."""
    for _ in range(1 + device.profile.reads.twice):
        answer = device.answer(unit_id, pdu, round(at_s * US_PER_S))
    return answer


def refusal(answer: bytes) -> Refusal | None:
    return Refusal(answer[1]) if answer[0] & 0x80 else None


def read_pdu(table: Table, address: int, count: int) -> bytes:
    return struct.pack(">BHH", FUNCTIONS[table], address, count)


def write_pdu(function: int, address: int, words: Sequence[int]) -> bytes:
    match function:
        case 5:
            return struct.pack(">BHH", 5, address, 0xFF00 if words[0] else 0)
        case 6:
            return struct.pack(">BHH", 6, address, words[0])
        case 15:
            bits = sum(bit << index for index, bit in enumerate(words))
            size = (len(words) + 7) // 8
            return struct.pack(">BHHB", 15, address, len(words), size) + bits.to_bytes(size, "little")
        case _:
            return struct.pack(f">BHHB{len(words)}H", 16, address, len(words), 2 * len(words), *words)


def write(device: SimulatedDevice, wanted: Write, at_s: float) -> Refusal | None:
    return refusal(send(device, wanted.unit_id, write_pdu(wanted.function, wanted.address, wanted.words), at_s))


def value(device: SimulatedDevice, name: str, at_s: float, evse_id: int = 1) -> Decoded:
    """Read the first value of a register."""
    point = points(device.profile, [name], evse_id)[0]
    (read,) = plan([point], device.profile)
    answer = send(device, point.unit_id, read_pdu(point.table, read.address, read.count), at_s)
    assert refusal(answer) is None, name
    if point.table.is_bits:
        return point.coding.decode([answer[2] & 1])
    scale = point.register.scale_register
    exponent = 0 if scale is None else value(device, scale, at_s, evse_id).value
    assert isinstance(exponent, int)
    words = struct.unpack(f">{read.count}H", answer[2:])
    start = point.address - read.address
    return point.coding.decode(words[start : start + point.words], exponent)


def read_something(device: SimulatedDevice, at_s: float, evse_id: int = 1) -> None:
    """A read that is no sign of life but for a device to which every read is one."""
    value(device, next(iter(names_of(device.profile))), at_s, evse_id)


def outlet(device: SimulatedDevice, at_s: float | None = None, evse_id: int = 1) -> Outlet:
    assert isinstance(device.model, ChargerModel)
    if at_s is not None:
        device.model.settle(round(at_s * US_PER_S))
    return device.model.outlets[evse_id - 1]


def failing_safe(device: SimulatedDevice, at_s: float, evse_id: int = 1) -> bool:
    assert isinstance(device.model, ChargerModel)
    device.model.settle(round(at_s * US_PER_S))
    return device.model.is_failing_safe(evse_id)
