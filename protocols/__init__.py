"""The languages of the house: frozen types and pure functions, no I/O, no clock, no logging."""
