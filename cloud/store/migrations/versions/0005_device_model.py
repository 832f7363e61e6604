"""Firmware, jobs over many stations, variables and reports of stations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cloud.store.types import UtcTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "firmware_files",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("file_id", sa.String(), primary_key=True),
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("is_signed", sa.Boolean(), nullable=False),
        sa.Column("added_at", UtcTime(), nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("edge_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("stations", sa.Integer(), nullable=False),
        sa.Column("at_once", sa.Integer(), nullable=False),
        sa.Column("begun_at", UtcTime(), nullable=False),
        sa.Column("ends_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime()),
    )
    op.create_index("jobs_by_begin", "jobs", ["domain", "begun_at", "id"])
    op.create_table(
        "job_steps",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("job_id", sa.String(), primary_key=True),
        sa.Column("station_id", sa.String(), primary_key=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("result", sa.Text()),
        sa.Column("changed_at", UtcTime(), nullable=False),
    )
    op.create_table(
        "station_variables",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("edge_id", sa.String(), nullable=False),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("component", sa.String(), nullable=False),
        sa.Column("component_instance", sa.String()),
        sa.Column("evse_id", sa.Integer()),
        sa.Column("connector_id", sa.Integer()),
        sa.Column("variable", sa.String(), nullable=False),
        sa.Column("variable_instance", sa.String()),
        sa.Column("attribute", sa.String(), nullable=False),
        sa.Column("value", sa.Text()),
        sa.Column("mutability", sa.String()),
        sa.Column("data_type", sa.String()),
        sa.Column("unit", sa.String()),
        sa.Column("report_id", sa.BigInteger()),
        sa.Column("read_at", UtcTime(), nullable=False),
    )
    op.create_index(
        "station_variables_by_name", "station_variables", ["domain", "component", "variable", "station_id", "id"]
    )
    op.create_index("station_variables_by_station", "station_variables", ["domain", "edge_id", "station_id"])
    op.create_table(
        "station_reports",
        sa.Column("domain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("edge_id", sa.String(), primary_key=True),
        sa.Column("station_id", sa.String(), primary_key=True),
        sa.Column("report", sa.String(), primary_key=True),
        sa.Column("seq_no", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("is_last", sa.Boolean(), nullable=False),
        sa.Column("items", sa.Text(), nullable=False),
    )
