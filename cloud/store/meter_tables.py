"""The tables of the sites' own meters, as `tables`: the present as last heard, one row each, overwritten."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Table, Text

from cloud.store.columns import METADATA, domain, key
from cloud.store.types import UtcTime

meters = Table(
    "meters",
    METADATA,
    domain(),
    key("edge_id"),
    key("meter_id"),
    Column("role", String, nullable=False),
    Column("profile_id", String, nullable=False),
    Column("station_id", String),  # and evse_id: the EVSE that it stands behind
    Column("evse_id", Integer),
    Column("vendor", String),
    Column("model", String),
    Column("serial_number", String),
    Column("is_online", Boolean, nullable=False),
    Column("power_w", BigInteger),
    Column("power_read_at", UtcTime),
    Column("phases", Text, nullable=False),  # JSON
    Column("energy_import_wh", BigInteger),
    Column("energy_export_wh", BigInteger),
    Column("frequency_mhz", BigInteger),
    Column("power_factor_per_mille", BigInteger),
    Column("read_at", UtcTime),
    Column("as_of", UtcTime, nullable=False),  # the site's time of the news
)

power_flows = Table(
    "power_flows",
    METADATA,
    domain(),
    key("edge_id"),
    key("part"),
    Column("power_w", BigInteger),
    Column("read_at", UtcTime),
    Column("as_of", UtcTime, nullable=False),
)
