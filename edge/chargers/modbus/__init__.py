"""Chargers, meters and inverters that speak Modbus: the bus, the devices on it, and what is asked of them."""
