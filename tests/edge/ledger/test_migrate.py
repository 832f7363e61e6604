"""Ledgers of every earlier schema open, with all that is in them. The old schema's writing is kept here."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from pydantic import TypeAdapter

from edge.domain.past import PastKey
from edge.domain.transaction import Transaction
from edge.ledger.ledger import Ledger
from edge.ledger.queries import migrations
from edge.ledger.reader import LedgerReader
from edge.ledger.restore import restore
from protocols.ocpi.cdr import Cdr
from protocols.sync.codec import encode_entry
from protocols.sync.topics import Stream
from protocols.sync.up import CdrIssued, PostingMade, TransactionEnded
from tests.edge.domain.site_kit import START, Play

CDR = TypeAdapter(Cdr)
CHECKPOINT = TypeAdapter(Transaction)


def played() -> tuple[Play, list[Transaction]]:
    """Two transactions that ended and one that is open, and all three as they were."""
    play = Play()
    play.connect()
    seen = []
    for evse, wh in ((1, 1000), (1, 2000), (2, 500)):
        number = play.start(wh, evse=evse).reply.charger_transaction_id  # type: ignore[union-attr]
        seen += [each for each in play.site.transactions.values() if each.start_key not in {s.start_key for s in seen}]
        play.after(10)
        if evse == 1:
            play.stop(number, wh + 700)
    return play, seen


def write_0001(path: Path, play: Play, transactions: list[Transaction]) -> None:
    """What schema 0001 held after that play."""
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.executescript(f"{migrations()[0][1]}; PRAGMA user_version = 1; PRAGMA journal_mode = WAL;")
        meta = [("edge_id", "edge-1"), ("epoch", play.site.epoch), ("last_charger_number", "17")]
        old.executemany("INSERT INTO meta VALUES (?, ?)", meta)
        old.execute("INSERT INTO acked VALUES ('money', 2)")
        for entry in play.entries:
            row = (entry.stream, entry.seq, entry.at.isoformat(), encode_entry(entry))
            old.execute("INSERT INTO journal VALUES (?, ?, ?, ?)", row)
            match entry.body:
                case CdrIssued(cdr=cdr):
                    names = (cdr.id, cdr.session_id, entry.seq, 0, cdr.station_id, cdr.evse_id, cdr.contract_id)
                    row = (*names, cdr.end_date_time.isoformat(), CDR.dump_json(cdr))  # type: ignore[assignment]
                    old.execute("INSERT INTO cdrs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
                case PostingMade() as posting:
                    names = (posting.posting_id, posting.key, posting.cdr_id, posting.currency)  # type: ignore[assignment]
                    old.execute("INSERT INTO postings VALUES (?, ?, ?, ?)", names)
                    for leg in posting.legs:
                        row = (posting.posting_id, leg.account, str(leg.amount))  # type: ignore[assignment]
                        old.execute("INSERT INTO posting_legs VALUES (?, ?, ?)", row)
        ended = {body.transaction_id: body.reason for body in play.found(TransactionEnded)}
        for transaction in transactions:
            reason = ended.get(transaction.transaction_id)
            old.execute(
                "INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    transaction.transaction_id,
                    transaction.station_id,
                    transaction.charger_transaction_id,
                    transaction.start_key,
                    transaction.token_uid,
                    None if reason else CHECKPOINT.dump_json(transaction),
                    reason,
                ),
            )


def test_a_ledger_of_the_first_schema_opens_with_all_that_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    play, transactions = played()
    write_0001(path, play, transactions)
    bills = [body.cdr for body in play.found(CdrIssued)]
    for _ in range(2):  # the second time there is nothing to migrate
        with Ledger(path, "edge-1") as ledger:
            assert ledger.connection.execute("PRAGMA user_version").fetchone() == (migrations()[-1][0],)
            assert (ledger.epoch, ledger.last_charger_number) == (play.site.epoch, 17)
            assert {stream: ledger.last_seq(stream) for stream in Stream} == play.site.last_seq
            assert ledger.acked_seq(Stream.MONEY) == 2
            for stream in Stream:
                read = asyncio.run(ledger.read(stream, 0, 500, 1 << 20))
                entries = [entry for entry in play.entries if entry.stream is stream]
                assert read == [(entry.seq, encode_entry(entry)) for entry in entries]
            assert restore(ledger, play.site.rules).transactions == play.site.transactions
            keys = [PastKey("A", start_key=each.start_key) for each in transactions]
            keys += [PastKey("A", charger_transaction_id=each.charger_transaction_id) for each in transactions]
            recalled = [past.transaction_id for past in asyncio.run(ledger.recall(keys))]
            assert recalled == [transactions[0].transaction_id, transactions[1].transaction_id] * 2
            legs = ledger.connection.execute("SELECT posting_id, account, amount FROM posting_legs").fetchall()
            assert sorted(legs) == sorted(
                (posting.posting_id, leg.account, str(leg.amount))
                for posting in play.found(PostingMade)
                for leg in posting.legs
            )
            made_at = [entry.at.isoformat() for entry in play.entries if isinstance(entry.body, CdrIssued)]
            for dated in ("SELECT issued_at FROM cdrs", "SELECT posted_at FROM postings"):
                assert [at for (at,) in ledger.connection.execute(dated)] == made_at
            assert list(LedgerReader(path).cdrs(START, START + timedelta(days=1))) == bills


def test_an_ended_transaction_of_the_first_schema_is_as_old_as_its_bill(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    play, transactions = played()
    write_0001(path, play, transactions)
    with Ledger(path, "edge-1") as ledger:
        ends = [entry.at.isoformat() for entry in play.entries if isinstance(entry.body, TransactionEnded)]
        assert [at for (at,) in ledger.connection.execute("SELECT ended_at FROM past_transactions")] == ends
