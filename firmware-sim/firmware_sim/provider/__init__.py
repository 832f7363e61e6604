"""A simulated provider of card and QR payments: answers late, twice, never, another sum, or not at all, on demand."""
