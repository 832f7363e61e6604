"""Customers, contracts, balances, tariffs of the hub, payments, tills, decisions upon bills, receipts, statements."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import sqlalchemy as sa
from alembic import op

from cloud.store.types import Money, UtcTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customers",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("source", sa.String(), primary_key=True),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
    )
    op.create_table(
        "contracts",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("source", sa.String(), primary_key=True),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("billing", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("valid", sa.Boolean(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
    )
    op.create_index("contracts_by_customer", "contracts", ["domain", "customer_id"])
    op.create_table(
        "tariffs",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("document_version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
    )
    op.create_table(
        "desired_accounts",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("is_due", sa.Boolean(), nullable=False),
        sa.Column("made_at", UtcTime()),
    )
    op.create_table(
        "account_totals",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("account", sa.String(), primary_key=True),
        sa.Column("currency", sa.String(), primary_key=True),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("amount", Money(), nullable=False),
    )
    op.create_table(
        "payments",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("payment_id", sa.String(), primary_key=True),
        sa.Column("edge_id", sa.String(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("amount", Money(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("refunded", Money(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("staff", sa.String(), nullable=False),
        sa.Column("cdr_id", sa.String()),
        sa.Column("provider", sa.String()),
        sa.Column("provider_ref", sa.String()),
        sa.Column("till_session_id", sa.String()),
        sa.Column("reverses", sa.String()),
        sa.Column("given", Money()),
        sa.Column("change", Money()),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
    )
    op.create_index("payments_by_contract", "payments", ["domain", "contract_id"])
    op.create_index("payments_by_time", "payments", ["domain", "at", "payment_id"])
    op.create_table(
        "till_sessions",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("session_id", sa.String(), primary_key=True),
        sa.Column("edge_id", sa.String(), nullable=False),
        sa.Column("till_id", sa.String(), nullable=False),
        sa.Column("staff_id", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("opened_at", UtcTime(), nullable=False),
        sa.Column("opening", Money(), nullable=False),
        sa.Column("closed_at", UtcTime()),
        sa.Column("expected", Money()),
        sa.Column("counted", Money()),
        sa.Column("difference", Money()),
        sa.Column("closed_by", sa.String()),
    )
    op.create_index("till_sessions_by_time", "till_sessions", ["domain", "opened_at", "session_id"])
    op.create_table(
        "bill_decisions",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("cdr_id", sa.String(), primary_key=True),
        sa.Column("edge_id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("staff", sa.String(), nullable=False),
        sa.Column("second_staff", sa.String()),
        sa.Column("credit_cdr_id", sa.String()),
        sa.Column("new_cdr_id", sa.String()),
        sa.Column("at", UtcTime(), nullable=False),
    )
    op.create_table(
        "receipts",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("of", sa.String(), primary_key=True),
        sa.Column("ref", sa.String(), primary_key=True),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("issued_at", UtcTime(), nullable=False),
        sa.Column("staff", sa.String()),
    )
    op.create_index("receipts_by_ref", "receipts", ["domain", "ref"])
    op.create_index("receipts_by_time", "receipts", ["domain", "issued_at"])
    op.create_table(
        "statements",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("contract_id", sa.String(), primary_key=True),
        sa.Column("period", sa.String(), primary_key=True),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.Column("until", UtcTime(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("opening", Money(), nullable=False),
        sa.Column("billed", Money(), nullable=False),
        sa.Column("paid", Money(), nullable=False),
        sa.Column("credited", Money(), nullable=False),
        sa.Column("other", Money(), nullable=False),
        sa.Column("closing", Money(), nullable=False),
        sa.Column("issued_at", UtcTime(), nullable=False),
        sa.Column("due_on", sa.String()),
        sa.Column("staff", sa.String()),
    )
    op.create_index("statements_by_contract", "statements", ["domain", "contract_id"])
    op.create_index("statements_by_time", "statements", ["domain", "issued_at"])
    op.create_index("postings_by_time", "postings", ["domain", "at", "posting_id"])
    op.create_index("postings_by_bill", "postings", ["domain", "cdr_id"])
    _add_up()


def _add_up() -> None:
    """What is posted already: exact sums, which SQLite cannot make of its texts."""
    legs = sa.text(
        "SELECT p.domain, l.account, p.currency, p.edge_id, l.amount FROM posting_legs l"
        " JOIN postings p ON p.domain = l.domain AND p.posting_id = l.posting_id"
    )
    totals: defaultdict[tuple[int, str, str, str], Decimal] = defaultdict(Decimal)
    for domain, account, currency, edge_id, amount in op.get_bind().execute(legs):
        totals[domain, account, currency, edge_id] += Decimal(amount)
    table = sa.table(
        "account_totals",
        *(sa.column(name) for name in ("domain", "account", "currency", "edge_id")),
        sa.column("amount", Money()),
    )
    rows = [
        dict(zip(("domain", "account", "currency", "edge_id", "amount"), (*names, amount), strict=True))
        for names, amount in totals.items()
    ]
    op.bulk_insert(table, rows)
