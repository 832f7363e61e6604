"""Modbus devices as data: one TOML file per model, and the pure functions that read and write by it."""
