from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim import scenario as scenarios
from firmware_sim.faults import Fault, FaultKind, actions
from firmware_sim.plan import ends_s
from firmware_sim.settings import OcppVersion
from protocols.errors import BadText

SMALL = """
duration_s = 600
[[stations]]
id = "A"
ocpp = "1.6"
[[stations.evses]]
max_power_w = 11_000
[[vehicles]]
name = "car"
battery_wh = 50_000
"""


def test_the_demo_day_is_what_the_demo_needs() -> None:
    day = scenarios.load("day")
    assert [each.station_id for each in day.stations] == [f"CP0{number}" for number in range(1, 9)]
    assert sum(len(each.evses) for each in day.stations) == 12
    assert {each.ocpp for each in day.stations} == {OcppVersion.V16, OcppVersion.V201}
    assert all(each.password for each in day.stations)
    assert 35 <= len(day.sessions) <= 45
    assert day.duration_s == 36_000
    assert {each.kind for each in day.faults} == {FaultKind.POWER_FAILURE, FaultKind.LINK_LOSS}
    assert day.start is not None
    assert day.start.isoformat() == "2026-03-02T07:00:00+00:00"


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000))
def test_the_same_seed_gives_the_same_plan_and_nobody_collides(seed: int) -> None:
    day = scenarios.load("day", seed=seed)
    assert day == scenarios.load("day", seed=seed)
    specs = {(station.station_id, evse.evse_id): evse for station in day.stations for evse in station.evses}
    for key in ("place", "id_token"):
        ends: dict[object, int] = {}
        for session in day.sessions:
            place = (session.station_id, session.evse_id)
            what: object = place if key == "place" else session.id_token
            assert ends.get(what, 0) <= session.at_s
            ends[what] = ends_s(session, specs[place])


def test_every_packaged_scenario_loads_and_says_what_it_is() -> None:
    for name in scenarios.packaged():
        assert scenarios.load(name).description


def test_every_problem_is_told_at_once() -> None:
    bad = """
duration_s = 0
speling = 1
[[stations]]
ocpp = "1.5"
[[stations.evses]]
max_power_w = "much"
phases = 2
[[vehicles]]
name = "car"
[[sessions]]
station = "A"
vehicle = "bike"
at_s = -1
[[faults]]
kind = "earthquake"
"""
    with pytest.raises(BadText) as told:
        scenarios.parse(bad, "bad")
    for part in (
        "duration_s: should be at least 1",
        "speling: is not known here",
        "stations[0].ocpp: should be one of 1.6, 2.0.1, 2.1, is '1.5'",
        "stations[0].id: is missing",
        "stations[0].evses[0].max_power_w: should be int, is str",
        "stations[0].evses[0].phases: should be one of 0, 1, 3, is 2",
        "vehicles[0].battery_wh: is missing",
        "sessions[0].vehicle: should be one of car, is 'bike'",
        "sessions[0].at_s: should be at least 0",
        "sessions[0].id_token: is missing",
        "faults[0].kind: should be one of",
    ):
        assert f"bad: {part}" in str(told.value)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('[[stations]]\nid = "A"\nocpp = "1.6"\n[[stations.evses]]\nmax_power_w = 1', "'A' is there twice"),
        ('[[faults]]\nkind = "link_loss"\nstation = "B"\nat_s = 1\nfor_s = 1', "there is no station 'B'"),
        (
            '[[faults]]\nkind = "connector_fault"\nstation = "A"\nevse = 2\nat_s = 1\nfor_s = 1',
            "there is no EVSE A*2",
        ),
        (
            '[[sessions]]\nstation = "A"\nevse = 3\nat_s = 1\nid_token = "x"\nvehicle = "car"\nsoc_percent = 1',
            "there is no EVSE A*3",
        ),
        ('start = "08:00"', "start: should be datetime"),
        ("[traffic]\nsessions = 1", "traffic.id_tokens: is missing"),
    ],
)
def test_contradictions(more: str, problem: str) -> None:
    text = more + SMALL if more.startswith("start") else SMALL + more
    with pytest.raises(BadText, match=problem.replace("*", r"\*")):
        scenarios.parse(text, "bad")


def test_not_even_toml() -> None:
    with pytest.raises(BadText, match="not TOML"):
        scenarios.parse("[[", "bad")


def test_a_start_needs_a_zone() -> None:
    with pytest.raises(BadText, match="time zone"):
        scenarios.parse("start = 2026-03-02T08:00:00" + SMALL, "bad")


def test_no_such_scenario() -> None:
    with pytest.raises(BadText, match=r"neither a file .* nor one of day, one"):
        scenarios.load("/nowhere.toml")


def test_some_of_the_stations() -> None:
    part = scenarios.load("day").only(frozenset({"CP02"}))
    assert {each.station_id for each in part.sessions} == {"CP02"}
    assert [each.kind for each in part.faults] == [FaultKind.POWER_FAILURE]
    with pytest.raises(BadText, match="has no station CP99"):
        part.only(frozenset({"CP99"}))


def test_passwords_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text('CP01 = "from toml"\n')
    assert scenarios.read_passwords(file) == {"CP01": "from toml"}
    file.write_text("# id password\nCP01 from a line\n\nCP02 x\n")
    passwords = scenarios.read_passwords(file)
    assert passwords == {"CP01": "from a line", "CP02": "x"}
    day = scenarios.load("day").with_passwords(passwords)
    assert [each.password for each in day.stations[:3]] == ["from a line", "x", "demo-CP03-password"]


@pytest.mark.parametrize("text", ["CP01\n", "CP01 = 7\n"])
def test_bad_passwords(tmp_path: Path, text: str) -> None:
    (tmp_path / "passwords").write_text(text)
    with pytest.raises(BadText):
        scenarios.read_passwords(tmp_path / "passwords")


def test_password_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    text = SMALL.replace('ocpp = "1.6"', 'ocpp = "1.6"\npassword_env = "CP_PASSWORD"')
    with pytest.raises(BadText, match="the environment has no CP_PASSWORD"):
        scenarios.parse(text, "small")
    monkeypatch.setenv("CP_PASSWORD", "hidden")
    assert scenarios.parse(text, "small").stations[0].password == "hidden"


def test_faults_become_actions_in_order() -> None:
    faults = (
        Fault(kind=FaultKind.LINK_LOSS, station_id="B", at_s=50, for_s=10),
        Fault(kind=FaultKind.CONNECTOR_FAULT, station_id="A", at_s=10, for_s=100, evse_id=1),
    )
    assert [(each.at_s, each.action.value) for each in actions(faults)] == [
        (10, "fault"),
        (50, "link_cut"),
        (60, "link_up"),
        (110, "clear_fault"),
    ]
