"""The tables of what stations were told and told of themselves, as `tables`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from cloud.store.columns import METADATA, domain, key
from cloud.store.types import UtcTime

security_events = Table(
    "security_events",
    METADATA,
    domain(),
    key("id"),  # derived from the edge, the station and the type
    Column("edge_id", String, nullable=False),
    Column("station_id", String, nullable=False),
    Column("type", String, nullable=False),
    Column("is_critical", Boolean, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("first_at", UtcTime, nullable=False),
    Column("last_at", UtcTime, nullable=False),
    Column("tech_info", String),  # of the last one
    Index("security_events_by_first", "domain", "first_at", "id"),
)

station_certificates = Table(
    "station_certificates",
    METADATA,
    domain(),
    key("edge_id"),
    key("serial_number"),
    Column("station_id", String, nullable=False),
    Column("certificate_type", String, nullable=False),
    Column("common_name", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("not_before", UtcTime, nullable=False),
    Column("not_after", UtcTime, nullable=False),
    Column("issued_at", UtcTime, nullable=False),
    Column("accepted_at", UtcTime),
    Column("revoked_at", UtcTime),
    Index("station_certificates_by_issue", "domain", "issued_at", "serial_number"),
)

deviations = Table(
    "deviations",
    METADATA,
    domain(),
    key("id"),  # derived from the edge and all that names the kind
    Column("edge_id", String, nullable=False),
    Column("vendor", String, nullable=False),
    Column("model", String, nullable=False),
    Column("firmware_version", String, nullable=False),
    Column("action", String, nullable=False),
    Column("path", String, nullable=False),
    Column("problem", String, nullable=False),
    Column("remedy", String, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("first_at", UtcTime, nullable=False),
    Column("last_at", UtcTime, nullable=False),
    Column("station_id", String, nullable=False),  # that showed it last
    Column("frame", Text),  # the first one, what is secret masked
    Index("deviations_by_first", "domain", "first_at", "id"),
)

firmware_files = Table(
    "firmware_files",
    METADATA,
    domain(),
    key("edge_id"),
    key("file_id"),
    Column("vendor", String, nullable=False),
    Column("model", String, nullable=False),
    Column("version", String, nullable=False),
    Column("name", String, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String, nullable=False),
    Column("is_signed", Boolean, nullable=False),
    Column("added_at", UtcTime, nullable=False),
)

jobs = Table(
    "jobs",
    METADATA,
    domain(),
    key("id"),  # holds the edge and its epoch
    Column("edge_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("document", Text, nullable=False),  # JSON: what is done, protocols.charger.jobs
    Column("stations", Integer, nullable=False),
    Column("at_once", Integer, nullable=False),
    Column("begun_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Index("jobs_by_begin", "domain", "begun_at", "id"),
)

job_steps = Table(
    "job_steps",
    METADATA,
    domain(),
    key("job_id"),
    key("station_id"),
    Column("status", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("detail", Text, nullable=False),
    Column("result", Text),  # JSON
    Column("changed_at", UtcTime, nullable=False),
)

station_variables = Table(
    "station_variables",
    METADATA,
    domain(),
    key("id"),  # derived from the edge, the station and all that names the variable
    Column("edge_id", String, nullable=False),
    Column("station_id", String, nullable=False),
    Column("component", String, nullable=False),
    Column("component_instance", String),
    Column("evse_id", Integer),
    Column("connector_id", Integer),
    Column("variable", String, nullable=False),
    Column("variable_instance", String),
    Column("attribute", String, nullable=False),
    Column("value", Text),
    Column("mutability", String),
    Column("data_type", String),
    Column("unit", String),
    Column("report_id", BigInteger),
    Column("read_at", UtcTime, nullable=False),
    Index("station_variables_by_name", "domain", "component", "variable", "station_id", "id"),
    Index("station_variables_by_station", "domain", "edge_id", "station_id"),
)

station_reports = Table(
    "station_reports",
    METADATA,
    domain(),
    key("edge_id"),
    key("station_id"),
    key("report"),  # monitors, customer_information, display_messages, firmware_publishing
    Column("seq_no", Integer, primary_key=True, autoincrement=False),
    Column("request_id", BigInteger, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("is_last", Boolean, nullable=False),
    Column("items", Text, nullable=False),  # JSON, as OCPP 2.0.1 writes them
)

reservations = Table(
    "reservations",
    METADATA,
    domain(),
    key("id"),  # of the session that it is billed as where nobody used it; holds the edge and its epoch
    Column("edge_id", String, nullable=False),
    Column("location_id", String),
    Column("station_id", String, nullable=False),
    Column("evse_id", Integer),  # NULL: any of the station's
    Column("reservation_id", BigInteger, nullable=False),  # by which the station knows it
    Column("status", String, nullable=False),  # standing, or how it ended
    Column("token_uid", String, nullable=False),
    Column("group_id", String),
    Column("contract_id", String, nullable=False),
    Column("tariff_id", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("made_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("transaction_id", String),  # that used it
    Index("reservations_by_made", "domain", "made_at", "id"),
    Index("reservations_by_station", "domain", "station_id", "made_at", "id"),
)

local_lists = Table(
    "local_lists",
    METADATA,
    domain(),
    key("edge_id"),
    key("station_id"),
    Column("is_supported", Boolean, nullable=False),
    Column("firmware_version", String),
    Column("version", BigInteger, nullable=False),
    Column("tokens_version", BigInteger, nullable=False),
    Column("checksum", String, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("left_out", Integer, nullable=False),
    Column("settled_at", UtcTime, nullable=False),
)

monitor_events = Table(
    "monitor_events",
    METADATA,
    domain(),
    key("id"),  # in the order of the journal
    Column("edge_id", String, nullable=False),
    Column("station_id", String, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("trigger", String, nullable=False),
    Column("component", String, nullable=False),
    Column("evse_id", Integer),
    Column("variable", String, nullable=False),
    Column("value", Text, nullable=False),
    Column("is_cleared", Boolean, nullable=False),
    Column("event", Text, nullable=False),  # JSON, as OCPP 2.0.1 writes it
    Index("monitor_events_by_time", "domain", "at", "id"),
    Index("monitor_events_by_station", "domain", "station_id", "at", "id"),
)
