-- Reservations that stand, what stations have on their local lists, what was put out of service, and who was let in.

CREATE TABLE reservations (
    station_id     TEXT NOT NULL,
    reservation_id INTEGER NOT NULL,
    reservation    BLOB NOT NULL,          -- the body of the journal entry: JSON
    PRIMARY KEY (station_id, reservation_id)
) WITHOUT ROWID;

CREATE TABLE local_lists (
    station_id TEXT PRIMARY KEY,
    list       BLOB NOT NULL               -- the body of the newest journal entry: JSON
) WITHOUT ROWID;

CREATE TABLE availability (
    station_id TEXT NOT NULL,
    evse_id    INTEGER NOT NULL,           -- 0: the whole station
    change     BLOB NOT NULL,              -- the body of the journal entry: JSON
    PRIMARY KEY (station_id, evse_id)
) WITHOUT ROWID;

CREATE TABLE accepted_stations (
    station_id TEXT PRIMARY KEY
) WITHOUT ROWID;
