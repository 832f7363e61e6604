"""Reservations, local lists, and what the monitors of stations saw."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cloud.store.types import UtcTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reservations",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("edge_id", sa.String(), nullable=False),
        sa.Column("location_id", sa.String()),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("evse_id", sa.Integer()),
        sa.Column("reservation_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("token_uid", sa.String(), nullable=False),
        sa.Column("group_id", sa.String()),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("tariff_id", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("made_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime()),
        sa.Column("transaction_id", sa.String()),
    )
    op.create_index("reservations_by_made", "reservations", ["domain", "made_at", "id"])
    op.create_index("reservations_by_station", "reservations", ["domain", "station_id", "made_at", "id"])
    op.create_table(
        "local_lists",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("station_id", sa.String(), primary_key=True),
        sa.Column("is_supported", sa.Boolean(), nullable=False),
        sa.Column("firmware_version", sa.String()),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("tokens_version", sa.BigInteger(), nullable=False),
        sa.Column("checksum", sa.String(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("settled_at", UtcTime(), nullable=False),
    )
    op.create_table(
        "monitor_events",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("edge_id", sa.String(), nullable=False),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("component", sa.String(), nullable=False),
        sa.Column("evse_id", sa.Integer()),
        sa.Column("variable", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("is_cleared", sa.Boolean(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
    )
    op.create_index("monitor_events_by_time", "monitor_events", ["domain", "at", "id"])
    op.create_index("monitor_events_by_station", "monitor_events", ["domain", "station_id", "at", "id"])
