"""Local lists of stations: REST resource `/v1/charging-stations/{station_id}/local-list`."""
