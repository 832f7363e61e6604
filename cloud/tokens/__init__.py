"""Tokens: REST resource `/v1/tokens`, and the document that edges are given."""
