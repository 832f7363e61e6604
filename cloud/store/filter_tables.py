"""What the hub wants edges to keep of their readings."""

from __future__ import annotations

from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import BigInteger, Column, Table, Text

from cloud.store.columns import METADATA, domain, key
from cloud.store.types import UtcTime
from protocols.sync.filters import Classes

FILTER: Final = "filter"
"""The document's name."""
CLASSES: Final[TypeAdapter[Classes]] = TypeAdapter(Classes)
"""Reads and writes the column `document`."""

filters = Table(
    "filters",
    METADATA,
    domain(),
    key("edge_id"),  # empty: of every edge of the domain
    Column("document", Text, nullable=False),  # JSON: by device class and measurand
    Column("document_version", BigInteger, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)
