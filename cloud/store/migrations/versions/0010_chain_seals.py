"""Where the chains of hashes over the edges' money stood."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cloud.store.types import UtcTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chain_seals",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("epoch", sa.String(), primary_key=True),
        sa.Column("seq", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("since_seq", sa.BigInteger(), nullable=False),
        sa.Column("through_seq", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("is_proved", sa.Boolean()),
        sa.Column("sealed_at", UtcTime(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("chain_seals")
