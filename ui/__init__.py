"""The screens: plain clients of the local socket of an edge or of the REST API of the hub."""
