"""Damaged files: found before they are opened, set aside and never deleted, and replaced by the newest good backup."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from edge.domain.disk_events import LEDGER_COPIED
from edge.domain.transaction import Doubt
from edge.ledger import soundness
from edge.ledger.backup import LEDGER_RESTORED, back_up
from edge.ledger.database import LedgerCopied, LedgerError
from edge.ledger.ledger import Ledger
from edge.ledger.recovery import Ready, make_ready
from edge.ledger.restore import restore
from edge.ledger.soundness import Checker, find_damage, mark_suspect, suspecting
from tests.edge.domain.site_kit import START, new_site
from tests.edge.ledger.conftest import LedgerPlay

NOW = START + timedelta(days=1)
PAGE = 4096


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of some hundred pages, cleanly closed, with an open transaction."""
    made = tmp_path_factory.mktemp("template") / "ledger.sqlite"
    with Ledger(made, "edge-1") as ledger:
        play = LedgerPlay(ledger)
        play.connect()
        for _ in range(60):
            play.charge()
        play.start(1000)
    return made


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    copied = Path(shutil.copy(template, tmp_path / "data"))
    with closing(sqlite3.connect(copied)) as connection:  # as if it had been made there
        connection.execute("DELETE FROM meta WHERE key = 'file'")
        connection.commit()
    return copied


