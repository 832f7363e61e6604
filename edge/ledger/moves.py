"""What the ledger has of stations that move between the agents of a node."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Final

from pydantic import TypeAdapter

from edge.domain.past import PastTransaction
from edge.domain.site import Site
from edge.ledger.projections import CHECKPOINT
from edge.ledger.queries import queries
from edge.ports import MovedTransaction, StationRecord
from protocols.sync.up import UnknownStopReceived

ENDED_LOOKED_AT: Final = 4096
"""The newest ended transactions of all stations: a message that is repeated at another agent is about one of them."""
STOP: Final = TypeAdapter(UnknownStopReceived)


def records_of(connection: sqlite3.Connection, station_ids: Sequence[str]) -> list[StationRecord]:
    """What is told to an agent that has the stations now."""
    sql = queries()
    ended: dict[str, list[PastTransaction]] = {station_id: [] for station_id in station_ids}
    for row in connection.execute(sql["last_ended"], (ENDED_LOOKED_AT, json.dumps(station_ids))):
        ended[row[2]].append(
            PastTransaction(
                transaction_id=row[0],
                charger_transaction_id=row[1],
                station_id=row[2],
                start_key=row[3],
                token_uid=row[4],
                end_reason=row[5],
            )
        )
    return [
        StationRecord(
            station_id=station_id,
            moved=tuple(
                MovedTransaction(
                    transaction_id=transaction_id,
                    moves=moves,
                    to_edge_id=to_edge_id,
                    transaction=CHECKPOINT.validate_json(checkpoint) if checkpoint is not None else None,
                )
                for transaction_id, moves, to_edge_id, checkpoint in connection.execute(sql["moved"], (station_id,))
            ),
            ended=tuple(ended[station_id]),
            stops=tuple(
                STOP.validate_json(stop) for (stop,) in connection.execute(sql["stray_stops_of"], (station_id,))
            ),
        )
        for station_id in station_ids
    ]


def restore_stray_stops(site: Site, connection: sqlite3.Connection) -> None:
    """Read back which ends found no transaction."""
    for (stop,) in connection.execute(queries()["stray_stops"]):
        site.keep_stop(STOP.validate_json(stop))
