"""When the last entry of each stream was made, as the edge wrote it: so that a clone's entries are known as foreign."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stream_positions", sa.Column("stamp", sa.String()))


def downgrade() -> None:
    op.drop_column("stream_positions", "stamp")
