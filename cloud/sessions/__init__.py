"""Sessions: REST resource `/v1/sessions`."""
