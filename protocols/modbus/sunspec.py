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
HEADER_WORDS: Final = 2
"""Id and length, before the payload of a model."""
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
        words = yield Ask(base, len(MARKER))
        if words is not None and tuple(words) == MARKER:
            return (yield from _chain(base + len(MARKER)))
    return ()


def _chain(address: int) -> Generator[Ask, Sequence[int] | None, tuple[Found, ...]]:
    found: list[Found] = []
    while len(found) < _MAX_MODELS and address + HEADER_WORDS <= _SPACE:
        words = yield Ask(address, HEADER_WORDS)
        if words is None or len(words) != HEADER_WORDS or words[0] == _END:
            break
        found.append(Found(model=words[0], address=address + HEADER_WORDS, length=words[1]))
        address += HEADER_WORDS + words[1]
    return tuple(found)


def place(profile: Profile, chain: Sequence[Found]) -> Profile:
    """The profile with the registers of the models that the device has, at their addresses; the others are left out.

    Of models that tell the same, the first that is there counts (`prefer`); of one that is there twice, the first. What
    belongs to no model, as the marker does, is given by the first of the profile's bases and moves with the chain's.
    """
    at = _chosen(profile, chain)
    moved = base_of(chain) - profile.sunspec.bases[0] if chain and profile.sunspec is not None else 0
    registers = {}
    for name, register in profile.registers.items():
        if register.model is None:
            registers[name] = replace(register, address=register.address + moved)
            continue
        found = at.get(register.model)
        span = register.address + (register.count - 1) * register.step_words + register.form.words
        if found is not None and span <= found.length and found.address + span <= _SPACE:
            registers[name] = replace(register, address=found.address + register.address, model=None)
    left = {name: r for name, r in registers.items() if r.scale_register is None or r.scale_register in registers}
    return replace(profile, registers=left)


def base_of(chain: Sequence[Found]) -> int:
    """Where the marker of a chain with at least one model stands."""
    return chain[0].address - len(MARKER) - HEADER_WORDS


def lack_of(profile: Profile, chain: Sequence[Found]) -> str | None:
    """Why the profile has nothing to read of this device; None where it has."""
    models = [found.model for found in chain]
    for group in profile.sunspec.prefer if profile.sunspec is not None else ():
        if not any(model in models for model in group):
            told = f"its SunSpec models are {', '.join(map(str, models))}"
            return f"{told}; {profile.id} reads one of {', '.join(map(str, group))}"
    return None


def _chosen(profile: Profile, chain: Sequence[Found]) -> Mapping[int, Found]:
    first: dict[int, Found] = {}
    for found in chain:
        first.setdefault(found.model, found)
    for group in profile.sunspec.prefer if profile.sunspec is not None else ():
        there = [model for model in group if model in first]
        for model in there[1:]:
            del first[model]
    return first
