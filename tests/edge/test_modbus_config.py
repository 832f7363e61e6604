"""Chargers without OCPP in the configuration file: what is wrong is named at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config import BadConfig, EdgeConfig, load

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
        (("tcp://10.0.0.5", "10.0.0.5"), ":14: modbus[1].address: String should match pattern"),
        (("tcp://10.0.0.5", "rtu:///dev/ttyS0"), ":12: modbus[1]: keba_p30_p40 is reached by tcp, not by rtu://"),
        (("keba_p30_p40", "kebab"), ":15: modbus[1].profile: there is no profile 'kebab'"),
        (("keba_p30_p40", "abb_b23"), ":15: modbus[1].profile: abb_b23 is a meter; only chargers stand here"),
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
        ":21: modbus[2].address: two devices are at tcp://10.0.0.5 unit of the profile keba_p30_p40",
    ]
    station = '[[stations]]\nid = "KEBA1"\n[[stations.evses]]\nid = 1\nlabel = "S"\n'
    taken = problems(tmp_path, SITE + station)
    assert ":13: modbus[1].id: station 'KEBA1' stands here a second time" in taken
