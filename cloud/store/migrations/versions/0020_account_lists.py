"""Accounts as what changed: a version for each customer, contract and balance, and what digests are made of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cloud.store.types import Money, UtcTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("customers", "contracts"):
        op.add_column(name, sa.Column("document_version", sa.BigInteger()))
        op.create_index(f"{name}_by_version", name, ["domain", "document_version"])
    op.add_column("account_totals", sa.Column("is_due", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.create_index(
        "account_totals_due",
        "account_totals",
        ["domain", "account"],
        postgresql_where=sa.text("is_due IS true"),
        sqlite_where=sa.text("is_due IS 1"),
    )
    op.create_table(
        "account_books",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.String()),
        sa.Column("told_at", UtcTime()),
    )
    op.create_table(
        "shared_balances",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("contract_id", sa.String(), primary_key=True),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("amount", Money(), nullable=False),
        sa.Column("document_version", sa.BigInteger(), nullable=False),
    )
    op.create_index("shared_balances_by_version", "shared_balances", ["domain", "document_version"])
    op.create_table(
        "removed_accounts",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(), primary_key=True),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("document_version", sa.BigInteger(), nullable=False),
    )
    op.create_index("removed_accounts_by_version", "removed_accounts", ["domain", "document_version"])
    op.drop_table("desired_accounts")  # each edge is told all once more, under a newer version
    op.create_table(
        "desired_accounts",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("posted", sa.String(), nullable=False),
    )
    _begin()


def _begin() -> None:
    """Domains that have customers: with a version that no edge has."""
    op.execute(
        "INSERT INTO documents (domain, name, version)"
        " SELECT DISTINCT domain, 'accounts', 0 FROM customers WHERE source = 'hub'"
        " ON CONFLICT (domain, name) DO NOTHING"
    )
    op.execute(
        "UPDATE documents SET version = version + 1 WHERE name = 'accounts'"
        " AND domain IN (SELECT domain FROM customers WHERE source = 'hub')"
    )
    op.execute(
        "INSERT INTO account_books (domain, version) SELECT domain, version FROM documents WHERE name = 'accounts'"
        " AND domain IN (SELECT domain FROM customers WHERE source = 'hub')"
    )
