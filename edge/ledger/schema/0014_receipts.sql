-- Receipts and statements; and when bills and postings were made, so that a month of them is found at once.

CREATE TABLE receipts (
    count     INTEGER PRIMARY KEY,         -- without gaps
    number    TEXT NOT NULL,
    kind      TEXT NOT NULL,               -- cdr | payment | till | statement
    ref       TEXT NOT NULL,
    issued_at TEXT NOT NULL,
    staff     TEXT,
    UNIQUE (kind, ref)
);

CREATE TABLE statements (
    count       INTEGER PRIMARY KEY,       -- without gaps
    number      TEXT NOT NULL,
    contract_id TEXT NOT NULL,
    period      TEXT NOT NULL,
    statement   BLOB NOT NULL,             -- the body of the journal entry: JSON
    UNIQUE (contract_id, period)
);

ALTER TABLE cdrs ADD COLUMN issued_at TEXT NOT NULL DEFAULT '';
UPDATE cdrs SET issued_at = COALESCE(
    (SELECT j.at FROM journal AS j WHERE j.stream = 'money' AND j.seq = cdrs.money_seq),
    REPLACE(json_extract(CAST(entry AS TEXT), '$.at'), 'Z', '+00:00')
);
CREATE INDEX cdrs_by_issue ON cdrs (issued_at);

ALTER TABLE postings ADD COLUMN posted_at TEXT NOT NULL DEFAULT '';
UPDATE postings SET posted_at = COALESCE(
    (SELECT j.at FROM journal AS j WHERE j.stream = 'money' AND j.seq = postings.money_seq),
    (SELECT c.issued_at FROM cdrs AS c WHERE c.money_seq = postings.money_seq - 1),  -- of the same commit
    ''
);
CREATE INDEX postings_by_time ON postings (posted_at);
CREATE INDEX postings_about_bills ON postings (cdr_id) WHERE reason <> 'cdr';
