-- Tariffs beside those of the settings: the hub's, and those that the staff brought in.

CREATE TABLE tariffs (
    source    TEXT NOT NULL,   -- site | hub
    tariff_id TEXT NOT NULL,
    document  BLOB NOT NULL,
    PRIMARY KEY (source, tariff_id)
) WITHOUT ROWID;
