"""Customers: REST resource `/v1/customers`."""
