"""A whole site, its hub and a day of charging on one machine."""
