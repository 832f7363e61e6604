"""Alembic's entry: runs the migrations on the connection, and in the transaction, of cloud.store.migrate."""

from __future__ import annotations

from alembic import context

from cloud.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
