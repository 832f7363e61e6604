"""What was moved in tills, what came of providers' lists, steps of dunning, and changes of the sites' staff. What edges
told of these before lies in their raw entries alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cloud.store.types import Money, UtcTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "till_movements",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("session_id", sa.String(), primary_key=True),
        sa.Column("request_key", sa.String(), primary_key=True),
        sa.Column("amount", Money(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("staff", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
    )
    op.create_table(
        "reconciliations",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("provider", sa.String(), primary_key=True),
        sa.Column("day", sa.String(), primary_key=True),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("taken", Money(), nullable=False),
        sa.Column("unsettled", sa.Integer(), nullable=False),
        sa.Column("differences", sa.Text(), nullable=False),
        sa.Column("staff", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
    )
    op.create_index("reconciliations_by_day", "reconciliations", ["domain", "day"])
    op.create_table(
        "dunning_steps",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("contract_id", sa.String(), primary_key=True),
        sa.Column("at", UtcTime(), primary_key=True),
        sa.Column("step", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("blocks", sa.Boolean(), nullable=False),
        sa.Column("overdue", Money(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("due_on", sa.String()),
    )
    op.create_index("dunning_steps_by_time", "dunning_steps", ["domain", "at"])
    op.create_index("dunning_steps_by_contract", "dunning_steps", ["domain", "contract_id"])
    op.create_table(
        "staff_changes",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("staff_id", sa.String(), primary_key=True),
        sa.Column("at", UtcTime(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String()),
        sa.Column("was_role", sa.String()),
        sa.Column("is_pin_new", sa.Boolean(), nullable=False),
    )
    op.create_index("staff_changes_by_time", "staff_changes", ["domain", "at"])
