-- The staff: wrong PINs in a row, so that a restart forgets none, and every change of the list, for ever.

CREATE TABLE wrong_pins (
    staff_id TEXT NOT NULL PRIMARY KEY,
    wrong    INTEGER NOT NULL,
    wait_s   INTEGER NOT NULL,   -- from `at` on
    at       TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE staff_changes (
    id         INTEGER PRIMARY KEY,
    at         TEXT NOT NULL,
    staff_id   TEXT NOT NULL,
    name       TEXT NOT NULL,
    role       TEXT,             -- NULL: taken off the list
    was_role   TEXT,             -- NULL: added
    is_pin_new INTEGER NOT NULL
);

CREATE INDEX staff_changes_by_id ON staff_changes (staff_id, id);
