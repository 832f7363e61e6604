-- The journal is the outbox: append-only, one gap-free sequence per stream. All other tables are projections of it,
-- or marks beside it, written in the same transaction.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE journal (
    stream TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    at     TEXT NOT NULL,
    body   BLOB NOT NULL,          -- the entry as it is sent: JSON
    PRIMARY KEY (stream, seq)
) WITHOUT ROWID;

CREATE TABLE acked (
    stream TEXT PRIMARY KEY,
    seq    INTEGER NOT NULL        -- all entries up to and with this one are committed at the hub
) WITHOUT ROWID;

CREATE TABLE dead_letters (
    stream TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (stream, seq)
) WITHOUT ROWID;

CREATE TABLE transactions (
    transaction_id         TEXT NOT NULL UNIQUE,
    station_id             TEXT NOT NULL,
    charger_transaction_id TEXT NOT NULL,
    start_key              TEXT NOT NULL,
    token_uid              TEXT,
    checkpoint             BLOB,   -- the open transaction whole; NULL once it has ended
    end_reason             TEXT    -- NULL while it is open
);
CREATE UNIQUE INDEX transactions_by_start_key ON transactions (station_id, start_key);
CREATE INDEX transactions_by_charger_id ON transactions (station_id, charger_transaction_id);
CREATE INDEX transactions_open ON transactions (transaction_id) WHERE end_reason IS NULL;

CREATE TABLE cdrs (
    cdr_id          TEXT PRIMARY KEY,
    transaction_id  TEXT NOT NULL UNIQUE,  -- billed exactly once
    money_seq       INTEGER NOT NULL,
    is_quarantined  INTEGER NOT NULL,
    station_id      TEXT NOT NULL,
    evse_id         INTEGER NOT NULL,
    contract_id     TEXT NOT NULL,
    end_date_time   TEXT NOT NULL,
    document        BLOB NOT NULL          -- the whole CDR as JSON
);
CREATE INDEX cdrs_by_end ON cdrs (end_date_time);
CREATE INDEX cdrs_by_contract ON cdrs (contract_id, end_date_time);

CREATE TABLE postings (
    posting_id TEXT PRIMARY KEY,
    key        TEXT NOT NULL UNIQUE,       -- what is posted is posted once
    cdr_id     TEXT NOT NULL,
    currency   TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE posting_legs (
    posting_id TEXT NOT NULL REFERENCES postings,
    account    TEXT NOT NULL,
    amount     TEXT NOT NULL,              -- exact decimal; debit positive
    PRIMARY KEY (posting_id, account)
) WITHOUT ROWID;
CREATE INDEX posting_legs_by_account ON posting_legs (account);

CREATE TABLE tokens (
    source   TEXT NOT NULL,                -- site | hub
    key      TEXT NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (source, key)
) WITHOUT ROWID;

CREATE TABLE documents (
    document TEXT PRIMARY KEY,
    version  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE stations (
    station_id       TEXT PRIMARY KEY,
    is_online        INTEGER NOT NULL DEFAULT 0,
    vendor           TEXT,
    model            TEXT,
    serial_number    TEXT,
    firmware_version TEXT,
    status           TEXT
) WITHOUT ROWID;

CREATE TABLE evses (
    station_id     TEXT NOT NULL,
    evse_id        INTEGER NOT NULL,
    connector_id   INTEGER NOT NULL,
    status         TEXT NOT NULL,
    charging_state TEXT,
    error_code     TEXT,
    PRIMARY KEY (station_id, evse_id)
) WITHOUT ROWID;

CREATE TABLE alarms (
    alarm_id TEXT PRIMARY KEY,
    document BLOB NOT NULL                 -- open alarms only
) WITHOUT ROWID;

CREATE TABLE commands (
    command_id  TEXT PRIMARY KEY,
    expires_at  TEXT NOT NULL,
    is_finished INTEGER NOT NULL
) WITHOUT ROWID;
