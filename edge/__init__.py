"""The edge agent: one process, one ledger, one charging site."""
