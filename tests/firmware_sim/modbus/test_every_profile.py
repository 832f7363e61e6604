"""Every profile is served, and a master that is not ours reads there what the device behind it is at."""

from __future__ import annotations

from fractions import Fraction

import pytest
from pymodbus.client.mixin import ModbusClientMixin

from firmware_sim.modbus.charger_model import ChargerModel
from firmware_sim.modbus.device import Device, serving
from firmware_sim.modbus.outlet import Outlet
from firmware_sim.vehicle import UJ_PER_WH
from protocols.modbus.catalogue import Fit, fit, load, parsed, profile_ids, signs
from protocols.modbus.codec import Coding, Decoded
from protocols.modbus.profile import DeviceKind, Transport
from protocols.modbus.reads import Read, names_of, plan, points
from protocols.modbus.register import Register
from protocols.modbus.setpoint import Write, feed, limit_writes
from protocols.modbus.status import read_card, read_fault, read_status
from protocols.terms import ChargingState, ConnectorStatus, Measurand
from tests.firmware_sim.modbus.master import Master, connected

CHARGERS = [each for each in profile_ids() if load(each).kind is DeviceKind.CHARGER]
METERS = [each for each in profile_ids() if load(each).kind is not DeviceKind.CHARGER]
VARIANTS = [(each, variant) for each in profile_ids() for variant in parsed(each).variants]
PHASES = {"L1": 0, "L2": 1, "L3": 2}
UID = "04A1B2C3"

TYPES = ModbusClientMixin.DATATYPE
DATATYPES = {
    "uint16": TYPES.UINT16,
    "int16": TYPES.INT16,
    "uint32": TYPES.UINT32,
    "int32": TYPES.INT32,
    "uint64": TYPES.UINT64,
    "int64": TYPES.INT64,
    "float32": TYPES.FLOAT32,
    "float64": TYPES.FLOAT64,
}


@pytest.mark.parametrize("profile_id", profile_ids())
async def test_all_registers_can_be_read_and_none_is_beyond_what_is_possible(profile_id: str) -> None:
    async with serving(profile_id, transport=Transport.TCP, speed=0) as device, connected(device) as master:
        if profile_id in CHARGERS:
            device.plug()
        device.pass_time(60)
        for evse_id in range(1, evses(device) + 1):
            found = await master.values(names_of(device.profile), evse_id)
            assert found
            impossible = {key: each.reason for key, each in found.items() if each.value is None}
            assert all(is_said_to_be_missing(reason) for reason in impossible.values()), impossible
    assert device.core.refusals == 0


@pytest.mark.parametrize("profile_id", CHARGERS)
async def test_what_a_charger_measures_is_read_in_its_units(profile_id: str) -> None:
    async with serving(profile_id, transport=Transport.TCP, speed=0) as device, connected(device) as master:
        for evse_id in range(1, evses(device) + 1):
            device.plug(evse_id=evse_id)
        device.pass_time(1234)
        for evse_id in range(1, evses(device) + 1):
            outlet = device.outlet(evse_id)
            assert outlet.power_w > 0
            await check_measurands(master, evse_id, outlet)
            await check_energy(master, evse_id, outlet)
    assert device.core.refusals == 0


