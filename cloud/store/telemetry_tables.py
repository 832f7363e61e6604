"""The tables of readings: blocks as they came, and what they come to by quarter of an hour, hour and day.

`telemetry_blocks` has an entry of the telemetry stream a row: what it says in `head`, its readings in `data` beside it.
An entry of contract 1.0 (MeterValuesSampled) has them in `head`, and an empty `data`. `begins_at` and `last_at` bound
the times of its readings.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, String, Table, Text

from cloud.store.columns import METADATA, domain, key
from cloud.store.types import UtcTime

LONGEST_GAP_MS: Final = 7 * 24 * 3_600_000
"""Between two readings of a register, over which what it gained is counted."""
_NO_DATA: Final = '"data":""'

telemetry_blocks = Table(
    "telemetry_blocks",
    METADATA,
    domain(),
    key("edge_id"),
    key("epoch"),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("location_id", String),
    Column("station_id", String, nullable=False),
    Column("evse_id", Integer, nullable=False),  # 0: the station itself, or a meter of the site that has this id
    Column("begins_at", UtcTime, nullable=False),
    Column("last_at", UtcTime, nullable=False),
    Column("samples", Integer, nullable=False),
    Column("dropped", BigInteger, nullable=False),
    Column("filter", String, nullable=False),
    Column("head", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Index("telemetry_blocks_by_evse", "domain", "edge_id", "station_id", "evse_id", "begins_at"),
    Index("telemetry_blocks_by_arrival", "received_at"),
)


def _rollup(name: str) -> Table:
    """What the readings of a measurand come to in buckets of one length."""
    return Table(
        name,
        METADATA,
        domain(),
        key("edge_id"),
        key("station_id"),
        Column("evse_id", Integer, primary_key=True, autoincrement=False),
        Column("begins_at", UtcTime, primary_key=True),
        key("measurand"),
        key("phase"),  # empty: of all phases together
        Column("samples", BigInteger, nullable=False),
        Column("blocks", Integer, nullable=False),  # that they were made from
        Column("dropped", BigInteger, nullable=False),  # by the filter, of all measurands of these blocks
        Column("filters", String, nullable=False),  # the names of their rules, with commas
        Column("first_ms", BigInteger, nullable=False),  # since 1970, as last_ms
        Column("first", BigInteger, nullable=False),
        Column("first_transaction", String),
        Column("last_ms", BigInteger, nullable=False),
        Column("last", BigInteger, nullable=False),
        Column("last_transaction", String),
        Column("minimum", BigInteger, nullable=False),
        Column("maximum", BigInteger, nullable=False),
        Column("held_ms", BigInteger, nullable=False),  # for how long values are known to have held,
        Column("held_sum", Double, nullable=False),  # and what they come to: value times ms
        Column("gained_wh", BigInteger, nullable=False),  # by a register, from the first reading to the last
        Column("updated_at", UtcTime, nullable=False),
        sqlite_with_rowid=False,  # the key is most of a row
    )


quarter_hours = _rollup("quarter_hours")
hours = _rollup("hours")
days = _rollup("days")


def head_of(raw: str, data: bytes) -> str:
    """An entry as it arrived, without its data where that can be put back."""
    head = raw.replace(f'"data":"{b64encode(data).decode()}"', _NO_DATA, 1)
    return head if entry_of(head, data) == raw else raw


def entry_of(head: str, data: bytes) -> str:
    """The entry as it arrived, byte by byte."""
    return head.replace(_NO_DATA, f'"data":"{b64encode(data).decode()}"', 1) if data else head
