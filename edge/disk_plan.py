"""What a site takes on its disk, by what was measured; `python -m tests.bench edge_storage` measures it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge.ledger.database import WAL_BOUND_PAGES

SESSION_FOR_EVER_BYTES: Final = 3_150
"""Of a session, with indexes and what pages leave free: its bill and posting, which are never dropped, and what is
known of the ended transaction. A tariff of many elements stands in each bill whole, and makes it as much longer."""
SESSION_MONEY_BYTES: Final = 920
"""The other entries of the money journal: kept as long as the journal."""
SESSION_EVENT_BYTES: Final = 1_760
"""Changes of the connector's state."""
BLOCK_BYTES: Final = 190
"""A row of a quarter of an hour: what every block says, and the names of its curves."""
READING_BYTES: Final = 0.47
"""In such a block, where all that a meter shows is kept: six bits of noise for a voltage, one for a state of charge."""
KEPT_READING_BYTES: Final = 1.6
"""In a block of what the usual filter keeps: what is left is what differs."""
KEPT_SHARE: Final = 0.06
"""Of the readings, by the usual filter, of a vehicle that charges steadily."""
PAGE_BYTES: Final = 4096
BASE_BYTES: Final = 485_000
"""Of an empty ledger. Tokens and customers take some 300 bytes each."""
MB: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How a site is charged at: an EVSE has so many sessions a day, each of so many hours, with a message every
    `interval_s` that holds so many readings."""

    evses: int
    sessions: float = 4.0
    session_h: float = 2.0
    interval_s: float = 15.0
    measurands: int = 7
    is_filtered: bool = True

    @property
    def messages_a_session(self) -> int:
        return round(self.session_h * 3600 / self.interval_s)

    @property
    def messages_a_quarter(self) -> int:
        return round(900 / self.interval_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Bytes of the ledger's file, by what they are of; and of what lies beside it."""

    money_bytes: int
    event_bytes: int
    telemetry_bytes: int
    log_bytes: int = WAL_BOUND_PAGES * PAGE_BYTES
    ballast_bytes: int = 0
    frames_bytes: int = 0

    @property
    def ledger_bytes(self) -> int:
        """Of the file, the log beside it not counted."""
        return BASE_BYTES + self.money_bytes + self.event_bytes + self.telemetry_bytes

    @property
    def all_bytes(self) -> int:
        return self.ledger_bytes + self.log_bytes + self.ballast_bytes + self.frames_bytes


def bytes_of(usage: Usage, *, days: float, money_days: float, ballast_bytes: int = 0, frames_bytes: int = 0) -> Planned:
    """What a site takes when its journal goes back so many days, and its bills so many."""
    sessions_a_day = usage.evses * usage.sessions
    quarters = sessions_a_day * days * (usage.session_h * 4 + 1)  # a session seldom begins with a quarter
    readings = sessions_a_day * days * usage.messages_a_session * usage.measurands
    reading_bytes = KEPT_SHARE * KEPT_READING_BYTES if usage.is_filtered else READING_BYTES
    return Planned(
        money_bytes=round(sessions_a_day * (money_days * SESSION_FOR_EVER_BYTES + days * SESSION_MONEY_BYTES)),
        event_bytes=round(sessions_a_day * days * SESSION_EVENT_BYTES),
        telemetry_bytes=round(quarters * BLOCK_BYTES + readings * reading_bytes),
        ballast_bytes=ballast_bytes,
        frames_bytes=frames_bytes,
    )
