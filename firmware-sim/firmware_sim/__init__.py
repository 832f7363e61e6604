"""Charge points, vehicles and meters in software, speaking real protocols."""
