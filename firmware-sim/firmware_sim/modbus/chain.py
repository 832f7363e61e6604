"""The SunSpec chain of a simulated inverter: where its models stand, and the words between their registers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from protocols.modbus.profile import Profile
from protocols.modbus.sunspec import MARKER, Found, place

_LENGTHS: Final = {1: 66, 103: 50, 113: 60, 123: 24}
"""Words of the payloads (SunSpec Information Model Reference)."""
_END: Final = (0xFFFF, 0)
_NOT_IMPLEMENTED: Final = 0xFFFF

USUAL_MODELS: Final = (1, 103, 123)
MARKER_REGISTER: Final = "sunspec_marker"


def lay_out(profile: Profile, base: int, models: Sequence[int]) -> tuple[Profile, dict[int, int]]:
    """The profile with addresses for the models from `base` on, and the words that no register names.

    Raises ValueError for a model whose length is not known.
    """
    words: dict[int, int] = {}
    chain: list[Found] = []
    at = base
    for word in MARKER:
        words[at] = word
        at += 1
    for model in models:
        if model not in _LENGTHS:
            raise ValueError(f"there is no model {model}; there are {', '.join(map(str, _LENGTHS))}")
        length = _LENGTHS[model]
        words[at], words[at + 1] = model, length
        chain.append(Found(model, at + 2, length))
        words.update(dict.fromkeys(range(at + 2, at + 2 + length), _NOT_IMPLEMENTED))
        at += 2 + length
    words[at], words[at + 1] = _END
    placed = place(profile, chain)
    registers = {name: each for name, each in placed.registers.items() if name != MARKER_REGISTER}
    return replace(placed, registers=registers), words
