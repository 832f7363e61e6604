"""Commands to charging stations: REST resource `/v1/commands`."""
