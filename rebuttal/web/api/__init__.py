"""``/api/v1``: the same debates over HTTP, as JSON, server-sent events and a WebSocket."""
