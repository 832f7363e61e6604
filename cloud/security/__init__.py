"""Security: REST resources `/v1/security-events` and `/v1/certificates`."""
