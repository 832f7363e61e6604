"""The sites' own meters and the balance of their power: REST resources below `/v1/locations/{location_id}`."""
