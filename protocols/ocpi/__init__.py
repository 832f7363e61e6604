"""Commercial nouns: OCPI 2.2.1 as it stands."""
