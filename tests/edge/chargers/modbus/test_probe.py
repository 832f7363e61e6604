"""What answers is found, and named, and nothing is written; the other end is pymodbus's server."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from edge.chargers.modbus.bus import Bus, BusTimes
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from edge.chargers.modbus.probe import Answering, Probe, Unconnected, parse_units, usual_units
from protocols.errors import BadText
from protocols.modbus import catalogue
from protocols.modbus.bus_address import BusAddress, parse_address
from protocols.modbus.catalogue import Fit
from protocols.modbus.profile import Transport
from tests.edge.chargers.modbus.foreign import Image, serving
from tests.edge.chargers.modbus.harness import image_of

PROFILES = [catalogue.parsed(profile_id) for profile_id in catalogue.profile_ids()]


async def probed(port: int, *unit_ids: int) -> tuple[tuple[Answering, ...], list[str]]:
    lines: list[str] = []
    bus = Bus(
        parse_address(f"tcp://127.0.0.1:{port}"), ModbusMetrics(CollectorRegistry()), times=BusTimes(answer_s=0.1)
    )
    try:
        return await Probe(bus, PROFILES, lines.append).look_at(unit_ids, 60.0), lines
    finally:
        bus.close()


async def test_a_charger_is_told_by_its_signs() -> None:
    image = image_of("keba_p30_p40")
    async with serving(image) as port:
        found, lines = await probed(port, 1, 255)
    other, unit = found  # pymodbus answers for units that it does not have: with an exception
    assert other.matches == ()
    assert unit.unit_id == 255
    assert (unit.matches[0].profile_id, unit.matches[0].fit) == ("keba_p30_p40", Fit.PROVEN)
    assert unit.matches[0].values["product"] == 301_234
    assert any("unit 1 " in line for line in lines)
    assert image.writes == []


async def test_the_variant_is_told_as_well() -> None:
    async with serving(image_of("keba_p30_p40", product=4_012_345, firmware=10_300)) as port:
        ((unit,), _) = await probed(port, 255)
    assert unit.matches[0].variant == "p40"


async def test_a_device_that_no_profile_fits_is_shown_all_the_same() -> None:
    image = Image(catalogue.load("keba_p30_p40"), unit_id=3)
    image.put_words("product", 0xFFFF, 0xFFFF)
    async with serving(image) as port:
        ((unit,), _) = await probed(port, 3)
    assert unit.unit_id == 3
    assert "keba_p30_p40" not in [match.profile_id for match in unit.matches]


async def test_without_a_connection_it_says_so() -> None:
    with pytest.raises(Unconnected, match=r"tcp://127\.0\.0\.1:1"):
        await probed(1, 1)


@pytest.mark.parametrize(("text", "units"), [("1", (1,)), ("1-3,255", (1, 2, 3, 255)), ("2,2,1", (2, 1))])
def test_units_as_people_write_them(text: str, units: tuple[int, ...]) -> None:
    assert parse_units(text) == units


@pytest.mark.parametrize("text", ["", "a", "3-1", "256", "1-", "-1", "1-300"])
def test_units_that_cannot_be(text: str) -> None:
    with pytest.raises(BadText):
        parse_units(text)


def test_the_usual_units_are_few_and_have_those_of_the_profiles() -> None:
    usual = usual_units(PROFILES)
    assert {1, 10, 50, 200, 255} <= set(usual)
    assert len(usual) < 25


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tcp://10.0.0.5", BusAddress(transport=Transport.TCP, host="10.0.0.5", port=502)),
        ("rtu+tcp://gw:4001", BusAddress(transport=Transport.RTU_OVER_TCP, host="gw", port=4001)),
        (
            "rtu:///dev/ttyS0?baud=19200&parity=e&stop=2",
            BusAddress(transport=Transport.RTU, line="/dev/ttyS0", baud=19200, parity="E", stop=2),
        ),
    ],
)
def test_addresses_as_people_write_them(text: str, address: BusAddress) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize("text", ["10.0.0.5", "http://x", "tcp://", "tcp://a:99999", "rtu://x", "rtu:///dev/a?speed=1"])
def test_addresses_that_cannot_be(text: str) -> None:
    with pytest.raises(BadText):
        parse_address(text)
