"""The tables of what edges prove: where the chain of hashes over their money stood, and what their days come to."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, String, Table, Text

from cloud.store.columns import METADATA, domain, key
from cloud.store.types import UtcTime

chain_seals = Table(
    "chain_seals",
    METADATA,
    domain(),
    key("edge_id"),
    key("epoch"),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),  # of the entry that told it
    Column("since_seq", BigInteger, nullable=False),
    Column("through_seq", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("hash", String, nullable=False),
    Column("is_proved", Boolean),  # by the entries that are here; NULL where they are not all here
    Column("sealed_at", UtcTime, nullable=False),
)

day_sums = Table(
    "day_sums",
    METADATA,
    domain(),
    key("edge_id"),
    key("epoch"),
    key("stream"),
    Column("first_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("day", Date, nullable=False),  # at the site
    Column("count", BigInteger, nullable=False),
    Column("hash", String, nullable=False),
    Column("bills", Integer, nullable=False),
    Column("energy_wh", BigInteger, nullable=False),
    Column("amounts", Text, nullable=False),  # JSON: by currency
    Column("state", String, nullable=False),  # waiting, proved, differs, gone
    Column("is_asked", Boolean, nullable=False),  # once for what is missing
    Column("here_count", BigInteger),  # and the others: what the entries that are here come to
    Column("here_bills", Integer),
    Column("here_energy_wh", BigInteger),
    Column("here_amounts", Text),
    Index("day_sums_waiting", "domain", "edge_id", "state"),
    Index("day_sums_by_day", "domain", "edge_id", "day"),
)
