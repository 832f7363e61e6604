"""The requests that an OCPP 2.0.1 or 2.1 CSMS may make, one file per functional block."""
