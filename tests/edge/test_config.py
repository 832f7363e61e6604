"""The configuration file: every problem at once, each with its line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from edge.config import BadConfig, load
from edge.domain.rules import Admission
from edge.domain.telemetry import default_rules, rule
from edge.site_rules import rules_of
from protocols.ocpi.tariff import ReservationRestrictionType
from protocols.ocpp.quirks.catalogue import all_quirks
from protocols.ocpp.version import Version
from protocols.terms import Measurand

GOOD = """\
edge_id = "edge-1"
data_dir = "data"
currency = "EUR"
default_tariff = "standard"

[location]
id = "L"
name = "Site"
time_zone = "Europe/Berlin"

[[tariffs]]
id = "standard"
last_updated = 2026-01-01T00:00:00Z
[[tariffs.elements]]
price_components = [{ type = "ENERGY", price = 0.1, vat = 19 }]

[[stations]]
id = "A"
password_hash = "blake2b$00000000000000000000000000000000$HASH"
[[stations.evses]]
id = 1
label = "A1"
[[stations.evses]]
id = 2
label = "A2"
""".replace("HASH", "0" * 64)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "edge.toml"
    path.write_text(text)
    return path


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(BadConfig) as raised:
        load(written(tmp_path, text))
    return [str(problem).removeprefix(f"{tmp_path / 'edge.toml'}") for problem in raised.value.problems]


def test_a_good_file(tmp_path: Path) -> None:
    config = load(written(tmp_path, GOOD))
    assert config.data_dir == tmp_path / "data"
    assert config.uplink is None
    rules = rules_of(config)
    assert [evse.label for evse in rules.location.evses] == ["A1", "A2"]
    price = rules.tariffs["standard"].elements[0].price_components[0].price
    assert price == Decimal("0.1")  # not 0.1000000000000000055


def test_every_problem_is_named_with_its_line(tmp_path: Path) -> None:
    text = (
        GOOD.replace('edge_id = "edge-1"', 'edge_id = "edge/1"')
        .replace("Europe/Berlin", "Mars/North")
        .replace('default_tariff = "standard"', 'default_tariff = "other"')
        .replace('label = "A2"', 'labl = "A2"')
        .replace("id = 2", "id = 1")
        .replace("price = 0.1", 'price = "cheap"')
    )
    found = problems(tmp_path, text + "\n[ocpp]\nport = 99999\n")
    joined = "\n".join(found)
    for expected in (
        ":1: edge_id: edge_id 'edge/1' does not fit a topic",
        ":4: default_tariff: there is no tariff 'other'; the tariffs are ['standard']",
        ":9: location.time_zone: there is no time zone 'Mars/North'",
        ":15: tariffs[1].elements[1].price_components[1].price",
        "stations[1].evses[2].label: Field required",
        "stations[1].evses[2].labl: Extra inputs are not permitted",
        "EVSE 1 of station 'A' stands here a second time",
        "ocpp.port: Input should be less than or equal to 65535",
    ):
        assert expected in joined
    assert len(found) == 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("edge_id = ", "is not TOML"),
        (GOOD + GOOD.split("\n\n")[-1], "station 'A' stands here a second time"),
        (GOOD.replace("vat = 19", "vat = 19.123"), "decimal"),
        (GOOD.replace("price = 0.1,", "price = -0.1,"), "greater than or equal to 0"),
        (GOOD.replace("price = 0.1,", "price = nan,"), "finite"),
        (GOOD.replace("blake2b", "md5"), "password_hash"),
        (GOOD.replace("password_hash", "# password_hash"), "password_hash: Field required"),
        (GOOD.replace('id = "A"\n', 'id = "A"\nsecurity_profile = 2\n'), "trusted_proxies"),
        (
            GOOD.replace('id = "A"\n', 'id = "A"\nsecurity_profile = 3\n') + '\n[ocpp]\ntrusted_proxies = ["::1"]\n',
            "set proxy_tls",
        ),
        (GOOD + '\n[certificates]\nca_file = "x.pem"\n', "ca_file and ca_key_file go together"),
        (GOOD + '\n[iso15118]\nv2g_ca_file = "x.pem"\n', "v2g_ca_file and v2g_ca_key_file go together"),
        (GOOD.replace("price_components", 'restrictions = { start_time = "8:00" }\nprice_components'), "13:30"),
        ('timeline = "soon"\n' + GOOD, "expected ORIGIN@ANCHORxSPEED"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in "\n".join(problems(tmp_path, text))


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="cannot be read: No such file"):
        load(tmp_path / "none.toml")


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OHMSTEAD_EDGE_OCPP__PORT", "9123")
    monkeypatch.setenv("OHMSTEAD_TIMELINE", "2026-03-02T06:00:00Z@1772000000.0x60")
    config = load(written(tmp_path, GOOD))
    assert config.ocpp.port == 9123
    assert config.timeline == "2026-03-02T06:00:00Z@1772000000.0x60"


def test_the_telemetry_filter_as_set(tmp_path: Path) -> None:
    usual = rules_of(load(written(tmp_path, GOOD))).telemetry
    assert (usual.is_enabled, usual.by_measurand) == (True, default_rules())
    text = GOOD + "[telemetry]\nenabled = false\npower = { deadband = 50, max_s = 60 }\nvoltage = { percent = 0 }\n"
    telemetry = rules_of(load(written(tmp_path, text))).telemetry
    assert not telemetry.is_enabled
    assert telemetry.by_measurand[Measurand.POWER] == rule(50, 2, 10, 60)
    assert telemetry.by_measurand[Measurand.VOLTAGE] == rule(2_000, 0, 10, 300)
    assert telemetry.by_measurand[Measurand.CURRENT] == default_rules()[Measurand.CURRENT]
    assert problems(tmp_path, GOOD + "[telemetry.power]\ndeadband = 0\n") == [
        ":27: telemetry.power.deadband: Input should be greater than or equal to 1"
    ]


def test_what_a_reservation_costs(tmp_path: Path) -> None:
    element = """[[tariffs.elements]]
