-- A statement with one VALUES (…) can be carried out for many rows at once (edge/ledger/rows.py).

-- name: append
INSERT INTO journal (stream, seq, at, body) VALUES (?, ?, ?, ?)

-- name: keep_reading
INSERT INTO readings (number, at, station_id, evse_id, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING

-- name: last_reading
SELECT COALESCE(MAX(number), 0) FROM readings

-- name: waiting_readings
SELECT station_id, evse_id, json_group_array(number) FROM (
    SELECT number, station_id, evse_id FROM readings WHERE at < ?1 OR at > ?2 ORDER BY number LIMIT ?3
) GROUP BY station_id, evse_id

-- name: readings_numbered
SELECT group_concat(CAST(body AS TEXT), char(10)) FROM (
    SELECT body FROM readings WHERE number IN (SELECT value FROM json_each(?)) ORDER BY number
)

-- name: readings_of
SELECT body FROM readings WHERE station_id = ? AND evse_id = ? ORDER BY number

-- name: drop_readings
DELETE FROM readings WHERE number IN (SELECT value FROM json_each(?))

-- name: newest_day
SELECT number, day FROM telemetry_days ORDER BY number DESC LIMIT 1

-- name: oldest_days
SELECT number, first_seq FROM telemetry_days ORDER BY number

-- name: pattern_of_days
SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'telemetry_0'

-- name: add_day
INSERT INTO telemetry_days (number, day, first_seq) VALUES (?, ?, ?)

-- name: drop_day
DELETE FROM telemetry_days WHERE number = ?

-- name: append_telemetry
INSERT INTO telemetry_0 (seq, at, head, data) VALUES (?, ?, ?, ?)

-- name: read_telemetry
SELECT seq, head, data FROM telemetry_0 WHERE seq > ? ORDER BY seq LIMIT ?

-- name: oldest_telemetry
SELECT MIN(seq) FILTER (WHERE at >= ?1), MAX(seq), COUNT(*)
FROM (SELECT seq, at FROM telemetry_0 WHERE seq <= ?2 ORDER BY seq LIMIT ?3)

-- name: trim_telemetry
DELETE FROM telemetry_0 WHERE seq <= ?

-- name: time_of_telemetry
SELECT at FROM telemetry_0 WHERE seq > ? ORDER BY seq LIMIT 1

-- name: first_telemetry
SELECT MIN(seq) FROM telemetry_0

-- name: last_telemetry
SELECT MAX(seq) FROM telemetry_0

-- name: days_between
SELECT number FROM telemetry_days WHERE number = 0 OR day BETWEEN ? AND ? ORDER BY number

-- name: telemetry_between
SELECT head, data FROM telemetry_0 WHERE at >= ? AND at < ? ORDER BY seq

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

-- name: forget_acked
DELETE FROM acked

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

-- name: open_transaction
SELECT checkpoint FROM open_transactions WHERE transaction_id = ?

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
INSERT INTO cdrs (
    money_seq, cdr_id, transaction_id, is_quarantined, end_date_time, entry, issued_at, is_credit, corrects, hash
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: add_decision
INSERT INTO bill_decisions (money_seq, bill_seq, cdr_id, decision, decided_at, staff, second_staff, entry, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: bill
SELECT c.entry, c.is_quarantined, d.entry FROM cdrs AS c LEFT JOIN bill_decisions AS d ON d.bill_seq = c.money_seq
WHERE c.money_seq = ? AND c.cdr_id = ?

-- name: bills_behind
SELECT cdr_id FROM cdrs WHERE money_seq > ? ORDER BY money_seq

-- name: waiting_bills
SELECT c.entry, 'quarantined', NULL FROM cdrs AS c INDEXED BY cdrs_quarantined
WHERE c.is_quarantined AND NOT EXISTS (SELECT 1 FROM bill_decisions AS d WHERE d.bill_seq = c.money_seq)
ORDER BY c.money_seq DESC LIMIT ?

-- name: newest_bills
SELECT c.entry, s.state, d.entry FROM cdrs AS c JOIN bill_state AS s ON s.money_seq = c.money_seq
LEFT JOIN bill_decisions AS d ON d.bill_seq = c.money_seq ORDER BY c.money_seq DESC LIMIT ?

-- name: bills_between
SELECT c.entry, s.state, d.entry FROM cdrs AS c JOIN bill_state AS s ON s.money_seq = c.money_seq
LEFT JOIN bill_decisions AS d ON d.bill_seq = c.money_seq
WHERE c.end_date_time >= ? AND c.end_date_time < ? ORDER BY c.end_date_time, c.money_seq

-- name: postings_between
SELECT entry FROM postings WHERE posted_at >= ? AND posted_at < ? ORDER BY posted_at, money_seq

-- name: transaction_of_bill
SELECT transaction_id FROM cdrs WHERE money_seq = ? AND cdr_id = ?

-- name: bills_of_transaction
SELECT c.entry, s.state, d.entry FROM cdrs AS c JOIN bill_state AS s ON s.money_seq = c.money_seq
LEFT JOIN bill_decisions AS d ON d.bill_seq = c.money_seq WHERE c.transaction_id = ? ORDER BY c.money_seq

-- name: posting_of_key
SELECT entry FROM postings WHERE key = ?

-- name: chain
SELECT after_seq, genesis FROM chains WHERE epoch = ?

-- name: begin_chain
INSERT INTO chains (epoch, after_seq, genesis) VALUES (?, ?, ?)

-- name: last_chained
SELECT MAX(
    (SELECT COALESCE(MAX(money_seq), 0) FROM cdrs), (SELECT COALESCE(MAX(money_seq), 0) FROM postings),
    (SELECT COALESCE(MAX(money_seq), 0) FROM bill_decisions)
)

-- name: chains
SELECT epoch, after_seq, genesis FROM chains ORDER BY number

-- name: seals
SELECT through_seq, hash FROM chain_seals

-- name: verify_bills
SELECT money_seq, entry, hash, cdr_id, transaction_id, is_quarantined, end_date_time, is_credit, corrects FROM cdrs
WHERE money_seq > ? AND money_seq <= ? ORDER BY money_seq LIMIT ?

-- name: verify_postings
SELECT money_seq, entry, hash, posting_id, key, cdr_id, currency, reason, legs, text, staff FROM postings
WHERE money_seq > ? AND money_seq <= ? ORDER BY money_seq LIMIT ?

-- name: verify_decisions
SELECT money_seq, entry, hash, bill_seq, cdr_id, decision, staff, second_staff FROM bill_decisions
WHERE money_seq > ? AND money_seq <= ? ORDER BY money_seq LIMIT ?

-- name: entry_of_bill
SELECT entry FROM cdrs WHERE money_seq = ?

-- name: account_totals
SELECT account, cents FROM account_totals

-- name: entries_without_body
SELECT seq FROM entries WHERE stream = 'money' AND body IS NULL ORDER BY seq LIMIT 100

-- name: chain_hash
SELECT COALESCE(
    (SELECT hash FROM cdrs WHERE money_seq = ?1), (SELECT hash FROM postings WHERE money_seq = ?1),
    (SELECT hash FROM bill_decisions WHERE money_seq = ?1)
)

-- name: chained
SELECT money_seq, entry FROM cdrs WHERE money_seq > ?1 AND money_seq <= ?2
UNION ALL SELECT money_seq, entry FROM postings WHERE money_seq > ?1 AND money_seq <= ?2
UNION ALL SELECT money_seq, entry FROM bill_decisions WHERE money_seq > ?1 AND money_seq <= ?2
ORDER BY money_seq

-- name: chain_count
SELECT (SELECT COUNT(*) FROM cdrs WHERE money_seq > ?1) + (SELECT COUNT(*) FROM postings WHERE money_seq > ?1)
    + (SELECT COUNT(*) FROM bill_decisions WHERE money_seq > ?1)

-- name: last_seal
SELECT through_seq, count, hash, sealed_at FROM chain_seals WHERE money_seq > ? ORDER BY money_seq DESC LIMIT 1

-- name: add_seal
INSERT INTO chain_seals (money_seq, through_seq, hash, count, sealed_at) VALUES (?, ?, ?, ?, ?)

-- name: add_posting
INSERT INTO postings (money_seq, posting_id, key, cdr_id, currency, reason, legs, text, staff, posted_at, entry, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: put_payment
INSERT INTO payments
    (payment_id, request_key, state, contract_id, cdr_id, till_session_id, reverses, provider, at, payment)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (payment_id) DO UPDATE SET state = excluded.state, payment = excluded.payment

-- name: put_till_session
INSERT INTO till_sessions (session_id, request_key, close_key, till_id, staff_id, opened_at, closed_at, session)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (session_id) DO UPDATE SET
    close_key = excluded.close_key, closed_at = excluded.closed_at, session = excluded.session

-- name: put_till_movement
INSERT INTO till_movements (session_id, request_key, at, movement) VALUES (?, ?, ?, ?)

-- name: put_reconciliation
INSERT INTO reconciliations (provider, day, at, found) VALUES (?, ?, ?, ?)
ON CONFLICT (provider, day) DO UPDATE SET at = excluded.at, found = excluded.found

-- name: open_payments
SELECT payment FROM payments INDEXED BY open_payments WHERE state IN ('pending', 'unknown') ORDER BY rowid

-- name: payment
SELECT payment FROM payments WHERE payment_id = ?

-- name: payment_asked
SELECT payment FROM payments WHERE request_key = ?

-- name: payments_of_cdr
SELECT payment FROM payments WHERE cdr_id = ? ORDER BY at, payment_id

-- name: payments_of_contract
SELECT payment FROM payments WHERE contract_id = ? ORDER BY at DESC, rowid DESC LIMIT ?

-- name: payments_of_till
SELECT payment FROM payments WHERE till_session_id = ? ORDER BY at, payment_id

-- name: payments_of_provider
SELECT payment FROM payments WHERE provider = ? AND at >= ? AND at < ? ORDER BY at, payment_id

-- name: newest_payments
SELECT payment FROM payments ORDER BY at DESC, rowid DESC LIMIT ?

-- name: open_tills
SELECT session FROM till_sessions WHERE closed_at IS NULL

-- name: till_session
SELECT session FROM till_sessions WHERE session_id = ?

-- name: till_session_asked
SELECT session FROM till_sessions WHERE request_key = ? OR close_key = ?

-- name: newest_till_sessions
SELECT session FROM till_sessions ORDER BY opened_at DESC, rowid DESC LIMIT ?

-- name: till_movements
SELECT at, movement FROM till_movements WHERE session_id = ? ORDER BY at, request_key

-- name: reconciliation
SELECT found FROM reconciliations WHERE provider = ? AND day = ?

-- name: newest_reconciliations
SELECT at, found FROM reconciliations ORDER BY day DESC, provider LIMIT ?

-- name: add_receipt
INSERT INTO receipts (count, number, kind, ref, issued_at, staff) VALUES (?, ?, ?, ?, ?, ?)

-- name: add_statement
INSERT INTO statements (count, number, contract_id, period, statement) VALUES (?, ?, ?, ?, ?)

-- name: last_receipt
SELECT COALESCE(MAX(count), 0) FROM receipts

-- name: last_statement
SELECT COALESCE(MAX(count), 0) FROM statements

-- name: other_epochs
SELECT COUNT(*) FROM chains WHERE epoch <> ?

-- name: receipt_of
SELECT count, number, issued_at FROM receipts WHERE kind = ? AND ref = ?

-- name: bills_made
SELECT issued_at, is_quarantined, is_credit, entry FROM cdrs WHERE issued_at >= ? AND issued_at < ?

-- name: postings_made
SELECT posting_id, key, reason, legs FROM postings WHERE posted_at >= ? AND posted_at < ?

-- name: decided_between
SELECT d.decision, COUNT(*),
    SUM(CAST(ROUND(100 * json_extract(CAST(c.entry AS TEXT), '$.body.cdr.total_cost.incl_vat')) AS INTEGER))
FROM bill_decisions AS d JOIN cdrs AS c ON c.money_seq = d.bill_seq
WHERE d.decided_at >= ? AND d.decided_at < ? GROUP BY d.decision

-- name: receipt_numbered
SELECT number, kind, ref, issued_at FROM receipts WHERE count = ? AND number = ?

-- name: newest_receipts
SELECT number, kind, ref, issued_at, staff FROM receipts ORDER BY count DESC LIMIT ?

-- name: statement_keys
SELECT contract_id, period FROM statements WHERE period IN (?, ?)

-- name: statements
SELECT statement FROM statements WHERE ?1 IS NULL OR contract_id = ?1 ORDER BY count DESC LIMIT ?2

-- name: statement
SELECT statement FROM statements WHERE number = ?1 OR (contract_id = ?2 AND period = ?3)

-- name: statements_of
SELECT statement FROM statements WHERE contract_id = ?

-- name: last_posting
SELECT COALESCE(MAX(money_seq), 0) FROM postings

-- name: contract_documents
SELECT contract_id, document FROM contracts ORDER BY source DESC

-- name: drop_tokens
DELETE FROM tokens WHERE source = ?

-- name: drop_token
DELETE FROM tokens WHERE source = ? AND key = ?

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

-- name: forget_meta
DELETE FROM meta WHERE key = ?

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

-- name: put_firmware
INSERT INTO firmware_files (file_id, document) VALUES (?, ?)
ON CONFLICT (file_id) DO UPDATE SET document = excluded.document

-- name: drop_firmware
DELETE FROM firmware_files WHERE file_id = ?

-- name: firmware
SELECT document FROM firmware_files ORDER BY file_id

-- name: put_job
INSERT INTO jobs (job_id, begun_at, document) VALUES (?, ?, ?) ON CONFLICT DO NOTHING

-- name: end_job
UPDATE jobs SET ended_at = ? WHERE job_id = ?

-- name: open_jobs
SELECT job_id, document FROM jobs WHERE ended_at IS NULL ORDER BY job_id

-- name: forget_job_steps
DELETE FROM job_steps WHERE job_id IN (SELECT job_id FROM jobs WHERE begun_at < ?1 AND ended_at < ?1)

-- name: forget_jobs
DELETE FROM jobs WHERE begun_at < ?1 AND ended_at < ?1

-- name: put_job_step
INSERT INTO job_steps (job_id, station_id, changed_at, document) VALUES (?, ?, ?, ?)
ON CONFLICT (job_id, station_id) DO UPDATE SET changed_at = excluded.changed_at, document = excluded.document

-- name: job_steps
SELECT station_id, changed_at, document FROM job_steps WHERE job_id = ? ORDER BY station_id

-- name: newest_jobs
SELECT job_id, begun_at, ended_at, document FROM jobs ORDER BY begun_at DESC LIMIT ?

-- name: job
SELECT job_id, begun_at, ended_at, document FROM jobs WHERE job_id = ?

-- name: put_variable
INSERT INTO station_variables (
    station_id, component, component_instance, evse_id, connector_id, variable, variable_instance, attribute,
    value, mutability, data_type, unit, report_id, read_at
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET value = excluded.value, read_at = excluded.read_at,
    mutability = COALESCE(excluded.mutability, mutability), data_type = COALESCE(excluded.data_type, data_type),
    unit = COALESCE(excluded.unit, unit), report_id = COALESCE(excluded.report_id, report_id)

-- name: drop_unreported_variables
DELETE FROM station_variables WHERE station_id = ? AND report_id IS NOT ?

-- name: put_inventory
INSERT INTO station_inventories (station_id, identity, at, problem) VALUES (?, ?, ?, ?)
ON CONFLICT (station_id) DO UPDATE SET identity = excluded.identity, at = excluded.at, problem = excluded.problem

-- name: inventories
SELECT station_id, identity FROM station_inventories

-- name: inventory_of
SELECT identity, at, problem FROM station_inventories WHERE station_id = ?

-- name: message_limits
SELECT s.station_id, v.component, v.variable, v.value, v.variable_instance
FROM stations AS s CROSS JOIN station_variables AS v ON v.station_id = s.station_id
WHERE v.component IN ('', 'DeviceDataCtrlr', 'MonitoringCtrlr') AND v.component_instance = '' AND v.evse_id = -1
    AND v.connector_id = -1 AND v.variable IN ('ItemsPerMessage', 'BytesPerMessage', 'GetConfigurationMaxKeys')
    AND v.attribute = 'Actual'
ORDER BY s.station_id

-- name: cost_displays
SELECT s.station_id, v.component, v.variable, v.value
FROM stations AS s CROSS JOIN station_variables AS v ON v.station_id = s.station_id
WHERE v.component = '' AND v.variable = 'CustomDisplayCostAndPrice' AND v.component_instance = '' AND v.evse_id = -1
    AND v.connector_id = -1 AND v.attribute = 'Actual'

-- name: variables_of
SELECT component, variable, value, mutability, attribute, component_instance, variable_instance, evse_id, connector_id,
    data_type, unit, read_at FROM station_variables WHERE station_id = ?

-- name: variables_of_model
SELECT v.station_id, v.component, v.variable, v.value, v.mutability, v.attribute, v.component_instance,
    v.variable_instance, v.evse_id, v.connector_id, v.data_type, v.unit, v.read_at
FROM stations AS s JOIN station_variables AS v ON v.station_id = s.station_id
WHERE lower(COALESCE(s.vendor, '')) GLOB ?1 AND lower(COALESCE(s.model, '')) GLOB ?2
    AND lower(COALESCE(s.firmware_version, '')) GLOB ?3 AND lower(v.variable) GLOB ?4
ORDER BY v.component, v.component_instance, v.evse_id, v.connector_id, v.variable, v.variable_instance, v.attribute,
    v.station_id

-- name: trim_reports
DELETE FROM station_reports WHERE station_id = ? AND report = ? AND request_id <> ?

-- name: put_report
INSERT INTO station_reports (station_id, report, seq_no, request_id, at, is_last, items) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (station_id, report, seq_no) DO UPDATE SET request_id = excluded.request_id, at = excluded.at,
    is_last = excluded.is_last, items = excluded.items

-- name: report_of
SELECT seq_no, request_id, at, is_last, items FROM station_reports WHERE station_id = ? AND report = ? ORDER BY seq_no

-- name: put_monitor
INSERT INTO station_monitors (station_id, monitor_id, severity) VALUES (?, ?, ?)
ON CONFLICT (station_id, monitor_id) DO UPDATE SET severity = excluded.severity

-- name: drop_monitor
DELETE FROM station_monitors WHERE station_id = ? AND monitor_id = ?

-- name: monitors
SELECT station_id, monitor_id, severity FROM station_monitors

-- name: put_charging_profile
INSERT INTO charging_profiles (station_id, profile_id, document) VALUES (?, ?, ?)
ON CONFLICT (station_id, profile_id) DO UPDATE SET document = excluded.document

-- name: drop_charging_profile
DELETE FROM charging_profiles WHERE station_id = ? AND profile_id = ?

-- name: charging_profiles
SELECT document FROM charging_profiles ORDER BY station_id, profile_id

-- name: put_charging_limit
INSERT INTO charging_limits (station_id, source, evse_id, document) VALUES (?, ?, ?, ?)
ON CONFLICT (station_id, source, evse_id) DO UPDATE SET document = excluded.document

-- name: drop_charging_limit
DELETE FROM charging_limits WHERE station_id = ? AND source = ? AND evse_id = ?

-- name: charging_limits
SELECT document FROM charging_limits ORDER BY station_id, source, evse_id

-- name: put_security_event
INSERT INTO security_events (station_id, type, count, first_at, last_at, tech_info) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (station_id, type) DO UPDATE SET count = excluded.count, last_at = excluded.last_at,
    tech_info = excluded.tech_info

-- name: security_counts
SELECT station_id, type, count FROM security_events ORDER BY station_id, type

-- name: security_events
SELECT station_id, type, count, first_at, last_at, tech_info FROM security_events
WHERE ?1 IS NULL OR station_id = ?1 ORDER BY last_at DESC, station_id, type

-- name: put_certificate
INSERT INTO certificates (
    serial_number, station_id, certificate_type, common_name, fingerprint, not_before, not_after, issued_at, certificate
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING

-- name: accept_certificate
UPDATE certificates SET accepted_at = ? WHERE serial_number = ?

-- name: revoke_certificate
UPDATE certificates SET revoked_at = ? WHERE serial_number = ?

-- name: revoked_certificates
SELECT serial_number FROM certificates WHERE revoked_at IS NOT NULL

-- name: certificates_in_use
SELECT station_id, serial_number, not_before, not_after FROM certificates
WHERE accepted_at IS NOT NULL AND revoked_at IS NULL AND certificate_type = 'ChargingStationCertificate'
ORDER BY station_id, not_before, accepted_at

-- name: certificates
SELECT station_id, serial_number, certificate_type, common_name, fingerprint, not_before, not_after, issued_at,
    accepted_at, revoked_at
FROM certificates WHERE ?1 IS NULL OR station_id = ?1 ORDER BY station_id, not_before, serial_number

-- name: put_installed
INSERT INTO installed_certificates (station_id, told_at, document) VALUES (?, ?, ?)
ON CONFLICT (station_id) DO UPDATE SET told_at = excluded.told_at, document = excluded.document

-- name: installed_certificates
SELECT station_id, told_at, document FROM installed_certificates WHERE ?1 IS NULL OR station_id = ?1 ORDER BY station_id

-- name: offer_password
INSERT INTO station_passwords (station_id, offered, instead_of) VALUES (?, ?, ?)
ON CONFLICT (station_id) DO UPDATE SET offered = excluded.offered,
    hash = CASE WHEN instead_of = excluded.instead_of THEN hash END, instead_of = excluded.instead_of

-- name: adopt_password
UPDATE station_passwords SET hash = ?, offered = NULL WHERE station_id = ?

-- name: withdraw_password
UPDATE station_passwords SET offered = NULL WHERE station_id = ?

-- name: offer_security_profile
INSERT INTO station_security_profiles (station_id, offered, instead_of) VALUES (?, ?, ?)
ON CONFLICT (station_id) DO UPDATE SET offered = excluded.offered,
    adopted = CASE WHEN instead_of = excluded.instead_of THEN adopted END, instead_of = excluded.instead_of

-- name: adopt_security_profile
INSERT INTO station_security_profiles (station_id, adopted, instead_of) VALUES (?, ?, ?)
ON CONFLICT (station_id) DO UPDATE SET adopted = excluded.adopted, offered = NULL, instead_of = excluded.instead_of

-- name: forget_security_profile
DELETE FROM station_security_profiles WHERE station_id = ?

-- name: station_security_profiles
SELECT station_id, adopted, offered, instead_of FROM station_security_profiles

-- name: station_passwords
SELECT station_id, hash, offered, instead_of FROM station_passwords

-- name: put_reservation
INSERT INTO reservations (station_id, reservation_id, reservation) VALUES (?, ?, ?)
ON CONFLICT (station_id, reservation_id) DO UPDATE SET reservation = excluded.reservation

-- name: drop_reservation
DELETE FROM reservations WHERE station_id = ? AND reservation_id = ?

-- name: reservations
SELECT reservation FROM reservations ORDER BY station_id, reservation_id

-- name: put_local_list
INSERT INTO local_lists (station_id, list) VALUES (?, ?) ON CONFLICT (station_id) DO UPDATE SET list = excluded.list

-- name: local_lists
SELECT list FROM local_lists ORDER BY station_id

-- name: list_limits
SELECT station_id, component, variable, value FROM station_variables
WHERE variable IN ('LocalAuthListMaxLength', 'ItemsPerMessage') AND attribute = 'Actual' AND evse_id = -1

-- name: put_availability
INSERT INTO availability (station_id, evse_id, change) VALUES (?, ?, ?)
ON CONFLICT (station_id, evse_id) DO UPDATE SET change = excluded.change

-- name: drop_availability
DELETE FROM availability WHERE station_id = ? AND evse_id = ?

-- name: availability
SELECT change FROM availability ORDER BY station_id, evse_id

-- name: put_accepted_station
INSERT INTO accepted_stations (station_id) VALUES (?) ON CONFLICT DO NOTHING

-- name: accepted_stations
SELECT station_id FROM accepted_stations

-- name: drop_customers
DELETE FROM customers WHERE source = ?

-- name: put_customer
INSERT INTO customers (source, customer_id, name, words, document) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (source, customer_id) DO UPDATE SET name = excluded.name, words = excluded.words,
    document = excluded.document

-- name: put_wrong_pins
INSERT INTO wrong_pins (staff_id, wrong, wait_s, at) VALUES (?, ?, ?, ?)
ON CONFLICT (staff_id) DO UPDATE SET wrong = excluded.wrong, wait_s = excluded.wait_s, at = excluded.at

-- name: drop_wrong_pins
DELETE FROM wrong_pins WHERE staff_id = ?

-- name: wrong_pins
SELECT staff_id, wrong, wait_s, at FROM wrong_pins

-- name: add_staff_change
INSERT INTO staff_changes (at, staff_id, name, role, was_role, is_pin_new) VALUES (?, ?, ?, ?, ?, ?)

-- name: staff
SELECT staff_id, name, role FROM staff_changes AS s
WHERE id = (SELECT MAX(id) FROM staff_changes WHERE staff_id = s.staff_id) AND role IS NOT NULL ORDER BY staff_id

-- name: staff_changes
SELECT at, staff_id, name, role, was_role, is_pin_new FROM staff_changes ORDER BY id DESC LIMIT ?

-- name: drop_tariffs
DELETE FROM tariffs WHERE source = ?

-- name: put_tariff
INSERT INTO tariffs (source, tariff_id, document) VALUES (?, ?, ?)
ON CONFLICT (source, tariff_id) DO UPDATE SET document = excluded.document

-- name: tariffs
SELECT source, document FROM tariffs ORDER BY source, tariff_id

-- name: drop_contracts
DELETE FROM contracts WHERE source = ?

-- name: drop_customer
DELETE FROM customers WHERE source = ? AND customer_id = ?

-- name: drop_contract
DELETE FROM contracts WHERE source = ? AND contract_id = ?

-- name: customers_of_hub
SELECT customer_id, document FROM customers WHERE source = 'hub'

-- name: put_contract
INSERT INTO contracts (source, contract_id, customer_id, document) VALUES (?, ?, ?, ?)
ON CONFLICT (source, contract_id) DO UPDATE SET customer_id = excluded.customer_id, document = excluded.document

-- name: contracts
SELECT source, document FROM contracts ORDER BY contract_id, source

-- name: contract
SELECT source, document FROM contracts WHERE contract_id = ? ORDER BY source

-- name: contracts_of
SELECT source, document FROM contracts WHERE customer_id = ? ORDER BY contract_id, source

-- name: customers
SELECT source, document FROM customers ORDER BY customer_id, source

-- name: customer
SELECT source, document FROM customers WHERE customer_id = ? ORDER BY source

-- name: cards_of
SELECT source, key FROM cards WHERE contract_id = ? ORDER BY key, source

-- name: find_customers
SELECT customer_id FROM customers WHERE number IN (SELECT rowid FROM customer_words WHERE words MATCH ?1)
UNION
SELECT customer_id FROM contracts WHERE contract_id IN (
    SELECT contract_id FROM cards WHERE number IN (SELECT rowid FROM card_words WHERE words MATCH ?1)
)
UNION
SELECT customer_id FROM contracts WHERE contract_id = ?2
ORDER BY customer_id LIMIT ?3

-- name: find_customers_by_little
SELECT customer_id FROM customers WHERE instr(words, ?1) > 0
UNION
SELECT customer_id FROM contracts WHERE contract_id IN (SELECT contract_id FROM cards WHERE instr(words, ?1) > 0)
UNION
SELECT customer_id FROM contracts WHERE contract_id = ?2
ORDER BY customer_id LIMIT ?3

-- name: drop_elsewhere
DELETE FROM balances_elsewhere

-- name: put_elsewhere
INSERT INTO balances_elsewhere (contract_id, amount, as_of) VALUES (?, ?, ?)
ON CONFLICT (contract_id) DO UPDATE SET amount = excluded.amount, as_of = excluded.as_of

-- name: balances_elsewhere
SELECT contract_id, amount FROM balances_elsewhere

-- name: elsewhere_of
SELECT amount FROM balances_elsewhere WHERE contract_id = ?

-- name: put_dunning
INSERT INTO dunning (contract_id, step, document, taken_at) VALUES (?, ?, ?, ?)
ON CONFLICT (contract_id) DO UPDATE SET step = excluded.step, document = excluded.document, taken_at = excluded.taken_at

-- name: drop_dunning
DELETE FROM dunning WHERE contract_id = ?

-- name: dunning
SELECT contract_id, step FROM dunning

-- name: dunning_documents
SELECT document, taken_at FROM dunning ORDER BY contract_id

-- name: meta_of
SELECT value FROM meta WHERE key = ?

-- name: postings_to_add_up
SELECT MAX(money_seq), COUNT(*)
FROM (SELECT money_seq FROM postings WHERE money_seq > ? ORDER BY money_seq LIMIT ?)

-- name: add_up_accounts
INSERT INTO account_totals (account, cents)
SELECT json_extract(leg.value, '$.account'), SUM(CAST(ROUND(json_extract(leg.value, '$.amount') * 100) AS INTEGER))
FROM postings AS p, json_each(p.legs) AS leg WHERE p.money_seq > ?1 AND p.money_seq <= ?2 GROUP BY 1
ON CONFLICT (account) DO UPDATE SET cents = cents + excluded.cents

-- name: note_account_postings
INSERT INTO account_postings (account, money_seq)
SELECT DISTINCT json_extract(leg.value, '$.account') AS account, p.money_seq
FROM postings AS p, json_each(p.legs) AS leg
WHERE p.money_seq > ?1 AND p.money_seq <= ?2 AND account NOT GLOB 'revenue:*' AND account NOT GLOB 'vat:*'
ON CONFLICT DO NOTHING

-- name: balance_of_account
SELECT COALESCE((SELECT cents FROM account_totals WHERE account = ?), 0) + COALESCE((
    SELECT SUM(CAST(ROUND(json_extract(leg.value, '$.amount') * 100) AS INTEGER))
    FROM postings AS p, json_each(p.legs) AS leg
    WHERE json_extract(leg.value, '$.account') = ? AND p.money_seq > ?
), 0)

-- name: account_balances
SELECT account, SUM(cents) FROM (
    SELECT account, cents FROM account_totals WHERE account >= ? AND account < ?
    UNION ALL
    SELECT json_extract(leg.value, '$.account') AS account,
        CAST(ROUND(json_extract(leg.value, '$.amount') * 100) AS INTEGER) AS cents
    FROM postings AS p, json_each(p.legs) AS leg
    WHERE p.money_seq > ? AND json_extract(leg.value, '$.account') >= ? AND json_extract(leg.value, '$.account') < ?
) GROUP BY account HAVING SUM(cents) <> 0 ORDER BY account

-- name: account_entries
SELECT p.money_seq, p.posted_at, p.posting_id, p.key, p.reason, json_extract(leg.value, '$.amount'), p.cdr_id, p.text,
    p.staff
FROM (
    SELECT money_seq FROM account_postings WHERE account = ?1
    UNION ALL
    SELECT money_seq FROM postings WHERE money_seq > ?3
) AS found JOIN postings AS p ON p.money_seq = found.money_seq, json_each(p.legs) AS leg
WHERE json_extract(leg.value, '$.account') = ?2 ORDER BY p.money_seq

-- name: newest_account_entries
SELECT p.money_seq, p.posted_at, p.posting_id, p.key, p.reason, json_extract(leg.value, '$.amount'), p.cdr_id, p.text,
    p.staff
FROM (
    SELECT money_seq FROM account_postings WHERE account = ?1
    UNION ALL
    SELECT money_seq FROM postings WHERE money_seq > ?3
) AS found JOIN postings AS p ON p.money_seq = found.money_seq, json_each(p.legs) AS leg
WHERE json_extract(leg.value, '$.account') = ?2 ORDER BY p.money_seq DESC

-- name: holds_of
SELECT legs FROM postings WHERE key >= ? AND key < ? ORDER BY key

-- name: postings_after
SELECT money_seq, legs FROM postings WHERE money_seq > ? ORDER BY money_seq

-- name: dead_letters_by_stream
SELECT stream, COUNT(*) FROM dead_letters GROUP BY stream

-- name: time_of_next
SELECT at FROM journal WHERE stream = ? AND seq > ? ORDER BY seq LIMIT 1
