"""How far the journal is from the hub, as the ledger has it. Looks at the ends of it only, however much waits."""

from __future__ import annotations

import sqlite3

from edge.ledger.clock_tables import clock_report
from edge.ledger.day_sums import last_sums
from edge.ledger.journal import last_seq, time_of_next
from edge.ledger.queries import queries
from edge.ports import StreamFacts, SyncFacts
from protocols.sync.topics import Stream


def sync_facts(connection: sqlite3.Connection) -> SyncFacts:
    sql = queries()
    dead = dict(connection.execute(sql["dead_letters_by_stream"]))
    streams = []
    for stream in Stream:
        acked = connection.execute(sql["acked_seq"], (stream.value,)).fetchone()
        acked_seq = acked[0] if acked is not None else 0
        streams.append(
            StreamFacts(
                stream=stream,
                last_seq=last_seq(connection, stream),
                acked_seq=acked_seq,
                oldest_at=time_of_next(connection, stream, acked_seq),
                dead_letters=dead.get(stream.value, 0),
            )
        )
    return SyncFacts(
        streams=tuple(streams),
        documents=dict(connection.execute(sql["documents"])),
        clock=clock_report(connection),
        days=last_sums(connection),
    )
