"""SunSpec: the chain of models that a device tells about itself, and a profile laid over it.

At one of a few bases stands "SunS", behind it blocks of model id, length and payload, up to the id 0xFFFF (SunSpec
Information Model Specification §3). Where a model stands differs from device to device: a profile gives its registers
by model and offset, and `place` makes addresses of them once the chain has been walked.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from protocols.modbus.profile import Profile, SunSpec

MARKER: Final = (0x5375, 0x6E53)
"""The letters SunS."""
_END: Final = 0xFFFF
_MAX_MODELS: Final = 100
_SPACE: Final = 65536


class Ask(NamedTuple):
    """Read so many holding registers and send back the words, or None where there was no good answer."""

    address: int
    words: int


class Found(NamedTuple):
    """A model of the chain: its id, where its payload begins and how long that is."""

    model: int
    address: int
    length: int


def walk(sunspec: SunSpec) -> Generator[Ask, Sequence[int] | None, tuple[Found, ...]]:
    """The models of a device, in their order; none where there is no chain. No I/O: what to read is yielded.

    A chain that ends without its end mark (no answer, too long, over the last address) gives what was found before.
    """
    for base in sunspec.bases:
        words = yield Ask(base, 2)
        if words is not None and tuple(words) == MARKER:
            return (yield from _chain(base + 2))
    return ()


def _chain(address: int) -> Generator[Ask, Sequence[int] | None, tuple[Found, ...]]:
    found: list[Found] = []
    while len(found) < _MAX_MODELS and address + 2 <= _SPACE:
        words = yield Ask(address, 2)
        if words is None or len(words) != 2 or words[0] == _END:
            break
        found.append(Found(model=words[0], address=address + 2, length=words[1]))
        address += 2 + words[1]
    return tuple(found)


def place(profile: Profile, chain: Sequence[Found]) -> Profile:
    """The profile with the registers of the models that the device has, at their addresses; the others are left out.

    Of models that tell the same, the first that is there counts (`prefer`); of one that is there twice, the first.
    """
    at = _chosen(profile, chain)
    registers = {}
    for name, register in profile.registers.items():
        if register.model is None:
            registers[name] = register
            continue
        found = at.get(register.model)
        span = register.address + (register.count - 1) * register.step_words + register.form.words
        if found is not None and span <= found.length and found.address + span <= _SPACE:
            registers[name] = replace(register, address=found.address + register.address, model=None)
    left = {name: r for name, r in registers.items() if r.scale_register is None or r.scale_register in registers}
    return replace(profile, registers=left)


def _chosen(profile: Profile, chain: Sequence[Found]) -> Mapping[int, Found]:
    first: dict[int, Found] = {}
    for found in chain:
        first.setdefault(found.model, found)
    for group in profile.sunspec.prefer if profile.sunspec is not None else ():
        there = [model for model in group if model in first]
        for model in there[1:]:
            del first[model]
    return first
