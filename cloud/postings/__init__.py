"""Postings: REST resource `/v1/postings`."""
