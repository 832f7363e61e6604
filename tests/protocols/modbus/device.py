"""A device's memory, as tests need it: words by unit, table and address, read as a device gives them."""

from __future__ import annotations

from collections.abc import Iterable

from protocols.modbus.codec import Decoded
from protocols.modbus.profile import Profile
from protocols.modbus.reads import Point, Read, decode, plan, points
from protocols.modbus.register import Table

Key = tuple[int, str, int]


class Memory:
    """Holds what was put; all else reads as `empty`."""

    def __init__(self, empty: int = 0) -> None:
        self._words: dict[tuple[int, Table, int], int] = {}
        self._empty = empty

    def put(self, point: Point, words: Iterable[int]) -> None:
        for offset, word in enumerate(words):
            self._words[point.unit_id, point.table, point.address + offset] = word

    def put_words(self, profile: Profile, name: str, *words: int, evse_id: int = 1) -> None:
        """Raw words from a register's first address on."""
        (first, *_) = points(profile, [name], evse_id)
        self.put(first, words)

    def read(self, read: Read) -> list[int]:
        return [
            self._words.get((read.unit_id, read.table, read.address + offset), self._empty)
            for offset in range(read.count)
        ]

    def values(self, profile: Profile, names: Iterable[str], evse_id: int = 1) -> dict[Key, Decoded]:
        """What a poller sees of these registers."""
        wanted = points(profile, names, evse_id)
        return decode((read, self.read(read)) for read in plan(wanted, profile))
