-- Security profiles that stations were raised to: a lower one lets them in no more.

CREATE TABLE station_security_profiles (
    station_id TEXT PRIMARY KEY,
    adopted    INTEGER,                    -- the station came with it; NULL until it has
    offered    INTEGER,                    -- the station took it, and has not come with it yet
    instead_of INTEGER NOT NULL            -- the configuration's then: another one there is newer than this row
) WITHOUT ROWID;
