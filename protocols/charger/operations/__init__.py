"""What a site can ask of its charging stations: one frozen type per operation, alike for all versions of OCPP."""
