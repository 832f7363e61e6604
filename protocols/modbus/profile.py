"""What a profile file may say about a Modbus device: its registers, and what to make of them.

Other sections name registers by their names. Values are in base units (mA, W, Wh, ms) where a register has a unit, and
raw, as the device knows them, where it holds a code or a switch. `parse` in `reader.py` reads a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictBool, StrictInt, StrictStr, with_config

from protocols.modbus.register import STRICT, Address, Order, Register, Scope, Table, Text

Name = Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
UnitId = Annotated[StrictInt, Field(ge=0, le=255)]
Count = Annotated[StrictInt, Field(ge=1, le=1000)]
Seconds = Annotated[StrictInt, Field(ge=1, le=86_400)]


class DeviceKind(StrEnum):
    CHARGER = "charger"
    METER = "meter"
    INVERTER = "inverter"


class Transport(StrEnum):
    """How the device is reached. `ascii` is known and not supported: the poller speaks the other three."""

    TCP = "tcp"
    RTU = "rtu"
    RTU_OVER_TCP = "rtu_over_tcp"
    ASCII = "ascii"


class WatchdogKind(StrEnum):
    """What keeps the device from going to its fail-safe: any request, the setpoint or the time-out written again, a one
    where the device put a zero, or a number that proves us."""

    ANY_READ = "any_read"
    REWRITE_SETPOINT = "rewrite_setpoint"
    REWRITE_TIMEOUT = "rewrite_timeout"
    LIFE_BIT = "life_bit"
    TOKEN = "token"  # noqa: S105 - a kind of watchdog


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that a register (of several values, the first) must show: codes and texts as they stand, numbers in
    base units."""

    register: Name
    equals: tuple[StrictInt | StrictStr, ...] = ()
    at_least: StrictInt | None = None
    at_most: StrictInt | None = None
    starts_with: tuple[StrictStr, ...] = ()

    def holds(self, value: int | str | bytes | None) -> bool:
        """False where there is no value, or one that cannot be compared."""
        if isinstance(value, int):
            if self.starts_with or (self.equals and value not in self.equals):
                return False
            return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)
        if not isinstance(value, str) or self.at_least is not None or self.at_most is not None:
            return False
        if self.equals and value not in self.equals:
            return False
        return not self.starts_with or value.startswith(self.starts_with)


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Identify(Condition):
    """A sign that a device is of this model. `is_proof`: no other model shows it; otherwise it is only plausible."""

    is_proof: StrictBool = False


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Registers `first` to `last` may be read in one go, also those that nobody has named; `whole`: only in one go."""

    table: Table
    first: Address
    last: Address
    scope: Scope = Scope.EVSE
    whole: StrictBool = False


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRules:
    """What the device allows in one request (Modbus itself: 125 words or 2000 bits).

    `one_value`: values are never read together. `twice`: the first answer is thrown away. `gap_words`: so many unnamed
    words are read along inside a block, rather than asking again. `pause_ms` lies between two requests.
    """

    max_words: Annotated[StrictInt, Field(ge=1, le=125)] = 125
    max_bits: Annotated[StrictInt, Field(ge=1, le=2000)] = 2000
    one_value: StrictBool = False
    twice: StrictBool = False
    gap_words: Annotated[StrictInt, Field(ge=0, le=124)] = 124
    pause_ms: Annotated[StrictInt, Field(ge=0, le=10_000)] = 0
    blocks: tuple[Block, ...] = ()


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Evses:
    """Where the registers of EVSE n are: at `base` + (n - 1) × `stride`, on the unit `unit_ids[n - 1]` if given.

    `at_most` so many there are; `count_register` tells how many of them are fitted.
    """

    at_most: Annotated[StrictInt, Field(ge=1, le=64)] = 1
    base: Address = 0
    stride: Address = 0
    unit_ids: tuple[UnitId, ...] = ()
    count_register: Name | None = None


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCodes:
    """What the values of a register mean, in words of `status.py`. Codes that are not here say nothing."""

    register: Name
    codes: Annotated[Mapping[str, StrictStr], Field(min_length=1)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """A register that holds an error code: `none` where all is well, a text for those that are known."""

    register: Name
    none: tuple[StrictInt, ...] = (0,)
    codes: Mapping[str, Text] = field(default_factory=dict)


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The setpoint: a current in mA or a power in W, whichever the register's unit says.

    Below `minimum` nothing may be set but `pause`, the value that pauses charging (None: `enable` does it).
    `maximum` None: the installation says. `step` widens the register's own. `readback` tells what was set where the
    register itself cannot be read or tells something else, `applied` what the charger made of it.
    """

    register: Name
    minimum: StrictInt
    maximum: StrictInt | None = None
    minimum_register: Name | None = None
    maximum_register: Name | None = None
    pause: StrictInt | None = None
    step: Count | None = None
    readback: Name | None = None
    applied: Name | None = None
    min_interval_s: Annotated[StrictInt, Field(ge=0, le=3600)] = 0

    @property
    def may_be_zero(self) -> bool:
        """Whether 0 may be written at all: some devices take it for a fault."""
        return self.pause == 0


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A register with one raw value for each side."""

    register: Name
    on: StrictInt = 1
    off: StrictInt = 0
    state: Name | None = None


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseSwitch:
    """Charging with one phase or with three: the raw values written. `state` (without it, `register`) shows `state_one`
    (`one`, if it is not given) while one phase is used, and anything else while three are."""

    register: Name
    one: StrictInt
    three: StrictInt
    state: Name | None = None
    state_one: StrictInt | None = None
    only_while_paused: StrictBool = False
    requires: Condition | None = None


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A register with the card that was last presented. All zeros, an empty text and those in `none` are no card.
    `is_of_session`: it is the card of whoever charges, so another one is another session."""

    register: Name
    none: tuple[StrictStr, ...] = ()
    is_of_session: StrictBool = False


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Which register counts for ever (to its type's largest value, then from 0: `rolls_over_at` in base units where it
    is another), and which counts the session. `session_is_reliable` False: it does not start anew with each car.
    `session_time` counts for how long the session's car was charged."""

    total: Name | None = None
    session: Name | None = None
    session_time: Name | None = None
    rolls_over_at: Annotated[StrictInt, Field(ge=1)] | None = None
    session_is_reliable: StrictBool = True


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Watchdog:
    """What the device wants to hear, and how soon: after `timeout_s` (its default; `timeout_register` tells the one in
    force, `timeout_setting` sets it) it goes to its fail-safe. Fed every `feed_every_s`, or `feeds_per_timeout` times.
    """

    kind: WatchdogKind
    timeout_s: Seconds | None = None
    timeout_register: Name | None = None
    timeout_setting: Name | None = None
    register: Name | None = None
    value: StrictInt | None = None
    feed_every_s: Seconds | None = None
    feeds_per_timeout: Annotated[StrictInt, Field(ge=2, le=20)] = 2

    def feed_interval_s(self, timeout_s: float | None = None) -> float | None:
        """How often to feed it, given the time-out in force; None where none is known: it was switched off."""
        if self.feed_every_s is not None:
            return float(self.feed_every_s)
        in_force = timeout_s if timeout_s is not None else self.timeout_s
        return in_force / self.feeds_per_timeout if in_force else None


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class FailSafe:
    """What the device does by itself when the watchdog has run out: it keeps to the limit in `register` (read) and
    `setting` (written), by default `value`; a value in `stops` means that it stops charging."""

    register: Name | None = None
    setting: Name | None = None
    value: StrictInt | None = None
    stops: tuple[StrictInt, ...] = ()


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare:
    """A raw value that must stand in a register before the device does as it is told; written at commissioning."""

    register: Name
    value: StrictInt
    why: Text


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class SunSpec:
    """Where the SunSpec chain may begin, which models are read, and of which groups only the first found counts."""

    bases: Annotated[tuple[Address, ...], Field(min_length=1)]
    models: Mapping[str, Text]
    prefer: tuple[tuple[StrictInt, ...], ...] = ()


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A device model. `sources` are the documents behind the register lines; `verified` says on which hardware it was
    tried, and is empty where it was on none. `variant` names the variant that this is, None for the file as it stands.
    """

    id: Name
    kind: DeviceKind
    vendor: Text
    model: Text
    sources: Annotated[tuple[Text, ...], Field(min_length=1)]
    transports: Annotated[tuple[Transport, ...], Field(min_length=1)]
    registers: Annotated[Mapping[Name, Register], Field(min_length=1)]
    verified: str = ""
    remarks: str = ""
    serial: Annotated[StrictStr, Field(pattern=r"^[0-9]{4,6} [78][NEO][12]$")] | None = None
    unit_id: UnitId = 1
    word_order: Order = Order.BIG
    byte_order: Order = Order.BIG
    phases: Annotated[StrictInt, Field(ge=0, le=3)] = 3
    unavailable: Mapping[str, tuple[StrictInt, ...]] = field(default_factory=dict)
    evses: Evses = Evses()
    reads: ReadRules = ReadRules()
    identify: tuple[Identify, ...] = ()
    status: tuple[StatusCodes, ...] = ()
    faults: Faults | None = None
    limit: Limit | None = None
    enable: Switch | None = None
    phase_switch: PhaseSwitch | None = None
    card: Card | None = None
    cable_lock: Switch | None = None
    energy: Energy = Energy()
    watchdog: Watchdog | None = None
    fail_safe: FailSafe | None = None
    prepare: tuple[Prepare, ...] = ()
    sunspec: SunSpec | None = None
    variant: str | None = None

    def unit_of(self, scope: Scope, evse_id: int) -> int:
        """The unit id behind which a register of the station or of an EVSE stands."""
        return self.evses.unit_ids[evse_id - 1] if scope is Scope.EVSE and self.evses.unit_ids else self.unit_id

    def address_of(self, register: Register, evse_id: int) -> int:
        """Where a register's first value stands; `evse_id` counts from 1 and does not matter for the station's."""
        if register.scope is Scope.STATION:
            return register.address
        base = self.evses.base if register.base is None else register.base
        return base + (evse_id - 1) * self.evses.stride + register.address
