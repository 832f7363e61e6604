-- What stations do otherwise than the standard, by the model that they say they are: a projection of the journal.

CREATE TABLE deviations (
    vendor           TEXT NOT NULL,
    model            TEXT NOT NULL,
    firmware_version TEXT NOT NULL,
    action           TEXT NOT NULL,
    path             TEXT NOT NULL,
    problem          TEXT NOT NULL,
    remedy           TEXT NOT NULL,
    count            INTEGER NOT NULL,
    first_at         TEXT NOT NULL,
    last_at          TEXT NOT NULL,
    station_id       TEXT NOT NULL,        -- that showed it last
    frame            TEXT,                 -- the first one seen, what is secret masked
    PRIMARY KEY (vendor, model, firmware_version, action, path, problem, remedy)
) WITHOUT ROWID;
