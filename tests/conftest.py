"""Fixtures for every test."""

from tests.postgres import empty_postgres, postgres
from tests.stores import store, store_address

__all__ = ["empty_postgres", "postgres", "store", "store_address"]