price_components = [{ type = "TIME", price = 2, step_size = 600 }]
restrictions = { reservation = "RESERVATION" }
"""
    text = GOOD.replace("[[tariffs.elements]]", element + "[[tariffs.elements]]")
    first, second = rules_of(load(written(tmp_path, text))).tariffs["standard"].elements
    assert first.restrictions is not None
    assert first.restrictions.reservation is ReservationRestrictionType.RESERVATION
    assert second.restrictions is None
    wrong = text.replace('type = "TIME"', 'type = "ENERGY"')
    assert any("a reservation is priced by FLAT and TIME only" in problem for problem in problems(tmp_path, wrong))


def test_who_is_let_in_and_whose_list_is_kept(tmp_path: Path) -> None:
    text = '[local_lists]\nenabled = true\n[[stations]]\nid = "B"\nboot = "pending"\nlocal_list = false\n'
    text += 'password_hash = "blake2b$' + "0" * 32 + "$" + "0" * 64 + '"\nevses = [{ id = 1, label = "B1" }]\n'
    rules = rules_of(load(written(tmp_path, GOOD + text)))
    assert (rules.stations["A"].boot, rules.stations["B"].boot) == (Admission.ACCEPT, Admission.PENDING)
    assert (rules.stations["A"].keeps_local_list, rules.stations["B"].keeps_local_list) == (True, False)
    assert rules.keeps_lists
    assert not rules_of(load(written(tmp_path, GOOD))).keeps_lists


def test_models_that_take_harm_from_a_trigger_are_known_by_their_quirk_files(tmp_path: Path) -> None:
    may_trigger = rules_of(load(written(tmp_path, GOOD))).may_trigger
    harmed = [quirks for quirks in all_quirks() if quirks.questions.is_trigger_harmful]
    assert harmed
    for quirks in harmed:
        sign = quirks.signs[0]
        told = [text.replace("*", "x") for text in (sign.vendor, sign.model, sign.firmware)]
        assert not may_trigger(*told)
    assert may_trigger("Somebody", "Something", None)


def test_a_station_may_have_a_version_and_pings_of_its_own(tmp_path: Path) -> None:
    text = GOOD.replace('id = "A"\n', 'id = "A"\ndefault_version = "1.6"\npings = false\n')
    (station,) = load(written(tmp_path, text)).stations
    assert (station.default_version, station.pings) == (Version.V16, False)
    (problem,) = problems(tmp_path, text.replace('"1.6"', '"1.5"'))
    assert "stations[1].default_version" in problem
