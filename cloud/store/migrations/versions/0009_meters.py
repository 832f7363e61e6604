"""The sites' own meters and the balance of their power, as last heard."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cloud.store.types import UtcTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "meters",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("meter_id", sa.String(), primary_key=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("profile_id", sa.String(), nullable=False),
        sa.Column("station_id", sa.String()),
        sa.Column("evse_id", sa.Integer()),
        sa.Column("vendor", sa.String()),
        sa.Column("model", sa.String()),
        sa.Column("serial_number", sa.String()),
        sa.Column("is_online", sa.Boolean(), nullable=False),
        sa.Column("power_w", sa.BigInteger()),
        sa.Column("power_read_at", UtcTime()),
        sa.Column("phases", sa.Text(), nullable=False),
        sa.Column("energy_import_wh", sa.BigInteger()),
        sa.Column("energy_export_wh", sa.BigInteger()),
        sa.Column("frequency_mhz", sa.BigInteger()),
        sa.Column("power_factor_per_mille", sa.BigInteger()),
        sa.Column("read_at", UtcTime()),
        sa.Column("as_of", UtcTime(), nullable=False),
    )
    op.create_table(
        "power_flows",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("part", sa.String(), primary_key=True),
        sa.Column("power_w", sa.BigInteger()),
        sa.Column("read_at", UtcTime()),
        sa.Column("as_of", UtcTime(), nullable=False),
    )
