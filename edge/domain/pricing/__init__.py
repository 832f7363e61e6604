"""The one engine that prices sessions and reservations by their tariffs."""
