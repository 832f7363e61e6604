-- What stations were told and told of themselves: firmware, jobs, variables, reports, monitors.

CREATE TABLE firmware_files (
    file_id  TEXT PRIMARY KEY,
    document BLOB NOT NULL                     -- protocols.charger.jobs.FirmwareFile as JSON
);

CREATE TABLE jobs (
    job_id   TEXT PRIMARY KEY,
    begun_at TEXT NOT NULL,
    ended_at TEXT,                             -- NULL while it is open
    document BLOB NOT NULL                     -- the body JobBegun as JSON
);
CREATE INDEX jobs_open ON jobs (job_id) WHERE ended_at IS NULL;
CREATE INDEX jobs_by_begin ON jobs (begun_at);

CREATE TABLE job_steps (
    job_id     TEXT NOT NULL,
    station_id TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    document   BLOB NOT NULL,                  -- the newest body JobStepChanged as JSON
    PRIMARY KEY (job_id, station_id)
) WITHOUT ROWID;                               -- a station that nobody asked yet has no row

CREATE TABLE station_variables (
    station_id         TEXT NOT NULL,
    component          TEXT NOT NULL,
    component_instance TEXT NOT NULL,          -- '' and -1 for none: NULLs would all be different
    evse_id            INTEGER NOT NULL,
    connector_id       INTEGER NOT NULL,
    variable           TEXT NOT NULL,
    variable_instance  TEXT NOT NULL,
    attribute          TEXT NOT NULL,
    value              TEXT,
    mutability         TEXT,
    data_type          TEXT,
    unit               TEXT,
    report_id          INTEGER,                -- the last report that named it
    read_at            TEXT NOT NULL,
    PRIMARY KEY (
        station_id, component, component_instance, evse_id, connector_id, variable, variable_instance, attribute
    )
) WITHOUT ROWID;

CREATE TABLE station_inventories (
    station_id TEXT PRIMARY KEY,
    identity   INTEGER NOT NULL,               -- of the hardware and firmware whose variables were asked for
    at         TEXT NOT NULL,
    problem    TEXT NOT NULL                   -- why they were not told
) WITHOUT ROWID;

CREATE TABLE station_reports (
    station_id TEXT NOT NULL,
    report     TEXT NOT NULL,                  -- monitors, customer_information, display_messages
    seq_no     INTEGER NOT NULL,
    request_id INTEGER NOT NULL,
    at         TEXT NOT NULL,
    is_last    INTEGER NOT NULL,
    items      BLOB NOT NULL,                  -- JSON: as OCPP 2.0.1 writes them
    PRIMARY KEY (station_id, report, seq_no)
) WITHOUT ROWID;

CREATE TABLE station_monitors (
    station_id TEXT NOT NULL,
    monitor_id INTEGER NOT NULL,
    severity   INTEGER NOT NULL,
    PRIMARY KEY (station_id, monitor_id)
) WITHOUT ROWID;
