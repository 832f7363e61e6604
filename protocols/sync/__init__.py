"""The edge to hub contract, version 1."""
