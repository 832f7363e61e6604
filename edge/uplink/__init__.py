"""MQTT to the hub: the journal up, documents and commands down."""
