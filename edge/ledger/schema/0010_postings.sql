-- Postings that are not of a bill: what set money aside, took a payment, moved cash; and who did it.

CREATE TABLE booked (
    money_seq  INTEGER PRIMARY KEY,
    posting_id TEXT NOT NULL,               -- made of money_seq
    key        TEXT NOT NULL UNIQUE,        -- what is posted is posted once
    cdr_id     TEXT,                        -- where it is about a bill
    currency   TEXT NOT NULL,
    reason     TEXT NOT NULL,
    legs       TEXT NOT NULL,               -- JSON: [{"account", "amount"}], exact decimals, debit positive
    text       TEXT NOT NULL,
    staff      TEXT                         -- the member of staff who did it
);
INSERT INTO booked
SELECT money_seq, posting_id, key, cdr_id, currency, 'cdr', legs, '', NULL FROM postings ORDER BY money_seq;
DROP VIEW posting_legs;
DROP TABLE postings;
ALTER TABLE booked RENAME TO postings;

CREATE VIEW posting_legs AS
SELECT posting_id, json_extract(leg.value, '$.account') AS account, json_extract(leg.value, '$.amount') AS amount
FROM postings, json_each(legs) AS leg;
