"""The technician's commands, against pymodbus's server."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner, Result

from edge.chargers.modbus.quantities import parse_value, show_value
from edge.main import app
from protocols.errors import BadText
from protocols.modbus import catalogue
from tests.edge.chargers.modbus.foreign import serving
from tests.edge.chargers.modbus.harness import image_of

HEIDELBERG = ("--profile", "heidelberg_energy_control")


async def asked(*words: str, typed: str = "") -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, list(words), input=typed)


async def test_read_shows_values_with_their_units() -> None:
    async with serving(image_of("heidelberg_energy_control", power=3680)) as port:
        result = await asked("modbus", "read", f"tcp://127.0.0.1:{port}", *HEIDELBERG, "-r", "power", "--json")
    (seen,) = json.loads(result.stdout)
    assert (seen["register"], seen["value"], seen["unit"], seen["address"]) == ("power", 3680, "VA", 14)
    assert result.exit_code == 0


async def test_write_says_what_it_does_asks_and_reads_back() -> None:
    image = image_of("heidelberg_energy_control")
    async with serving(image) as port:
        where = f"tcp://127.0.0.1:{port}"
        dry = await asked("modbus", "write", where, "set_current", "13.77A", *HEIDELBERG, "--dry-run")
        no = await asked("modbus", "write", where, "set_current", "13.77A", *HEIDELBERG, typed="n\n")
        assert image.writes == []
        yes = await asked("modbus", "write", where, "set_current", "13.77A", *HEIDELBERG, typed="y\n")
    assert "words 0089" in dry.stdout
    assert (dry.exit_code, no.exit_code, yes.exit_code) == (0, 1, 0)
    assert image.words("set_current") == [137]
    assert "it shows: 13700 mA" in yes.stdout


@pytest.mark.parametrize(
    ("register", "value", "word"),
    [
        ("set_current", "3A", "below 6000"),
        ("set_current", "13", "units A, mA"),
        ("watchdog_timeout", "0s", "watchdog"),
        ("power", "1VA", "cannot be written"),
        ("nothing", "1", "no register"),
    ],
)
async def test_what_may_not_be_written_is_refused(register: str, value: str, word: str) -> None:
    result = await asked("modbus", "write", "tcp://127.0.0.1:1", register, value, *HEIDELBERG, "--yes")
    assert result.exit_code == 2
    assert word in result.stderr


async def test_probe_names_the_device() -> None:
    async with serving(image_of("keba_p30_p40")) as port:
        result = await asked("probe", f"tcp://127.0.0.1:{port}", "--unit", "255", "--timeout", "0.2", "--json")
    (unit,) = json.loads(result.stdout)
    assert unit["matches"][0]["profile"] == "keba_p30_p40"


async def test_probe_without_an_address_says_what_to_give() -> None:
    result = await asked("probe")
    assert result.exit_code == 2
    assert "--rtu" in result.stderr


@pytest.mark.parametrize(
    ("register", "text", "value"),
    [
        ("set_current", "13.5A", 13_500),
        ("set_current", "13500 mA", 13_500),
        ("watchdog_timeout", "15s", 15_000),
        ("standby", "4", 4),
        ("standby", "0x04", 4),
    ],
)
def test_values_as_people_write_them(register: str, text: str, value: int) -> None:
    found = catalogue.load("heidelberg_energy_control").registers[register]
    assert parse_value(found, text) == value


@pytest.mark.parametrize("text", ["", "A", "1.0001mA", "5 V", "--1A"])
def test_values_that_cannot_be(text: str) -> None:
    with pytest.raises(BadText):
        parse_value(catalogue.load("heidelberg_energy_control").registers["set_current"], text)


def test_values_are_shown_with_their_unit() -> None:
    registers = catalogue.load("keba_p30_p40").registers
    assert show_value(registers["power"], 4100) == "4100 W"
    assert show_value(registers["rfid"], b"\x04\xa1") == "04 a1"
    assert show_value(registers["power"], None) == "-"
