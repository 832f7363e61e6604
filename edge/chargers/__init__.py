"""I/O to the hardware."""
