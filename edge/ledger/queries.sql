-- A statement with one VALUES (…) can be carried out for many rows at once (edge/ledger/rows.py).

-- name: append
INSERT INTO journal (stream, seq, at, body) VALUES (?, ?, ?, ?)

-- name: read_journal
SELECT seq, body FROM entries WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?

-- name: last_seq
SELECT COALESCE(MAX(seq), 0) FROM journal WHERE stream = ?

-- name: first_seq
SELECT COALESCE(MIN(seq), 0) FROM journal WHERE stream = ?

-- name: oldest_entries
SELECT MIN(seq) FILTER (WHERE at >= ?4), MAX(seq)
FROM (SELECT seq, at FROM journal WHERE stream = ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3)

-- name: trim_entries
DELETE FROM journal WHERE stream = ? AND seq <= ?

-- name: oldest_past
SELECT MIN(number) FILTER (WHERE ended_at >= ?2), MAX(number)
FROM (SELECT rowid AS number, ended_at FROM past_transactions ORDER BY rowid LIMIT ?1)

-- name: trim_past
DELETE FROM past_transactions WHERE rowid <= ?

-- name: set_acked
INSERT INTO acked (stream, seq) VALUES (?, ?) ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq

-- name: acked
SELECT stream, seq FROM acked

-- name: acked_seq
SELECT seq FROM acked WHERE stream = ?

-- name: bury
INSERT INTO dead_letters (stream, seq, reason) VALUES (?, ?, ?) ON CONFLICT DO NOTHING

-- name: checkpoint
INSERT INTO open_transactions (
    transaction_id, station_id, charger_transaction_id, start_key, token_uid, checkpoint
) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (transaction_id) DO UPDATE SET checkpoint = excluded.checkpoint, token_uid = excluded.token_uid

-- name: keep_past
INSERT INTO past_transactions (
    transaction_id, station_id, charger_transaction_id, start_key, token_uid, end_reason, ended_at
)
SELECT t.transaction_id, t.station_id, t.charger_transaction_id, t.start_key, t.token_uid, ended.column2, ended.column3
FROM (VALUES (?, ?, ?)) AS ended CROSS JOIN open_transactions AS t ON t.transaction_id = ended.column1

-- name: drop_open
DELETE FROM open_transactions WHERE transaction_id IN (VALUES (?))

-- name: open_transactions
SELECT checkpoint FROM open_transactions ORDER BY transaction_id

-- name: past_by_start_key
SELECT transaction_id, charger_transaction_id, start_key, token_uid, end_reason, 0 FROM past_transactions
WHERE start_key = ? AND station_id = ?

-- name: past_by_charger_id
SELECT transaction_id, charger_transaction_id, start_key, token_uid, end_reason, 0 FROM past_transactions
WHERE charger_transaction_id = ? AND station_id = ?
ORDER BY rowid DESC LIMIT 1

-- name: add_cdr
INSERT INTO cdrs (money_seq, cdr_id, transaction_id, is_quarantined, end_date_time, entry) VALUES (?, ?, ?, ?, ?, ?)

-- name: add_posting
INSERT INTO postings (money_seq, posting_id, key, cdr_id, currency, legs) VALUES (?, ?, ?, ?, ?, ?)

-- name: drop_tokens
DELETE FROM tokens WHERE source = ?

-- name: put_token
INSERT INTO tokens (source, key, document) VALUES (?, ?, ?)
ON CONFLICT (source, key) DO UPDATE SET document = excluded.document

-- name: tokens
SELECT source, document FROM tokens ORDER BY key, source

-- name: put_document
INSERT INTO documents (document, version) VALUES (?, ?) ON CONFLICT (document) DO UPDATE SET version = excluded.version

-- name: documents
SELECT document, version FROM documents

-- name: put_station_online
INSERT INTO stations (station_id, is_online) VALUES (?, ?)
ON CONFLICT (station_id) DO UPDATE SET is_online = excluded.is_online

-- name: put_station_boot
INSERT INTO stations (station_id, vendor, model, serial_number, firmware_version) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (station_id) DO UPDATE SET vendor = excluded.vendor, model = excluded.model,
    serial_number = excluded.serial_number, firmware_version = excluded.firmware_version

-- name: put_station_status
INSERT INTO stations (station_id, status) VALUES (?, ?)
ON CONFLICT (station_id) DO UPDATE SET status = excluded.status

