-- Bills that a person decided upon, credited and issued anew; and all that is kept for ever, chained by hashes.

DROP VIEW entries;
DROP VIEW posting_legs;

CREATE TABLE bills (
    money_seq      INTEGER PRIMARY KEY,
    cdr_id         TEXT NOT NULL,           -- made of money_seq, so as unique as that
    transaction_id TEXT NOT NULL,
    is_quarantined INTEGER NOT NULL,
    end_date_time  TEXT NOT NULL,
    entry          BLOB NOT NULL,           -- the journal entry with the whole CDR, as it is sent: JSON
    is_credit      INTEGER NOT NULL DEFAULT 0,
    corrects       INTEGER REFERENCES cdrs (money_seq),  -- the bill that it takes back, or is issued instead of
    hash           BLOB,                    -- of the chain up to here; NULL for what is older than the chain
    CHECK (corrects IS NOT NULL OR NOT is_credit),
    CHECK (corrects < money_seq),
    CHECK (NOT (is_credit AND is_quarantined))
);
INSERT INTO bills (money_seq, cdr_id, transaction_id, is_quarantined, end_date_time, entry)
SELECT money_seq, cdr_id, transaction_id, is_quarantined, end_date_time, entry FROM cdrs ORDER BY money_seq;
DROP TABLE cdrs;
ALTER TABLE bills RENAME TO cdrs;
CREATE INDEX cdrs_by_end ON cdrs (end_date_time);
-- A transaction is billed once; each of its bills is credited once at most, and replaced once at most.
CREATE UNIQUE INDEX cdrs_once ON cdrs (transaction_id, COALESCE(corrects, 0), is_credit);
CREATE INDEX cdrs_quarantined ON cdrs (money_seq) WHERE is_quarantined;

CREATE TABLE bill_decisions (
    money_seq    INTEGER PRIMARY KEY,
    bill_seq     INTEGER NOT NULL UNIQUE REFERENCES cdrs (money_seq),  -- a bill is decided upon once
    cdr_id       TEXT NOT NULL,
    decision     TEXT NOT NULL,             -- accepted | rerated | written_off | credited | corrected
    decided_at   TEXT NOT NULL,
    staff        TEXT NOT NULL,
    second_staff TEXT,
    entry        BLOB NOT NULL,             -- the journal entry: JSON
    hash         BLOB NOT NULL
);

CREATE VIEW bill_state AS                   -- in force is what is issued
SELECT c.money_seq, c.cdr_id, c.transaction_id,
    CASE
        WHEN d.decision IS NOT NULL THEN d.decision
        WHEN c.is_credit THEN 'credit'
        WHEN c.is_quarantined THEN 'quarantined'
        ELSE 'issued'
    END AS state
FROM cdrs AS c LEFT JOIN bill_decisions AS d ON d.bill_seq = c.money_seq;

-- A posting stands in one place, too: the journal's row of it may go.
ALTER TABLE postings ADD COLUMN entry BLOB;  -- the journal entry, as it is sent: JSON
ALTER TABLE postings ADD COLUMN hash BLOB;
UPDATE postings SET entry = COALESCE(
    (SELECT j.body FROM journal AS j WHERE j.stream = 'money' AND j.seq = postings.money_seq),
    CAST(json_object(
        'stream', 'money',
        'seq', money_seq,
        'at', (SELECT json_extract(CAST(c.entry AS TEXT), '$.at') FROM cdrs AS c
               WHERE c.money_seq = postings.money_seq - 1),  -- its bill, of the same commit
        'body', json_object(
            'posting_id', posting_id, 'key', key, 'currency', currency, 'legs', json(legs), 'cdr_id', cdr_id,
            'reason', reason, 'text', text, 'by', staff, 'kind', 'posting_made'
        )
    ) AS BLOB)
);

CREATE VIEW posting_legs AS
SELECT posting_id, json_extract(leg.value, '$.account') AS account, json_extract(leg.value, '$.amount') AS amount
FROM postings, json_each(legs) AS leg;

CREATE VIEW entries AS
SELECT j.stream, j.seq, j.at, COALESCE(j.body, c.entry, p.entry, d.entry) AS body
FROM journal AS j
LEFT JOIN cdrs AS c ON c.money_seq = CASE WHEN j.body IS NULL THEN j.seq END
LEFT JOIN postings AS p ON p.money_seq = CASE WHEN j.body IS NULL AND c.money_seq IS NULL THEN j.seq END
LEFT JOIN bill_decisions AS d
    ON d.money_seq = CASE WHEN j.body IS NULL AND c.money_seq IS NULL AND p.money_seq IS NULL THEN j.seq END;

CREATE TABLE chains (
    number    INTEGER PRIMARY KEY,          -- of two that begin at the same place the later one goes on
    epoch     TEXT NOT NULL UNIQUE,
    after_seq INTEGER NOT NULL,             -- what came up to here is older than the chain
    genesis   BLOB NOT NULL                 -- the hash over all of that: see edge/ledger/chain.py
);

CREATE TABLE chain_seals (
    money_seq   INTEGER PRIMARY KEY,
    through_seq INTEGER NOT NULL,
    hash        TEXT NOT NULL,              -- hexadecimal, as it was told to the hub
    count       INTEGER NOT NULL,
    sealed_at   TEXT NOT NULL
);
