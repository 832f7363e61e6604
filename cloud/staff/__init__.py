"""Staff of sites: REST resource `/v1/staff-changes`."""
