"""Dunning: REST resource `/v1/dunning-steps`."""
