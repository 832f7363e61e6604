"""The table of what edges sealed: where the chain of hashes over their money stood."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, String, Table

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
