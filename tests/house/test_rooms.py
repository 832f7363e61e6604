"""Rules about the code that no linter knows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generate import documents

ROOT = Path(__file__).parents[2]
ROOMS = ("edge", "cloud", "protocols", "ui", "firmware-sim", "deploy")
SOURCES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]

FOREIGN = {
    "edge.main": {"fastapi", "sqlalchemy", "alembic", "asyncpg", "textual", "uvicorn", "cloud", "ui", "firmware_sim"},
    "cloud.main": {"ocpp", "pymodbus", "textual", "edge", "ui", "firmware_sim"},
    "ui.main": {"fastapi", "sqlalchemy", "ocpp", "pymodbus", "aiomqtt", "edge", "cloud", "firmware_sim"},
    "firmware_sim.main": {"fastapi", "sqlalchemy", "textual", "aiomqtt", "edge", "cloud", "ui"},
}


@pytest.mark.parametrize("entry", FOREIGN)
def test_an_entry_point_loads_nothing_of_another_room(entry: str) -> None:
    code = f"import {entry}, sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not loaded & FOREIGN[entry]


def test_a_command_that_asks_the_agent_loads_no_agent() -> None:
    """It took two seconds of CPU before it asked."""
    heavy = {
        *("edge.agent", "edge.compose", "edge.domain.site", "edge.chargers.fleet", "edge.ledger.ledger"),
        *("aiohttp", "aiomqtt", "cryptography", "picows", "pymodbus", "protocols.sync.codec", "protocols.sync.upkeep"),
        *("structlog", "segno", "reportlab", "edge.payments.qr_codes", "edge.ledger.device_reading"),
    }
    code = "import edge.main, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "edge.local.client" in loaded
    assert not loaded & heavy


def test_an_init_file_holds_a_docstring_and_nothing_else() -> None:
    for path in SOURCES:
        if path.name == "__init__.py":
            text = path.read_text(encoding="utf-8").strip()
            assert re.fullmatch(r'"""[^"]+"""', text), path


def test_no_file_is_named_after_nothing() -> None:
    nothing = {"utils", "helpers", "common", "manager", "base", "misc", "util"}
    assert not [path for path in SOURCES if path.stem in nothing]


def test_no_file_has_grown_out_of_sight() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert not {path: lines for path, lines in long.items() if lines > 500}


@pytest.mark.parametrize("name", documents())
def test_a_document_made_from_the_code_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == documents()[name](), "run `make docs`"


def test_every_edge_setting_says_what_it_means() -> None:
    rows = [line for line in documents()["settings.md"]().splitlines() if line.startswith("| `")]
    assert len(rows) > 50
    assert not [row for row in rows if row.endswith("|  |")]


def test_locks_name_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "index" not in lock
    pinned = re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)
    assert len(pinned) > 50
    assert lock.count("--hash=sha256:") >= len(pinned)


def test_locks_of_npm_name_no_address_either() -> None:
    """Nor who wants money for a package; each is pinned by version and hash."""
    locks = [path for path in (ROOT / "tests").rglob("package-lock.json") if "node_modules" not in path.parts]
    assert locks
    for path in locks:
        text = path.read_text(encoding="utf-8")
        assert "://" not in text, path
        packages = {name: package for name, package in json.loads(text)["packages"].items() if name}
        assert packages
        assert all(package["version"] and package["integrity"].startswith("sha") for package in packages.values())


def test_the_read_me_says_its_two_commands_first() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.index("make demo") < text.index("make test") < 1500
