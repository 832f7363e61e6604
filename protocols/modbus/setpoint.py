"""What to write so that a charger does as it is told, by the rules of its profile.

No write goes around the rules, whoever asks for it: a limit between pause and minimum is refused (an alpitronic takes
0 W for the end of the session), and so is a watchdog's time-out of 0, which would switch it off.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.modbus.codec import BadValue, Coding, Value
from protocols.modbus.profile import Profile, WatchdogKind
from protocols.modbus.register import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One request: `words` (or bits) from `address` of a unit's table, with the function code that the device takes."""

    name: str
    unit_id: int
    table: Table
    address: int
    function: int
    words: tuple[int, ...]


def write_value(profile: Profile, name: str, value: Value, evse_id: int = 1, *, exponent: int = 0) -> Write:
    """A value in the register's base unit, or a text; `exponent` is what the register's scale register shows.

    Raises BadValue for one that it cannot hold, or must not.
    """
    return _write(profile, name, _coding(profile, name).encode(value, exponent), evse_id)


def write_raw(profile: Profile, name: str, raw: int, evse_id: int = 1) -> Write:
    """A code or a switch as the device knows it. Raises BadValue where it does not fit, or must not be."""
    return _write(profile, name, _coding(profile, name).encode_raw(raw), evse_id)


def allowed_limit(profile: Profile, limit: int, highest: int | None = None, lowest: int | None = None) -> int | None:
    """The limit (mA or W, as the profile's) that may be set for one that is wanted: never above it, a multiple of the
    step, at most the device's maximum. None: less than its minimum, so it must pause. `highest` and `lowest` are what
    the device's own registers tell; they narrow the profile's. Raises BadValue for a profile without a limit.
    """
    rule = profile.limit
    if rule is None:
        raise BadValue(f"{profile.id} takes no limit")
    coding = Coding(profile.registers[rule.register])
    most = min(each for each in (limit, rule.maximum, highest) if each is not None)
    stepped = coding.round_down(most // rule.step * rule.step if rule.step else most)
    return stepped if stepped >= max(rule.minimum, lowest or 0) else None


def limit_writes(profile: Profile, limit: int | None, evse_id: int = 1) -> tuple[Write, ...]:
    """What sets a limit that `allowed_limit` gave, in this order; None pauses. The setpoint comes before the release:
    no car shall start with the limit of the one before. Raises BadValue for a limit that may not be set.
    """
    rule = profile.limit
    if rule is None:
        raise BadValue(f"{profile.id} takes no limit")
    enable = profile.enable
    if limit is not None:
        if allowed_limit(profile, limit) != limit:
            raise BadValue(f"{profile.id} does not take a limit of {limit}")
        setpoint = write_value(profile, rule.register, limit, evse_id)
        return (setpoint,) if enable is None else (setpoint, write_raw(profile, enable.register, enable.on, evse_id))
    if enable is not None:
        return (write_raw(profile, enable.register, enable.off, evse_id),)
    if rule.pause is None:
        raise BadValue(f"{profile.id} cannot be paused")
    return (write_value(profile, rule.register, rule.pause, evse_id),)


def feed(profile: Profile, setpoint: Write | None, timeout_s: int | None = None, evse_id: int = 1) -> Write | None:
    """The write that feeds the watchdog; None where any read does, or there is nothing to write yet.

    `setpoint` is the last one that was set (a setpoint that we have not set is never written again), `timeout_s` the
    time-out in force. Raises BadValue where the time-out does not fit.
    """
    watchdog = profile.watchdog
    if watchdog is None:
        return None
    match watchdog.kind:
        case WatchdogKind.ANY_READ:
            return None
        case WatchdogKind.REWRITE_SETPOINT:
            return setpoint
        case WatchdogKind.REWRITE_TIMEOUT:
            seconds = timeout_s or watchdog.timeout_s
            if watchdog.register is None or seconds is None:
                return None
            return write_value(profile, watchdog.register, seconds * 1000, evse_id)
        case WatchdogKind.LIFE_BIT | WatchdogKind.TOKEN:
            if watchdog.register is None or watchdog.value is None:
                return None
            return write_raw(profile, watchdog.register, watchdog.value, evse_id)


def _coding(profile: Profile, name: str) -> Coding:
    register = profile.registers.get(name)
    if register is None:
        raise BadValue(f"{profile.id} has no register {name!r}")
    if not register.is_writable:
        raise BadValue(f"register {name!r} of {profile.id} cannot be written")
    return Coding(register)


def _write(profile: Profile, name: str, words: tuple[int, ...], evse_id: int) -> Write:
    register = profile.registers[name]
    _refuse_what_must_not_be(profile, name, words)
    return Write(
        name=name,
        unit_id=profile.unit_of(register.scope, evse_id),
        table=register.table,
        address=profile.address_of(register, evse_id),
        function=register.write_function,
        words=words,
    )


def _refuse_what_must_not_be(profile: Profile, name: str, words: tuple[int, ...]) -> None:
    watchdog, limit = profile.watchdog, profile.limit
    if watchdog is not None and name == watchdog.timeout_setting and not any(words):
        raise BadValue(f"a time-out of 0 would switch the watchdog of {profile.id} off")
    if limit is not None and name == limit.register:
        value = Coding(profile.registers[name]).decode(words).value
        if not isinstance(value, int) or (value != limit.pause and allowed_limit(profile, value) != value):
            raise BadValue(f"{profile.id} does not take a limit of {value!r}")
