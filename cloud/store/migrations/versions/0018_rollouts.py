"""Rollouts: what is done at many stations and sites, stage by stage."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cloud.store.types import UtcTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rollouts",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("targets", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("stage_ended_at", UtcTime()),
        sa.Column("tolerated", sa.Integer(), nullable=False),
        sa.Column("is_watched", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("changed_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime()),
        sa.Column("issued_by", sa.String(), nullable=False),
    )
    op.create_index("rollouts_by_begin", "rollouts", ["domain", "created_at", "id"])
    op.create_index("rollouts_watched", "rollouts", ["is_watched"])
    op.create_table(
        "rollout_steps",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("rollout_id", sa.String(), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("edge_id", sa.String(), nullable=False),
        sa.Column("station_id", sa.String()),
        sa.Column("transaction_id", sa.String()),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("command_id", sa.String()),
        sa.Column("job_id", sa.String()),
        sa.Column("document_version", sa.BigInteger()),
        sa.Column("expires_at", UtcTime()),
        sa.Column("is_recalled", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("changed_at", UtcTime(), nullable=False),
    )
    op.create_index("rollout_steps_by_state", "rollout_steps", ["domain", "rollout_id", "stage", "state"])
