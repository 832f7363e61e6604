"""What a profile's fields alone cannot tell: names that lead nowhere, values that do not fit, rules without a part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from protocols.modbus.codec import BadValue, Coding
from protocols.modbus.profile import DeviceKind, Limit, Profile, Switch, Transport, Watchdog, WatchdogKind
from protocols.modbus.register import MEASURED_IN, Kind, Register, Scope, Table, form_of
from protocols.modbus.status import STATUS_WORDS
from protocols.terms import Measurand

Place = tuple[int | str, ...]
Found = tuple[Place, str]
"""Where it stands, as keys from the top, and what is wrong there."""

_READ: Final = "read"
_WRITE: Final = "written"
_SPACE: Final = 65536


def contradictions(profile: Profile) -> Iterator[Found]:
    """All contradictions of a profile whose fields are right each by itself."""
    for name, register in profile.registers.items():
        for field_name, text in _in_register(profile, register):
            yield ("registers", name, field_name) if field_name else ("registers", name), text
    yield from _twice_measured(profile)
    yield from _misused(profile)
    for rule in (_layout, _kind, _status, _limit, _switches, _watchdog, _energy, _sunspec):
        yield from rule(profile)


# --- registers ---


def _in_register(profile: Profile, register: Register) -> Iterator[tuple[str, str]]:
    form = register.form
    if register.table.is_bits != (form.kind is Kind.BOOL):
        yield "type", f"a {register.table.value} holds " + ("a bool" if register.table.is_bits else "words, no bool")
    if register.is_writable and register.table in (Table.INPUT, Table.DISCRETE):
        yield "access", f"nothing can be written to table {register.table.value}"
    allowed = (5, 15) if register.table.is_bits else (6, 16) if form.words == 1 else (16,)
    if register.function is not None and register.function not in allowed:
        yield "function", f"it is written with function {' or '.join(map(str, allowed))}, not {register.function}"
    limit = profile.reads.max_bits if register.table.is_bits else profile.reads.max_words
    if form.words > limit:
        yield "type", f"{form.words} words are more than the device gives in one read ({limit})"
    if register.step_words < form.words:
        yield "stride", f"a value takes {form.words} words: the next cannot begin after {register.stride}"
    yield from _its_place(profile, register)
    yield from _its_bits(register)
    yield from _its_meaning(register)
    if register.scale_register is not None:
        scale = profile.registers.get(register.scale_register)
        if not form.is_number:
            yield "scale_register", f"a {register.type} has no scale"
        elif scale is not None and not (scale.form.is_number and scale.count == 1 and scale.is_readable):
            yield "scale_register", f"{register.scale_register!r} is not one number that can be read"


def _its_place(profile: Profile, register: Register) -> Iterator[tuple[str, str]]:
    span = (register.count - 1) * register.step_words + register.form.words
    last_evse = 1 if register.scope is Scope.STATION else profile.evses.at_most
    if register.model is None and profile.address_of(register, last_evse) + span > _SPACE:
        yield "address", f"of EVSE {last_evse} it would end beyond 65535"
    is_per_evse = register.scope is Scope.EVSE and profile.evses.at_most > 1 and not profile.evses.unit_ids
    if is_per_evse and 0 < profile.evses.stride < span:
        yield "count", f"its {span} words reach into the next EVSE's, {profile.evses.stride} words on"


def _its_bits(register: Register) -> Iterator[tuple[str, str]]:
    form = register.form
    if register.bit_count is None and register.first_bit == 0:
        return
    if form.kind not in (Kind.UINT, Kind.CHAR):
        yield "first_bit", f"a {register.type} cannot be taken apart; a uint or char can"
    elif register.first_bit + (register.bit_count or (8 if form.kind is Kind.CHAR else 1)) > form.size_bytes * 8:
        yield "first_bit", f"a {register.type} has {form.size_bytes * 8} bits"
    if register.is_writable:
        yield "access", "a part of a register cannot be written: the other bits would be lost"


def _its_meaning(register: Register) -> Iterator[tuple[str, str]]:
    form, unit = register.form, register.base_unit
    if unit is not None and not form.is_number:
        yield "unit", f"a {register.type} has no unit"
    if register.phases is not None and len(register.phases) != register.count:
        yield "phases", f"{register.count} values have {register.count} phases, not {len(register.phases)}"
    if register.measurand is not None:
        fitting = MEASURED_IN[register.measurand]
        if unit is None or unit.name not in fitting:
            yield "measurand", f"{register.measurand} is given in {' or '.join(fitting)}, not {unit and unit.name}"
        if register.count not in (1, 3) and register.phases is None:
            yield "phases", f"which phases its {register.count} values are of is not said"
        if not register.is_readable:
            yield "measurand", "it cannot be read"
    if register.lowest is not None and register.highest is not None and register.lowest > register.highest:
        yield "lowest", "it is above highest"


def _twice_measured(profile: Profile) -> Iterator[Found]:
    """A measurand of a phase is told by one register; SunSpec models may each tell it, and one is chosen."""
    seen: dict[tuple[Measurand, str | None, Scope, int | None], str] = {}
    for name, register in profile.registers.items():
        if register.measurand is None or (register.phases is not None and len(register.phases) != register.count):
            continue
        for index in range(register.count):
            key = (register.measurand, register.phase(index), register.scope, register.model)
            if (other := seen.setdefault(key, name)) != name:
                where = f" of {key[1]}" if key[1] else ""
                yield ("registers", name, "measurand"), f"{key[0]}{where} is told by {other!r} already"
                break


# --- names ---


def lead_nowhere(raw: Mapping[str, Any]) -> Iterator[Found]:
    """Names of registers that there are not; asked of the raw file, so that it is found beside other problems."""
    known = _table(raw.get("registers"))
    named: list[tuple[Place, Any]] = [
        ((section, key), _table(raw.get(section)).get(key)) for section, uses in _USES.items() for key in uses
    ]
    for section in _LISTS:
        items = raw.get(section)
        for index, item in enumerate(items if isinstance(items, list) else []):
            named.append(((section, index, "register"), _table(item).get("register")))
    requires = _table(_table(raw.get("phase_switch")).get("requires"))
    named.append((("phase_switch", "requires", "register"), requires.get("register")))
    named += [(("registers", name, "scale_register"), _table(r).get("scale_register")) for name, r in known.items()]
    for place, name in named:
        if isinstance(name, str) and name not in known:
            yield place, f"there is no register {name!r}"


def _table(raw: Any) -> Mapping[str, Any]:
    return raw if isinstance(raw, dict) else {}


def _misused(profile: Profile) -> Iterator[Found]:
    for place, name, use in _references(profile):
        register = profile.registers.get(name)
        if register is None:
            continue  # that is said where it is named, or where it could not be read
        if register.count != 1 and place[0] != "identify":
            yield place, f"{name!r} has {register.count} values; one is expected"
        elif use == _READ and not register.is_readable:
            yield place, f"{name!r} cannot be read"
        elif use == _WRITE and not register.is_writable:
            yield place, f"{name!r} cannot be written"


def _references(profile: Profile) -> Iterator[tuple[Place, str, str]]:
    """Every register that a section names, and what is to be done with it."""
    for section, uses in _USES.items():
        part = getattr(profile, section)
        for key, use in uses.items() if part is not None else ():
            if (name := getattr(part, key)) is not None:
                yield (section, key), name, use
    for section, use in _LISTS.items():
        for index, part in enumerate(getattr(profile, section)):
            yield (section, index, "register"), part.register, use
    if profile.phase_switch is not None and profile.phase_switch.requires is not None:
        yield ("phase_switch", "requires", "register"), profile.phase_switch.requires.register, _READ


_LISTS: Final[Mapping[str, str]] = {"status": _READ, "identify": _READ, "prepare": _WRITE}
_USES: Final[Mapping[str, Mapping[str, str]]] = {
    "evses": {"count_register": _READ},
    "faults": {"register": _READ},
    "limit": {
        "register": _WRITE,
        "minimum_register": _READ,
        "maximum_register": _READ,
        "readback": _READ,
        "applied": _READ,
    },
    "enable": {"register": _WRITE, "state": _READ},
    "phase_switch": {"register": _WRITE, "state": _READ},
    "card": {"register": _READ},
    "cable_lock": {"register": _WRITE, "state": _READ},
    "energy": {"total": _READ, "session": _READ, "session_time": _READ},
    "watchdog": {"timeout_register": _READ, "timeout_setting": _WRITE, "register": _WRITE},
    "fail_safe": {"register": _READ, "setting": _WRITE},
}

# --- sections ---


def _layout(profile: Profile) -> Iterator[Found]:
    evses = profile.evses
    if evses.unit_ids and len(evses.unit_ids) != evses.at_most:
        yield ("evses", "unit_ids"), f"{evses.at_most} EVSEs have {evses.at_most} units, not {len(evses.unit_ids)}"
    if evses.at_most > 1 and not evses.stride and not evses.unit_ids:
        yield ("evses", "at_most"), "how EVSE 2 differs from EVSE 1 is not said: `stride` or `unit_ids`"
    for index, block in enumerate(profile.reads.blocks):
        if block.first > block.last:
            yield ("reads", "blocks", index), f"it ends at {block.last}, before it begins at {block.first}"
    for name in profile.unavailable:
        try:
            form_of(name)
        except ValueError as error:
            yield ("unavailable", name), str(error)
    if profile.serial is not None and not {Transport.RTU, Transport.ASCII} & set(profile.transports):
        yield ("serial",), "the device has no serial line: there is neither rtu nor ascii in transports"


def _kind(profile: Profile) -> Iterator[Found]:
    if profile.kind is not DeviceKind.CHARGER:
        for section in ("limit", "enable", "phase_switch", "card", "cable_lock", "watchdog", "fail_safe"):
            if getattr(profile, section) is not None:
                yield (section,), f"a {profile.kind.value} has none; a charger has"
        if not any(register.measurand for register in profile.registers.values()):
            yield ("registers",), f"no register has a measurand: a {profile.kind.value} measures something"


def _status(profile: Profile) -> Iterator[Found]:
    for index, block in enumerate(profile.status):
        register = profile.registers.get(block.register)
        for code, word in block.codes.items():
            place = ("status", index, "codes", code)
            if word not in STATUS_WORDS:
                yield place, f"{word!r} is no status; there are {', '.join(STATUS_WORDS)}"
            if register is not None and register.form.is_number and not code.lstrip("-").isdecimal():
                yield place, f"{block.register!r} holds a number, never {code!r}"


def _limit(profile: Profile) -> Iterator[Found]:
    limit = profile.limit
    register = profile.registers.get(limit.register) if limit else None
    if limit is None or register is None:
        return
    unit = register.base_unit
    if unit is None or unit.name not in ("mA", "W"):
        yield (("limit", "register"), f"a limit is a current or a power; its unit is {register.unit.value!r}")
        return
    if limit.maximum is not None and limit.minimum > limit.maximum:
        yield ("limit", "minimum"), f"it is above the maximum, {limit.maximum}"
    for field_name in ("minimum", "maximum", "pause"):
        if (value := getattr(limit, field_name)) is not None:
            yield from _unfit(("limit", field_name), partial(Coding(register).encode, value))
    if limit.pause is None and profile.enable is None:
        yield ("limit",), "how charging is paused is not said: `pause`, or a table [enable]"
    yield from _pause_that_charges(limit)


def _pause_that_charges(limit: Limit) -> Iterator[Found]:
    if limit.pause is not None and limit.minimum <= limit.pause and limit.pause <= (limit.maximum or limit.pause):
        yield ("limit", "pause"), f"{limit.pause} is a limit to charge with: it lies between minimum and maximum"


def _switches(profile: Profile) -> Iterator[Found]:
    for section in ("enable", "cable_lock"):
        switch: Switch | None = getattr(profile, section)
        if switch is not None:
            yield from _unfit_raw(profile, (section, "on"), switch.register, switch.on)
            yield from _unfit_raw(profile, (section, "off"), switch.register, switch.off)
            if switch.on == switch.off:
                yield (section, "off"), "on and off are the same"
    if (phases := profile.phase_switch) is not None:
        yield from _unfit_raw(profile, ("phase_switch", "one"), phases.register, phases.one)
        yield from _unfit_raw(profile, ("phase_switch", "three"), phases.register, phases.three)
    for index, prepare in enumerate(profile.prepare):
        yield from _unfit_raw(profile, ("prepare", index, "value"), prepare.register, prepare.value)


def _watchdog(profile: Profile) -> Iterator[Found]:
    watchdog = profile.watchdog
    if watchdog is not None:
        yield from _what_feeds(profile, watchdog)
        if watchdog.feed_every_s is None and watchdog.timeout_s is None and watchdog.timeout_register is None:
            yield ("watchdog",), "how soon it wants to be fed is not said: timeout_s, timeout_register or feed_every_s"
        if watchdog.feed_every_s and watchdog.timeout_s and watchdog.feed_every_s * 2 > watchdog.timeout_s:
            yield ("watchdog", "feed_every_s"), f"it must hear us twice within its {watchdog.timeout_s} s"
    fail_safe = profile.fail_safe
    if fail_safe is not None and fail_safe.value is not None:
        name = fail_safe.setting or fail_safe.register
        register = profile.registers.get(name or "")
        if register is not None:
            yield from _unfit(("fail_safe", "value"), partial(Coding(register).encode, fail_safe.value))


def _what_feeds(profile: Profile, watchdog: Watchdog) -> Iterator[Found]:
    match watchdog.kind:
        case WatchdogKind.ANY_READ:
            pass
        case WatchdogKind.REWRITE_SETPOINT:
            if profile.limit is None:
                yield ("watchdog", "kind"), "there is no [limit] whose setpoint could be written again"
        case WatchdogKind.REWRITE_TIMEOUT:
            if watchdog.register is None:
                yield ("watchdog", "register"), "the register of the time-out is missing"
        case WatchdogKind.LIFE_BIT | WatchdogKind.TOKEN:
            if watchdog.register is None or watchdog.value is None:
                yield ("watchdog",), f"a {watchdog.kind.value} needs a register and a value"
            else:
                yield from _unfit_raw(profile, ("watchdog", "value"), watchdog.register, watchdog.value)


def _energy(profile: Profile) -> Iterator[Found]:
    for field_name in ("total", "session"):
        register = profile.registers.get(getattr(profile.energy, field_name) or "")
        if register is None:
            continue
        if register.base_unit is None or register.base_unit.name not in ("Wh", "VAh"):
            yield ("energy", field_name), f"it is no energy: its unit is {register.unit.value!r}"
        if field_name == "session" and register.measurand is not None:
            yield ("energy", "session"), "a session's energy is no meter register: it has a measurand"
    if profile.energy.total is not None and profile.energy.total == profile.energy.session:
        yield ("energy", "session"), "it is the total's register"


def _sunspec(profile: Profile) -> Iterator[Found]:
    models = profile.sunspec.models if profile.sunspec is not None else {}
    for name in models:
        if not name.isdecimal():
            yield ("sunspec", "models", name), "a model has a number"
    for name, register in profile.registers.items():
        if register.model is not None and str(register.model) not in models:
            yield ("registers", name, "model"), f"there is no model {register.model} under [sunspec.models]"


# --- values ---


def _unfit_raw(profile: Profile, place: Place, name: str, raw: int) -> Iterator[Found]:
    register = profile.registers.get(name)
    if register is not None:
        yield from _unfit(place, partial(Coding(register).encode_raw, raw))


def _unfit(place: Place, write: Callable[[], object]) -> Iterator[Found]:
    try:
        write()
    except BadValue as error:
        yield place, str(error)
