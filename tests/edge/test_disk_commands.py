"""`ohmstead-edge disk-plan`: sums that are right, and a verdict about the disk that is there."""

from __future__ import annotations

import json
import os
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge.disk_plan import Usage, bytes_of
from edge.main import app
from tests.edge.test_config import GOOD

GB = 1_000_000_000
Disk = namedtuple("Disk", "f_blocks f_bfree f_bavail f_frsize")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "edge.toml"
    path.write_text(GOOD)
    return path


def disk_of(monkeypatch: pytest.MonkeyPatch, free_bytes: int, all_bytes: int) -> None:
    found = Disk(all_bytes // 4096, free_bytes // 4096, free_bytes // 4096, 4096)
    monkeypatch.setattr(os, "statvfs", lambda _: found)


def plan(config: Path, *more: str) -> tuple[int, dict[str, Any]]:
    status, told = asked(config, "--json", *more)
    return status, json.loads(told)


def asked(config: Path, *more: str) -> tuple[int, str]:
    """In this process, whose disk the test makes up."""
    done = CliRunner().invoke(app, ["disk-plan", "--config", str(config), *more])
    return done.exit_code, done.stdout


def test_a_plan_grows_with_what_it_is_of() -> None:
    usual = Usage(evses=40)
    base = bytes_of(usual, days=60, money_days=400)
    assert base.money_bytes > 40 * 4 * 400 * 3_000
    twice = bytes_of(Usage(evses=80), days=60, money_days=400)
    assert (twice.money_bytes, twice.event_bytes) == (2 * base.money_bytes, 2 * base.event_bytes)
    unfiltered = bytes_of(Usage(evses=40, is_filtered=False), days=60, money_days=400)
    assert unfiltered.telemetry_bytes > 1.5 * base.telemetry_bytes
    readings = 40 * 4 * 60 * usual.messages_a_session * usual.measurands
    assert unfiltered.telemetry_bytes < readings, "less than a byte a reading"
    assert bytes_of(Usage(evses=40, measurands=0), days=1, money_days=1).telemetry_bytes < 40 * 4 * 10 * 200


def test_a_large_disk_has_it_and_a_small_one_has_not(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk_of(monkeypatch, 60 * GB, 64 * GB)
    status, found = plan(config)
    assert status == 0
    assert found["disk"]["is_enough"]
    assert [each["evses"] for each in found["plans"]][1:] == [40, 200, 1_000]
    for each in found["plans"]:
        parts = sum(each[f"{part}_bytes"] for part in ("money", "event", "telemetry", "log", "ballast", "frames"))
        assert each["all_bytes"] == parts + 485_000
    needed = found["disk"]["needed_bytes"]
    assert needed == found["plans"][0]["all_bytes"]
    disk_of(monkeypatch, GB, 2 * GB)
    status, found = plan(config, "--evses", "1000", "--unfiltered", "--days", "100")
    assert status == 1
    assert not found["disk"]["is_enough"]
    assert found["plans"][0]["evses"] == 1_000
    status, told = asked(config, "--evses", "1000")
    assert (status, "THE DISK HAS NOT THAT" in told) == (1, True)


def test_what_the_ledger_takes_already_counts_as_room(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk_of(monkeypatch, 60 * GB, 64 * GB)
    _, before = plan(config)
    data = config.parent / "data"
    (data / "frames").mkdir(parents=True)
    (data / "ballast").write_bytes(b"x" * 1000)
    (data / "frames" / "1.seg").write_bytes(b"x" * 500)
    _, after = plan(config)
    assert after["disk"]["room_bytes"] - before["disk"]["room_bytes"] == 1500
