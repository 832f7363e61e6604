"""What cannot be where several devices answer on one line: asked of addresses and units before any is connected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from protocols.modbus.bus_address import BusAddress
from protocols.modbus.profile import Profile, Transport

EVERYBODY: Final = 0
"""On a serial line nobody answers to it."""
MAX_SERIAL_UNIT: Final = 247


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A device where its settings put it. `unit_id` None: the one of its profile."""

    device_id: str
    address: BusAddress
    profile: Profile
    unit_id: int | None = None

    @property
    def unit_ids(self) -> frozenset[int]:
        """All that it answers to: some have a unit for each EVSE."""
        own = self.profile.unit_id if self.unit_id is None else self.unit_id
        return frozenset({own, *self.profile.evses.unit_ids})


def clashes(places: Sequence[Place | None]) -> Iterator[tuple[int, str]]:
    """The number in the list of each device that cannot be where it is, and why. None: too little is known of it."""
    first_at: dict[str, Place] = {}
    taken: dict[tuple[str, int], Place] = {}
    for index, place in enumerate(places):
        if place is None:
            continue
        line = place.address.place
        first = first_at.setdefault(line, place)
        if first.address.manner != place.address.manner:
            yield (
                index,
                f"{line} is spoken on in one way: {first.address.manner} for {first.device_id}, "
                f"so not {place.address.manner} for {place.device_id}",
            )
        if place.address.transport is not Transport.TCP:
            yield from ((index, why) for why in _no_serial_units(place))
        for unit_id in sorted(place.unit_ids):
            other = taken.setdefault((line, unit_id), place)
            if other is not place:
                yield (
                    index,
                    f"unit {unit_id} at {line} is {other.device_id} already: give {place.device_id} another one",
                )


def _no_serial_units(place: Place) -> Iterator[str]:
    for unit_id in sorted(place.unit_ids):
        if unit_id == EVERYBODY or unit_id > MAX_SERIAL_UNIT:
            yield f"unit {unit_id} answers on no serial line: units there are 1 to {MAX_SERIAL_UNIT}"
