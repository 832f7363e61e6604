"""RTU over a pseudo-terminal and over TCP, several devices on one line, and a line that is as slow as it would be."""

from __future__ import annotations

import time

import pytest
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU

from firmware_sim.modbus.device import Device, DeviceClock, serving, serving_line
from firmware_sim.modbus.frames import Frame, MbapFraming, RtuFraming, crc16
from firmware_sim.modbus.simulated import simulated
from protocols.errors import BadText
from protocols.modbus.catalogue import load, profile_ids
from protocols.modbus.profile import Transport
from protocols.modbus.reads import names_of
from protocols.modbus.setpoint import limit_writes
from tests.firmware_sim.modbus.master import ModbusException, connected
from tests.kit import has_serial_lines

needs_a_line = pytest.mark.skipif(not has_serial_lines(), reason="this machine gives out no pseudo-terminals")
SERIAL = [each for each in profile_ids() if Transport.RTU in load(each).transports]


@needs_a_line
@pytest.mark.parametrize("profile_id", SERIAL)
async def test_all_registers_over_a_serial_line(profile_id: str) -> None:
    async with (
        serving(profile_id, transport=Transport.RTU, speed=0) as device,
        connected(device, Transport.RTU) as master,
    ):
        if "sunspec" not in profile_id:
            assert await master.values(names_of(device.profile))
        if device.profile.limit is not None and device.profile.watchdog is None:
            device.plug()
            await master.set(limit_writes(device.profile, 6_000))
            assert device.outlet().power_w == 6 * 690
        assert device.core.refusals == 0


async def test_rtu_over_tcp() -> None:
    async with (
        serving("eastron_sdm630", transport=Transport.RTU_OVER_TCP, speed=0) as device,
        connected(device, Transport.RTU_OVER_TCP) as master,
    ):
        device.set_load(1000, 2000, 3000)
        assert await master.value("power") == 6000


def two_meters() -> list[Device]:
    clock = DeviceClock(time.monotonic, 0)
    return [Device(simulated("eastron_sdm630", unit_id=unit_id), clock) for unit_id in (1, 2)]


@needs_a_line
async def test_several_devices_on_one_line() -> None:
    one, two = meters = two_meters()
    one.set_load(100, 100, 100)
    two.set_load(200, 200, 200)
    async with serving_line(meters, Transport.RTU), connected(one, Transport.RTU) as master:
        assert await master.value("power") == 300
        master.device = two
        assert await master.value("power") == 600
        with pytest.raises(ModbusException):
            await master.raw(64512, 2, unit_id=3)
        assert await master.value("power") == 600


@needs_a_line
async def test_a_line_is_as_slow_as_its_speed() -> None:
    one, two = meters = two_meters()
    async with serving_line(meters, Transport.RTU, baud=9600), connected(one, Transport.RTU) as master:
        began_s = time.monotonic()
        await master.value("power")
        assert time.monotonic() - began_s >= (8 + 9 + 7) * 11 / 9600
    assert two.core.reads == 0


async def test_two_devices_of_one_unit_or_the_wrong_line_are_refused() -> None:
    clock = DeviceClock(time.monotonic)
    twins = [Device(simulated("eastron_sdm630"), clock) for _ in range(2)]
    with pytest.raises(BadText, match="unit 1"):
        async with serving_line(twins, Transport.RTU):
            pass
    with pytest.raises(BadText, match="speaks tcp"):
        async with serving("keba_p30_p40", transport=Transport.RTU):
            pass


def test_frames_are_those_of_pymodbus() -> None:
    rtu, mbap = FramerRTU(DecodePDU(True)), FramerSocket(DecodePDU(True))
    for pdu in (b"\x03\x00\x01\x00\x02", b"\x06\x01\x05\x00\x3c", b"\x10\x10\x00\x00\x02\x04\x00\x01\x02\x03"):
        on_line = rtu.encode(pdu, 17, 0)
        assert RtuFraming().wrap(Frame(17, pdu)) == on_line
        assert RtuFraming().feed(on_line) == [Frame(17, pdu)]
        assert crc16(on_line) == 0
        in_stream = mbap.encode(pdu, 17, 4711)
        assert MbapFraming().wrap(Frame(17, pdu, 4711)) == in_stream
        assert MbapFraming().feed(in_stream) == [Frame(17, pdu, 4711)]


@pytest.mark.parametrize("framing", [MbapFraming, RtuFraming])
def test_a_stream_may_be_cut_anywhere(framing: type[MbapFraming | RtuFraming]) -> None:
    frames = [Frame(1, b"\x03\x00\x01\x00\x02", 0), Frame(2, b"\x10\x10\x00\x00\x01\x02\x00\x01", 0)] * 2
    stream = b"".join(framing().wrap(each) for each in frames)
    assert framing().feed(stream) == frames
    byte_by_byte = framing()
    assert [found for byte in stream for found in byte_by_byte.feed(bytes([byte]))] == frames


def test_after_a_wrong_check_sum_and_a_silence_a_serial_line_is_heard_again() -> None:
    framing = RtuFraming()
    good = framing.wrap(Frame(1, b"\x03\x00\x01\x00\x02"))
    assert framing.feed(b"\x01" + good) == []
    framing.fall_silent()
    assert framing.feed(good) == [Frame(1, b"\x03\x00\x01\x00\x02")]
