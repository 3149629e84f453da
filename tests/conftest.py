"""Fixtures for every test, and the order of all."""

import pytest

from tests.built_in import built_in
from tests.chromium import browser
from tests.desk import desk, real_desk
from tests.guarded import pages, strangers_page
from tests.linked import linked
from tests.order import long_first
from tests.postgres import empty_postgres, postgres
from tests.redis_server import empty_redis, frail_redis, redis_server
from tests.snippets import snippets_taken
from tests.speaker import speaker
from tests.stores import sql_address, store, store_address
from tests.surroundings import settle

__all__ = [
    "browser",
    "built_in",
    "desk",
    "empty_postgres",
    "empty_redis",
    "frail_redis",
    "linked",
    "pages",
    "postgres",
    "real_desk",
    "redis_server",
    "snippets_taken",
    "speaker",
    "sql_address",
    "store",
    "store_address",
    "strangers_page",
]


def pytest_configure(config: pytest.Config) -> None:
    """Before anything is collected or started."""
    settle()
    # pytest-xdist would begin with the files that have the most tests.
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """See order."""
    long_first(items)
