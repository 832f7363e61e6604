"""Who takes cards and QR payments: asked over HTTP, followed until all is told, and held to their list."""
