-- Security events, the certificates that the site CA signed, those that stations hold, and changed passwords.

CREATE TABLE security_events (
    station_id TEXT NOT NULL,
    type       TEXT NOT NULL,
    count      INTEGER NOT NULL,           -- all that were journaled, and what was left out between them
    first_at   TEXT NOT NULL,              -- site time
    last_at    TEXT NOT NULL,
    tech_info  TEXT,                       -- of the newest one
    PRIMARY KEY (station_id, type)
) WITHOUT ROWID;

CREATE TABLE certificates (
    serial_number    TEXT PRIMARY KEY,     -- hexadecimal, upper case
    station_id       TEXT NOT NULL,
    certificate_type TEXT NOT NULL,
    common_name      TEXT NOT NULL,
    fingerprint      TEXT NOT NULL,        -- SHA-256
    not_before       TEXT NOT NULL,
    not_after        TEXT NOT NULL,
    issued_at        TEXT NOT NULL,
    accepted_at      TEXT,                 -- the station has taken it into use
    revoked_at       TEXT,
    certificate      TEXT NOT NULL         -- PEM; never a key
) WITHOUT ROWID;
CREATE INDEX certificates_by_station ON certificates (station_id, not_before);

CREATE TABLE installed_certificates (
    station_id TEXT PRIMARY KEY,
    told_at    TEXT NOT NULL,
    document   BLOB NOT NULL               -- as the station told them last: JSON
) WITHOUT ROWID;

CREATE TABLE station_passwords (
    station_id TEXT PRIMARY KEY,
    hash       TEXT,                       -- NULL until the first change is through: the configuration's
    offered    TEXT,                       -- JSON list: good beside the other one until the station has used one
    instead_of TEXT NOT NULL               -- the configuration's hash then: another one there is newer than this row
) WITHOUT ROWID;
