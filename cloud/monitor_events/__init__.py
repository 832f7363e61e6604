"""What the monitors of stations saw: REST resource `/v1/monitor-events`."""
