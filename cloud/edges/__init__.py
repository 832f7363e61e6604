"""Edges and how well they are in step: REST resource `/v1/edges`."""
