"""The hub's memory: one set of tables and queries for embedded SQLite and for PostgreSQL."""
