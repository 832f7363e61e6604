"""What stands in registers that tell no measurement: type plates, signs by which a model is known. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

from firmware_sim.modbus.bits import Cell, Raw
from protocols.modbus.profile import Condition, Profile
from protocols.modbus.register import Kind, Register

_SERIAL: Final = 1_000_001
_VERSION: Final = "1.0"
_BASE_EXPONENTS: Final = {"mA": -2, "mV": -1, "mHz": -2, "%": -2}


def plate_cells(profile: Profile, signs: Sequence[Condition], own: Mapping[str, Cell]) -> dict[str, Cell]:
    """For every register what it shows where nothing living stands behind it; `own` are the model's own, as far as the
    signs hold for them."""
    cells: dict[str, Cell] = {}
    scales = {
        register.scale_register: _exponent(register)
        for register in profile.registers.values()
        if register.scale_register is not None
    }
    for name, register in profile.registers.items():
        wanted = [sign for sign in signs if sign.register == name]
        if name in scales:
            cells[name] = Raw(scales[name])
        elif name in own and all(sign.holds(_plain(own[name])) for sign in wanted):
            cells[name] = own[name]
        elif wanted:
            cells[name] = _fitting(wanted)
        else:
            cells[name] = _usual(profile, name, register)
    for prepare in profile.prepare:
        cells[prepare.register] = Raw(prepare.value)
    return cells


def _exponent(register: Register) -> int:
    unit = register.base_unit
    return _BASE_EXPONENTS.get(unit.name, 0) if unit else 0


def _plain(cell: Cell) -> int | str | bytes | None:
    match cell:
        case Raw(number):
            return number
        case int() | str() | bytes():
            return cell
        case _:
            return None


def _fitting(signs: Sequence[Condition]) -> Cell:
    """Something for which all of the signs hold."""
    for sign in signs:
        texts = [each for each in (*sign.equals, *sign.starts_with) if isinstance(each, str)]
        numbers = [each for each in sign.equals if isinstance(each, int)]
        if texts:
            return texts[0]
        if numbers:
            return Fraction(numbers[0])
    lowest = max((sign.at_least for sign in signs if sign.at_least is not None), default=None)
    highest = min((sign.at_most for sign in signs if sign.at_most is not None), default=None)
    return Fraction(lowest if lowest is not None else highest or 0)


def _usual(profile: Profile, name: str, register: Register) -> Cell:
    kind = register.form.kind
    if kind is Kind.STRING:
        text = {"serial": str(_SERIAL), "manufacturer": profile.vendor, "model": profile.model}
        found = next((text[word] for word in text if name.startswith(word)), _VERSION if "version" in name else "")
        return "".join(letter for letter in found if letter.isascii()).strip()
    if kind is Kind.BYTES:
        if name.startswith("serial"):
            return _SERIAL.to_bytes(register.form.size_bytes, "big")
        return bytes([1, 0, 0, 0]) if name.startswith("firmware") else b""
    if name.startswith("serial"):
        return Raw(_SERIAL % (1 << 16) if register.form.words == 1 else _SERIAL)
    if register.base_unit is not None and register.base_unit.name == "m°C":
        return Fraction(25_000)
    return None