@pytest.mark.parametrize("profile_id", METERS)
async def test_what_a_meter_measures_is_read_in_its_units(profile_id: str) -> None:
    async with serving(profile_id, transport=Transport.TCP, speed=0) as device, connected(device) as master:
        if device.profile.kind is DeviceKind.METER:
            device.set_load(2_300, 4_600, -1_150)
        device.pass_time(3600)
        meter = device.meter()
        for name, register in measured(device).items():
            for index in range(register.count):
                phase = PHASES.get(register.phase(index) or "")
                power_w = meter.power_w(phase)
                truth = {
                    Measurand.POWER: power_w,
                    Measurand.POWER_EXPORT: -power_w,
                    Measurand.VOLTAGE: 230_000,
                    Measurand.FREQUENCY: 50_000,
                    Measurand.POWER_FACTOR: 980,
                    Measurand.REACTIVE_POWER: power_w * 203 / 1000,
                    Measurand.ENERGY_REGISTER: watt_hours(meter.import_uj, meter.phase_import_uj, phase),
                    Measurand.ENERGY_EXPORT_REGISTER: watt_hours(meter.export_uj, meter.phase_export_uj, phase),
                    Measurand.CURRENT: abs(power_w) * 1000 / 230 / 0.98,
                    Measurand.CURRENT_EXPORT: abs(power_w) * 1000 / 230 / 0.98,
                }
                assert register.measurand is not None
                await check(master, name, index, 1, truth[register.measurand])


@pytest.mark.parametrize("profile_id", CHARGERS)
async def test_a_charger_tells_a_session_from_plug_to_unplug(profile_id: str) -> None:
    async with serving(profile_id, transport=Transport.TCP, speed=0) as device, connected(device) as master:
        assert await status(master) == ConnectorStatus.AVAILABLE
        device.plug()
        if device.profile.card is not None:
            device.present_card(UID)
        device.pass_time(1)
        assert (await state(master))[1] is ChargingState.CHARGING
        if device.profile.card is not None:
            assert (await card(master) or "").startswith(UID)
        device.fault(3)
        if device.profile.faults is not None:
            assert await fault(master) not in (None, "0")
        device.clear_fault()
        await master.set(limit_writes_alive(device, None))
        paused = await state(master)
        assert paused[0] is ConnectorStatus.OCCUPIED
        assert paused[1] is not ChargingState.CHARGING
        assert device.outlet().power_w == 0
        device.unplug()
        assert await status(master) == ConnectorStatus.AVAILABLE
        if device.profile.card is not None:
            assert await card(master) is None


@pytest.mark.parametrize("profile_id", [each for each in profile_ids() if load(each).sunspec is None])
async def test_a_device_shows_the_signs_of_its_model(profile_id: str) -> None:
    async with serving(profile_id, transport=Transport.TCP, speed=0) as device, connected(device) as master:
        found = await master.values(dict.fromkeys(point.name for point in signs(device.profile)))
        assert fit(device.profile, {name: each.value for (name, _), each in found.items()}) >= Fit.PLAUSIBLE


@pytest.mark.parametrize(("profile_id", "variant"), VARIANTS)
async def test_a_variant_shows_the_sign_by_which_it_is_known(profile_id: str, variant: str) -> None:
    base = parsed(profile_id)
    sign = base.variants[variant][0]
    async with (
        serving(profile_id, variant=variant, transport=Transport.TCP, speed=0) as device,
        connected(device) as master,
    ):
        device.pass_time(1)
        assert await master.values(names_of(device.profile))
        for condition in sign.when:  # read as a master does that does not know the variant yet
            value = await as_read_with(master, base.profile.registers[condition.register], condition.register)
            assert condition.holds(value), (condition, value)


# --- what is there, and what is read ---


def evses(device: Device) -> int:
    return len(device.core.model.outlets) if isinstance(device.core.model, ChargerModel) else 1


def measured(device: Device) -> dict[str, Register]:
    return {name: each for name, each in device.profile.registers.items() if each.measurand is not None}


def is_said_to_be_missing(reason: str | None) -> bool:
    return reason is not None and reason == "not available"


async def check_measurands(master: Master, evse_id: int, outlet: Outlet) -> None:
    for name, register in measured(master.device).items():
        for index in range(register.count):
            label = register.phase(index)
            phase = PHASES.get(label or "")
            truth = {
                Measurand.POWER: outlet.power_w if phase is None else outlet.power_w // outlet.used_phases,
                Measurand.ENERGY_REGISTER: watt_hours(outlet.total_uj, outlet.phase_uj, phase),
                Measurand.CURRENT: 0 if label == "N" else outlet.current_ma(phase or 0),
                Measurand.VOLTAGE: outlet.voltage_v(phase or 0) * 1000,
                Measurand.STATE_OF_CHARGE: outlet.vehicle.soc_percent if outlet.vehicle else None,
            }
            assert register.measurand is not None
            await check(master, name, index, evse_id, truth[register.measurand])


