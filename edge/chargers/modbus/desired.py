"""What is wanted of an EVSE, made into writes by the rules of its profile; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from protocols.modbus.codec import BadValue, Coding, Decoded, Value
from protocols.modbus.profile import Profile
from protocols.modbus.setpoint import Write, allowed_limit, limit_writes, write_raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """`limit` in mA or W, as the profile's register has it. None and False: nothing is wanted in this regard.

    A limit below what the device takes pauses it. `phases` is 1 or 3.
    """

    limit: int | None = None
    is_paused: bool = False
    phases: int | None = None

    def __post_init__(self) -> None:
        if self.phases not in (None, 1, 3):
            raise ValueError(f"charging is with 1 phase or with 3, not {self.phases}")
        if self.limit is not None and self.limit < 0:
            raise ValueError("a limit is not negative")

    @property
    def is_nothing(self) -> bool:
        return self.limit is None and not self.is_paused and self.phases is None


NOTHING = Desired()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One register that shall have what `write` brings. `shown_by` tells whether it has: None where nothing does.

    `wanted` and what `read_back` makes of the answer are told to people: base units, or raw codes.
    """

    write: Write
    wanted: int
    shown_by: str | None
    read_back: Callable[[Mapping[str, Decoded]], int | None]
    step: int = 1

    @property
    def name(self) -> str:
        return self.write.name

    def is_met_by(self, shown: int) -> bool:
        """A register that is coarser than the setpoint shows it rounded down."""
        return 0 <= self.wanted - shown < max(1, self.step)


def targets(
    profile: Profile, desired: Desired, evse_id: int, known: Callable[[str | None], int | None]
) -> tuple[Target, ...]:
    """The registers and their values, in the order of writing: what limits comes first. `known`: what was last
    read of a register.

    Raises BadValue for what this device cannot do.
    """
    found: list[Target] = []
    if desired.is_paused or desired.limit is not None:
        found += _limit_targets(profile, desired, evse_id, known)
    if desired.phases is not None:
        found.append(_phase_target(profile, desired.phases, evse_id, known))
    return tuple(found)


def _limit_targets(
    profile: Profile, desired: Desired, evse_id: int, known: Callable[[str | None], int | None]
) -> list[Target]:
    rule = profile.limit
    if rule is None:
        raise BadValue(f"{profile.id} takes no limit")
    limit = None
    if not desired.is_paused and desired.limit is not None:
        highest, lowest = known(rule.maximum_register), known(rule.minimum_register)
        limit = allowed_limit(profile, desired.limit, highest or None, lowest)
    return [_target(profile, write, evse_id) for write in limit_writes(profile, limit, evse_id)]


def _target(profile: Profile, write: Write, evse_id: int) -> Target:
    rule, enable = profile.limit, profile.enable
    if rule is not None and write.name == rule.register:
        shown_by = rule.readback or _if_readable(profile, rule.register)
        wanted = Coding(profile.registers[rule.register]).decode(write.words).value
        step = int(Coding(profile.registers[shown_by]).step) if shown_by else 1
        return Target(write=write, wanted=_number(wanted), shown_by=shown_by, read_back=_value_of(shown_by), step=step)
    if enable is None:
        raise BadValue(f"{profile.id} has no rule for {write.name!r}")
    raw = Coding(profile.registers[write.name]).decode_raw(write.words)
    shown_by = enable.state or _if_readable(profile, enable.register)
    return Target(write=write, wanted=_number(raw), shown_by=shown_by, read_back=_value_of(shown_by))


def _phase_target(profile: Profile, phases: int, evse_id: int, known: Callable[[str | None], int | None]) -> Target:
    switch = profile.phase_switch
    if switch is None:
        raise BadValue(f"{profile.id} does not switch phases")
    needed = switch.requires
    if needed is not None and not needed.holds(known(needed.register)):
        raise BadValue(f"{profile.id} switches phases only while {needed.register} shows another value than now")
    raw = switch.one if phases == 1 else switch.three
    shown_by = switch.state or _if_readable(profile, switch.register)
    one = switch.one if switch.state_one is None else switch.state_one

    def phases_of(values: Mapping[str, Decoded]) -> int | None:
        value = values[shown_by].value if shown_by is not None and shown_by in values else None
        return None if not isinstance(value, int) else 1 if value == one else 3

    write = write_raw(profile, switch.register, raw, evse_id)
    return Target(write=write, wanted=phases, shown_by=shown_by, read_back=phases_of)


def _if_readable(profile: Profile, name: str) -> str | None:
    return name if profile.registers[name].is_readable else None


def _value_of(name: str | None) -> Callable[[Mapping[str, Decoded]], int | None]:
    def value_of(values: Mapping[str, Decoded]) -> int | None:
        value = values[name].value if name is not None and name in values else None
        return value if isinstance(value, int) else None

    return value_of


def _number(value: Value | None) -> int:
    if not isinstance(value, int):
        raise BadValue(f"a number is expected, not {value!r}")
    return value
