"""``/v1``: models, personas and panels for programs that speak to OpenAI."""
