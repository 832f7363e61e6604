"""The technician's commands, against pymodbus's server."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner, Result

from edge.chargers.modbus.quantities import parse_value, show_value
from edge.main import app
from firmware_sim.modbus.device import serving as simulated
from protocols.errors import BadText
from protocols.modbus import catalogue
from protocols.modbus.profile import Transport
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
    assert "set_current = 13700 mA" in dry.stdout
    assert "nothing was written" in dry.stdout
    assert (dry.exit_code, no.exit_code, yes.exit_code) == (0, 1, 0)
    assert image.words("set_current") == [137]
    assert "set_current shows: 13700 mA\n" in yes.stdout


@pytest.mark.parametrize(
    ("register", "value", "word"),
    [
        ("set_current", "3A", "below 6000 mA; 0 pauses it"),
        ("set_current", "17A", "takes no limit above 16000 mA"),
        ("set_current", "13", "units A, mA"),
        ("watchdog_timeout", "0s", "watchdog"),
        ("power", "1VA", "cannot be written"),
        ("nothing", "1", "no register"),
        ("set_curent", "10A", "did you mean set_current"),
        ("remote_lock", "7", "on or off"),
    ],
)
async def test_what_may_not_be_written_is_refused(register: str, value: str, word: str) -> None:
    result = await asked("modbus", "write", "tcp://127.0.0.1:1", register, value, *HEIDELBERG, "--yes")
    assert result.exit_code == 2
    assert word in result.stderr


async def test_a_device_that_shows_another_value_than_was_written_is_told() -> None:
    image = image_of("heidelberg_energy_control")
    image.on_write = lambda unit, at, words: image.put("set_current", 8_000)
    async with serving(image) as port:
        written = await asked("modbus", "write", f"tcp://127.0.0.1:{port}", "set_current", "10A", *HEIDELBERG, "--yes")
    assert "set_current shows: 8000 mA, which is not what was written" in written.stdout


async def test_what_no_register_shows_is_said() -> None:
    async with serving(image_of("keba_p30_p40")) as port:
        where = f"tcp://127.0.0.1:{port}"
        written = await asked("modbus", "write", where, "enable", "on", "--profile", "keba_p30_p40", "--yes")
    assert "written; no register shows it" in written.stdout


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("-p", "keba_p30"), "did you mean keba_p30_p40"),
        (("-p", "keba_p30_p40", "-r", "curent_l1_l3"), "did you mean current_l1_l3"),
        (("-p", "keba_p30_p40", "-r", "set_current"), "can only be written"),
        (("-p", "keba_p30_p40", "--evse", "2"), "has one EVSE"),
        (("-p", "/nowhere/keba.toml"), "/nowhere/keba.toml: No such file"),
    ],
)
async def test_what_cannot_be_read_is_said_with_what_may_have_been_meant(words: tuple[str, ...], problem: str) -> None:
    async with serving(image_of("keba_p30_p40")) as port:
        result = await asked("modbus", "read", f"tcp://127.0.0.1:{port}", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert problem in result.stderr


@pytest.mark.parametrize("command", ["read", "write", "probe"])
@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("tcp://127.0.0.1:1", "connection refused: the host is there, and nothing listens on this port"),
        ("rtu:///dev/there-is-no-such-line", "there is no such serial line"),
        ("127.0.0.1", "is no bus"),
    ],
)
async def test_a_bus_that_is_not_there_is_one_clear_line(command: str, address: str, problem: str) -> None:
    words = {
        "read": ("modbus", "read", address, *HEIDELBERG, "--json"),
        "write": ("modbus", "write", address, "set_current", "10A", *HEIDELBERG, "--yes"),
        "probe": ("probe", address, "--unit", "1", "--json"),
    }
    result = await asked(*words[command])
    assert result.exit_code == 2
    assert problem in result.stderr
    assert "modbus_bus_unreachable" not in result.output
    if command != "write":
        assert result.stdout == ""


async def test_a_dry_run_looks_at_the_address_too() -> None:
    result = await asked("modbus", "write", "10.0.0.5", "set_current", "10A", *HEIDELBERG, "--dry-run")
    assert (result.exit_code, "is no bus" in result.stderr) == (2, True)


async def test_a_sunspec_register_is_read_and_written_where_its_model_is_and_with_its_scale() -> None:
    on = ("--profile", "sunspec_inverter")
    models = (1, 123, 103)
    async with simulated("sunspec_inverter", transport=Transport.TCP, sunspec_base=50000, sunspec_models=models) as one:
        where = f"tcp://127.0.0.1:{one.port}"
        dry = await asked("modbus", "write", where, "power_limit", "50%", *on, "--dry-run")
        assert "holding 50075, function 6, words 1388" in dry.stdout
        yes = await asked("modbus", "write", where, "power_limit", "50%", *on, "--yes")
        assert "power_limit shows: 50 %\n" in yes.stdout
        seen = json.loads((await asked("modbus", "read", where, *on, "-r", "power_limit", "--json")).stdout)
        assert [(each["register"], each["value"]) for each in seen] == [("power_limit", 50), ("power_limit_sf", -2)]
    async with simulated("sunspec_inverter", transport=Transport.TCP, sunspec_models=(1, 103)) as two:
        where = f"tcp://127.0.0.1:{two.port}"
        missing = await asked("modbus", "write", where, "power_limit", "50%", *on, "--yes")
    assert (missing.exit_code, "no model 123" in missing.stderr) == (2, True)


async def test_probe_says_where_nobody_answers_what_to_check() -> None:
    async with simulated("keba_p30_p40", transport=Transport.TCP) as keba:
        words = ("probe", f"tcp://127.0.0.1:{keba.port}", "--unit", "7", "--timeout", "0.2")
        table, told = await asked(*words), await asked(*words, "--json")
    assert (table.exit_code, table.stdout) == (1, "")
    assert "nobody answers there" in table.stderr
    assert (told.exit_code, json.loads(told.stdout)) == (1, [])


async def test_probe_and_read_over_a_serial_line() -> None:
    async with simulated("eastron_sdm630", transport=Transport.RTU, unit_id=5) as meter:
        found = await asked("probe", "--rtu", str(meter.path), "--unit", "4-6", "--timeout", "0.2", "--json")
        line = ("modbus", "read", f"rtu://{meter.path}", "-p", "eastron_sdm630", "--unit", "5")
        seen = await asked(*line, "-r", "voltage_l1_l3", "--json")
    (unit,) = json.loads(found.stdout)
    assert (unit["unit_id"], unit["matches"][0]["profile"]) == (5, "eastron_sdm630")
    assert [each["value"] for each in json.loads(seen.stdout)] == [230_000] * 3


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
