"""What single charger models do differently from the standard: one TOML file per model, data only."""
