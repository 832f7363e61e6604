"""Reservations: REST resource `/v1/reservations`."""
