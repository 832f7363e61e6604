-- Less to write per commit, and a journal that may be trimmed. What is asked for stays; a bill stands in one place.

-- A rowid table: rows are appended, whatever their stream, and long ones do not overflow; the key is small beside them.
CREATE TABLE journal_entries (
    stream TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    at     TEXT NOT NULL,
    body   BLOB CHECK (body IS NOT NULL OR stream = 'money'),  -- as it is sent: JSON; NULL for a bill: it is in cdrs
    PRIMARY KEY (stream, seq)
);

-- Bills are kept for ever; the journal's row of a bill may go.
CREATE TABLE bills (
    money_seq      INTEGER PRIMARY KEY,
    cdr_id         TEXT NOT NULL,           -- made of money_seq, so as unique as that
    transaction_id TEXT NOT NULL UNIQUE,    -- billed exactly once
    is_quarantined INTEGER NOT NULL,
    end_date_time  TEXT NOT NULL,
    entry          BLOB NOT NULL            -- the journal entry with the whole CDR, as it is sent: JSON
);
INSERT INTO bills
SELECT c.money_seq, c.cdr_id, c.transaction_id, c.is_quarantined, c.end_date_time, j.body
FROM cdrs AS c JOIN journal AS j ON j.stream = 'money' AND j.seq = c.money_seq ORDER BY c.money_seq;
INSERT INTO journal_entries
SELECT j.stream, j.seq, j.at, CASE WHEN b.money_seq IS NULL THEN j.body END
FROM journal AS j LEFT JOIN bills AS b ON j.stream = 'money' AND b.money_seq = j.seq ORDER BY j.at, j.stream, j.seq;
DROP TABLE journal;
ALTER TABLE journal_entries RENAME TO journal;
DROP TABLE cdrs;
ALTER TABLE bills RENAME TO cdrs;
CREATE INDEX cdrs_by_end ON cdrs (end_date_time);

CREATE VIEW entries AS
SELECT j.stream, j.seq, j.at, COALESCE(j.body, c.entry) AS body
FROM journal AS j LEFT JOIN cdrs AS c ON c.money_seq = CASE WHEN j.body IS NULL THEN j.seq END;

-- Open transactions are few and large, ended ones many and small; the ended are trimmed in the order of their rows.
CREATE TABLE open_transactions (
    transaction_id         TEXT PRIMARY KEY,
    station_id             TEXT NOT NULL,
    charger_transaction_id TEXT NOT NULL,
    start_key              TEXT NOT NULL,
    token_uid              TEXT,
    checkpoint             BLOB NOT NULL   -- the transaction whole: JSON
);
CREATE TABLE past_transactions (
    transaction_id         TEXT NOT NULL,
    station_id             TEXT NOT NULL,
    charger_transaction_id TEXT NOT NULL,
    start_key              TEXT NOT NULL,
    token_uid              TEXT,
    end_reason             TEXT NOT NULL,
    ended_at               TEXT NOT NULL   -- when it was journaled
);
INSERT INTO open_transactions
SELECT transaction_id, station_id, charger_transaction_id, start_key, token_uid, checkpoint
FROM transactions WHERE end_reason IS NULL ORDER BY rowid;
INSERT INTO past_transactions
SELECT t.transaction_id, t.station_id, t.charger_transaction_id, t.start_key, t.token_uid, t.end_reason,
    COALESCE(j.at, strftime('%Y-%m-%dT%H:%M:%S+00:00', 'now'))
FROM transactions AS t
LEFT JOIN cdrs AS c ON c.transaction_id = t.transaction_id
LEFT JOIN journal AS j ON j.stream = 'money' AND j.seq = c.money_seq
WHERE t.end_reason IS NOT NULL ORDER BY t.rowid;
DROP TABLE transactions;
-- The station comes last: the keys begin with what grows, so that new ones stand beside each other.
CREATE UNIQUE INDEX past_transactions_by_start_key ON past_transactions (start_key, station_id);
CREATE INDEX past_transactions_by_charger_id ON past_transactions (charger_transaction_id, station_id);

CREATE TABLE booked (
    money_seq  INTEGER PRIMARY KEY,
    posting_id TEXT NOT NULL,               -- made of money_seq
    key        TEXT NOT NULL UNIQUE,        -- what is posted is posted once
    cdr_id     TEXT NOT NULL,
    currency   TEXT NOT NULL,
    legs       TEXT NOT NULL                -- JSON: [{"account", "amount"}], exact decimals, debit positive
);
INSERT INTO booked
SELECT j.seq, p.posting_id, p.key, p.cdr_id, p.currency, json_extract(CAST(j.body AS TEXT), '$.body.legs')
FROM journal AS j JOIN postings AS p ON p.posting_id = json_extract(CAST(j.body AS TEXT), '$.body.posting_id')
WHERE j.stream = 'money' AND json_extract(CAST(j.body AS TEXT), '$.body.kind') = 'posting_made' ORDER BY j.seq;
DROP TABLE posting_legs;
DROP TABLE postings;
ALTER TABLE booked RENAME TO postings;

CREATE VIEW posting_legs AS
SELECT posting_id, json_extract(leg.value, '$.account') AS account, json_extract(leg.value, '$.amount') AS amount
FROM postings, json_each(legs) AS leg;