async def check_energy(master: Master, evse_id: int, outlet: Outlet) -> None:
    energy = master.device.profile.energy
    if energy.total is not None:
        await check(master, energy.total, 0, evse_id, outlet.total_uj / UJ_PER_WH)
    if energy.session is not None:
        await check(master, energy.session, 0, evse_id, outlet.session_uj / UJ_PER_WH)


async def check(master: Master, name: str, index: int, evse_id: int, truth: float | None) -> None:
    """Our codec and pymodbus's both read the truth, as far as the register is fine enough."""
    profile = master.device.profile
    register = profile.registers[name]
    value = await master.value(name, evse_id, index)
    assert truth is not None, name
    step = float(Coding(register).step * (Fraction(1, 100) if register.scale_register else 1))
    assert isinstance(value, int), (name, value)
    assert value == pytest.approx(truth, abs=max(step, 1.0) + abs(truth) * 1e-6), name
    if register.type in DATATYPES and register.bit_count is None and not register.scale_register:
        assert await by_pymodbus(master, name, index, evse_id) == pytest.approx(value, abs=1 + abs(truth) * 1e-6), name


async def by_pymodbus(master: Master, name: str, index: int, evse_id: int) -> float:
    profile = master.device.profile
    register = profile.registers[name]
    point = next(each for each in points(profile, [name], evse_id) if each.key == (name, index))
    (read,) = plan([point], profile)
    words = await master.words(read)
    start = point.address - read.address
    assert register.byte_order == "big"
    number = master.client.convert_from_registers(
        words[start : start + point.words], DATATYPES[register.type], word_order=register.word_order or "big"
    )
    unit = register.base_unit
    assert isinstance(number, int | float)
    return number * float(register.scale) * 10 ** (unit.power_of_ten if unit else 0)


async def as_read_with(master: Master, register: Register, name: str) -> int | str | bytes | None:
    """Read where the served profile has it, and take it as another says."""
    (point, *_) = points(master.device.profile, [name])
    read = Read(unit_id=point.unit_id, table=point.table, address=point.address, count=register.form.words, points=())
    return Coding(register).decode(await master.words(read)).value


def watt_hours(total_uj: int, phase_uj: list[int], phase: int | None) -> float:
    return (total_uj if phase is None else phase_uj[phase]) / UJ_PER_WH


async def state(master: Master) -> tuple[ConnectorStatus, ChargingState | None]:
    profile = master.device.profile
    found = await master.values(dict.fromkeys(block.register for block in profile.status))
    read = read_status(profile, firsts(found))
    assert read is not None, found
    return read


async def status(master: Master) -> ConnectorStatus:
    return (await state(master))[0]


async def card(master: Master) -> str | None:
    profile = master.device.profile
    assert profile.card is not None
    return read_card(profile, firsts(await master.values([profile.card.register])))


async def fault(master: Master) -> str | None:
    profile = master.device.profile
    assert profile.faults is not None
    return read_fault(profile.faults, firsts(await master.values([profile.faults.register])))


def firsts(found: dict[tuple[str, int], Decoded]) -> dict[str, int | str | bytes | None]:
    return {name: each.value for (name, index), each in found.items() if index == 0}


def limit_writes_alive(device: Device, limit: int | None) -> list[Write]:
    """With the token before it, where one is wanted."""
    writes = list(limit_writes(device.profile, limit))
    alive = feed(device.profile, writes[0])
    return [alive, *writes] if alive is not None and alive != writes[0] else writes
