"""A second box that has the ledger page by page, and takes over when the first is dead: docs/standby.md."""
