"""The codes by which a charger shows a status: `protocols/modbus/status.py` the other way round. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Final

from firmware_sim.modbus.bits import put, width_bits
from protocols.modbus.codec import Value
from protocols.modbus.profile import Profile
from protocols.modbus.reads import Point, points
from protocols.modbus.status import STATUS_WORDS, EvseStatus, read_status
from protocols.terms import ChargingState, ConnectorStatus

_SILENT_CODES: Final = 8
"""So many codes that nobody has named are tried where a register shall say nothing."""

_AVAILABLE: Final = EvseStatus(ConnectorStatus.AVAILABLE)
_FAULTED: Final = EvseStatus(ConnectorStatus.FAULTED)
_UNAVAILABLE: Final = EvseStatus(ConnectorStatus.UNAVAILABLE)
_OCCUPIED: Final = EvseStatus(ConnectorStatus.OCCUPIED)
_CONNECTED: Final = EvseStatus(ConnectorStatus.OCCUPIED, ChargingState.EV_CONNECTED)

Codes = Mapping[str, Value | None]
"""What stands in the registers of the status; None: another register has the same bits."""


class StatusCodes:
    """How a profile shows each status, or the nearest that it has a code for."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._known: dict[EvseStatus, Codes | None] = {}

    def codes(self, status: ConnectorStatus, charging_state: ChargingState | None, has_vehicle: bool) -> Codes:
        """Empty for a profile that has no status."""
        for wanted in (EvseStatus(status, charging_state), *_near(status, has_vehicle)):
            if wanted not in self._known:
                self._known[wanted] = _solved(self._profile, wanted)
            if (found := self._known[wanted]) is not None:
                return found
        return {}


def _near(status: ConnectorStatus, has_vehicle: bool) -> Sequence[EvseStatus]:
    """What is shown where there is no code for the status itself."""
    plug = (_CONNECTED, _OCCUPIED) if has_vehicle else (_AVAILABLE,)
    match status:
        case ConnectorStatus.FAULTED | ConnectorStatus.UNAVAILABLE:
            return _FAULTED, _UNAVAILABLE, *plug
        case _:
            return plug


def _solved(profile: Profile, wanted: EvseStatus) -> Codes | None:
    """Codes that are read as `wanted`, with as few registers as can be that say something else by themselves."""
    at = {block.register: points(profile, [block.register])[0] for block in profile.status}
    best: tuple[int, Codes] | None = None
    for chosen in product(*(_candidates(profile, name) for name in at)):
        codes = dict(zip(at, chosen, strict=True))
        shown = _shown(at, codes)
        if read_status(profile, shown) != wanted:
            continue
        odd = sum(_says(profile, name, shown[name]) not in (None, wanted) for name in at)
        odd += _is_wrong_fault(profile, shown, wanted)
        if best is None or odd < best[0]:
            best = odd, codes
        if odd == 0:
            break
    return best[1] if best is not None else None


def _is_wrong_fault(profile: Profile, shown: Mapping[str, Value | None], wanted: EvseStatus) -> bool:
    """Where the status is the error code as well: an error where there is none, or none where there is one."""
    rule = profile.faults
    if rule is None or rule.register not in shown:
        return False
    return (shown[rule.register] in rule.none) == (wanted == _FAULTED)


def _candidates(profile: Profile, name: str) -> Sequence[Value | None]:
    register = profile.registers[name]
    told = [code for block in profile.status if block.register == name for code in block.codes]
    signs = [sign for sign in profile.identify if sign.register == name]
    if not register.form.is_number:  # C2 says more than C
        words = {code: word for block in profile.status if block.register == name for code, word in block.codes.items()}
        return sorted(told, key=lambda code: len(words[code]), reverse=True)
    numbers = list(dict.fromkeys(int(code) for code in told))
    is_part = register.bit_count is not None
    space = range(1 << min(register.bit_count or 16, 8))
    silent: Iterator[int] = (code for code in space if code not in numbers and all(s.holds(code) for s in signs))
    others = list(silent) if is_part else list(islice(silent, _SILENT_CODES))
    return (*(code for code in numbers if all(s.holds(code) for s in signs)), *((None,) if is_part else ()), *others)


def _shown(at: Mapping[str, Point], codes: Codes) -> dict[str, Value | None]:
    """What a reader sees in the registers: some share a word."""
    memory: dict[tuple[str, int], dict[int, int]] = {}
    for name, code in sorted(codes.items(), key=lambda each: width_bits(at[each[0]]), reverse=True):
        if code is not None:
            put(memory.setdefault((at[name].table, at[name].unit_id), {}), at[name], at[name].coding.encode(code))
    return {
        name: point.coding.decode(
            [memory.get((point.table, point.unit_id), {}).get(a, 0) for a in range(point.address, point.end)]
        ).value
        for name, point in at.items()
    }


def _says(profile: Profile, name: str, value: Value | None) -> EvseStatus | None:
    for block in profile.status:
        if block.register == name and (word := block.codes.get(str(value))) is not None:
            return STATUS_WORDS[word]
    return None
