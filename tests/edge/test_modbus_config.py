"""Chargers without OCPP in the configuration file: what is wrong is named at its line."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from edge.config import BadConfig, EdgeConfig, load
from edge.site_rules import rules_of
from protocols.terms import EvseRef, Measurand, MeterRole

SITE = """\
edge_id = "edge-1"
data_dir = "data"
currency = "EUR"
default_tariff = "standard"
location = { id = "L", name = "Site", time_zone = "Europe/Berlin" }

[[tariffs]]
id = "standard"
last_updated = 2026-01-01T00:00:00Z
elements = [{ price_components = [{ type = "ENERGY", price = 0.1 }] }]

[[modbus]]
id = "KEBA1"
address = "tcp://10.0.0.5"
profile = "keba_p30_p40"
[[modbus.evses]]
id = 1
label = "K1"
"""


def loaded(tmp_path: Path, text: str) -> EdgeConfig:
    path = tmp_path / "edge.toml"
    path.write_text(text)
    return load(path)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(BadConfig) as raised:
        loaded(tmp_path, text)
    return [str(problem).removeprefix(f"{tmp_path / 'edge.toml'}") for problem in raised.value.problems]


def test_a_charger_over_modbus(tmp_path: Path) -> None:
    (device,) = loaded(tmp_path, SITE).modbus
    assert (device.id, device.address, device.profile, device.unit) == ("KEBA1", "tcp://10.0.0.5", "keba_p30_p40", None)
    assert [evse.number for evse in device.evses] == [1]


def test_an_evse_may_have_another_number_in_the_device(tmp_path: Path) -> None:
    text = SITE.replace("keba_p30_p40", "alfen_eve") + "device_evse = 2\n"
    assert loaded(tmp_path, text).modbus[0].evses[0].number == 2


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            ("tcp://10.0.0.5", "10.0.0.5"),
            ":14: modbus[1].address: '10.0.0.5' is no bus: tcp://HOST[:PORT], rtu+tcp://HOST:PORT or rtu",
        ),
        (("tcp://10.0.0.5", "rtu:///dev/ttyS0"), ":12: modbus[1]: keba_p30_p40 is reached by tcp, not by rtu://"),
        (("keba_p30_p40", "kebab"), ":15: modbus[1].profile: there is no profile 'kebab'"),
        (
            ("keba_p30_p40", "siemens_pac2200"),
            ":12: modbus[1]: siemens_pac2200 is a meter: say its role: feeder, evse, pv, battery, load",
        ),
        (('"keba_p30_p40"', '"keba_p30_p40"\nvariant = "p50"'), ":16: modbus[1].variant: there is no variant 'p50'"),
        (("id = 1\n", "id = 2\n"), ":12: modbus[1]: keba_p30_p40 has EVSEs 1 to 1, not 2"),
        (('"K1"', '"K1"\ntariff = "gold"'), ":19: modbus[1].evses[1].tariff: there is no tariff 'gold'"),
        (('"KEBA1"', '"KEBA1"\npassword_hash = "x"'), ":14: modbus[1].password_hash: Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_is_named_at_its_line(tmp_path: Path, change: tuple[str, str], problem: str) -> None:
    found = problems(tmp_path, SITE.replace(*change, 1) if change[0] != "id = 1\n" else SITE.replace(*change))
    assert len(found) == 1
    assert found[0].startswith(problem), found


def test_no_two_devices_have_one_name_or_one_place(tmp_path: Path) -> None:
    again = SITE[SITE.index("[[modbus]]") :]
    found = problems(tmp_path, SITE + again)
    assert found == [
        ":20: modbus[2].id: station 'KEBA1' stands here a second time",
        ":21: modbus[2].address: unit 255 at 10.0.0.5:502 is KEBA1 already: give KEBA1 another one",
    ]
    station = '[[stations]]\nid = "KEBA1"\n[[stations.evses]]\nid = 1\nlabel = "S"\n'
    taken = problems(tmp_path, SITE + station)
    assert ":13: modbus[1].id: station 'KEBA1' stands here a second time" in taken


METER = """
[[modbus]]
id = "M1"
address = "tcp://10.0.0.6"
profile = "siemens_pac2200"
"""
BEHIND = 'role = "evse"\nbehind_station = "KEBA1"\nbehind_evse = 1\n'


def test_meters_and_inverters_have_a_role_and_are_no_stations(tmp_path: Path) -> None:
    roof = '[[modbus]]\nid = "ROOF"\naddress = "tcp://10.0.0.7"\nprofile = "sunspec_inverter"\nrole = "pv"\n'
    grid = METER.replace("M1", "GRID").replace("0.6", "0.8") + 'role = "feeder"\nlost_after_s = 20\ncompare = false\n'
    rules = rules_of(loaded(tmp_path, SITE + METER + BEHIND + roof + grid))
    assert rules.stations.keys() == rules.runs.keys() == {"KEBA1"}
    assert [evse.station_id for evse in rules.location.evses] == ["KEBA1"]
    behind, sun, feeder = rules.meters.values()
    assert (behind.role, behind.behind, behind.counts_energy) == (MeterRole.EVSE, EvseRef("KEBA1", 1), True)
    assert (sun.role, sun.counts_energy, sun.is_compared) == (MeterRole.PV, False, True)
    assert (feeder.role, feeder.is_compared) == (MeterRole.FEEDER, False)
    assert feeder.fresh_for[Measurand.POWER] == timedelta(seconds=21)
    assert feeder.fresh_for[Measurand.ENERGY_REGISTER] == timedelta(seconds=50)


@pytest.mark.parametrize(
    ("added", "problem"),
    [
        (METER, ":20: modbus[2]: siemens_pac2200 is a meter: say its role: feeder, evse, pv, battery, load"),
        (METER + 'role = "gird"\n', ":24: modbus[2].role: Input should be 'feeder', 'evse', 'pv', 'battery' or 'load'"),
        (METER + 'role = "evse"\n', ":20: modbus[2]: role evse: name the EVSE in behind_station and behind_evse"),
        (METER + BEHIND.replace("= 1", "= 2"), ":25: modbus[2].behind_station: station 'KEBA1' has no EVSE 2"),
        (
            METER + BEHIND + METER.replace("M1", "M2").replace("0.6", "0.7") + BEHIND,
            ":33: modbus[3].behind_station: meter 'M1' is behind that EVSE already",
        ),
        (
            METER + 'role = "feeder"\n' + METER.replace("M1", "M2").replace("0.6", "0.7") + 'role = "feeder"\n',
            ":30: modbus[3].role: 'M1' is the feeder already; a site has one",
        ),
        (
            METER + BEHIND.replace('"evse"', '"pv"'),
            ":20: modbus[2]: behind_station and behind_evse go with role evse, not with pv",
        ),
        (
            METER + 'role = "load"\n[[modbus.evses]]\nid = 1\nlabel = "X"\n',
            ":20: modbus[2]: siemens_pac2200 is a meter and has no EVSEs",
        ),
    ],
)
def test_what_is_wrong_with_a_meter_is_named_at_its_line(tmp_path: Path, added: str, problem: str) -> None:
    found = problems(tmp_path, SITE + added)
    assert len(found) == 1
    assert found[0].startswith(problem), found


def test_a_charger_has_evses_and_no_role(tmp_path: Path) -> None:
    bare = SITE[: SITE.index("[[modbus.evses]]")]
    assert problems(tmp_path, bare) == [":12: modbus[1]: keba_p30_p40 is a charger: name its EVSEs in [[modbus.evses]]"]
    with_role = SITE.replace('"keba_p30_p40"\n', '"keba_p30_p40"\nrole = "load"\n')
    assert problems(tmp_path, with_role) == [
        ":12: modbus[1]: keba_p30_p40 is a charger: role and behind_… are for meters and inverters"
    ]


# --- lines that several devices share ---


def serial(device_id: str, address: str, more: str = "", profile: str = "heidelberg_energy_control") -> str:
    return f'''
[[modbus]]
id = "{device_id}"
address = "{address}"
profile = "{profile}"
{more}
[[modbus.evses]]
id = 1
label = "{device_id}"
'''


LINE = "rtu:///dev/ttyUSB0?baud=19200&parity=E&stop=1"


def test_several_devices_on_one_line_have_a_unit_each(tmp_path: Path) -> None:
    text = SITE + serial("H1", LINE, "unit = 1") + serial("H2", LINE, "unit = 2") + serial("H3", LINE, "unit = 247")
    assert [device.unit for device in loaded(tmp_path, text).modbus] == [None, 1, 2, 247]


@pytest.mark.parametrize(
    ("added", "problem"),
    [
        (
            serial("H1", LINE) + serial("H2", LINE, "unit = 1"),
            "modbus[3].address: unit 1 at /dev/ttyUSB0 is H1 already: give H2 another one",
        ),
        (
            serial("H1", LINE) + serial("H2", LINE.replace("19200", "9600"), "unit = 2"),
            "modbus[3].address: /dev/ttyUSB0 is spoken on in one way: 19200 8E1 for H1, so not 9600 8E1 for H2",
        ),
        (
            serial("H1", LINE) + serial("H2", LINE.replace("parity=E", "parity=N"), "unit = 2"),
            "modbus[3].address: /dev/ttyUSB0 is spoken on in one way: 19200 8E1 for H1, so not 19200 8N1 for H2",
        ),
        (
            serial("H1", LINE, "unit = 0"),
            "modbus[2].address: unit 0 answers on no serial line: units there are 1 to 247",
        ),
        (serial("H1", LINE, "unit = 248"), "modbus[2].address: unit 248 answers on no serial line"),
        (
            serial("H1", "rtu:///dev/ttyUSB0?baud=fast"),
            "modbus[2].address: 'rtu:///dev/ttyUSB0?baud=fast': baud, bits and stop are numbers",
        ),
        (
            serial("H1", "rtu:///dev/ttyUSB0?parity=even"),
            "modbus[2].address: 'rtu:///dev/ttyUSB0?parity=even': baud 300 to 4000000, bits 7",
        ),
        (
            serial("H1", "rtu:///dev/ttyUSB0?speed=9600"),
            "modbus[2].address: 'rtu:///dev/ttyUSB0?speed=9600': speed",
        ),
        (
            serial("H1", "rtu:///dev/ttyUSB0"),
            "modbus[2]: heidelberg_energy_control speaks 19200 8E1 unless it was set otherwise: "
            "say what this one speaks, such as rtu:///dev/ttyUSB0?baud=19200&bits=8&parity=E&stop=1",
        ),
        (
            serial("T1", "tcp://10.0.0.9:502", profile="abb_terra_ac")
            + serial("T2", "rtu+tcp://10.0.0.9:502", "unit = 2", profile="abb_terra_ac"),
            "modbus[3].address: 10.0.0.9:502 is spoken on in one way: tcp for T1, so not rtu+tcp for T2",
        ),
    ],
)
def test_what_cannot_be_on_one_line_is_said_in_a_sentence(tmp_path: Path, added: str, problem: str) -> None:
    found = problems(tmp_path, SITE + added)
    assert len(found) == 1, found
    assert problem in found[0], found


def test_what_sleeps_is_an_inverter_unless_it_is_said(tmp_path: Path) -> None:
    roof = '[[modbus]]\nid = "ROOF"\naddress = "tcp://10.0.0.7"\nprofile = "sunspec_inverter"\nrole = "pv"\n'
    rules = rules_of(loaded(tmp_path, SITE + roof + METER + 'role = "feeder"\n'))
    assert [meter.may_sleep for meter in rules.meters.values()] == [True, False]
    awake = rules_of(loaded(tmp_path, SITE + roof + "may_sleep = false\n"))
    assert [meter.may_sleep for meter in awake.meters.values()] == [False]
    charger = SITE.replace('"keba_p30_p40"\n', '"keba_p30_p40"\nmay_sleep = true\n')
    assert problems(tmp_path, charger) == [
        ":12: modbus[1]: keba_p30_p40 is a charger: may_sleep is for meters and inverters"
    ]
