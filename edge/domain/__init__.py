"""Decisions: pure, standard library and protocols only."""
