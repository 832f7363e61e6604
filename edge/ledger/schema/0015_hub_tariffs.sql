-- The tariffs that the hub wants this site to have.

CREATE TABLE hub_tariffs (
    tariff_id TEXT PRIMARY KEY,
    document  BLOB NOT NULL
) WITHOUT ROWID;
