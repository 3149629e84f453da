"""Fixtures for every test."""

from tests.built_in import built_in
from tests.chromium import browser
from tests.desk import desk
from tests.guarded import pages, strangers_page
from tests.linked import linked
from tests.postgres import empty_postgres, postgres
from tests.redis_server import empty_redis, frail_redis, redis_server
from tests.snippets import snippets_taken
from tests.stores import sql_address, store, store_address

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
    "redis_server",
    "snippets_taken",
    "sql_address",
    "store",
    "store_address",
    "strangers_page",
]
