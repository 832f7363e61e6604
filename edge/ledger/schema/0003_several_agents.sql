-- A node of several agents: what was handed over from agent to agent, and ends of transactions that nobody knew, which
-- another agent may yet explain.

CREATE TABLE moved_transactions (
    transaction_id TEXT PRIMARY KEY,
    station_id     TEXT NOT NULL,
    moves          INTEGER NOT NULL,       -- hand-overs up to the last that this agent took part in
    to_edge_id     TEXT,                   -- NULL where this agent has it, or ended it
    checkpoint     BLOB                    -- as it was handed over: JSON
);
CREATE INDEX moved_transactions_by_station ON moved_transactions (station_id);

CREATE TABLE stray_stops (
    station_id             TEXT NOT NULL,
    charger_transaction_id TEXT NOT NULL,
    stop                   BLOB NOT NULL,  -- the body of the journal entry: JSON
    PRIMARY KEY (station_id, charger_transaction_id)
);
