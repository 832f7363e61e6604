"""Tariffs on the command line: real processes, with and without a running agent."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.edge.test_main import config, edge, running

__all__ = ["config", "running"]
NIGHT = """
[[tariffs]]
id = "night"
elements = [{ price_components = [{ type = "ENERGY", price = 0.20, vat = 19 }] }]
"""


def imported(config: Path, text: str, *more: str, name: str = "tariffs.toml") -> subprocess.CompletedProcess[str]:
    (config.parent / name).write_text(text, encoding="utf-8")
    return edge(config, "tariffs", "import", str(config.parent / name), *more)


def known(config: Path) -> list[tuple[str, str, bool]]:
    listed = edge(config, "tariffs", "list", "--json").stdout.splitlines()
    return [(each["source"], each["tariff"]["id"], each["in_force"]) for each in map(json.loads, listed)]


def test_tariffs_without_a_running_agent(config: Path) -> None:
    settings = known(config)
    assert {source for source, *_ in settings} == {"settings"}
    dry = imported(config, NIGHT, "--dry-run")
    assert (dry.returncode, "1 tariffs, no problem" in dry.stdout) == (0, True)
    assert known(config) == settings
    done = imported(config, NIGHT)
    assert "1 tariffs imported" in done.stdout, done.stderr
    assert known(config) == [*settings, ("site", "night", True)]
    mine = settings[0][1]
    assert imported(config, NIGHT.replace("night", mine), "--replace").returncode == 0
    assert known(config) == [(source, id_, id_ != mine) for source, id_, _ in settings] + [("site", mine, True)]
    assert "the one of the site holds" in edge(config, "tariffs", "list").stdout


@pytest.mark.parametrize(
    ("text", "name", "problem"),
    [
        (NIGHT.replace("ENERGY", "WATER"), "t.toml", "line 4: tariff night: element 1, component 1: type"),
        (
            NIGHT.replace("id =", 'currency = "CNY"\nid ='),
            "t.toml",
            "line 3: tariff night: currency CNY: this site's is",
        ),
        ("[[tariffs]", "t.toml", "line 1: not TOML"),
        ("[]", "t.json", "has no tariff"),
        ("{", "t.json", "line 1 is not JSON"),
    ],
)
def test_a_file_that_is_wrong_is_refused_whole(config: Path, text: str, name: str, problem: str) -> None:
    done = imported(config, text, name=name)
    assert (done.returncode, "nothing was imported" in done.stderr) == (1, True)
    assert f"{name}: {problem}" in done.stderr


def test_a_running_agent_takes_them_at_once(config: Path, running: None) -> None:
    assert "1 tariffs imported" in imported(config, NIGHT).stdout
    assert ("site", "night", True) in known(config)
