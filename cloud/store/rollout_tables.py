"""Rollouts and their targets, as `tables`."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from cloud.store.columns import METADATA, domain, key
from cloud.store.types import UtcTime

rollouts = Table(
    "rollouts",
    METADATA,
    domain(),
    key("id"),
    Column("name", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("document", Text, nullable=False),  # JSON: cloud.rollouts.order
    Column("digest", String, nullable=False),  # of the request: the same Idempotency-Key asks for the same
    Column("state", String, nullable=False),
    Column("reason", Text, nullable=False),  # why it stands still
    Column("targets", Integer, nullable=False),
    Column("stage", Integer, nullable=False),  # the one that is open, from 0
    Column("stage_ended_at", UtcTime),  # it ended well, and the next one waits
    Column("tolerated", Integer, nullable=False),  # failures of this stage that somebody has seen and resumed
    Column("is_watched", Boolean, nullable=False),  # something of it is still to be done or heard
    Column("created_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("issued_by", String, nullable=False),  # the id of the API key
    Index("rollouts_by_begin", "domain", "created_at", "id"),
    Index("rollouts_watched", "is_watched"),
)

rollout_steps = Table(
    "rollout_steps",
    METADATA,
    domain(),
    key("rollout_id"),
    Column("number", Integer, primary_key=True, autoincrement=False),  # its place in the order
    Column("stage", Integer, nullable=False),
    Column("edge_id", String, nullable=False),
    Column("station_id", String),
    Column("transaction_id", String),
    Column("state", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("command_id", String),  # of this attempt
    Column("job_id", String),  # at the edge, where it is done by a job
    Column("document_version", BigInteger),  # that the edge has to apply, of tariffs
    Column("expires_at", UtcTime),
    Column("is_recalled", Boolean, nullable=False),  # its job is being cancelled, because the rollout stands still
    Column("detail", Text, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Index("rollout_steps_by_state", "domain", "rollout_id", "stage", "state"),
)

UNFINISHED: Final = ("running", "paused", "stopped")
"""Rollouts that may go on."""
REACHED: Final = ("sent", "done", "failed", "expired")
"""Steps whose target was told."""
