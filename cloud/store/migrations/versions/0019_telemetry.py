"""Readings as blocks, and what they come to by quarter of an hour, hour and day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cloud.store.types import UtcTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "telemetry_blocks",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("epoch", sa.String(), primary_key=True),
        sa.Column("seq", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("location_id", sa.String()),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("begins_at", UtcTime(), nullable=False),
        sa.Column("last_at", UtcTime(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.Column("filter", sa.String(), nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", UtcTime(), nullable=False),
    )
    op.create_index(
        "telemetry_blocks_by_evse", "telemetry_blocks", ["domain", "edge_id", "station_id", "evse_id", "begins_at"]
    )
    op.create_index("telemetry_blocks_by_arrival", "telemetry_blocks", ["received_at"])
    for name in ("quarter_hours", "hours", "days"):
        op.create_table(
            name,
            sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
            sa.Column("edge_id", sa.String(), primary_key=True),
            sa.Column("station_id", sa.String(), primary_key=True),
            sa.Column("evse_id", sa.Integer(), primary_key=True, autoincrement=False),
            sa.Column("begins_at", UtcTime(), primary_key=True),
            sa.Column("measurand", sa.String(), primary_key=True),
            sa.Column("phase", sa.String(), primary_key=True),
            sa.Column("samples", sa.BigInteger(), nullable=False),
            sa.Column("blocks", sa.Integer(), nullable=False),
            sa.Column("dropped", sa.BigInteger(), nullable=False),
            sa.Column("filters", sa.String(), nullable=False),
            sa.Column("first_ms", sa.BigInteger(), nullable=False),
            sa.Column("first", sa.BigInteger(), nullable=False),
            sa.Column("first_transaction", sa.String()),
            sa.Column("last_ms", sa.BigInteger(), nullable=False),
            sa.Column("last", sa.BigInteger(), nullable=False),
            sa.Column("last_transaction", sa.String()),
            sa.Column("minimum", sa.BigInteger(), nullable=False),
            sa.Column("maximum", sa.BigInteger(), nullable=False),
            sa.Column("held_ms", sa.BigInteger(), nullable=False),
            sa.Column("held_sum", sa.Double(), nullable=False),
            sa.Column("gained_wh", sa.BigInteger(), nullable=False),
            sa.Column("updated_at", UtcTime(), nullable=False),
            sqlite_with_rowid=False,
        )


def downgrade() -> None:
    for name in ("days", "hours", "quarter_hours", "telemetry_blocks"):
        op.drop_table(name)
