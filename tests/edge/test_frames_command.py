"""`ohmstead-edge frames`: what a technician reads, with the agent or without it."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.frame_log import FrameLog, FrameLogSettings
from edge.chargers.frame_segments import FOLDER, FROM_STATION, TO_STATION, segments
from edge.main import app
from protocols.ocpp.vocabulary import words
from tests.edge.chargers.scripted import NOW
from tests.edge.test_config import GOOD


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A site whose stations A and B have said something."""
    path = tmp_path / "edge.toml"
    path.write_text(GOOD)
    folder = tmp_path / "data" / FOLDER
    settings = FrameLogSettings(folder=folder, max_bytes=4_000_000, keep=timedelta(days=9), max_frames_per_s=1_000)
    log = FrameLog(settings, lambda: NOW, words, ChargerMetrics(CollectorRegistry()))
    log.note("A", FROM_STATION, b'[2,"m1","Authorize",{"idTag":"SECRETTAG"}]')
    log.note("A", TO_STATION, b'[3,"m1",{"idTagInfo":{"status":"Accepted"}}]')
    log.note("B", TO_STATION, b'[2,"m2","Reset",{"type":"Hard"}]')
    log.note("B", FROM_STATION, b'[4,"m2","NotSupported","never",{"because":"\\u001b[31m"}]')
    log.note("B", FROM_STATION, b"garbage")

    async def write() -> None:
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(log.run())
            await asyncio.sleep(0)
            writing.cancel()

    asyncio.run(write())
    return path


def frames(config: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["frames", "-c", str(config), *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_every_frame_is_a_line(config: Path) -> None:
    first, second, third, fourth, fifth = frames(config).splitlines()
    assert first.startswith("2026-03-02 0")
    assert "A                -> CALL       Authorize" in first
    assert "SECRETTAG" not in first
    assert "A                <- CALLRESULT Authorize" in second
    assert "B                <- CALL       Reset" in third
    assert "B                -> CALLERROR  Reset                    NotSupported: never" in fourth
    assert "\x1b" not in fourth
    assert fifth.endswith("UNREADABLE ****")


def test_an_export_is_a_document_a_line(config: Path) -> None:
    documents = [json.loads(line) for line in frames(config, "--json").splitlines()]
    assert [document["kind"] for document in documents] == ["CALL", "CALLRESULT", "CALL", "CALLERROR", "UNREADABLE"]
    assert documents[2]["payload"] == {"type": "Hard"}
    assert documents[2]["station_id"] == "B"


def test_it_is_chosen_by_station_action_and_number(config: Path) -> None:
    assert len(frames(config, "--station", "A").splitlines()) == 2
    assert len(frames(config, "--action", "Reset").splitlines()) == 2
    assert "UNREADABLE" in frames(config, "--last", "1")
    assert frames(config, "--since", "2030-01-01") == ""
    assert frames(config, "--until", "2020-01-01") == ""


def test_what_cannot_be_read_is_said(config: Path) -> None:
    (segment,) = segments(config.parent / "data" / FOLDER)
    segment.path.write_bytes(segment.path.read_bytes()[:-3])
    assert "1 pieces could not be read" in frames(config)


def test_a_site_that_has_logged_nothing_has_nothing_to_show(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(GOOD)
    assert frames(path) == ""
    path.write_text(GOOD.replace("EUR", "euro"))
    assert CliRunner().invoke(app, ["frames", "-c", str(path)]).exit_code == 2
