"""Fixtures for every test."""

from tests.built_in import built_in
from tests.postgres import empty_postgres, postgres
from tests.stores import store, store_address

__all__ = ["built_in", "empty_postgres", "postgres", "store", "store_address"]
