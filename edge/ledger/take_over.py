"""Makes a ledger of the copy that a standby has kept, and says what the box before had that the copy has not.

Where the copy had all that was acknowledged, nothing in it is doubted: what is open goes on and is billed as ever. The
epoch is a new one all the same, for the box before may have told the hub what is not here.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from edge.domain.transaction import Doubt
from edge.ledger.backup import renew
from edge.ledger.database import FILE_KEY, LedgerError, open_reader
from edge.ledger.ledger import Ledger
from edge.ledger.projections import CHECKPOINT
from edge.ledger.queries import migrations, queries
from edge.ports import Commit
from protocols.sync.topics import Stream
from protocols.sync.up import AlarmRaised, Entry, Severity

TAKEN_OVER: Final = "standby_took_over"
_TOLD: Final = (Stream.MONEY, Stream.EVENT)


def end_of(ledger: Path) -> dict[str, Any]:
    """A ledger's epoch, and the last number of its money and its events. Raises LedgerError, sqlite3.Error."""
    with closing(open_reader(ledger)) as reading:
        meta = dict(reading.execute(queries()["meta"]).fetchall())
        numbers = {stream.value: reading.execute(queries()["last_seq"], (stream,)).fetchone()[0] for stream in _TOLD}
    return {"epoch": meta.get("epoch"), **numbers}


def look_at_copy(copy: Path) -> dict[str, Any]:
    """Where a copy ends, as `end_of`. Raises LedgerError where this program cannot open it as a ledger."""
    with closing(open_reader(copy)) as reading:
        (version,) = reading.execute("PRAGMA user_version").fetchone()
    if version > (newest := migrations()[-1][0]):
        raise LedgerError(f"the copy's schema {version} is newer than this program's {newest}: install the newer one")
    return end_of(copy)


def begin_epoch(copy: Path, edge_id: str, now: datetime, *, is_doubtful: bool) -> None:
    """Make it a ledger under a new epoch. May be repeated where it was interrupted. Raises LedgerError, sqlite3.Error,
    OSError."""
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute(queries()["forget_meta"], (FILE_KEY,))
    renew(copy, edge_id, edge_id)
    asyncio.run(_tell(copy, edge_id, now, is_doubtful=is_doubtful))
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute(queries()["forget_meta"], (FILE_KEY,))  # it is about to be moved, perhaps to another disk


async def _tell(path: Path, edge_id: str, now: datetime, *, is_doubtful: bool) -> None:
    with Ledger(path, edge_id) as ledger:
        open_ones = []
        for (checkpoint,) in ledger.connection.execute(queries()["open_transactions"]).fetchall():
            transaction = CHECKPOINT.validate_json(checkpoint)
            if is_doubtful:
                transaction.doubt(Doubt.RESTORED, f"the standby was made to take over {now.isoformat()}")
            open_ones.append(transaction)
        text = f"The standby has taken over on {now.isoformat()}, with {len(open_ones)} open transactions. "
        text += (
            "It was made to though it was behind: what the first box had acknowledged since is in that box's ledger"
            " alone, and the bills of these transactions wait for a person"
            if is_doubtful
            else "Nothing that was acknowledged is missing. Look after the first box: until it follows there is none"
        )
        alarm = AlarmRaised(
            alarm_id=f"{TAKEN_OVER}:{ledger.epoch[:8]}", alarm=TAKEN_OVER, severity=Severity.CRITICAL, text=text
        )
        seq = ledger.last_seq(Stream.EVENT) + 1
        entry = Entry(stream=Stream.EVENT, seq=seq, at=now, body=alarm)
        await ledger.commit(Commit(entries=[entry], checkpoints=open_ones if is_doubtful else []))


def only_here(ledger: Path, began: dict[str, Any]) -> dict[str, Any] | None:
    """What a ledger that was taken over from has beyond that: how many entries of money and events, and which bills.
    None where it is nothing. Raises LedgerError, sqlite3.Error."""
    here = end_of(ledger)
    if here["epoch"] != began.get("epoch"):
        return {"epoch": here["epoch"]}
    more = {stream.value: n for stream in _TOLD if (n := here[stream.value] - int(began[stream.value])) > 0}
    with closing(open_reader(ledger)) as reading:
        bills = [cdr_id for (cdr_id,) in reading.execute(queries()["bills_behind"], (int(began["money"]),))]
    return {"entries": more, "bills": bills} if more else None
