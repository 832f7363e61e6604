"""Locations: REST resource `/v1/locations`."""
