"""The requests that an OCPP 1.6 Central System may make, one file per profile."""
