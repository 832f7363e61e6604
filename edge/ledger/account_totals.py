"""What the postings come to by account, and which postings an account has.

The truth is the postings. Their sums are brought up to date from time to time, not with each bill: whoever reads adds
what came since, which is little, and a bill costs nothing more.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol

import structlog

from edge.ledger.queries import queries
from protocols.money import from_cents

log = structlog.get_logger("ledger")

STEP_ROWS: Final = 500
LOOK_EVERY_S: Final = 3600.0
PAUSE_S: Final = 0.05
ACCOUNTS_SEQ: Final = "accounts_seq"


class Totalled(Protocol):
    """The ledger, as its sums are kept."""

    async def add_up(self, most: int) -> int: ...


class Totaller:
    """Adds up what was posted, every hour, a little at a time."""

    def __init__(self, ledger: Totalled, every_s: float = LOOK_EVERY_S, pause_s: float = PAUSE_S) -> None:
        self._ledger = ledger
        self._every_s = every_s
        self._pause_s = pause_s

    async def run(self) -> None:
        """Until cancelled. What cannot be written now, on a full disk for one, is tried again later."""
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self._add_up()
            except sqlite3.OperationalError as error:
                log.warning("not_added_up", reason=str(error))

    async def _add_up(self) -> None:
        count = STEP_ROWS
        while count == STEP_ROWS:
            count = await self._ledger.add_up(STEP_ROWS)
            await asyncio.sleep(self._pause_s)


def add_up(connection: sqlite3.Connection, most: int | None = None) -> int:
    """Within a transaction: add up to so many postings to the sums; returns how many there were."""
    sql = queries()
    done = seq_added_up(connection)
    last, count = connection.execute(sql["postings_to_add_up"], (done, -1 if most is None else most)).fetchone()
    if count:
        connection.execute(sql["add_up_accounts"], (done, last))
        connection.execute(sql["note_account_postings"], (done, last))
        connection.execute(sql["set_meta"], (ACCOUNTS_SEQ, str(last)))
    return int(count)


def seq_added_up(connection: sqlite3.Connection) -> int:
    """The money entry up to which the sums hold."""
    found = connection.execute(queries()["meta_of"], (ACCOUNTS_SEQ,)).fetchone()
    return int(found[0]) if found else 0


# --- reading ---


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEntry:
    """A posting as an account has it: what it added to the balance (debit positive)."""

    money_seq: int
    posted_at: datetime | None
    posting_id: str
    key: str
    reason: str
    amount: Decimal
    cdr_id: str | None
    text: str
    by: str | None


def balance_of(connection: sqlite3.Connection, account: str) -> Decimal:
    """Debit positive; zero for an account that nothing was posted to."""
    done = seq_added_up(connection)
    (cents,) = connection.execute(queries()["balance_of_account"], (account, account, done)).fetchone()
    return from_cents(int(cents))


def balances(connection: sqlite3.Connection, prefix: str) -> dict[str, Decimal]:
    """The balances of all accounts whose names begin so, debit positive, without what is zero."""
    done = seq_added_up(connection)
    span = (prefix, prefix + "\uffff")
    found = connection.execute(queries()["account_balances"], (*span, done, *span))
    return {account: from_cents(int(cents)) for account, cents in found}


def entries_of(connection: sqlite3.Connection, account: str, *, newest_first: bool = False) -> Iterator[AccountEntry]:
    """What was posted to an account."""
    done = seq_added_up(connection)
    name = "newest_account_entries" if newest_first else "account_entries"
    for row in connection.execute(queries()[name], (account, account, done)):
        yield AccountEntry(
            money_seq=row[0],
            posted_at=datetime.fromisoformat(row[1]) if row[1] else None,
            posting_id=row[2],
            key=row[3],
            reason=row[4],
            amount=Decimal(row[5]),
            cdr_id=row[6],
            text=row[7],
            by=row[8],
        )
