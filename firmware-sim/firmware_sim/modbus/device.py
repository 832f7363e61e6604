"""The simulated devices that tests and the command line handle: `serving` puts them on a line, `Device` moves them.

async with serving("alfen_eve") as device:
    device.plug(evse_id=1)
    await client_reads(device.host, device.port)
    device.pass_time(61)
    assert device.is_failing_safe(1)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from firmware_sim.modbus.charger_model import ChargerModel
from firmware_sim.modbus.habits import habits_of
from firmware_sim.modbus.lines import TcpLine, listening, pseudo_terminal
from firmware_sim.modbus.meter_model import EvseFlow, Flow, InverterModel, MeterModel
from firmware_sim.modbus.misbehaviour import Conduct, Kind, Misbehaviour
from firmware_sim.modbus.outlet import Outlet
from firmware_sim.modbus.pdu import Refusal
from firmware_sim.modbus.simulated import SimulatedDevice, simulated
from firmware_sim.vehicle import UJ_PER_WH, Vehicle
from protocols.errors import BadText
from protocols.modbus.profile import Profile, Transport

_US_PER_S: Final = 1_000_000
_BATTERY_WH: Final = 60_000
_ARRIVES_WITH_PERCENT: Final = 20


class DeviceClock:
    """Seconds that go `speed` times as fast as those of `read_s`; with a speed of 0 only `pass_time` moves it."""

    def __init__(self, read_s: Callable[[], float], speed: float = 1.0) -> None:
        self._read_s = read_s
        self._speed = speed
        self._began_s = read_s()
        self._skipped_us = 0

    def now_us(self) -> int:
        return round((self._read_s() - self._began_s) * self._speed * _US_PER_S) + self._skipped_us

    def until_s(self, at_s: float) -> float:
        """Real seconds until `at_s` of this clock; never negative. A clock that stands still waits for no time."""
        left_s = at_s - self.now_us() / _US_PER_S
        return max(0.0, left_s / self._speed) if self._speed else 0.0

    def pass_time(self, seconds: float) -> None:
        """Be so much later at once."""
        self._skipped_us += round(seconds * _US_PER_S)


class Device:
    """A device on a line, and what happens to it. `host` and `port`, or `path` of a pseudo-terminal, lead to it.

    What concerns vehicles raises TypeError for a meter or an inverter, and the other way round.
    """

    def __init__(self, core: SimulatedDevice, clock: DeviceClock) -> None:
        self.core = core
        self.clock = clock
        self.conduct = Conduct()
        self.host = ""
        self.port = 0
        self.path = ""
        self.line: TcpLine | None = None
        self.heard_at_us: int | None = None
        self.shortest_pause_us: int | None = None
        """Between two requests, as they came."""

    @property
    def profile(self) -> Profile:
        """As it is served: with its unit, its variant, and a SunSpec chain laid out."""
        return self.core.profile

    @property
    def unit_ids(self) -> frozenset[int]:
        return self.core.unit_ids

    def take(self, unit_id: int, pdu: bytes) -> bytes:
        """Answer a request."""
        now_us = self.clock.now_us()
        if self.heard_at_us is not None:
            pause_us = now_us - self.heard_at_us
            self.shortest_pause_us = (
                pause_us if self.shortest_pause_us is None else min(pause_us, self.shortest_pause_us)
            )
        self.heard_at_us = now_us
        return self.core.answer(unit_id, pdu, now_us)

    # --- time and conduct ---

    def pass_time(self, seconds: float) -> None:
        """Be so much later at once, with all that happens meanwhile."""
        self.clock.pass_time(seconds)
        self.core.model.settle(self.clock.now_us())

    def misbehave(
        self,
        kind: Kind,
        *,
        times: int | None = 1,
        delay_s: float = 1.0,
        exception: Refusal = Refusal.BUSY,
        functions: Iterable[int] = (),
    ) -> None:
        """Answer the next `times` requests so (None: all); what was asked for before comes first."""
        self.conduct.add(
            Misbehaviour(kind=kind, times=times, delay_s=delay_s, exception=exception, functions=frozenset(functions))
        )

    def behave(self) -> None:
        """Answer well, and let stuck registers live again."""
        self.conduct.clear()
        self.core.unstick()

    def stick(self, names: Iterable[str] | None = None) -> None:
        """Registers go on showing what they show now: those that are named, or all."""
        self.core.stick(self.clock.now_us(), names)

    def cut_connections(self) -> None:
        """Close every connection of its port."""
        if self.line is not None:
            self.line.cut()

    # --- chargers ---

    def outlet(self, evse_id: int = 1) -> Outlet:
        """An EVSE as it is now. Raises ValueError where there is none of this number."""
        model = self._charger()
        if not 1 <= evse_id <= len(model.outlets):
            raise ValueError(f"{self.profile.id} has EVSEs 1 to {len(model.outlets)} here, not {evse_id}")
        model.settle(self.clock.now_us())
        return model.outlets[evse_id - 1]

    def plug(self, vehicle: Vehicle | None = None, evse_id: int = 1) -> None:
        """Plug in a vehicle; without one, one that takes 11 kW with three phases, or 50 kW where DC is offered."""
        self.outlet(evse_id).plug(vehicle or usual_vehicle())

    def unplug(self, evse_id: int = 1) -> Vehicle | None:
        """Unplug: the vehicle as it goes."""
        return self.outlet(evse_id).unplug()

    def present_card(self, uid: str, evse_id: int = 1) -> None:
        """Hold a card to the reader; `uid` in hexadecimal digits. Raises ValueError where there is no reader."""
        outlet = self.outlet(evse_id)
        if self.profile.card is None:
            raise ValueError(f"{self.profile.id} has no card reader")
        bytes.fromhex(uid)
        outlet.present_card(uid)

    def fault(self, code: int = 1, evse_id: int = 1) -> None:
        """Fail with an error code, as the device knows it."""
        outlet = self.outlet(evse_id)
        outlet.fault = code
        outlet.choose_power()

    def clear_fault(self, evse_id: int = 1) -> None:
        outlet = self.outlet(evse_id)
        outlet.fault = None
        outlet.choose_power()

    def is_failing_safe(self, evse_id: int = 1) -> bool:
        """Whether the watchdog has run out."""
        model = self._charger()
        model.settle(self.clock.now_us())
        return model.is_failing_safe(evse_id)

    def watchdog_trips(self, evse_id: int = 1) -> int:
        """How often it has run out."""
        self.outlet(evse_id)
        watchdog = self._charger().watchdogs[evse_id - 1]
        return watchdog.trips if watchdog is not None else 0

    def reboot(self) -> None:
        """Power was lost: what was set is forgotten, what was counted stays, the cable too; connections are lost."""
        model = self._charger()
        model.settle(self.clock.now_us())
        model.reboot()
        self.cut_connections()

    def reset_session_energy(self, evse_id: int = 1) -> None:
        """The session's register begins again in the middle of a session."""
        self.outlet(evse_id).session_uj = 0

    def reset_total_energy(self, to_wh: int = 0, evse_id: int = 1) -> None:
        """The register that counts for ever does not: a meter was changed, or it rolled over."""
        if isinstance(self.core.model, MeterModel):
            self._meter().import_uj = to_wh * UJ_PER_WH
        else:
            self.outlet(evse_id).total_uj = to_wh * UJ_PER_WH

    # --- meters and inverters ---

    def set_load(self, l1_w: int, l2_w: int, l3_w: int, *, is_steady: bool = True) -> None:
        """What the house behind a meter takes, by phase; below 0 it gives."""
        meter = self._meter()
        meter.house.load_w, meter.house.is_steady = (l1_w, l2_w, l3_w), is_steady

    def measure(self, other: Device, evse_id: int = 1) -> None:
        """From now on what that EVSE, or that meter's or inverter's house, takes flows through this meter.

        Raises ValueError for devices of different clocks: energy flows in one time.
        """
        if other.clock is not self.clock:
            raise ValueError("the two devices live in different times: serve them with one clock")
        model = other.core.model
        if isinstance(model, ChargerModel):
            self.let_through(EvseFlow(model, evse_id))
        elif isinstance(model, MeterModel):
            self.let_through(model.house)

    def let_through(self, flow: Flow) -> None:
        """From now on it flows through this meter, whatever it is. Raises ValueError where it does already."""
        self._meter().add(flow)

    def shine(self, sun_w: int) -> None:
        """Let so much sun fall on an inverter, in W of what it could give."""
        model = self._meter()
        if not isinstance(model, InverterModel):
            raise TypeError(f"{self.profile.id} is no inverter")
        model.sun_w = sun_w
        model.choose_power()

    def meter(self) -> MeterModel:
        """The meter or inverter as it is now."""
        return self._meter()

    def _charger(self) -> ChargerModel:
        if not isinstance(self.core.model, ChargerModel):
            raise TypeError(f"{self.profile.id} is no charger")
        return self.core.model

    def _meter(self) -> MeterModel:
        if not isinstance(self.core.model, MeterModel):
            raise TypeError(f"{self.profile.id} is no meter")
        self.core.model.settle(self.clock.now_us())
        return self.core.model


