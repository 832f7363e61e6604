"""The file server for stations: firmware out, logs in; and the catalogue of firmware."""
