"""The frame log from the event loop to the file and back."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from edge.chargers import frame_log as module
from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.frame_log import FrameLog, FrameLogSettings
from edge.chargers.frame_masking import Masker
from edge.chargers.frame_reader import FrameReader, LoggedFrame, Wanted
from edge.chargers.frame_segments import FROM_STATION, GZIP, TO_STATION, Segments, members, segments
from protocols.ocpp.version import Version
from protocols.ocpp.vocabulary import words
from tests.edge.chargers.scripted import NOW, ScriptedInbox
from tests.edge.chargers.test_conversation import ask, conversation
from tests.kit import block_until, wait_until

SETTINGS = FrameLogSettings(folder=Path("unset"), max_bytes=4_000_000, keep=timedelta(days=1), max_frames_per_s=10_000)


def log_in(folder: Path, **changes: object) -> tuple[FrameLog, ChargerMetrics]:
    metrics = ChargerMetrics(CollectorRegistry())
    return FrameLog(replace(SETTINGS, folder=folder, **changes), lambda: NOW, words, metrics), metrics  # type: ignore[arg-type]


@asynccontextmanager
async def running(log: FrameLog) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(log.run())
        yield
        await asyncio.sleep(0)
        task.cancel()


def read(folder: Path, **wanted: object) -> list[LoggedFrame]:
    return list(FrameReader(folder, Wanted(**wanted)).more())  # type: ignore[arg-type]


async def write_dialogue(folder: Path) -> None:
    log, _ = log_in(folder)
    async with running(log):
        log.note("A", FROM_STATION, b'[2,"m1","Authorize",{"idTag":"SECRETTAG"}]')
        log.note("A", TO_STATION, b'[3,"m1",{"idTagInfo":{"status":"Accepted"}}]')
        log.note("B", TO_STATION, b'[2,"c1","Reset",{"type":"Soft"}]')
        log.note("B", FROM_STATION, b'[4,"c1","NotSupported","no such thing",{"x":1}]')
        log.note("A", FROM_STATION, b'[2,"m2","Heart')


async def test_what_was_said_is_read_back_decoded(tmp_path: Path) -> None:
    await write_dialogue(tmp_path)
    authorize, answer, reset, refusal, torn = read(tmp_path)
    assert (authorize.station_id, authorize.direction, authorize.kind) == ("A", "in", "CALL")
    assert (authorize.action, authorize.message_id) == ("Authorize", "m1")
    assert authorize.payload["idTag"].startswith("****")
    assert (answer.direction, answer.kind, answer.action) == ("out", "CALLRESULT", "Authorize")
    assert answer.payload == {"idTagInfo": {"status": "Accepted"}}
    assert (reset.station_id, reset.direction, reset.action) == ("B", "out", "Reset")
    assert (refusal.kind, refusal.action, refusal.error_code) == ("CALLERROR", "Reset", "NotSupported")
    assert (refusal.error_description, refusal.payload) == ("no such thing", {"x": 1})
    assert (torn.kind, torn.text) == ("UNREADABLE", '[2,"****","****"')
    assert abs(authorize.at - NOW) < timedelta(seconds=5)


async def test_it_is_chosen_by_station_action_and_time(tmp_path: Path) -> None:
    await write_dialogue(tmp_path)
    assert [frame.action for frame in read(tmp_path, station_id="B")] == ["Reset", "Reset"]
    assert [frame.kind for frame in read(tmp_path, action="Authorize")] == ["CALL", "CALLRESULT"]
    assert read(tmp_path, since=NOW + timedelta(hours=1)) == []
    assert read(tmp_path, until=NOW - timedelta(hours=1)) == []
    assert len(read(tmp_path, since=NOW - timedelta(hours=1), until=NOW + timedelta(hours=1))) == 5


async def test_a_line_of_an_export_has_what_the_frame_has(tmp_path: Path) -> None:
    await write_dialogue(tmp_path)
    line = read(tmp_path, station_id="B")[0].as_json()
    assert line.pop("at").endswith("Z")
    assert line == {
        "station_id": "B",
        "direction": "out",
        "kind": "CALL",
        "message_id": "c1",
        "action": "Reset",
        "payload": {"type": "Soft"},
    }


async def test_no_secret_is_in_the_files(tmp_path: Path) -> None:
    await write_dialogue(tmp_path)
    texts = [text for segment in segments(tmp_path) for _, text in members(segment.path.read_bytes())]
    assert texts
    assert not any(text is None or b"SECRETTAG" in text for text in texts)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


async def test_a_conversation_is_logged_as_it_was_on_the_wire(tmp_path: Path) -> None:
    log, metrics = log_in(tmp_path)
    talk = conversation(Version.V16, ScriptedInbox())
    talk._frame_log = log
    async with running(log):
        await ask(talk, 2, "m1", "Heartbeat", {})
        await ask(talk, 2, "m2", "Authorize", {"idTag": "A"})
    assert [(frame.direction, frame.action) for frame in read(tmp_path)] == [
        ("in", "Heartbeat"),
        ("out", "Heartbeat"),
        ("in", "Authorize"),
        ("out", "Authorize"),
    ]
    assert metrics.status()["frame_log"]["written"] == 4


async def test_only_the_stations_that_were_chosen(tmp_path: Path) -> None:
    log, metrics = log_in(tmp_path, stations=frozenset({"A"}))
    async with running(log):
        log.note("A", FROM_STATION, b'[2,"1","Heartbeat",{}]')
        log.note("B", FROM_STATION, b'[2,"1","Heartbeat",{}]')
    assert [frame.station_id for frame in read(tmp_path)] == ["A"]
    assert metrics.frames_left_out == 0


async def test_a_flood_is_left_out_counted_and_marked(tmp_path: Path) -> None:
    log, metrics = log_in(tmp_path, max_frames_per_s=100)
    for number in range(150):
        log.note("A", FROM_STATION, b'[2,"%d","Heartbeat",{}]' % number)
    async with running(log):
        pass
    found = read(tmp_path)
    assert metrics.frames_left_out == 50
    assert [frame.message_id for frame in found if frame.kind == "CALL"] == [str(number) for number in range(100)]
    assert [frame.missing for frame in found if frame.kind == "GAP"] == [50]


async def test_after_a_flood_it_goes_on(tmp_path: Path) -> None:
    log, metrics = log_in(tmp_path, max_frames_per_s=100)
    async with running(log):
        for _ in range(300):
            log.note("A", FROM_STATION, b'[2,"1","Heartbeat",{}]')

        def is_noted() -> bool:
            before = metrics.frames_left_out
            log.note("A", FROM_STATION, b'[2,"again","Heartbeat",{}]')
            return metrics.frames_left_out == before

        await wait_until(is_noted)
    assert "again" in [frame.message_id for frame in read(tmp_path)]


async def test_a_frame_that_cannot_be_masked_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_masker: Masker, _raw: bytes) -> bytes:
        raise RuntimeError("boom")

    log, _ = log_in(tmp_path)
    monkeypatch.setattr(Masker, "mask", broken)
    with capture_logs() as logs:
        async with running(log):
            log.note("A", FROM_STATION, b'[2,"m1","Authorize",{"idTag":"SECRETTAG"}]')
    assert [frame.text for frame in read(tmp_path)] == ['["frame not masked"]']
    assert [line["event"] for line in logs] == ["frame_not_masked"]


async def test_what_waits_is_bounded_in_number_and_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 5)
    log, metrics = log_in(tmp_path)
    for _ in range(8):
        log.note("A", FROM_STATION, b"[]")
    assert (len(log._waiting), metrics.frames_left_out) == (5, 3)
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 1_000)
    log, metrics = log_in(tmp_path)
    for _ in range(8):
        log.note("A", FROM_STATION, b"x" * 600)
    assert (len(log._waiting), metrics.frames_left_out) == (2, 6)


async def test_a_disk_that_takes_nothing_stops_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.write_text("in the way")
    log, metrics = log_in(folder)
    async with running(log):
        log.note("A", FROM_STATION, b'[2,"1","Heartbeat",{}]')
    assert (metrics.frames_logged, metrics.frames_not_written) == (0, 1)
    folder.unlink()
    async with running(log):
        log.note("A", FROM_STATION, b'[2,"2","Heartbeat",{}]')
    assert [frame.message_id for frame in read(folder) if frame.kind == "CALL"] == ["2"]
    assert [frame.missing for frame in read(folder) if frame.kind == "GAP"] == [1]


async def test_it_can_be_followed_while_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FLUSH_S", 0.01)
    log, _ = log_in(tmp_path)
    reader = FrameReader(tmp_path, Wanted())
    seen: list[LoggedFrame] = []

    def has_come(number: int) -> bool:
        seen.extend(reader.more())
        return len(seen) == number

    async with running(log):
        for number in (1, 2, 3):
            log.note("A", FROM_STATION, b'[2,"%d","Heartbeat",{}]' % number)
            await wait_until(lambda number=number: has_come(number))  # type: ignore[misc]
    assert [frame.message_id for frame in seen] == ["1", "2", "3"]
    assert reader.torn == {}


# --- the files ---


def member(text: bytes) -> bytes:
    packing = zlib.compressobj(wbits=GZIP)
    return packing.compress(text) + packing.flush()


def line(number: int, at_ms: int = 0) -> bytes:
    return b'%d\tA\t<\t[2,"%d","Heartbeat",{}]\n' % (at_ms, number)


def test_the_oldest_segments_make_room(tmp_path: Path) -> None:
    files = Segments(tmp_path, 160_000, 86_400_000)
    for number in range(400):
        files.append(member(b"%d\tA\t<\t" % number + os.urandom(1_000).hex().encode() + b"\n"), number)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) == files.total_bytes <= 160_000
    left = segments(tmp_path)
    assert len(left) >= 10
    assert left[0].number > 1


def test_no_frame_is_kept_longer_than_was_said(tmp_path: Path) -> None:
    hour_ms = 3_600_000
    files = Segments(tmp_path, 1_000_000, 24 * hour_ms)
    for hour in range(48):
        files.append(member(line(hour, hour * hour_ms)), hour * hour_ms)
        files.drop_old(hour * hour_ms)
        assert all(hour * hour_ms - segment.begins_ms <= 24 * hour_ms for segment in segments(tmp_path))
    assert len(segments(tmp_path)) >= 12
    files.drop_old(200 * hour_ms)
    assert segments(tmp_path) == []


def test_a_new_process_appends_to_nothing(tmp_path: Path) -> None:
    for _ in range(3):
        files = Segments(tmp_path, 1_000_000, 86_400_000)
        files.append(member(line(1)), 0)
        files.close()
    assert [segment.number for segment in segments(tmp_path)] == [1, 2, 3]
    (tmp_path / "a stranger's file").write_text("x")
    assert len(segments(tmp_path)) == 3


@pytest.fixture
def three_members(tmp_path: Path) -> Path:
    files = Segments(tmp_path, 1_000_000, 86_400_000)
    for number in (1, 2, 3):
        files.append(member(line(number, 1_000)), 1_000)
    files.close()
    return segments(tmp_path)[0].path


def test_what_was_cut_off_is_left_out_and_said(three_members: Path) -> None:
    whole = three_members.read_bytes()
    for length in range(len(whole)):
        three_members.write_bytes(whole[:length])
        reader = FrameReader(three_members.parent, Wanted())
        found = [frame.message_id for frame in reader.more()]
        assert found == ["1", "2", "3"][: len(found)]
        ends = [end for end, text in members(whole[:length]) if text is not None]
        assert bool(reader.torn) == (length > (ends[-1] if ends else 0))


def test_what_is_behind_damage_is_read(three_members: Path) -> None:
    whole = bytearray(three_members.read_bytes())
    middle = len(whole) // 2
    whole[middle] ^= 0xFF
    three_members.write_bytes(whole)
    reader = FrameReader(three_members.parent, Wanted())
    assert [frame.message_id for frame in reader.more()] == ["1", "3"]
    assert reader.torn == {three_members: 1}


KILLED = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from prometheus_client import CollectorRegistry
from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.frame_log import FrameLog, FrameLogSettings
from protocols.ocpp.vocabulary import words

async def main():
    settings = FrameLogSettings(
        folder=Path(sys.argv[1]), max_bytes=4_000_000, keep=timedelta(days=1), max_frames_per_s=10_000
    )
    log = FrameLog(settings, lambda: datetime(2026, 3, 2, tzinfo=UTC), words, ChargerMetrics(CollectorRegistry()))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(log.run())
        number = 0
        while True:
            number += 1
            log.note("A", b"<", b'[2,"%d","Heartbeat",{}]' % number)
            await asyncio.sleep(0.0005)

asyncio.run(main())
"""


def test_what_was_written_before_a_kill_is_read_after_it(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)])
    try:
        block_until(lambda: len(read(tmp_path)) > 1_000, 60)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    numbers = [int(frame.message_id or 0) for frame in read(tmp_path)]
    assert numbers == list(range(1, len(numbers) + 1))
    files = Segments(tmp_path, 4_000_000, 86_400_000)
    files.append(member(line(99)), 0)
    assert read(tmp_path)[-1].message_id == "99"