def usual_vehicle() -> Vehicle:
    """60 kWh, a fifth of it full; 11 kW AC with three phases, 50 kW DC."""
    return Vehicle.at_percent(_ARRIVES_WITH_PERCENT, battery_wh=_BATTERY_WH, max_dc_power_w=50_000)


@asynccontextmanager
async def serving(
    profile_id: str,
    *,
    transport: Transport | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    speed: float = 1.0,
    clock: DeviceClock | None = None,
    baud: int | None = None,
    connections: int | None = None,
    **settings: Any,
) -> AsyncIterator[Device]:
    """One device on a line of its own, while it is served; `settings` are those of `simulated`.

    Without a transport it is the profile's first. `connections` is how many masters are let in, instead of as many as
    the model does. Raises BadText for a profile that there is not or a transport that it does not know.
    """
    core = simulated(profile_id, **settings)
    device = Device(core, clock or DeviceClock(asyncio.get_running_loop().time, speed))
    chosen = transport or core.profile.transports[0]
    habits = habits_of(profile_id)
    most = habits.connections if connections is None else connections
    async with serving_line(
        [device], chosen, host=host, port=port, baud=baud, most=most, idle_close_s=habits.idle_close_s
    ):
        yield device


@asynccontextmanager
async def serving_line(
    devices: Sequence[Device],
    transport: Transport,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    baud: int | None = None,
    most: int | None = None,
    idle_close_s: float | None = None,
) -> AsyncIterator[None]:
    """Devices that share a line (a bus, or a gateway), each with units of its own, while it is there.

    With `baud` every request and answer takes as long as on a line of that speed. Raises BadText where two devices have
    the same unit or one cannot be reached so.
    """
    _check_units(devices, transport)
    async with AsyncExitStack() as stack:
        if transport is Transport.RTU:
            path = await stack.enter_async_context(pseudo_terminal(devices, baud))
            for device in devices:
                device.path = path
        else:
            line = TcpLine(devices, transport, most, idle_close_s, baud)
            port = await stack.enter_async_context(listening(line, host, port))
            for device in devices:
                device.host, device.port, device.line = host, port, line
        yield


def _check_units(devices: Sequence[Device], transport: Transport) -> None:
    seen: set[int] = set()
    for device in devices:
        known = device.profile.transports
        is_gateway = transport is Transport.TCP and Transport.RTU in known  # a gateway makes TCP of RTU
        if transport is Transport.ASCII or (transport not in known and not is_gateway):
            raise BadText(f"{device.profile.id} speaks {', '.join(known)}, not {transport}")
        if both := seen & device.unit_ids:
            raise BadText(f"two devices on one line have the unit {min(both)}")
        seen |= device.unit_ids
