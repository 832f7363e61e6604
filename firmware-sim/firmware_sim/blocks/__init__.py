"""The state of the functional blocks: what a charging station keeps of lists, profiles, monitors and the rest. Pure."""
