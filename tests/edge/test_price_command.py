"""`ohmstead-edge price`: the examples of its document, and what it says of files that are wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge.main import app

DOCUMENT = Path(__file__).parents[2] / "docs" / "pricing.md"
EXAMPLES = DOCUMENT.parent / "examples" / "pricing"
SHOWN = re.findall(
    r"```console\n\$ ohmstead-edge (price [^\n]+)\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL
)


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize(("command", "expected"), SHOWN, ids=[command for command, _ in SHOWN])
def test_the_examples_of_the_document(command: str, expected: str) -> None:
    words = [str(EXAMPLES / word) if word.endswith((".toml", ".json")) else word for word in command.split()]
    assert run(*words) == (0, expected, "")


def test_every_example_is_shown() -> None:
    used = {word for command, _ in SHOWN for word in command.split() if word.endswith((".toml", ".json"))}
    assert len(SHOWN) >= 5
    assert used == {path.name for path in EXAMPLES.iterdir()}


def test_it_needs_no_settings_and_no_agent(tmp_path: Path) -> None:
    words = ["price", "--tariff", str(EXAMPLES / "energy.json"), "--session", str(EXAMPLES / "fifty.json")]
    done = subprocess.run(
        [sys.executable, "-m", "edge.main", *words], cwd=tmp_path, env={}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "after taxes: 11.00 EUR" in done.stdout


TARIFF: dict[str, Any] = {"elements": [{"price_components": [{"type": "ENERGY", "price": 0.25, "vat": 10}]}]}
SESSION: dict[str, Any] = {"periods": [{"duration_s": 3600, "energy_kwh": 20}]}
DAY = {"elements": [{**TARIFF["elements"][0], "restrictions": {"start_time": "08:00"}}]}
AMPERE = {"elements": [{**TARIFF["elements"][0], "restrictions": {"min_current": 16}}]}


def component(**changes: Any) -> dict[str, Any]:
    return {"elements": [{"price_components": [TARIFF["elements"][0]["price_components"][0] | changes]}]}


def restricted(**told: Any) -> dict[str, Any]:
    return {"elements": [TARIFF["elements"][0] | {"restrictions": told}]}


def sheet(**changes: Any) -> dict[str, Any]:
    fees = {"peak": {"electricity": 1, "service": 1}}
    return {"time_of_use": {"id": "s", "fees": fees, "seasons": [{"half_hours": "p" * 48}]} | changes}


def periods(*told: Any, **more: Any) -> dict[str, Any]:
    return {"periods": list(told), **more}


def ocpi_session(*dimensions: Any) -> dict[str, Any]:
    return {"charging_periods": [{"start_date_time": "2026-03-02T15:00:00Z", "dimensions": list(dimensions)}]}


def written(tmp_path: Path, tariff: Any, session: Any) -> tuple[str, str]:
    paths = (tmp_path / "tariff.json", tmp_path / "session.json")
    for path, told in zip(paths, (tariff, session), strict=True):
        path.write_text(told if isinstance(told, str) else json.dumps(told))
    return str(paths[0]), str(paths[1])


def priced(tmp_path: Path, tariff: Any, session: Any) -> tuple[int, str, str]:
    first, second = written(tmp_path, tariff, session)
    return run("price", "--tariff", first, "--session", second, "--json")


@pytest.mark.parametrize(
    ("tariff", "expected"),
    [
        ("{", "line 1 is not JSON"),
        ("[]", "has 0 tariffs; choose one with --id"),
        ([TARIFF, TARIFF], "has 2 tariffs; choose one with --id"),
        ({"elements": []}, "there is no element"),
        ({"elements": 5}, "elements is no list"),
        ({"elements": [5]}, "element 1 is no table of fields"),
        (TARIFF | {"elemnts": []}, "has 'elemnts', which is not known"),
        (TARIFF | {"currency": "euro"}, "currency 'euro' is no ISO 4217 code"),
        (TARIFF | {"last_updated": "soon"}, "last_updated 'soon' is no time"),
        (TARIFF | {"tax_included": "MAYBE"}, "tax_included 'MAYBE' is none of YES, NO, N/A"),
        (TARIFF | {"tax_included": "N/A"}, "element 1, component 1: price: vat 10, and tax_included says"),
        (TARIFF | {"min_price": {"before_taxes": 5}, "max_price": {"before_taxes": 4}}, "is above max_price"),
        (TARIFF | {"max_price": {"before_taxes": 5, "after_taxes": 4}}, "is less than 5 before them"),
        (TARIFF | {"max_price": {"after_taxes": 4}}, "max_price: before_taxes is missing"),
        (TARIFF | {"idle": {"grace_s": -5}}, "idle: grace_s -5 is not between"),
        (component(type="POWER"), "element 1, component 1: type 'POWER' is none of ENERGY, FLAT"),
        (component(price="cheap"), "element 1, component 1: price 'cheap' is no number"),
        (component(price=True), "element 1, component 1: price True is no number"),
        (component(price=-1), "element 1, component 1: price -1 is not between"),
        (component(price=0.123456), "element 1, component 1: price 0.123456 has more than 5 decimals"),
        (component(price="1e999999999"), "element 1, component 1: price '1e999999999' is no number"),
        (component(price="1e-999999"), "element 1, component 1: price '1e-999999' is no number"),
        (component(price="1_000"), "element 1, component 1: price '1_000' is no number"),
        (component(price="0,25"), "price '0,25' is no number; decimals follow a point"),
        (component(step_size="9" * 5000), "is no number"),
        (sheet(holidays={"dates": ["9999-12-31"], "half_hours": "p" * 48}), "holidays: '9999-12-31' is no date"),
        (sheet(seasons=[{"half_hours": "p" * 48, "day_of_week": 5}]), "season 1: day_of_week is no list"),
        (sheet(fees={"peak": {"electricity": "1e9999", "service": 1}}), "electricity '1e9999' is no number"),
        (component(price="NaN"), "element 1, component 1: price 'NaN' is no number"),
        (component(step_size=1.5), "element 1, component 1: step_size 1.5 is no whole number"),
        (component(step_size=-1), "element 1, component 1: step_size -1 is not between"),
        (component(vat=101), "element 1, component 1: price: vat 101 is not between 0 and 100"),
        (component(fees=[{"label": "a", "price": 1}]), "element 1, component 1: the fees do not sum up"),
        (restricted(min_kWh=5), "element 1, restrictions has 'min_kWh', which is not known"),
        (restricted(start_time="8:00"), "element 1, restrictions: start_time '8:00' is no time of day"),
        (restricted(end_time="24:00"), "the end of the day is 00:00"),
        (restricted(start_date="2026-02-30"), "start_date '2026-02-30' is no date"),
        (restricted(min_kwh=5, max_kwh=5), "min_kwh 5 is not below max_kwh 5"),
        (restricted(max_duration=0), "max_duration 0 is exclusive: it never matches"),
        (restricted(day_of_week=["MON"]), "day_of_week 'MON' is none of MONDAY"),
        (restricted(reservation="RESERVATION"), "component 1: a reservation is priced by FLAT and TIME only"),
    ],
)
def test_a_bad_tariff_is_told_with_its_place(tmp_path: Path, tariff: Any, expected: str) -> None:
    code, out, problems = priced(tmp_path, tariff, SESSION)
    assert (code, out) == (2, "")
    assert expected in problems
    assert all(line.startswith(str(tmp_path / "tariff.json")) for line in problems.splitlines())


@pytest.mark.parametrize(
    ("tariff", "session", "expected"),
    [
        (TARIFF, "[", "is not JSON"),
        (TARIFF, [], "the session is no table of fields"),
        (TARIFF, {}, "periods: a list of 1 to 100000 periods is needed"),
        (TARIFF, periods(5), "period 1 is no table of fields"),
        (TARIFF, SESSION | {"zone": "x"}, "the session has 'zone', which is not known"),
        (TARIFF, SESSION | {"time_zone": "Mars/North"}, "time_zone 'Mars/North' is no IANA name"),
        (TARIFF, SESSION | {"start": "noon"}, "start 'noon' is no time"),
        (TARIFF, SESSION | {"start": "9999-12-31T23:59:59-12:00"}, "is not between the years 1970 and 2200"),
        (TARIFF, SESSION | {"start": "0001-01-01T00:00:00", "time_zone": "Asia/Tokyo"}, "is not between the years"),
        (
            TARIFF,
            periods({"duration_s": 9_999_999, "start": "2200-12-01T00:00:00Z"}, {"duration_s": 1}),
            "period 1: ends after the year 2200",
        ),
        (TARIFF, periods({"duration_s": 1, "energy_kwh": "1e-999999"}), "energy_kwh '1e-999999' is no number"),
        (TARIFF, {"charging_periods": []}, "charging_periods is no list of periods"),
        (TARIFF, ocpi_session({"type": "ENERGY", "volume": "NaN"}), "period 1: the volume of ENERGY is no number"),
        (TARIFF, ocpi_session({"type": "TIME", "volume": "Infinity"}), "period 1: the volume of TIME is no number"),
        (TARIFF, ocpi_session({"type": "TIME", "volume": "1e99999999"}), "period 1: the volume of TIME is no number"),
        (
            TARIFF,
            SESSION | {"start": "2026-03-29T02:30:00", "time_zone": "Europe/Berlin"},
            "does not exist in Europe/Berlin",
        ),
        (TARIFF, periods({}), "period 1: one of duration_s and duration_min is needed"),
        (TARIFF, periods({"duration_s": 1, "duration_min": 1}), "period 1: one of duration_s and duration_min"),
        (TARIFF, periods({"duration_s": -1}), "period 1: duration_s -1 is not between"),
        (TARIFF, periods({"duration_s": 1, "energy_kwh": "much"}), "period 1: energy_kwh 'much' is no number"),
        (TARIFF, periods({"duration_s": 1, "type": "idle"}), "period 1: type 'idle' is none of charging"),
        (TARIFF, periods({"duration_s": 1, "type": "reservation", "energy_kwh": 1}), "what is reserved draws nothing"),
        (
            TARIFF,
            periods({"duration_s": 1}, {"duration_s": 1, "type": "reservation"}),
            "a reservation comes before the session",
        ),
        (TARIFF, SESSION | {"reservation_expired": True}, "reservation_expired: the reservation was used"),
        (TARIFF, SESSION | {"reservation_expired": "yes"}, "reservation_expired 'yes' is neither true nor false"),
        (
            TARIFF,
            periods({"duration_s": 60, "start": "2026-01-01T00:00Z"}, {"duration_s": 1, "start": "2026-01-01T00:02Z"}),
            "period 2: starts at 2026-01-01T00:02:00+00:00, after the end of the one before at 2026-01-01T00:01:00",
        ),
        (DAY, SESSION, "period 1: start is missing, and the tariff depends on the time of day"),
        (AMPERE, SESSION, "period 1: current_a is missing, and the tariff depends on it"),
    ],
)
def test_a_bad_session_is_told_with_its_place(tmp_path: Path, tariff: Any, session: Any, expected: str) -> None:
    code, out, problems = priced(tmp_path, tariff, session)
    assert (code, out) == (2, "")
    assert expected in problems
    assert all(line.startswith(str(tmp_path / "session.json")) for line in problems.splitlines())


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    code, _, problems = priced(tmp_path, component(price=-1, vat=200, step_size=-3), SESSION)
    assert (code, len(problems.splitlines())) == (2, 3)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    code, _, problems = run("price", "--tariff", str(tmp_path / "no.toml"), "--session", str(tmp_path / "no.toml"))
    assert (code, problems) == (2, f"{tmp_path / 'no.toml'}: cannot be read: No such file or directory\n")


def total(tmp_path: Path, tariff: Any, session: Any) -> dict[str, str]:
    code, out, problems = priced(tmp_path, tariff, session)
    assert (code, problems) == (0, "")
    told: dict[str, str] = json.loads(out)["total"]
    return told


def test_an_answer_of_ocpi_and_numbers_as_text(tmp_path: Path) -> None:
    answer = {"data": [TARIFF | {"id": "a", "party_id": "ALL"}], "status_code": 1000}
    session = periods({"duration_s": "3600", "energy_kwh": "20.00"})
    assert total(tmp_path, answer, session) == {"before_taxes": "5.00", "taxes": "0.50", "after_taxes": "5.50"}


def test_a_session_in_the_words_of_ocpi(tmp_path: Path) -> None:
    """A Monday in Berlin: the second hour is after 17:00 there."""
    tariff = {
        "elements": [
            {"price_components": [{"type": "ENERGY", "price": 0.2}], "restrictions": {"end_time": "17:00"}},
            {"price_components": [{"type": "ENERGY", "price": 0.5}, {"type": "PARKING_TIME", "price": 6}]},
        ]
    }
    cdr = {
        "id": "1",
        "time_zone": "Europe/Berlin",
        "start_date_time": "2026-03-02T15:00:00Z",
        "end_date_time": "2026-03-02T17:30:00Z",
        "charging_periods": [
            {
                "start_date_time": "2026-03-02T15:00:00Z",
                "dimensions": [{"type": "ENERGY", "volume": 20}, {"type": "TIME", "volume": 2}],
            },
            {"start_date_time": "2026-03-02T17:00:00", "dimensions": [{"type": "PARKING_TIME", "volume": 0.5}]},
        ],
    }
    assert total(tmp_path, tariff, cdr)["before_taxes"] == "10.00"
    assert total(tmp_path, tariff, cdr | {"end_date_time": None})["before_taxes"] == "10.00"
    both = [{"start_date_time": "2026-03-02T15:00:00Z", "dimensions": [{"type": "FLAT"}]}]
    assert "the volume of FLAT is no number" in priced(tmp_path, tariff, cdr | {"charging_periods": both})[2]


def test_periods_of_ocpi_may_begin_within_a_second(tmp_path: Path) -> None:
    cdr = {
        "end_date_time": "2026-03-02T15:00:21.250Z",
        "charging_periods": [
            {"start_date_time": f"2026-03-02T15:00:{at}Z", "dimensions": [{"type": "TIME", "volume": 0.003}]}
            for at in ("00.500", "10.250")
        ],
    }
    tariff = component(type="TIME", price=3600, vat=None, step_size=0)
    assert total(tmp_path, tariff, cdr)["before_taxes"] == "20.75"


def test_taxes_in_the_words_of_ocpi_2_3(tmp_path: Path) -> None:
    tariff = component(vat=None, taxes=[{"name": "GST", "percentage": 5}, {"name": "PST", "percentage": "7.5"}])
    assert total(tmp_path, tariff, SESSION)["after_taxes"] == "5.63"
    included = total(tmp_path, tariff | {"tax_included": "YES"}, SESSION)
    assert included == {"before_taxes": "4.44", "taxes": "0.56", "after_taxes": "5.00"}


def test_parts_of_a_watt_hour_and_of_a_period_are_exact(tmp_path: Path) -> None:
    halves = {
        "elements": [
            {
                "price_components": [{"type": "ENERGY", "price": 0.3, "step_size": 0}],
                "restrictions": {"max_duration": 60},
            },
            {"price_components": [{"type": "ENERGY", "price": 0.6, "step_size": 0}]},
        ]
    }
    _, out, _ = priced(tmp_path, halves, periods({"duration_s": 180, "energy_kwh": 10}))
    assert [line["quantity"] for line in json.loads(out)["lines"]] == ["10000/3", "20000/3"]
    _, out, _ = priced(tmp_path, component(step_size=0), periods({"duration_s": 1, "energy_kwh": "0.1152"}))
    assert [(line["quantity"], line["unrounded"]) for line in json.loads(out)["lines"]] == [("576/5", "0.0288")]