def leave_log(path: Path) -> None:
    """As a killed agent leaves it: a log beside the file, with a commit in it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as dead, closing(sqlite3.connect(path)) as other:
        other.execute("SELECT COUNT(*) FROM meta").fetchone()
        dead.execute("INSERT OR REPLACE INTO meta VALUES ('killed', '1')")
        copies = {end: path.with_name(path.name + end).read_bytes() for end in ("", "-wal")}
    for end, content in copies.items():
        path.with_name(path.name + end).write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def replace_by_text(path: Path) -> None:
    path.write_text("[location]\nname = 'not a database'\n" * 200)


def replace_by_other_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE things (name TEXT)")
        other.commit()
    mark_suspect(path, "nobody knows")


def overwrite_pages(path: Path) -> None:
    """A stretch in the middle, as a bad block leaves it, after an unclean stop."""
    leave_log(path)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // PAGE // 3 * PAGE)
        file.write(os.urandom(20 * PAGE))


DAMAGES: list[Callable[[Path], None]] = [truncate, empty, replace_by_text, replace_by_other_database, overwrite_pages]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_set_aside_and_the_newest_backup_takes_its_place(
    path: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    backups = tmp_path / "backups"
    back_up(path, backups, NOW - timedelta(days=2))
    newest, _ = back_up(path, backups, NOW - timedelta(days=1))
    with Ledger(path, "edge-1") as ledger:
        before = ledger.epoch
    damage(path)
    bad = path.read_bytes()
    ready = make_ready(path, "edge-1", backups, NOW)
    assert ready.problem is not None
    assert str(newest) in ready.problem
    aside = path.with_name(f"ledger.sqlite.damaged-{NOW:%Y%m%dT%H%M%SZ}")
    assert aside.read_bytes() == bad
    assert make_ready(path, "edge-1", backups, NOW) == Ready()
    with Ledger(path, "edge-1") as ledger:
        assert ledger.epoch != before
        assert ledger.connection.execute("SELECT COUNT(*) FROM cdrs").fetchone() == (60,)
        site = restore(ledger, new_site().rules)
        assert [each.alarm for each in site.alarms.values()] == [LEDGER_RESTORED]
        (running,) = site.transactions.values()
        assert Doubt.RESTORED in running.doubts


@pytest.mark.parametrize("damage", DAMAGES)
def test_without_a_backup_the_site_begins_anew_and_says_where_the_old_file_is(
    path: Path, damage: Callable[[Path], None]
) -> None:
    damage(path)
    ready = make_ready(path, "edge-1", path.parent / "none", NOW)
    assert ready.problem is not None
    assert "no good backup" in ready.problem
    assert "ledger.sqlite.damaged-" in ready.problem
    with Ledger(path, "edge-1") as ledger:
        assert ledger.chain.count == 0


def test_a_backup_that_is_damaged_too_is_passed_over(path: Path, tmp_path: Path) -> None:
    older, _ = back_up(path, tmp_path / "backups", NOW - timedelta(days=2))
    newer, _ = back_up(path, tmp_path / "backups", NOW - timedelta(days=1))
    truncate(newer)
    back_up_of_another = tmp_path / "backups" / "ledger-edge-2-29990101T000000Z.sqlite"
    back_up_of_another.write_bytes(b"")
    truncate(path)
    ready = make_ready(path, "edge-1", tmp_path / "backups", NOW)
    assert ready.problem is not None
    assert str(older) in ready.problem


def test_a_sound_ledger_is_left_alone_also_after_a_kill(path: Path) -> None:
    assert make_ready(path, "edge-1", None, NOW) == Ready()
    leave_log(path)
    assert make_ready(path, "edge-1", None, NOW) == Ready()
    with Ledger(path, "edge-1") as ledger:
        assert ledger.connection.execute("SELECT value FROM meta WHERE key = 'killed'").fetchone() == ("1",)


def test_no_ledger_is_no_damage_but_a_log_without_one_is(path: Path, tmp_path: Path) -> None:
    assert make_ready(tmp_path / "new" / "ledger.sqlite", "edge-1", None, NOW) == Ready()
    leave_log(path)
    path.unlink()
    ready = make_ready(path, "edge-1", None, NOW)
    assert ready.problem is not None
    assert len(list(path.parent.glob("*.damaged-*-wal"))) == 1


def test_nothing_is_touched_while_an_agent_runs(path: Path) -> None:
    with Ledger(path, "edge-1"), pytest.raises(LedgerError, match="in use by another agent"):
        make_ready(path, "edge-1", None, NOW)


def test_a_start_looks_for_a_bounded_time_and_the_rest_is_looked_at_beside_the_agent(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soundness, "_OPERATIONS", 10)
    leave_log(path)
    assert find_damage(path, look_s=0) == (None, False)
    assert Checker(path, lambda _: None).check() is None
    overwrite_pages(path)
    problem = Checker(path, lambda _: None).check()
    assert problem is not None


async def test_what_is_found_beside_the_agent_is_told_and_settled_at_the_next_start(path: Path) -> None:
    overwrite_pages(path)
    told = asyncio.Event()
    checking = asyncio.get_running_loop().create_task(Checker(path, lambda _: told.set()).run())
    async with asyncio.timeout(10):
        await told.wait()
    checking.cancel()
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    assert make_ready(path, "edge-1", None, NOW).problem is not None


def test_what_breaks_on_a_damaged_page_leaves_a_mark_for_the_next_start(path: Path) -> None:
    """A clean stop, and pages that went bad since: nothing looks at them until somebody reads them."""
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'postings'").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(os.urandom(PAGE))
    assert make_ready(path, "edge-1", None, NOW) == Ready()
    with pytest.raises((sqlite3.DatabaseError, LedgerError)), suspecting(path), Ledger(path, "edge-1") as ledger:
        ledger.connection.execute("SELECT SUM(length(legs)) FROM postings").fetchone()
    ready = make_ready(path, "edge-1", None, NOW)
    assert ready.problem is not None
    assert not list(path.parent.glob("ledger.sqlite.suspect"))


def test_a_mark_without_damage_goes(path: Path) -> None:
    mark_suspect(path, "a cosmic ray")
    assert make_ready(path, "edge-1", None, NOW) == Ready()
    assert find_damage(path) == (None, True)
    assert not path.with_name(path.name + ".suspect").exists()


def test_a_copied_data_folder_goes_on_under_a_new_epoch(path: Path, tmp_path: Path) -> None:
    with Ledger(path, "edge-1") as ledger:
        epoch = ledger.epoch
    clone = tmp_path / "clone" / "ledger.sqlite"
    shutil.copytree(path.parent, clone.parent)
    with pytest.raises(LedgerCopied, match="begins a new epoch"), Ledger(clone, "edge-1"):
        pass
    ready = make_ready(clone, "edge-1", None, NOW)
    assert (ready.alarm, make_ready(clone, "edge-1", None, NOW)) == (LEDGER_COPIED, Ready())
    assert ready.problem is not None
    assert "stop one of them" in ready.problem
    with Ledger(clone, "edge-1") as copied, Ledger(path, "edge-1") as original:
        assert original.epoch == epoch != copied.epoch
        (running,) = restore(copied, new_site().rules).transactions.values()
        assert Doubt.RESTORED in running.doubts
    assert clone.with_name(f"ledger.sqlite.copied-{NOW:%Y%m%dT%H%M%SZ}").exists()


def test_a_renamed_data_folder_is_no_copy(path: Path, tmp_path: Path) -> None:
    with Ledger(path, "edge-1") as ledger:
        epoch = ledger.epoch
    path.parent.rename(tmp_path / "moved")
    moved = tmp_path / "moved" / "ledger.sqlite"
    assert make_ready(moved, "edge-1", None, NOW) == Ready()
    with Ledger(moved, "edge-1") as ledger:
        assert ledger.epoch == epoch
