"""How edges see their way to the hub, and what the hub asked them for again."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String, Table, Text

from cloud.store.columns import METADATA, domain, key
from cloud.store.types import UtcTime

sync_reports = Table(
    "sync_reports",
    METADATA,
    domain(),
    key("edge_id"),
    Column("epoch", String, nullable=False),
    Column("document", Text, nullable=False),  # JSON: protocols.sync.present.SyncReport
    Column("reported_at", UtcTime, nullable=False),  # site time of the edge
)

sync_gaps = Table(
    "sync_gaps",
    METADATA,
    domain(),
    key("edge_id"),
    key("stream"),
    Column("count", BigInteger, nullable=False),  # batches before which something was missing
    Column("last_at", UtcTime, nullable=False),
)
