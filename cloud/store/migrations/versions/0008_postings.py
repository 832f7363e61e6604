"""Postings that are not of a bill: why they were made, and by whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("postings") as postings:
        postings.alter_column("cdr_id", existing_type=sa.String(), nullable=True)
        postings.add_column(sa.Column("reason", sa.String(), nullable=False, server_default="cdr"))
        postings.add_column(sa.Column("text", sa.Text(), nullable=False, server_default=""))
        postings.add_column(sa.Column("staff", sa.String()))
