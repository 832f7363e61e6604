"""Bills: REST resource `/v1/cdrs`."""
