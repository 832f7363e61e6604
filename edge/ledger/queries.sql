-- name: append
INSERT INTO journal (stream, seq, at, body) VALUES (?, ?, ?, ?)

-- name: read_journal
SELECT seq, body FROM journal WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?

-- name: last_seq
SELECT COALESCE(MAX(seq), 0) FROM journal WHERE stream = ?

-- name: set_acked
INSERT INTO acked (stream, seq) VALUES (?, ?) ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq

-- name: acked
SELECT stream, seq FROM acked

-- name: bury
INSERT INTO dead_letters (stream, seq, reason) VALUES (?, ?, ?) ON CONFLICT DO NOTHING

-- name: checkpoint
INSERT INTO transactions (transaction_id, station_id, charger_transaction_id, start_key, token_uid, checkpoint)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (transaction_id) DO UPDATE SET checkpoint = excluded.checkpoint, token_uid = excluded.token_uid

-- name: end_transaction
UPDATE transactions SET checkpoint = NULL, end_reason = ? WHERE transaction_id = ?

-- name: open_transactions
SELECT checkpoint FROM transactions WHERE end_reason IS NULL ORDER BY transaction_id

-- name: past_by_start_key
SELECT transaction_id, charger_transaction_id, start_key, token_uid, end_reason FROM transactions
WHERE station_id = ? AND start_key = ? AND end_reason IS NOT NULL

-- name: past_by_charger_id
SELECT transaction_id, charger_transaction_id, start_key, token_uid, end_reason FROM transactions
WHERE station_id = ? AND charger_transaction_id = ? AND end_reason IS NOT NULL
ORDER BY rowid DESC LIMIT 1

-- name: add_cdr
INSERT INTO cdrs (
    cdr_id, transaction_id, money_seq, is_quarantined, station_id, evse_id, contract_id, end_date_time, document
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: add_posting
INSERT INTO postings (posting_id, key, cdr_id, currency) VALUES (?, ?, ?, ?)

-- name: add_posting_leg
INSERT INTO posting_legs (posting_id, account, amount) VALUES (?, ?, ?)

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
SELECT document FROM cdrs WHERE end_date_time >= ? AND end_date_time < ? ORDER BY end_date_time, cdr_id
