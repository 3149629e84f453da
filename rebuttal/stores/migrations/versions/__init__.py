"""One file a step, oldest first. The newest is ``SCHEMA`` in stores/sql.py."""
