"""Alarms: REST resource `/v1/alarms`."""
