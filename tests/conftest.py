"""Fixtures for every test."""

from tests.postgres import postgres

__all__ = ["postgres"]
