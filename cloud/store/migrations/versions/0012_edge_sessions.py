"""At which broker an edge was heard last, and in which of its connections."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("edges", sa.Column("status_session", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("edges", sa.Column("status_broker", sa.String()))
