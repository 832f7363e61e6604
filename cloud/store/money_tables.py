"""The tables of customers, wallets, payments, the till and its staff, as `tables`. Postings and bills are in `tables`.

What an edge tells of them is kept as it stands now; a balance is the sum of the postings that the hub has, written with
them in one transaction.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text, text

from cloud.store.columns import METADATA, domain, key
from cloud.store.types import Money, UtcTime

customers = Table(
    "customers",
    METADATA,
    domain(),
    key("id"),
    key("source"),  # hub: the domain's document, with an empty edge_id; site: that edge's own
    key("edge_id"),
    Column("name", String, nullable=False),
    Column("document", Text, nullable=False),  # JSON: the customer
    Column("document_version", BigInteger),  # of the hub's: the version in which it was said last
    Column("updated_at", UtcTime, nullable=False),
    Index("customers_by_version", "domain", "document_version"),
)

contracts = Table(
    "contracts",
    METADATA,
    domain(),
    key("id"),
    key("source"),
    key("edge_id"),
    Column("customer_id", String, nullable=False),
    Column("billing", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("valid", Boolean, nullable=False),
    Column("document", Text, nullable=False),  # JSON: the contract
    Column("document_version", BigInteger),
    Column("updated_at", UtcTime, nullable=False),
    Index("contracts_by_customer", "domain", "customer_id"),
    Index("contracts_by_version", "domain", "document_version"),
)

tariffs = Table(
    "tariffs",
    METADATA,
    domain(),
    key("id"),
    Column("currency", String, nullable=False),
    Column("document", Text, nullable=False),  # JSON: the tariff
    Column("document_version", BigInteger, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

account_books = Table(  # of the domains that have customers of the hub
    "account_books",
    METADATA,
    domain(),
    Column("version", BigInteger, nullable=False),  # the newest that was made here
    Column("total", String),  # what the hub's customers and contracts add to a digest; NULL: to be reckoned
    Column("told_at", UtcTime),  # when balances were told last
)

desired_accounts = Table(  # by edge; one without a row is wanted to have the book's version
    "desired_accounts",
    METADATA,
    domain(),
    key("edge_id"),
    Column("version", BigInteger, nullable=False),  # the newest that says anything to this edge
    Column("posted", String, nullable=False),  # what its own balances add to the digests of all others
)

shared_balances = Table(  # what was told of each edge's postings to contracts of the hub
    "shared_balances",
    METADATA,
    domain(),
    key("contract_id"),
    key("edge_id"),
    Column("amount", Money, nullable=False),
    Column("document_version", BigInteger, nullable=False),
    Index("shared_balances_by_version", "domain", "document_version"),
)

removed_accounts = Table(  # customers and contracts of the hub that are gone
    "removed_accounts",
    METADATA,
    domain(),
    key("kind"),  # customer | contract
    key("id"),
    Column("document_version", BigInteger, nullable=False),
    Index("removed_accounts_by_version", "domain", "document_version"),
)

account_totals = Table(
    "account_totals",
    METADATA,
    domain(),
    key("account"),
    key("currency"),
    key("edge_id"),
    Column("amount", Money, nullable=False),  # the sum of the edge's posting legs
    Column("is_due", Boolean, nullable=False),  # it may be another than what was told of it
    Index(
        "account_totals_due",
        *("domain", "account"),
        postgresql_where=text("is_due IS true"),
        sqlite_where=text("is_due IS 1"),
    ),
)

payments = Table(
    "payments",
    METADATA,
    domain(),
    key("payment_id"),
    Column("edge_id", String, nullable=False),
    Column("contract_id", String, nullable=False),
    Column("method", String, nullable=False),
    Column("state", String, nullable=False),
    Column("amount", Money, nullable=False),
    Column("currency", String, nullable=False),
    Column("refunded", Money, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("staff", String, nullable=False),
    Column("cdr_id", String),
    Column("provider", String),
    Column("provider_ref", String),
    Column("till_session_id", String),
    Column("reverses", String),
    Column("given", Money),
    Column("change", Money),
    Column("text", Text, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Index("payments_by_time", "domain", "at", "payment_id"),
    Index("payments_by_contract", "domain", "contract_id"),
)

till_sessions = Table(
    "till_sessions",
    METADATA,
    domain(),
    key("session_id"),
    Column("edge_id", String, nullable=False),
    Column("till_id", String, nullable=False),
    Column("staff_id", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("opening", Money, nullable=False),
    Column("closed_at", UtcTime),
    Column("expected", Money),  # and the rest: once it is closed
    Column("counted", Money),
    Column("difference", Money),
    Column("closed_by", String),
    Index("till_sessions_by_time", "domain", "opened_at", "session_id"),
)

till_movements = Table(
    "till_movements",
    METADATA,
    domain(),
    key("edge_id"),
    key("session_id"),
    key("request_key"),  # the asker's: the same again is the same movement
    Column("amount", Money, nullable=False),  # positive: into the drawer
    Column("reason", Text, nullable=False),
    Column("staff", String, nullable=False),
    Column("at", UtcTime, nullable=False),
)

reconciliations = Table(
    "reconciliations",
    METADATA,
    domain(),
    key("edge_id"),
    key("provider"),
    key("day"),  # ISO 8601, UTC
    Column("matched", Integer, nullable=False),
    Column("taken", Money, nullable=False),
    Column("unsettled", Integer, nullable=False),  # differences that a person has to settle
    Column("differences", Text, nullable=False),  # JSON
    Column("staff", String, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index("reconciliations_by_day", "domain", "day"),
)

dunning_steps = Table(
    "dunning_steps",
    METADATA,
    domain(),
    key("edge_id"),
    key("contract_id"),
    Column("at", UtcTime, primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),  # 0: nothing is overdue any more
    Column("action", String, nullable=False),
    Column("blocks", Boolean, nullable=False),
    Column("overdue", Money, nullable=False),
    Column("currency", String, nullable=False),
    Column("due_on", String),  # local
    Index("dunning_steps_by_time", "domain", "at"),
    Index("dunning_steps_by_contract", "domain", "contract_id"),
)

staff_changes = Table(
    "staff_changes",
    METADATA,
    domain(),
    key("edge_id"),
    key("staff_id"),
    Column("at", UtcTime, primary_key=True),
    Column("name", String, nullable=False),
    Column("role", String),  # NULL: taken off the list
    Column("was_role", String),  # NULL: added
    Column("is_pin_new", Boolean, nullable=False),
    Index("staff_changes_by_time", "domain", "at"),
)

bill_decisions = Table(
    "bill_decisions",
    METADATA,
    domain(),
    key("cdr_id"),
    Column("edge_id", String, nullable=False),
    Column("session_id", String, nullable=False),
    Column("decision", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("staff", String, nullable=False),
    Column("second_staff", String),
    Column("credit_cdr_id", String),
    Column("new_cdr_id", String),
    Column("at", UtcTime, nullable=False),
)

receipts = Table(
    "receipts",
    METADATA,
    domain(),
    key("edge_id"),
    key("of"),
    key("ref"),
    Column("number", String, nullable=False),
    Column("count", Integer, nullable=False),
    Column("issued_at", UtcTime, nullable=False),
    Column("staff", String),
    Index("receipts_by_ref", "domain", "ref"),
    Index("receipts_by_time", "domain", "issued_at"),
)

statements = Table(
    "statements",
    METADATA,
    domain(),
    key("edge_id"),
    key("contract_id"),
    key("period"),
    Column("number", String, nullable=False),
    Column("count", Integer, nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=False),
    Column("currency", String, nullable=False),
    Column("opening", Money, nullable=False),
    Column("billed", Money, nullable=False),
    Column("paid", Money, nullable=False),
    Column("credited", Money, nullable=False),
    Column("other", Money, nullable=False),
    Column("closing", Money, nullable=False),
    Column("issued_at", UtcTime, nullable=False),
    Column("due_on", String),  # the last day, local
    Column("staff", String),
    Index("statements_by_contract", "domain", "contract_id"),
    Index("statements_by_time", "domain", "issued_at"),
)
