"""Security events and certificates of stations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cloud.store.types import UtcTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "security_events",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("edge_id", sa.String(), nullable=False),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("is_critical", sa.Boolean(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_at", UtcTime(), nullable=False),
        sa.Column("last_at", UtcTime(), nullable=False),
        sa.Column("tech_info", sa.String()),
    )
    op.create_index("security_events_by_first", "security_events", ["domain", "first_at", "id"])
    op.create_table(
        "station_certificates",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("serial_number", sa.String(), primary_key=True),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("certificate_type", sa.String(), nullable=False),
        sa.Column("common_name", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("not_before", UtcTime(), nullable=False),
        sa.Column("not_after", UtcTime(), nullable=False),
        sa.Column("issued_at", UtcTime(), nullable=False),
        sa.Column("accepted_at", UtcTime()),
        sa.Column("revoked_at", UtcTime()),
    )
    op.create_index("station_certificates_by_issue", "station_certificates", ["domain", "issued_at", "serial_number"])
