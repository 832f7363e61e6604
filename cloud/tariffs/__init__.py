"""Tariffs of the hub: REST resource `/v1/tariffs`."""
