"""OCPP: payloads to and from the charger model."""
