"""The SQLite ledger: journal, projections, migrations."""
