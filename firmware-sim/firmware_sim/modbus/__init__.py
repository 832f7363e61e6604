"""Chargers, meters and inverters that speak Modbus: each profile of `protocols/modbus`, with a device that lives."""
