"""The telemetry filter: REST resources `/v1/filters` and `/v1/edges/{edge_id}/filter`."""
