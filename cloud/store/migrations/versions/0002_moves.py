"""A session may move from one edge of a node to another: of two words about it, the one with more moves is newer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("moves", sa.Integer(), nullable=False, server_default="0"))
