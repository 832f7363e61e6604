"""Push: the WebSocket `/v1/stream`."""