-- name: stations
SELECT station_id, is_online, vendor, model, serial_number, firmware_version, status FROM stations

-- name: put_evse
INSERT INTO evses (station_id, evse_id, connector_id, status, charging_state, error_code) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (station_id, evse_id) DO UPDATE SET connector_id = excluded.connector_id, status = excluded.status,
    charging_state = excluded.charging_state, error_code = excluded.error_code

-- name: evses
SELECT station_id, evse_id, connector_id, status, charging_state, error_code FROM evses ORDER BY station_id, evse_id

-- name: put_alarm
INSERT INTO alarms (alarm_id, document) VALUES (?, ?) ON CONFLICT (alarm_id) DO UPDATE SET document = excluded.document

-- name: drop_alarm
DELETE FROM alarms WHERE alarm_id = ?

-- name: alarms
SELECT document FROM alarms ORDER BY alarm_id

-- name: put_command
INSERT INTO commands (command_id, expires_at, is_finished) VALUES (?, ?, 0) ON CONFLICT DO NOTHING

-- name: finish_command
UPDATE commands SET is_finished = 1 WHERE command_id = ?

-- name: forget_commands
DELETE FROM commands WHERE expires_at < ? AND is_finished

-- name: commands
SELECT command_id, expires_at, is_finished FROM commands

-- name: set_meta
INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- name: meta
SELECT key, value FROM meta

-- name: cdrs
SELECT entry FROM cdrs WHERE end_date_time >= ? AND end_date_time < ? ORDER BY end_date_time, cdr_id

-- name: put_handed_over
INSERT INTO moved_transactions (transaction_id, station_id, moves, to_edge_id, checkpoint)
SELECT transaction_id, station_id, ?, ?, checkpoint FROM open_transactions WHERE transaction_id = ?
ON CONFLICT (transaction_id) DO UPDATE SET
    moves = excluded.moves, to_edge_id = excluded.to_edge_id, checkpoint = excluded.checkpoint

-- name: put_taken_over
INSERT INTO moved_transactions (transaction_id, station_id, moves) VALUES (?, ?, ?)
ON CONFLICT (transaction_id) DO UPDATE SET moves = excluded.moves, to_edge_id = NULL, checkpoint = NULL

-- name: forget_past
DELETE FROM past_transactions WHERE start_key = ? AND station_id = ? AND end_reason = 'HandedOver'

-- name: past_by_transaction_id
SELECT transaction_id, '', '', NULL, '', moves FROM moved_transactions WHERE transaction_id = ? AND station_id = ?

-- name: moved
SELECT transaction_id, moves, to_edge_id, checkpoint FROM moved_transactions WHERE station_id = ?

-- name: last_ended
SELECT transaction_id, charger_transaction_id, station_id, start_key, token_uid, end_reason
FROM (SELECT * FROM past_transactions ORDER BY rowid DESC LIMIT ?)
WHERE station_id IN (SELECT value FROM json_each(?)) AND end_reason <> 'HandedOver'

-- name: put_stray_stop
INSERT INTO stray_stops (station_id, charger_transaction_id, stop) VALUES (?, ?, ?) ON CONFLICT DO NOTHING

-- name: trim_stray_stops
DELETE FROM stray_stops WHERE station_id = ? AND rowid NOT IN (
    SELECT rowid FROM stray_stops WHERE station_id = ? ORDER BY rowid DESC LIMIT ?
)

-- name: drop_stray_stop
DELETE FROM stray_stops WHERE station_id = ? AND charger_transaction_id = ?

-- name: stray_stops
SELECT stop FROM stray_stops ORDER BY rowid

-- name: stray_stops_of
SELECT stop FROM stray_stops WHERE station_id = ? ORDER BY rowid

-- name: put_deviation
INSERT INTO deviations (
    vendor, model, firmware_version, action, path, problem, remedy, count, first_at, last_at, station_id, frame
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET count = count + excluded.count, last_at = excluded.last_at,
    station_id = excluded.station_id, frame = COALESCE(frame, excluded.frame)

-- name: trim_deviations
DELETE FROM deviations WHERE ? < (SELECT COUNT(*) FROM deviations)
    AND last_at = (SELECT MIN(last_at) FROM deviations)

-- name: deviations
SELECT vendor, model, firmware_version, action, path, problem, remedy, count, first_at, last_at, station_id, frame
FROM deviations ORDER BY vendor, model, firmware_version, action, path, problem
