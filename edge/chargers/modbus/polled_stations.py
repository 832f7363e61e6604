"""Polled chargers as stations of the site: what they show goes to the site, what the site wants goes to the poller."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from edge.chargers.modbus.bus import BusError, BusTimes
from edge.chargers.modbus.desired import Desired
from edge.chargers.modbus.device import Device, DeviceSettings
from edge.chargers.modbus.meter_readings import MeterReadings
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from edge.chargers.modbus.poller import Poller
from edge.chargers.modbus.translate import NOMINAL_MV, Translator
from edge.ports import Clock, Inbox, Overloaded
from protocols.charger.commands import ChargerCommand
from protocols.charger.events import ChargerEvent, CommandAnswered, MeterRead, MeterValuesReported, SteeringReported
from protocols.charger.operations.smart_charging import SetChargingProfile
from protocols.charger.operations.transactions import UnlockConnector
from protocols.charger.snapshot import DeviceEvent, EvseChanged
from protocols.modbus.codec import BadValue
from protocols.modbus.profile import Profile
from protocols.modbus.reader import Parsed

RETRY_S: Final = 1.0
"""How long to wait before telling an overloaded site again what it has to know."""
MAX_WAITING: Final = 10_000
"""Events that the site had no room for; beyond it the oldest is dropped, logged: the charger shows its state again."""
MAX_UNLOCKS: Final = 64
"""Cables that are to be let go and were not yet; whoever asks for more is told to try again."""
_WHOLE_MA: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledEvse:
    """`number` is its number in the device."""

    evse_id: int
    number: int
    max_power_w: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledStation:
    """A device that is a station. `settings.device_id` is the station's id."""

    address: str
    parsed: Parsed
    settings: DeviceSettings
    evses: tuple[PolledEvse, ...]


class PolledStations:
    """`run` must be running. `is_well` tells whether the agent is: while it is not, no watchdog is fed."""

    def __init__(
        self,
        inbox: Inbox,
        metrics: ModbusMetrics,
        *,
        clock: Clock,
        is_well: Callable[[], bool],
        times: BusTimes | None = None,
    ) -> None:
        self._inbox = inbox
        self._times = times
        self._poller = Poller(metrics, sink=self._take, clock=clock, is_well=is_well)
        self._stations: dict[str, PolledStation] = {}
        self._devices: dict[str, Device] = {}
        self._translators: dict[str, Translator | MeterReadings] = {}
        self._waiting: deque[ChargerEvent] = deque()
        self._unlocks: asyncio.Queue[tuple[ChargerCommand, UnlockConnector]] = asyncio.Queue(MAX_UNLOCKS)
        self._log = structlog.get_logger()

    def add(self, station: PolledStation) -> None:
        """Before `run`. Raises BadText for an address or device that cannot be."""
        station_id = station.settings.device_id
        self._devices[station_id] = self._poller.add(station.address, station.parsed, station.settings, self._times)
        self._stations[station_id] = station
        self._translators[station_id] = Translator(station_id, {each.number: each.evse_id for each in station.evses})

    def add_meter(self, address: str, parsed: Parsed, settings: DeviceSettings, readings: MeterReadings) -> None:
        """As `add`, for a device that is no station. `settings.device_id` is the meter's id."""
        self._poller.add(address, parsed, settings, self._times)
        self._translators[settings.device_id] = readings

    def __contains__(self, station_id: str) -> bool:
        return station_id in self._stations

    async def run(self) -> None:
        """Read and control all of them until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._poller.run(), name="poller")
            tasks.create_task(self._unlock(), name="unlocks")
            while True:
                await asyncio.sleep(RETRY_S)
                self._tell_waiting()

    def status(self) -> dict[str, Any]:
        """JSON-able; counts since the start."""
        return self._poller.status()

    # --- what they show ---

    def _take(self, event: DeviceEvent) -> None:
        """The poller's sink."""
        device_id = event.snapshot.device_id if isinstance(event, EvseChanged) else event.device_id
        for each in self._translators[device_id].translate(event):
            self._tell(each)

    def _tell(self, event: ChargerEvent) -> None:
        self._waiting.append(event)
        self._tell_waiting()

    def _tell_waiting(self) -> None:
        """In their order; what the site has no room for waits, but for readings, of which there are newer ones soon."""
        try:
            while self._waiting:
                self._inbox.put(self._waiting[0])
                self._waiting.popleft()
        except Overloaded:
            if isinstance(self._waiting[-1], MeterValuesReported | MeterRead):
                self._waiting.pop()
            elif len(self._waiting) > MAX_WAITING:
                lost = self._waiting.popleft()
                self._log.error("event_lost", event_type=type(lost).__name__)

    # --- what is wanted of them ---

    def send(self, command: ChargerCommand) -> None:
        """See edge.ports.Chargers. A charging profile is what an EVSE may give from now on; of what else can be asked
        over Modbus, the lock is all that there is."""
        match command.operation:
            case SetChargingProfile() as operation:
                limit_w = int(operation.profile.schedules[0].periods[0].limit)
                self._steer(self._stations[command.station_id], operation.evse_id, limit_w)
            case UnlockConnector() as operation:
                try:
                    self._unlocks.put_nowait((command, operation))
                except asyncio.QueueFull:
                    self._answer(command, "too much is asked of the chargers at once: try again")
            case operation:
                text = f"{command.station_id} is a Modbus charger: {operation.operation} is for OCPP stations"
                self._answer(command, text)

    def _answer(self, command: ChargerCommand, problem: str) -> None:
        self._tell(
            CommandAnswered(
                station_id=command.station_id,
                command_id=command.command_id,
                is_accepted=not problem,
                detail=problem,
            )
        )

    async def _unlock(self) -> None:
        """One after the other: a person stands before each."""
        while True:
            command, operation = await self._unlocks.get()
            station = self._stations[command.station_id]
            number = next((each.number for each in station.evses if each.evse_id == operation.evse_id), None)
            problem = ""
            try:
                if number is None:
                    raise BadValue(f"{command.station_id} has no EVSE {operation.evse_id}")
                await self._devices[command.station_id].unlock(number)
            except (BadValue, BusError) as error:
                problem = str(error)
            self._answer(command, problem)

    def _steer(self, station: PolledStation, evse_id: int, limit_w: int) -> None:
        station_id = station.settings.device_id
        evse = next((each for each in station.evses if each.evse_id == evse_id), None)
        if evse is None:
            return
        desired = desired_of(self._devices[station_id].profile, limit_w, evse.max_power_w)
        try:
            self._poller.want(station_id, evse.number, desired)
        except BadValue as error:
            self._tell(
                SteeringReported(
                    station_id=station_id, evse_id=evse_id, setpoint="", is_followed=False, detail=str(error)
                )
            )


def desired_of(profile: Profile, limit_w: int, max_power_w: int) -> Desired:
    """A limit in W as the profile's register has it. The rating itself is no limit to be exact about: 11 kW are 16 A,
    though 16 A are a little more than 11 kW."""
    if limit_w <= 0:
        return Desired(is_paused=True)
    register = profile.registers[profile.limit.register] if profile.limit is not None else None
    if register is None or (register.base_unit is not None and register.base_unit.name == "W"):
        return Desired(limit=limit_w)
    limit_ma = limit_w * 1_000_000 // (NOMINAL_MV * max(1, profile.phases))
    if limit_w >= max_power_w:
        limit_ma = -(-limit_ma // _WHOLE_MA) * _WHOLE_MA
    return Desired(limit=limit_ma)
