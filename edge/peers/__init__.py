"""The other agents of a node: asks them for the stations that come here, and gives them those that went there."""
