"""A process that commits without end and says after each commit what is acknowledged by it:
`python -m tests.edge.ledger.commit_loop LEDGER MODE`, where MODE is `as_it_is` or `careless` (nothing is synced)."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from edge.ledger.ledger import Ledger
from edge.ports import Commit
from protocols.sync.topics import Stream
from protocols.sync.up import ConnectorStatusChanged, Entry
from protocols.terms import ChargingState, ConnectorStatus

AT = datetime(2026, 3, 2, 6, tzinfo=UTC)
BODY = ConnectorStatusChanged(
    station_id="CP01",
    evse_id=1,
    connector_id=1,
    status=ConnectorStatus.OCCUPIED,
    charging_state=ChargingState.CHARGING,
)


async def commit(path: Path, mode: str) -> None:
    with Ledger(path, "edge-1") as ledger:
        if mode == "careless":
            ledger.connection.execute("PRAGMA synchronous = OFF")
        while True:
            seq = ledger.last_seq(Stream.EVENT) + 1
            await ledger.commit(Commit(entries=[Entry(stream=Stream.EVENT, seq=seq, at=AT, body=BODY)]))
            print(seq, flush=True)


if __name__ == "__main__":
    asyncio.run(commit(Path(sys.argv[1]), sys.argv[2]))
