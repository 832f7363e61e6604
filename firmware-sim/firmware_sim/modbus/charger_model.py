"""A charger without OCPP: its EVSEs, what its registers tell of them, and what it does when they are written. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Final

from firmware_sim.modbus.bits import Cell, Counter, Raw
from firmware_sim.modbus.habits import Habits
from firmware_sim.modbus.layout import Written
from firmware_sim.modbus.named_registers import AC_HIGHEST_MA, BY_NAME, Tell
from firmware_sim.modbus.outlet import Outlet, least_w
from firmware_sim.modbus.pdu import Refusal
from firmware_sim.modbus.plate import plate_cells
from firmware_sim.modbus.status_codes import StatusCodes
from firmware_sim.modbus.watchdog import DeviceWatchdog, watchdog_of
from firmware_sim.vehicle import UJ_PER_WH
from protocols.modbus.profile import Condition, Profile, WatchdogKind
from protocols.modbus.reads import Point
from protocols.modbus.register import Kind, Scope
from protocols.terms import Measurand

_LIFE_BIT_SHOWN_US: Final = 500_000
_PHASES: Final = {"L1": 0, "L2": 1, "L3": 2}
_AC_HIGHEST_W: Final = 22_080
_DC_HIGHEST_W: Final = 150_000

_Take = Callable[[Outlet, Written], Refusal | None]


class ChargerModel:
    """`outlets` are EVSE 1 and onwards. `highest` is what the installation gives to each, in mA or W as its limit
    counts; `fail_safe` what holds when the watchdog has run out."""

    def __init__(
        self,
        profile: Profile,
        habits: Habits,
        *,
        evses: int = 1,
        signs: Sequence[Condition] = (),
        highest: int | None = None,
        fail_safe: int | None = None,
        watchdog_s: int | None = None,
        odometer_wh: int = 1_234_567,
    ) -> None:
        self.profile = profile
        self._habits = habits
        self._status = StatusCodes(profile)
        self._plate = plate_cells(profile, signs, habits.plate)
        self._written: dict[tuple[int, str, int], tuple[int, ...]] = {}
        self._now_us = 0
        self.outlets = tuple(self._outlet(evse_id, highest, odometer_wh) for evse_id in range(1, evses + 1))
        found = [watchdog_of(profile, watchdog_s) for _ in self.outlets]
        self.watchdogs: tuple[DeviceWatchdog | None, ...] = tuple(found)
        self.fail_safe = self._first_fail_safe(fail_safe)
        self._guarded = {part.register for part in (profile.limit, profile.enable) if part is not None}
        self._tells: dict[str, Tell] = {}
        self._takes: dict[str, _Take] = {}
        self._tell_by_name()
        self._assign()

    # --- time ---

    def settle(self, now_us: int) -> None:
        """Let time pass; a watchdog takes effect at the very instant at which it runs out."""
        for outlet, watchdog in zip(self.outlets, self.watchdogs, strict=True):
            if watchdog is not None and (out_us := watchdog.runs_out_at_us) is not None and out_us <= now_us:
                outlet.settle(max(out_us, outlet.at_us))
                if watchdog.note(now_us):
                    self._run_out(outlet)
            outlet.settle(now_us)
        self._now_us = now_us

    def heard(self, unit_id: int) -> None:
        """A request came; `settle` goes before."""
        for outlet, watchdog in zip(self.outlets, self.watchdogs, strict=True):
            its_own = self.profile.unit_id, self.profile.unit_of(Scope.EVSE, outlet.evse_id)
            if watchdog is not None and unit_id in its_own:
                watchdog.heard(self._now_us)
                self._recover(outlet)

    def is_failing_safe(self, evse_id: int = 1) -> bool:
        """Whether the watchdog has run out."""
        watchdog = self.watchdogs[evse_id - 1]
        return watchdog is not None and watchdog.is_out(self._now_us)

    def reboot(self) -> None:
        """What was set is forgotten; what was counted, the cable and the time-outs that were set stay."""
        self._written.clear()
        for outlet, watchdog in zip(self.outlets, self.watchdogs, strict=True):
            outlet.limit, outlet.fail_safe, outlet.enabled, outlet.active_phases = None, None, True, 3
            if watchdog is not None:
                watchdog.forget()
            outlet.choose_power()

    # --- registers ---

    def cell(self, point: Point) -> Cell:
        """What a register shows now."""
        outlet = self.outlets[point.evse_id - 1]
        if (tell := self._tells.get(point.name)) is not None:
            return tell(outlet, point)
        if (words := self._written.get((point.evse_id, point.name, point.index))) is not None:
            return words
        register = point.register
        if register.measurand is not None:
            return self._measured(outlet, point)
        return self._plate[point.name]

    def write(self, written: Written) -> Refusal | None:
        """Take a value, or say why not."""
        point = written.point
        outlet = self.outlets[point.evse_id - 1]
        if point.name in self._guarded and not self._is_obeyed(outlet):
            return None
        take = self._takes.get(point.name)
        if take is not None:
            if (refusal := take(outlet, written)) is not None:
                return refusal
        elif point.coding.decode(written.words).reason is not None:
            return Refusal.ILLEGAL_VALUE
        self._written[point.evse_id, point.name, point.index] = written.words
        for each in self.outlets:
            each.choose_power()
        return None

    # --- building ---

    def _outlet(self, evse_id: int, highest: int | None, odometer_wh: int) -> Outlet:
        profile, rule = self.profile, self.profile.limit
        register = profile.registers[rule.register] if rule else None
        counts_watts = register is not None and register.base_unit is not None and register.base_unit.name == "W"
        usual = (_DC_HIGHEST_W if profile.phases == 0 else _AC_HIGHEST_W) if counts_watts else AC_HIGHEST_MA
        most = usual if highest is None else highest
        if rule is not None and rule.maximum is not None:
            most = min(most, rule.maximum)
        odometer_uj = odometer_wh * UJ_PER_WH
        return Outlet(
            evse_id=evse_id,
            phases=profile.phases,
            counts_watts=counts_watts,
            highest=most,
            lowest=rule.minimum if rule else 0,
            session_restarts=profile.energy.session_is_reliable,
            total_uj=odometer_uj,
            phase_uj=[odometer_uj // 3] * 3,
        )

    def _first_fail_safe(self, given: int | None) -> int:
        rule, limit = self.profile.fail_safe, self.profile.limit
        if given is not None:
            return given
        if rule is None or limit is None:
            return 0
        if rule.value is not None:
            return rule.value
        return max(limit.minimum, least_w(self.profile.phases)) if self.outlets[0].counts_watts else limit.minimum

    def _assign(self) -> None:
        """Who tells and who takes what: what a section of the profile names goes before what a name says."""
        profile = self.profile
        for block in profile.status:
            if block.register not in BY_NAME:
                self._tells[block.register] = self._tell_status
        if (limit := profile.limit) is not None:
            self._tells[limit.register] = self._tell_setpoint
            self._takes[limit.register] = self._take_limit
            self._name(limit.readback, self._tell_setpoint_value)
            self._name(limit.applied, lambda outlet, _: Fraction(outlet.applied))
            self._name(limit.minimum_register, lambda outlet, _: Fraction(outlet.lowest))
            self._name(limit.maximum_register, lambda outlet, _: Fraction(outlet.highest))
        if (enable := profile.enable) is not None:
            for name in (enable.register, enable.state):
                self._name(name, lambda outlet, _: Raw(enable.on if outlet.enabled else enable.off))
            self._takes[enable.register] = self._take_enable
        if (phases := profile.phase_switch) is not None:
            self._tells[phases.register] = lambda outlet, _: Raw(
                phases.one if outlet.active_phases == 1 else phases.three
            )
            self._name(phases.state, self._tell_phases)
            self._takes[phases.register] = self._take_phases
        if (lock := profile.cable_lock) is not None:
            for name in (lock.register, lock.state):
                self._name(name, lambda outlet, _: Raw(lock.on if outlet.is_locked else lock.off))
            self._takes[lock.register] = self._take_lock
        self._name(profile.faults.register if profile.faults else None, self._tell_fault)
        self._name(profile.card.register if profile.card else None, self._tell_card)
        self._name(profile.energy.session, self._tell_session)
        self._name(profile.energy.total, self._tell_total)
        self._name(profile.evses.count_register, lambda _, __: Raw(len(self.outlets)))
        self._assign_watchdog()

    def _assign_watchdog(self) -> None:
        if (rule := self.profile.watchdog) is not None:
            for name in (rule.timeout_register, rule.timeout_setting):
                self._name(name, self._tell_timeout)
            if rule.kind in (WatchdogKind.LIFE_BIT, WatchdogKind.TOKEN) and rule.register is not None:
                self._tells[rule.register] = self._tell_life_bit
                self._takes[rule.register] = self._take_sign_of_life
            if rule.timeout_setting is not None:
                self._takes[rule.timeout_setting] = self._take_timeout
            if rule.kind is WatchdogKind.REWRITE_TIMEOUT and rule.register is not None:
                self._takes[rule.register] = self._take_timeout
        if (safe := self.profile.fail_safe) is not None:
            for name in (safe.register, safe.setting):
                self._name(name, lambda _, __: Fraction(self.fail_safe))
            if safe.setting is not None:
                self._takes[safe.setting] = self._take_fail_safe

    def _name(self, name: str | None, tell: Tell) -> None:
        if name is not None:
            self._tells[name] = tell

    def _tell_by_name(self) -> None:
        """Registers that no section of a profile names, but that live."""
        for name, register in self.profile.registers.items():
            if name in BY_NAME and register.measurand is None:
                self._tells[name] = BY_NAME[name]
            elif name == "setpoint_valid_time":
                self._tells[name] = self._tell_time_left
            elif name == "setpoint_accounted":
                self._tells[name] = lambda outlet, _: Raw(int(outlet.limit is not None and outlet.fail_safe is None))
            elif name == "station_power":
                self._tells[name] = lambda _, __: Fraction(sum(each.power_w for each in self.outlets))

    # --- telling ---

    def _tell_status(self, outlet: Outlet, point: Point) -> Cell:
        codes = self._status.codes(outlet.status, outlet.charging_state, outlet.vehicle is not None)
        return codes.get(point.name)

    def _tell_setpoint(self, outlet: Outlet, point: Point) -> Cell:
        words = self._written.get((point.evse_id, point.name, point.index))
        return words if words is not None and outlet.limit is not None else self._tell_setpoint_value(outlet, point)

    def _tell_setpoint_value(self, outlet: Outlet, _: Point) -> Cell:
        """One that was never set is 0 where it would be a heartbeat (Alfen), and the highest elsewhere."""
        limit = self.profile.limit
        if outlet.limit == 0 and limit is not None and limit.pause is not None:
            return Fraction(limit.pause)
        if outlet.limit is not None:
            return Fraction(outlet.limit)
        rule = self.profile.watchdog
        is_unset = rule is not None and rule.kind is WatchdogKind.REWRITE_SETPOINT
        return Fraction(0 if is_unset else outlet.highest)

    def _tell_phases(self, outlet: Outlet, _: Point) -> Cell:
        rule = self.profile.phase_switch
        if rule is None:
            return None
        one = rule.one if rule.state_one is None else rule.state_one
        if outlet.active_phases == 1:
            return Raw(one)
        return Raw(rule.three if rule.three != one else one + 1)

    def _tell_fault(self, outlet: Outlet, point: Point) -> Cell:
        rule = self.profile.faults
        if rule is None:
            return None
        if outlet.fault is not None:
            return Raw(outlet.fault)
        if any(block.register == point.name for block in self.profile.status):
            return self._tell_status(outlet, point)
        lost = next((int(code) for code, text in rule.codes.items() if "communication" in text), None)
        is_stopped_by_it = outlet.fail_safe == 0 and lost is not None
        return Raw(lost if is_stopped_by_it and lost is not None else rule.none[0])

    def _tell_card(self, outlet: Outlet, point: Point) -> Cell:
        rule = self.profile.card
        if point.register.form.kind is Kind.BYTES:
            return bytes.fromhex(outlet.card)
        return outlet.card or (rule.none[0] if rule and rule.none else "")

    def _tell_session(self, outlet: Outlet, _: Point) -> Cell:
        is_over = outlet.vehicle is None and self._habits.session_ends_at_zero
        return Fraction(0 if is_over else outlet.session_uj, UJ_PER_WH)

    def _tell_total(self, outlet: Outlet, point: Point) -> Cell:
        return Counter(Fraction(outlet.total_uj, UJ_PER_WH), self.profile.energy.rolls_over_at)

    def _tell_timeout(self, outlet: Outlet, _: Point) -> Cell:
        watchdog = self._watchdog_of(outlet)
        return Fraction(watchdog.timeout_us, 1000) if watchdog else None

    def _tell_life_bit(self, outlet: Outlet, _: Point) -> Cell:
        watchdog, rule = self._watchdog_of(outlet), self.profile.watchdog
        if watchdog is None or rule is None or rule.value is None or watchdog.kind is WatchdogKind.TOKEN:
            return Raw(0)
        is_fresh = watchdog.last_sign_us is not None and self._now_us - watchdog.last_sign_us < _LIFE_BIT_SHOWN_US
        return Raw(rule.value if is_fresh else 0)

    def _tell_time_left(self, outlet: Outlet, _: Point) -> Cell:
        watchdog = self._watchdog_of(outlet)
        left_us = max(0, watchdog.runs_out_at_us - self._now_us) if watchdog and watchdog.runs_out_at_us else 0
        return Fraction(left_us, 1000)

    def _measured(self, outlet: Outlet, point: Point) -> Cell:
        """Without a phase: all of it, and of currents the largest."""
        label = point.register.phase(point.index)
        phase = _PHASES.get(label or "")
        match point.register.measurand:
            case Measurand.ENERGY_REGISTER:
                return Counter(Fraction(outlet.total_uj if phase is None else outlet.phase_uj[phase], UJ_PER_WH))
            case Measurand.POWER:
                return Fraction(outlet.power_w if phase is None else outlet.phase_power_w(phase))
            case Measurand.POWER_OFFERED:
                return Fraction(outlet.offered_w)
            case Measurand.CURRENT if label == "N":
                return Fraction(outlet.current_ma(0) if outlet.used_phases == 1 else 0)
            case Measurand.CURRENT:
                return Fraction(outlet.current_ma(phase or 0))
            case Measurand.VOLTAGE:
                return Fraction(outlet.voltage_v(phase or 0) * 1000)
            case Measurand.STATE_OF_CHARGE:
                return Fraction(outlet.vehicle.soc_percent) if outlet.vehicle is not None else None
            case Measurand.FREQUENCY:
                return Fraction(50_000)
            case Measurand.POWER_FACTOR:
                return Fraction(1000)
            case _:
                return Fraction(0)

    # --- taking ---

    def _take_limit(self, outlet: Outlet, written: Written) -> Refusal | None:
        rule = self.profile.limit
        if rule is None:
            return Refusal.ILLEGAL_VALUE
        coding = written.point.coding
        if not any(written.words) and self._habits.aborts_at_zero:
            outlet.is_out_of_service = True
            return None
        value = 0 if not any(written.words) else coding.decode(written.words).value
        if not isinstance(value, int):
            return Refusal.ILLEGAL_VALUE
        if value in (rule.pause, 0) or (0 < value < rule.minimum and self._habits.below_minimum_pauses):
            outlet.limit = 0
        elif value < rule.minimum or (rule.maximum is not None and value > rule.maximum):
            return Refusal.ILLEGAL_VALUE
        else:
            outlet.limit = value
        watchdog = self._watchdog_of(outlet)
        if watchdog is not None and watchdog.kind is WatchdogKind.REWRITE_SETPOINT:
            self._feed(outlet)
        return None

    def _take_enable(self, outlet: Outlet, written: Written) -> Refusal | None:
        rule, raw = self.profile.enable, written.point.coding.decode_raw(written.words)
        if rule is None or raw not in (rule.on, rule.off):
            return Refusal.ILLEGAL_VALUE
        outlet.enabled = raw == rule.on
        return None

    def _take_phases(self, outlet: Outlet, written: Written) -> Refusal | None:
        rule, raw = self.profile.phase_switch, written.point.coding.decode_raw(written.words)
        if rule is None or raw not in (rule.one, rule.three):
            return Refusal.ILLEGAL_VALUE
        if rule.only_while_paused and outlet.applied:
            return Refusal.DEVICE_FAILURE
        outlet.active_phases = 1 if raw == rule.one else 3
        return None

    def _take_lock(self, outlet: Outlet, written: Written) -> Refusal | None:
        rule, raw = self.profile.cable_lock, written.point.coding.decode_raw(written.words)
        if rule is None or raw not in (rule.on, rule.off):
            return Refusal.ILLEGAL_VALUE
        if outlet.power_w and raw == rule.off:
            return Refusal.DEVICE_FAILURE
        outlet.is_locked = raw == rule.on
        return None

    def _take_timeout(self, outlet: Outlet, written: Written) -> Refusal | None:
        value = written.point.coding.decode(written.words).value
        watchdog, rule = self._watchdog_of(outlet), self.profile.watchdog
        if not isinstance(value, int) or watchdog is None or rule is None:
            return Refusal.ILLEGAL_VALUE
        for each in self.watchdogs if written.point.register.scope is Scope.STATION else (watchdog,):
            if each is not None:
                each.timeout_us = value * 1000
        if rule.kind is WatchdogKind.REWRITE_TIMEOUT and written.point.name == rule.register:
            self._feed(outlet)
        return None

    def _take_sign_of_life(self, outlet: Outlet, written: Written) -> Refusal | None:
        rule = self.profile.watchdog
        if rule is not None and written.point.coding.decode_raw(written.words) == rule.value:
            self._feed(outlet)
        return None

    def _take_fail_safe(self, _: Outlet, written: Written) -> Refusal | None:
        value = written.point.coding.decode(written.words).value
        if not isinstance(value, int):
            return Refusal.ILLEGAL_VALUE
        self.fail_safe = value
        for outlet in self.outlets:
            if outlet.fail_safe is not None:
                outlet.fail_safe = self._fail_safe_limit()
        return None

    # --- the watchdog's effect ---

    def _watchdog_of(self, outlet: Outlet) -> DeviceWatchdog | None:
        return self.watchdogs[outlet.evse_id - 1]

    def _feed(self, outlet: Outlet) -> None:
        if (watchdog := self._watchdog_of(outlet)) is not None:
            watchdog.feed(self._now_us)
        self._recover(outlet)

    def _is_obeyed(self, outlet: Outlet) -> bool:
        """Where a token proves who leads, nobody else is obeyed."""
        watchdog = self._watchdog_of(outlet)
        if watchdog is None or watchdog.kind is not WatchdogKind.TOKEN:
            return True
        return watchdog.last_sign_us is not None and not watchdog.is_out(self._now_us)

    def _fail_safe_limit(self) -> int:
        rule = self.profile.fail_safe
        return 0 if rule is not None and self.fail_safe in rule.stops else self.fail_safe

    def _run_out(self, outlet: Outlet) -> None:
        outlet.fail_safe = self._fail_safe_limit()
        watchdog = self._watchdog_of(outlet)
        if watchdog is not None and watchdog.kind is WatchdogKind.TOKEN:
            outlet.enabled = False
        outlet.choose_power()

    def _recover(self, outlet: Outlet) -> None:
        watchdog = self._watchdog_of(outlet)
        if outlet.fail_safe is not None and watchdog is not None and not watchdog.is_out(self._now_us):
            watchdog.note(self._now_us)
            outlet.fail_safe = None
            outlet.choose_power()
