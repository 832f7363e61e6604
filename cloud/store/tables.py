"""The tables as they stand after the newest migration; a test compares the two. More of them: `station_tables`,
`money_tables`, `meter_tables`.

Every row belongs to a domain, and what an edge names (its stations, sessions, bills) belongs to that edge.
Energy is in Wh, power in W, money exact, times UTC by the site's clock.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from cloud.store.columns import METADATA, domain, key
from cloud.store.types import Money, UtcTime

edges = Table(
    "edges",
    METADATA,
    domain(),
    key("edge_id"),
    Column("epoch", String),
    Column("status", String, nullable=False),  # online, offline, or unknown while the hub has no broker
    Column("status_epoch", String),
    Column("status_session", BigInteger, nullable=False, server_default="0"),  # the newest connection that was heard
    Column("status_broker", String),  # by which it was heard
    Column("status_at", UtcTime),
    Column("software_version", String),
    Column("location_id", String),
    Column("birth", Text),
    Column("birth_at", UtcTime),
    Column("heard_at", UtcTime, nullable=False),
)

stream_positions = Table(
    "stream_positions",
    METADATA,
    domain(),
    key("edge_id"),
    key("epoch"),
    key("stream"),
    Column("seq", BigInteger, nullable=False),  # contiguous: everything up to here is committed
    Column("dead", Integer, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("stamp", String),  # when the entry `seq` was made, as the edge wrote it
)

entries = Table(
    "entries",
    METADATA,
    domain(),
    key("edge_id"),
    key("epoch"),
    key("stream"),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("raw", Text, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    METADATA,
    domain(),
    key("edge_id"),
    key("epoch"),
    key("stream"),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("raw", Text, nullable=False),
    Column("received_at", UtcTime, nullable=False),
)

locations = Table(
    "locations",
    METADATA,
    domain(),
    key("id"),
    Column("edge_id", String, nullable=False),
    Column("name", String, nullable=False),
    Column("country_code", String, nullable=False),
    Column("party_id", String, nullable=False),
    Column("time_zone", String, nullable=False),
    Column("address", String, nullable=False),
    Column("city", String, nullable=False),
    Column("country", String, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

charging_stations = Table(
    "charging_stations",
    METADATA,
    domain(),
    key("edge_id"),
    key("station_id"),
    Column("location_id", String),
    Column("is_online", Boolean),  # NULL until the edge has said so
    Column("online_at", UtcTime),
    Column("status", String),  # of the station as a whole, where it tells one (OCPP 1.6 connectorId 0)
    Column("ocpp_version", String),
    Column("vendor", String),
    Column("model", String),
    Column("serial_number", String),
    Column("firmware_version", String),
    Column("booted_at", UtcTime),
    Column("boot_reason", String),
)

evses = Table(
    "evses",
    METADATA,
    domain(),
    key("edge_id"),
    key("station_id"),
    Column("evse_id", Integer, primary_key=True, autoincrement=False),
    Column("label", String, nullable=False),
    Column("max_power_w", BigInteger),
    Column("tariff_id", String),
    Column("state", String, nullable=False),
    Column("as_of", UtcTime),  # the site's time of the news that `state` and the values below stand on
    Column("power_w", BigInteger),
    Column("energy_wh", BigInteger),
    Column("state_of_charge_percent", Integer),
    Column("transaction_id", String),
    Column("cost", Money),
    Column("connector_status", String),
    Column("charging_state", String),
    Column("error_code", String),
)

sessions = Table(
    "sessions",
    METADATA,
    domain(),
    key("id"),
    Column("edge_id", String, nullable=False),
    Column("location_id", String),
    Column("station_id", String, nullable=False),
    Column("evse_id", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("token_uid", String),
    Column("contract_id", String, nullable=False),
    Column("is_offline", Boolean),
    Column("start_date_time", UtcTime, nullable=False),
    Column("end_date_time", UtcTime),
    Column("meter_start_wh", BigInteger, nullable=False),
    Column("meter_stop_wh", BigInteger),
    Column("energy_wh", BigInteger),
    Column("tariff_id", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("cost_excl_vat", Money),
    Column("cost_incl_vat", Money),
    Column("stop_reason", String),
    Column("cdr_id", String),
    Column("updated_at", UtcTime, nullable=False),
    Column("moves", Integer, nullable=False, server_default="0"),  # from edge to edge of a node; edge_id is the last
    Index("sessions_by_start", "domain", "start_date_time", "id"),
    Index("sessions_by_edge", "domain", "edge_id", "status"),
)

cdrs = Table(
    "cdrs",
    METADATA,
    domain(),
    key("id"),
    Column("edge_id", String, nullable=False),
    Column("session_id", String, nullable=False),
    Column("location_id", String, nullable=False),
    Column("station_id", String, nullable=False),
    Column("evse_id", Integer, nullable=False),
    Column("status", String, nullable=False),  # issued, or quarantined until a person decides
    Column("token_uid", String),
    Column("contract_id", String, nullable=False),
    Column("start_date_time", UtcTime, nullable=False),
    Column("end_date_time", UtcTime, nullable=False),
    Column("total_energy_wh", BigInteger, nullable=False),
    Column("currency", String, nullable=False),
    Column("cost_excl_vat", Money, nullable=False),
    Column("cost_incl_vat", Money, nullable=False),
    Column("document", Text, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Index("cdrs_by_end", "domain", "end_date_time", "id"),
    Index("cdrs_by_session", "domain", "session_id"),
)

postings = Table(
    "postings",
    METADATA,
    domain(),
    key("posting_id"),
    Column("edge_id", String, nullable=False),
    Column("key", String, nullable=False),
    Column("cdr_id", String),
    Column("currency", String, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("reason", String, nullable=False, server_default="cdr"),
    Column("text", Text, nullable=False, server_default=""),
    Column("staff", String),
    UniqueConstraint("domain", "key", name="postings_once_per_key"),
    Index("postings_by_time", "domain", "at", "posting_id"),
    Index("postings_by_bill", "domain", "cdr_id"),
)

posting_legs = Table(
    "posting_legs",
    METADATA,
    domain(),
    key("posting_id"),
    Column("leg", SmallInteger, primary_key=True, autoincrement=False),
    Column("account", String, nullable=False),
    Column("amount", Money, nullable=False),
    ForeignKeyConstraint(["domain", "posting_id"], ["postings.domain", "postings.posting_id"]),
    Index("posting_legs_by_account", "domain", "account"),
)

tokens = Table(
    "tokens",
    METADATA,
    domain(),
    key("source"),  # hub: the domain's document, with an empty edge_id; site: that edge's own list
    key("edge_id"),
    key("key"),
    Column("uid", String, nullable=False),
    Column("contract_id", String, nullable=False),
    Column("type", String, nullable=False),
    Column("valid", Boolean, nullable=False),
    Column("group_id", String),
    Column("expires_at", UtcTime),
    Column("visual_number", String),
    Column("language", String),
    Column("concurrent", Boolean, nullable=False),
    Column("document_version", BigInteger),
    Column("updated_at", UtcTime, nullable=False),
)

documents = Table(
    "documents",
    METADATA,
    domain(),
    key("name"),
    Column("version", BigInteger, nullable=False),
)

edge_documents = Table(
    "edge_documents",
    METADATA,
    domain(),
    key("edge_id"),
    key("name"),
    Column("epoch", String, nullable=False),
    Column("version", BigInteger, nullable=False),  # the one applied
    Column("refused_version", BigInteger),
    Column("problem", Text),
    Column("at", UtcTime, nullable=False),
)

commands = Table(
    "commands",
    METADATA,
    domain(),
    key("id"),
    Column("edge_id", String, nullable=False),
    Column("command", String, nullable=False),
    Column("station_id", String),
    Column("evse_id", Integer),
    Column("transaction_id", String),
    Column("token_uid", String),
    Column("operation", String),  # what a station is to do, or the action of a raw call
    Column("body", Text),  # JSON: the operation, or the payload of a raw call
    Column("status", String, nullable=False),
    Column("detail", Text, nullable=False),
    Column("result", Text),  # JSON: what the station told
    Column("issued_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("issued_by", String, nullable=False),  # the id of the API key
    Index("commands_by_issue", "domain", "issued_at", "id"),
    Index("commands_to_send", "status"),
)

alarms = Table(
    "alarms",
    METADATA,
    domain(),
    key("id"),
    Column("edge_id", String, nullable=False),
    Column("location_id", String),
    Column("alarm_id", String, nullable=False),
    Column("alarm", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("station_id", String),
    Column("evse_id", Integer),
    Column("raised_at", UtcTime, nullable=False),
    Column("cleared_at", UtcTime),
    Index("alarms_by_raise", "domain", "raised_at", "id"),
    Index("alarms_by_cause", "domain", "edge_id", "alarm_id"),
)

feed = Table(
    "feed",
    METADATA,
    Column("cursor", BigInteger, primary_key=True, autoincrement=False),
    Column("domain", SmallInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("is_historical", Boolean, nullable=False),
    Column("location_id", String),
    Column("data", Text, nullable=False),
    Index("feed_by_domain", "domain", "cursor"),
)

feed_head = Table(
    "feed_head",
    METADATA,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("identity", String, nullable=False),  # of this feed: a cursor of another database is recognised
    Column("cursor", BigInteger, nullable=False),
)

api_keys = Table(
    "api_keys",
    METADATA,
    key("id"),
    Column("digest", String, nullable=False),
    Column("domain", SmallInteger, nullable=False),
    Column("scope", String, nullable=False),
    Column("name", String, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
)
