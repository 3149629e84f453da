"""The terminal: the same debates as on the page, as commands."""
