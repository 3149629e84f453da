"""How a database gets from any earlier shape to the present one: Alembic, one file a step."""
