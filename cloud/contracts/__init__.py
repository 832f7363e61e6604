"""Contracts and their balances: REST resource `/v1/contracts`."""
