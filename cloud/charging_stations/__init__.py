"""Charging stations and their EVSEs: REST resource `/v1/charging-stations`."""
