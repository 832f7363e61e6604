-- Payments and what went back of them, till sessions, and what came of each day's list of a provider.

CREATE TABLE payments (
    payment_id      TEXT PRIMARY KEY,
    request_key     TEXT NOT NULL UNIQUE,   -- what is asked for twice is one payment
    state           TEXT NOT NULL,
    contract_id     TEXT NOT NULL,
    cdr_id          TEXT,                   -- where it is of one bill
    till_session_id TEXT,
    reverses        TEXT,                   -- the payment that went back
    provider        TEXT,
    at              TEXT NOT NULL,
    payment         BLOB NOT NULL           -- as it is now: JSON
);
CREATE INDEX open_payments ON payments (state) WHERE state IN ('pending', 'unknown');
CREATE INDEX payments_by_time ON payments (at);
CREATE INDEX payments_by_contract ON payments (contract_id, at);
CREATE INDEX payments_by_cdr ON payments (cdr_id) WHERE cdr_id IS NOT NULL;
CREATE INDEX payments_by_till ON payments (till_session_id) WHERE till_session_id IS NOT NULL;
CREATE INDEX payments_by_provider ON payments (provider, at) WHERE provider IS NOT NULL;

CREATE TABLE till_sessions (
    session_id  TEXT PRIMARY KEY,
    request_key TEXT NOT NULL UNIQUE,
    close_key   TEXT UNIQUE,
    till_id     TEXT NOT NULL,
    staff_id    TEXT NOT NULL,
    opened_at   TEXT NOT NULL,
    closed_at   TEXT,
    session     BLOB NOT NULL               -- the body of the newest journal entry: JSON
);
CREATE INDEX open_tills ON till_sessions (closed_at) WHERE closed_at IS NULL;
CREATE INDEX till_sessions_by_time ON till_sessions (opened_at);

CREATE TABLE till_movements (
    session_id  TEXT NOT NULL,
    request_key TEXT NOT NULL,
    at          TEXT NOT NULL,
    movement    BLOB NOT NULL,              -- the body of the journal entry: JSON
    PRIMARY KEY (session_id, request_key)
);

CREATE TABLE reconciliations (
    provider TEXT NOT NULL,
    day      TEXT NOT NULL,                 -- UTC
    at       TEXT NOT NULL,                 -- when it was made last
    found    BLOB NOT NULL,                 -- the body of the newest journal entry: JSON
    PRIMARY KEY (provider, day)
) WITHOUT ROWID;
