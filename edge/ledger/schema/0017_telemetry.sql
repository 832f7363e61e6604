-- What the filter keeps waits as readings until its quarter of an hour is over; then it is a block of the telemetry
-- stream, which has tables of its own, one for each day. See edge/ledger/packing.py and edge/ledger/partitions.py.

CREATE TABLE readings (
    number     INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,   -- of its latest reading, in milliseconds since 1970
    station_id TEXT NOT NULL,
    evse_id    INTEGER NOT NULL,
    body       BLOB NOT NULL       -- what was kept of a message: JSON
);

CREATE TABLE telemetry_days (
    number    INTEGER PRIMARY KEY, -- of the table telemetry_N; they follow each other as the entries do
    day       TEXT NOT NULL,       -- of its entries, UTC
    first_seq INTEGER NOT NULL     -- that was written to it
);

-- The pattern of all the others. In itself: what was journaled before there were any.
CREATE TABLE telemetry_0 (
    seq  INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL,         -- when it was journaled, in milliseconds since 1970
    head BLOB NOT NULL,            -- the entry without its data, deflated; the whole entry where there is no data
    data BLOB
);

INSERT INTO telemetry_0 (seq, at, head)
SELECT seq, CAST(ROUND((julianday(at) - 2440587.5) * 86400000) AS INTEGER), body FROM journal
WHERE stream = 'telemetry' ORDER BY seq;
INSERT INTO telemetry_days (number, day, first_seq)
SELECT 0, substr(MAX(at), 1, 10), MIN(seq) FROM journal WHERE stream = 'telemetry' HAVING COUNT(*) > 0;
DELETE FROM journal WHERE stream = 'telemetry';
