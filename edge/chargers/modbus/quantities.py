"""Values of registers as people write and read them: 13.5A, 11 kW, 60s, on, text, 0x55AA."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Final

from protocols.errors import BadText
from protocols.modbus.codec import Value
from protocols.modbus.register import BASE_UNITS, Kind, Register, Unit

_NUMBER: Final = re.compile(r"([+-]?[0-9]+(?:\.[0-9]+)?)\s*([A-Za-z%°]*)")
_SWITCH: Final = {"on": 1, "1": 1, "true": 1, "off": 0, "0": 0, "false": 0}
_UNITS: Final = {unit.value: unit for unit in BASE_UNITS} | {"Wh": Unit.WATT_HOUR}


def parse_value(register: Register, text: str) -> Value:
    """What `Coding.encode` takes: base units, a raw number, text or bytes. Raises BadText."""
    if register.unit is Unit.BOOL:
        return _switch(text)
    match register.form.kind:
        case Kind.STRING | Kind.CHAR:
            return text
        case Kind.BYTES:
            try:
                return bytes.fromhex(text)
            except ValueError:
                raise BadText(f"{text!r}: hexadecimal digits are expected") from None
        case Kind.BOOL:
            return _switch(text)
        case _:
            return _number(register, text)


def _switch(text: str) -> int:
    if text.lower() not in _SWITCH:
        raise BadText(f"{text!r}: on or off is expected")
    return _SWITCH[text.lower()]


def _number(register: Register, text: str) -> int:
    if text.lower().startswith("0x"):
        try:
            return int(text, 16)
        except ValueError:
            raise BadText(f"{text!r} is no hexadecimal number") from None
    found = _NUMBER.fullmatch(text.strip())
    base = register.base_unit
    if found is None:
        raise BadText(f"{text!r} is no number{f' with a unit, such as 1{register.unit.value}' if base else ''}")
    try:
        number = Decimal(found[1])
    except InvalidOperation:
        raise BadText(f"{text!r} is no number") from None
    if base is None:
        if found[2] or number != number.to_integral_value():
            raise BadText(f"{text!r}: a whole number without a unit is expected")
        return int(number)
    unit = _UNITS.get(found[2])
    if unit is None or BASE_UNITS[unit].name != base.name:
        fitting = sorted(name for name, each in _UNITS.items() if BASE_UNITS[each].name == base.name)
        raise BadText(f"{text!r}: one of the units {', '.join(fitting)} must stand behind the number")
    value = number * 10 ** BASE_UNITS[unit].power_of_ten
    if value != value.to_integral_value():
        raise BadText(f"{text!r} is finer than 1 {base.name}")
    return int(value)


def show_value(register: Register, value: Value | None) -> str:
    """A value with its base unit."""
    if value is None:
        return "-"
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, str):
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in value)
    base = register.base_unit
    return f"{value} {base.name}" if base is not None else str(value)
