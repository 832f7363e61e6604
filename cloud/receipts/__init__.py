"""Receipts and statements: REST resources `/v1/receipts` and `/v1/statements`."""
