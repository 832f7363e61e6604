"""Each misbehaviour is what a master meets, and is over when it should be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from firmware_sim.modbus.device import Device, serving
from firmware_sim.modbus.misbehaviour import Conduct, Kind, Misbehaviour
from firmware_sim.modbus.pdu import Refusal
from protocols.modbus.profile import Transport
from protocols.modbus.setpoint import limit_writes
from tests.firmware_sim.modbus.master import TIMEOUT_S, Master, ModbusException, connected

PRODUCT = 1016
SERIAL = 1014


@pytest.fixture
async def keba() -> AsyncIterator[Device]:
    async with serving("keba_p30_p40", speed=0) as device:
        yield device


async def product(master: Master) -> int:
    answer = await master.raw(PRODUCT, 2)
    assert not answer.isError()
    return answer.registers[0] << 16 | answer.registers[1]


async def test_silence(keba: Device) -> None:
    async with connected(keba) as master:
        keba.misbehave(Kind.SILENCE, times=2)
        for _ in range(2):
            with pytest.raises(ModbusException):
                await product(master)
        assert await product(master) == 310_011


async def test_exceptions(keba: Device) -> None:
    async with connected(keba) as master:
        for code in (Refusal.ILLEGAL_ADDRESS, Refusal.BUSY, Refusal.GATEWAY_TARGET):
            keba.misbehave(Kind.EXCEPTION, exception=code)
            answer = await master.raw(PRODUCT, 2)
            assert answer.isError()
            assert answer.exception_code == code
        assert await product(master) == 310_011


@pytest.mark.parametrize("kind", [Kind.GARBAGE, Kind.SWAPPED_ID])
async def test_an_answer_that_is_none(keba: Device, kind: Kind) -> None:
    async with connected(keba) as master:
        assert await product(master) == 310_011
        keba.misbehave(kind)
        with pytest.raises(ModbusException):
            await product(master)


async def test_a_wrong_check_sum() -> None:
    async with (
        serving("heidelberg_energy_control", transport=Transport.RTU_OVER_TCP, speed=0) as device,
        connected(device, Transport.RTU_OVER_TCP) as master,
    ):
        assert await master.value("standby") == 4
        device.misbehave(Kind.CORRUPT)
        with pytest.raises(ModbusException):
            await master.value("standby")
        assert await master.value("standby") == 4


async def test_a_word_too_few(keba: Device) -> None:
    async with connected(keba) as master:
        keba.misbehave(Kind.SHORT)
        answer = await master.raw(PRODUCT, 2)
        assert len(answer.registers) == 1
        assert await product(master) == 310_011


async def test_a_late_answer_comes_while_others_are_asked(keba: Device) -> None:
    async with connected(keba) as master:
        keba.misbehave(Kind.LATE, delay_s=TIMEOUT_S * 1.5)
        with pytest.raises(ModbusException):
            await product(master)
        assert (await master.raw(SERIAL, 2)).registers == [1_000_001 >> 16, 1_000_001 & 0xFFFF]
        await asyncio.sleep(TIMEOUT_S)  # until it has come, and was recognised by its number
        assert await product(master) == 310_011


async def test_a_late_answer_on_a_line_without_numbers_looks_like_the_next_one() -> None:
    async with (
        serving("heidelberg_energy_control", transport=Transport.RTU_OVER_TCP, speed=0) as device,
        connected(device, Transport.RTU_OVER_TCP) as master,
    ):
        device.misbehave(Kind.LATE, delay_s=TIMEOUT_S * 1.5)
        device.misbehave(Kind.SILENCE)
        with pytest.raises(ModbusException):
            await master.value("standby")
        assert (await master.raw(259, 1)).registers == [4]  # which is what 258 shows; here stands a 1


async def test_answers_in_the_wrong_order(keba: Device) -> None:
    async with connected(keba) as master:
        keba.misbehave(Kind.SWAPPED_ORDER)
        with pytest.raises(ModbusException):
            await product(master)
        assert (await master.raw(SERIAL, 2)).registers == [1_000_001 >> 16, 1_000_001 & 0xFFFF]
        assert await product(master) == 310_011


async def test_a_slow_answer(keba: Device) -> None:
    async with connected(keba) as master:
        keba.misbehave(Kind.SLOW, delay_s=TIMEOUT_S / 2)
        began_s = time.monotonic()
        assert await product(master) == 310_011
        assert time.monotonic() - began_s >= TIMEOUT_S / 2


async def test_a_stale_answer_is_the_one_before(keba: Device) -> None:
    async with connected(keba) as master:
        assert await product(master) == 310_011
        keba.misbehave(Kind.STALE)
        assert (await master.raw(SERIAL, 2)).registers == [310_011 >> 16, 310_011 & 0xFFFF]


async def test_a_half_open_connection_is_deaf_and_a_new_one_is_not(keba: Device) -> None:
    async with connected(keba) as master:
        keba.misbehave(Kind.HALF_OPEN)
        for _ in range(2):
            with pytest.raises(ModbusException):
                await product(master)
        async with connected(keba) as another:
            assert await product(another) == 310_011


async def test_a_connection_is_cut(keba: Device) -> None:
    async with connected(keba) as master:
        keba.misbehave(Kind.CUT)
        with pytest.raises(ModbusException):
            await product(master)
    async with connected(keba) as master:
        assert await product(master) == 310_011


async def test_stuck_registers_show_what_they_showed(keba: Device) -> None:
    async with connected(keba) as master:
        keba.plug()
        keba.pass_time(600)
        before = await master.value("energy_total")
        keba.stick(["energy_total"])
        keba.pass_time(600)
        assert await master.value("energy_total") == before
        assert await master.value("charging_state") == 3
        keba.stick()
        keba.unplug()
        assert await master.value("charging_state") == 3
        keba.behave()
        assert await master.value("charging_state") != 3
        after = await master.value("energy_total")
        assert isinstance(before, int)
        assert isinstance(after, int)
        assert after > before


async def test_registers_that_begin_anew(keba: Device) -> None:
    async with connected(keba) as master:
        keba.plug()
        keba.pass_time(600)
        keba.reset_session_energy()
        assert await master.value("session_energy") == 0
        keba.reset_total_energy(5)
        assert await master.value("energy_total") == 5


async def test_a_charger_whose_power_was_lost_forgets_what_was_set() -> None:
    async with serving("webasto_next", speed=0) as device:
        async with connected(device) as master:
            device.plug()
            await master.set(limit_writes(device.profile, 8_000))
            assert device.outlet().power_w == 8 * 690
            total_uj = device.outlet().total_uj
            device.reboot()
        assert device.outlet().power_w == 10_998
        assert device.outlet().total_uj == total_uj


async def test_an_alfen_lets_two_masters_in() -> None:
    async with serving("alfen_eve") as device, connected(device) as one, connected(device) as two:
        assert await one.value("number_of_sockets") == 2
        assert await two.value("number_of_sockets") == 2
        reader, writer = await asyncio.open_connection(device.host, device.port)
        assert await is_closed(reader)
        writer.close()
        assert device.line is not None
        assert device.line.turned_away == 1
        assert await one.value("number_of_sockets") == 2


async def test_a_unit_that_is_not_there_is_a_matter_of_the_gateway(keba: Device) -> None:
    async with connected(keba) as master:
        answer = await master.raw(PRODUCT, 2, unit_id=9)
        assert answer.exception_code == Refusal.GATEWAY_TARGET


async def test_what_is_no_modbus_is_closed(keba: Device) -> None:
    reader, writer = await asyncio.open_connection(keba.host, keba.port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await is_closed(reader)
    writer.close()


async def is_closed(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(5):
            return await reader.read(1) == b""
    except ConnectionResetError:
        return True


def test_misbehaviours_are_taken_in_their_order_and_for_what_they_concern() -> None:
    conduct = Conduct()
    conduct.add(Misbehaviour(kind=Kind.SILENCE, times=2, functions=frozenset({6})))
    conduct.add(Misbehaviour(kind=Kind.GARBAGE, times=1))
    conduct.add(Misbehaviour(kind=Kind.STALE, times=None))
    found = [conduct.next(function) for function in (3, 3, 6, 6, 6)]
    assert [each.kind for each in found if each] == [
        Kind.GARBAGE,
        Kind.STALE,
        Kind.SILENCE,
        Kind.SILENCE,
        Kind.STALE,
    ]
    conduct.clear()
    assert conduct.next(3) is None
