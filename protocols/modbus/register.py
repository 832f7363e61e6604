"""A register of a device: where it stands, how its words are read, and what its number means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, StrictInt, with_config

from protocols.terms import Measurand

STRICT: Final = ConfigDict(extra="forbid")


class Table(StrEnum):
    """The four tables of a Modbus device (Modbus Application Protocol V1.1b3 §4.3)."""

    HOLDING = "holding"
    INPUT = "input"
    COIL = "coil"
    DISCRETE = "discrete"

    @property
    def is_bits(self) -> bool:
        return self in (Table.COIL, Table.DISCRETE)

    @property
    def read_function(self) -> int:
        """The function code that reads it (§6)."""
        return {"coil": 1, "discrete": 2, "holding": 3, "input": 4}[self.value]


class Order(StrEnum):
    """Which half comes first: of the words in a value, or of the bytes in a word."""

    BIG = "big"
    LITTLE = "little"


class Access(StrEnum):
    """What the device lets us do with a register."""

    R = "r"
    W = "w"
    RW = "rw"


class Group(StrEnum):
    """How often the poller reads a register: `once` when connected, `demand` when somebody asks."""

    FAST = "fast"
    SLOW = "slow"
    ONCE = "once"
    DEMAND = "demand"


class Scope(StrEnum):
    """Whether there is one register for the whole station, or one for each of its EVSEs."""

    STATION = "station"
    EVSE = "evse"


class TextForm(StrEnum):
    """How text is written; `auto` is UTF-16 where every first byte is zero and ASCII otherwise."""

    ASCII = "ascii"
    UTF_16 = "utf-16"
    AUTO = "auto"


class Unit(StrEnum):
    """Units as data sheets write them. `ratio` is a power factor; the last four are no quantity."""

    AMPERE = "A"
    MILLIAMPERE = "mA"
    VOLT = "V"
    WATT = "W"
    KILOWATT = "kW"
    WATT_HOUR = "Wh"
    KILOWATT_HOUR = "kWh"
    VOLT_AMPERE = "VA"
    KILOVOLT_AMPERE = "kVA"
    VOLT_AMPERE_HOUR = "VAh"
    VAR = "var"
    KILOVAR = "kvar"
    HERTZ = "Hz"
    CELSIUS = "C"
    SECOND = "s"
    MILLISECOND = "ms"
    PERCENT = "%"
    RATIO = "ratio"
    BITS = "bits"
    ENUM = "enum"
    BOOL = "bool"
    NONE = ""


class BaseUnit(NamedTuple):
    """What values are given in: integers of `name`. Outside `lowest` to `highest` no device of a site can be."""

    name: str
    power_of_ten: int
    lowest: int
    highest: int


_ENERGY: Final = 10**15
_POWER: Final = 100_000_000
BASE_UNITS: Final = MappingProxyType(
    {
        Unit.AMPERE: BaseUnit("mA", 3, -20_000_000, 20_000_000),
        Unit.MILLIAMPERE: BaseUnit("mA", 0, -20_000_000, 20_000_000),
        Unit.VOLT: BaseUnit("mV", 3, -2_000_000, 2_000_000),
        Unit.WATT: BaseUnit("W", 0, -_POWER, _POWER),
        Unit.KILOWATT: BaseUnit("W", 3, -_POWER, _POWER),
        Unit.WATT_HOUR: BaseUnit("Wh", 0, -_ENERGY, _ENERGY),
        Unit.KILOWATT_HOUR: BaseUnit("Wh", 3, -_ENERGY, _ENERGY),
        Unit.VOLT_AMPERE: BaseUnit("VA", 0, -_POWER, _POWER),
        Unit.KILOVOLT_AMPERE: BaseUnit("VA", 3, -_POWER, _POWER),
        Unit.VOLT_AMPERE_HOUR: BaseUnit("VAh", 0, -_ENERGY, _ENERGY),
        Unit.VAR: BaseUnit("var", 0, -_POWER, _POWER),
        Unit.KILOVAR: BaseUnit("var", 3, -_POWER, _POWER),
        Unit.HERTZ: BaseUnit("mHz", 3, 0, 1_000_000),
        Unit.CELSIUS: BaseUnit("m°C", 3, -100_000, 300_000),
        Unit.SECOND: BaseUnit("ms", 3, 0, 2**32 * 1000),
        Unit.MILLISECOND: BaseUnit("ms", 0, 0, 2**32 * 1000),
        Unit.PERCENT: BaseUnit("%", 0, 0, 100),
        Unit.RATIO: BaseUnit("per mille", 3, -1_000, 1_000),
    }
)
"""The quantities, their base unit and the power of ten that leads to it. What is not here is a plain number."""

MEASURED_IN: Final = MappingProxyType(
    {
        Measurand.ENERGY_REGISTER: ("Wh", "VAh"),
        Measurand.ENERGY_EXPORT_REGISTER: ("Wh", "VAh"),
        Measurand.POWER: ("W", "VA"),
        Measurand.POWER_EXPORT: ("W", "VA"),
        Measurand.POWER_OFFERED: ("W",),
        Measurand.REACTIVE_POWER: ("var",),
        Measurand.POWER_FACTOR: ("per mille",),
        Measurand.CURRENT: ("mA",),
        Measurand.CURRENT_EXPORT: ("mA",),
        Measurand.VOLTAGE: ("mV",),
        Measurand.FREQUENCY: ("mHz",),
        Measurand.STATE_OF_CHARGE: ("%",),
    }
)
"""The base units that a measurand may be given in; apparent power and energy stand in for active where a device has no
better, and are told as estimated."""


class Kind(StrEnum):
    """How words become a value."""

    BOOL = "bool"
    CHAR = "char"
    UINT = "uint"
    INT = "int"
    FLOAT = "float"
    BYTES = "bytes"
    STRING = "string"


class Form(NamedTuple):
    """A register's type taken apart: "uint32" is (UINT, 4)."""

    kind: Kind
    size_bytes: int

    @property
    def words(self) -> int:
        """How many registers, or bits, one value takes."""
        return max(1, (self.size_bytes + 1) // 2)

    @property
    def is_number(self) -> bool:
        return self.kind in (Kind.UINT, Kind.INT, Kind.FLOAT)


_SIZED: Final = re.compile(r"(bytes|string)([1-9][0-9]{0,2})")
_MAX_BYTES: Final = 250
_FORMS: Final = MappingProxyType(
    {
        "bool": Form(Kind.BOOL, 0),
        "char": Form(Kind.CHAR, 2),
        "uint16": Form(Kind.UINT, 2),
        "uint32": Form(Kind.UINT, 4),
        "uint64": Form(Kind.UINT, 8),
        "acc32": Form(Kind.UINT, 4),
        "int16": Form(Kind.INT, 2),
        "int32": Form(Kind.INT, 4),
        "int64": Form(Kind.INT, 8),
        "float32": Form(Kind.FLOAT, 4),
        "float64": Form(Kind.FLOAT, 8),
    }
)


def form_of(text: str) -> Form:
    """The type that a text such as "int32" or "string20" names. Raises ValueError."""
    if found := _FORMS.get(text):
        return found
    sized = _SIZED.fullmatch(text)
    if sized and int(sized[2]) <= _MAX_BYTES:
        return Form(Kind(sized[1]), int(sized[2]))
    known = f"{', '.join(_FORMS)}, bytesN and stringN (N to {_MAX_BYTES})"
    raise ValueError(f"there is no type {text!r}; known are {known}")


def _a_type(text: str) -> str:
    form_of(text)
    return text


Address = Annotated[StrictInt, Field(ge=0, le=65535)]
Text = Annotated[str, Field(min_length=1, max_length=400)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """One register, or `count` alike that stand `stride` words apart (a value's own length where it is not given).

    A value is raw × scale in `unit`; with `scale_register`, times ten to the power that stands there (SunSpec).
    `address` is what goes over the wire, counted from 0; for an EVSE's register it is added to the EVSE's base (`base`
    here goes before that of the profile), for one of a SunSpec `model` to the beginning of the model's payload.
    """

    address: Address
    table: Table
    type: Annotated[str, AfterValidator(_a_type)]
    source: Text
    count: Annotated[StrictInt, Field(ge=1, le=100)] = 1
    stride: Annotated[StrictInt, Field(ge=1, le=1000)] | None = None
    scale: Annotated[Decimal, Field(gt=0, le=1_000_000, decimal_places=9)] = Decimal(1)
    scale_register: str | None = None
    unit: Unit = Unit.NONE
    access: Access = Access.R
    function: StrictInt | None = None
    group: Group = Group.SLOW
    scope: Scope = Scope.EVSE
    base: Address | None = None
    model: Annotated[StrictInt, Field(ge=1, le=65534)] | None = None
    word_order: Order | None = None
    byte_order: Order | None = None
    text: TextForm = TextForm.ASCII
    first_bit: Annotated[StrictInt, Field(ge=0, le=63)] = 0
    bit_count: Annotated[StrictInt, Field(ge=1, le=63)] | None = None
    unavailable: tuple[StrictInt, ...] | None = None
    lowest: StrictInt | None = None
    highest: StrictInt | None = None
    measurand: Measurand | None = None
    phases: tuple[str, ...] | None = None
    is_optional: StrictBool = False
    meaning: Text | None = None

    @property
    def form(self) -> Form:
        return form_of(self.type)

    @property
    def step_words(self) -> int:
        """From one value to the next."""
        return self.stride or self.form.words

    @property
    def is_readable(self) -> bool:
        return self.access is not Access.W

    @property
    def is_writable(self) -> bool:
        return self.access is not Access.R

    @property
    def write_function(self) -> int:
        """The function code that writes it: as the profile says, or else 5 for a coil, 6 for one word, 16 for more."""
        if self.function is not None:
            return self.function
        if self.table.is_bits:
            return 5
        return 6 if self.form.words == 1 else 16

    @property
    def base_unit(self) -> BaseUnit | None:
        """What its values are given in; None for text, enumerations and plain numbers."""
        return BASE_UNITS.get(self.unit)

    @property
    def is_estimate(self) -> bool:
        """An apparent power or energy that stands in for the active one."""
        return self.measurand is not None and self.unit in (
            Unit.VOLT_AMPERE,
            Unit.KILOVOLT_AMPERE,
            Unit.VOLT_AMPERE_HOUR,
        )

    def phase(self, index: int) -> str | None:
        """The phase of one of its values: as the profile says, or L1 to L3 where three are measured."""
        if self.phases is not None:
            return self.phases[index]
        return f"L{index + 1}" if self.measurand is not None and self.count == 3 else None
