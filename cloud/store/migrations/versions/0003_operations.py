"""Commands that are an operation or a raw call: what is asked, and what the station told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("commands", sa.Column("operation", sa.String()))
    op.add_column("commands", sa.Column("body", sa.Text()))
    op.add_column("commands", sa.Column("result", sa.Text()))
