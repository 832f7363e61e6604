"""Deviations: REST resource `/v1/deviations`."""
