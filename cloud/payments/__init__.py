"""Payments and till sessions: REST resources `/v1/payments` and `/v1/till-sessions`."""
