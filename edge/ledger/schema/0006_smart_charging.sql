-- What stations may draw: the profiles they have accepted, and the limits that others than the site set.

CREATE TABLE charging_profiles (
    station_id TEXT NOT NULL,
    profile_id INTEGER NOT NULL,
    document   BLOB NOT NULL,               -- the body of the journal entry: JSON
    PRIMARY KEY (station_id, profile_id)
) WITHOUT ROWID;

CREATE TABLE charging_limits (
    station_id TEXT NOT NULL,
    source     TEXT NOT NULL,
    evse_id    INTEGER NOT NULL,            -- 0 for the whole station
    document   BLOB NOT NULL,               -- the body of the journal entry: JSON
    PRIMARY KEY (station_id, source, evse_id)
) WITHOUT ROWID;
