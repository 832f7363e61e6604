"""The telemetry filters that the hub wants edges to have."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cloud.store.types import UtcTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "filters",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("document_version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
    )
