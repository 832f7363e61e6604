"""What the models of a fleet do otherwise than the standard."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cloud.store.types import UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deviations",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("edge_id", sa.String(), nullable=False),
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("firmware_version", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("problem", sa.String(), nullable=False),
        sa.Column("remedy", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_at", UtcTime(), nullable=False),
        sa.Column("last_at", UtcTime(), nullable=False),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("frame", sa.Text()),
    )
    op.create_index("deviations_by_first", "deviations", ["domain", "first_at", "id"])
