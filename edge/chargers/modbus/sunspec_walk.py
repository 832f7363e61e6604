"""Finds the models of a SunSpec device by walking its chain, and lays the profile over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edge.chargers.modbus.bus import Bus, BusError, BusFault
from protocols.modbus.profile import Profile
from protocols.modbus.reads import Read
from protocols.modbus.register import Table
from protocols.modbus.sunspec import Found, lack_of, place, walk

ATTEMPTS: Final = 3


async def walk_device(bus: Bus, profile: Profile) -> Profile:
    """The profile with the registers that the device has.

    Raises BusError, also where there is no chain, or none of the models that the profile reads.
    """
    chain = await chain_of(bus, profile)
    if not chain:
        raise BusError(BusFault.EXCEPTION, "there is no SunSpec device")
    if lack := lack_of(profile, chain):
        raise BusError(BusFault.EXCEPTION, lack)
    return place(profile, chain)


async def chain_of(bus: Bus, profile: Profile) -> tuple[Found, ...]:
    """The models of a device; none where it has no chain. Raises BusError."""
    assert profile.sunspec is not None  # noqa: S101 - asked only of a SunSpec profile
    steps = walk(profile.sunspec)
    try:
        ask = next(steps)
        while True:
            read = Read(unit_id=profile.unit_id, table=Table.HOLDING, address=ask.address, count=ask.words, points=())
            ask = steps.send(await _answer(bus, read, profile.reads.pause_ms / 1000))
    except StopIteration as stop:
        found: tuple[Found, ...] = stop.value
        return found


async def _answer(bus: Bus, read: Read, pause_s: float) -> Sequence[int] | None:
    """None for a refusal: there is nothing at this place. A time-out says nothing about it."""
    attempts, lost_s = ATTEMPTS, 0.0
    while True:
        attempts -= 1
        try:
            return await bus.read(read, pause_s=pause_s)
        except BusError as error:
            if error.is_refusal:
                return None
            error.lost_s += lost_s
            lost_s = error.lost_s
            if error.fault is BusFault.UNREACHABLE or attempts < 1:
                raise
