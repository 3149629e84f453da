"""The Redis server of the tests does what tests ask of it."""

from __future__ import annotations

import socket

import pytest

from tests.redis_server import RedisServer

pytestmark = pytest.mark.redis


def test_a_killed_server_comes_back_with_its_data_and_an_emptied_one_without(
    frail_redis: RedisServer,
) -> None:
    frail_redis.say("SET", "a", "1")
    frail_redis.restart()
    assert frail_redis.say("EXISTS", "a") == ":1"
    frail_redis.restart(empty=True)
    assert frail_redis.say("EXISTS", "a") == ":0"


def test_a_paused_server_takes_connections_and_answers_nobody(frail_redis: RedisServer) -> None:
    frail_redis.pause()
    with socket.create_connection(("127.0.0.1", frail_redis.port), timeout=0.2) as connection:
        connection.sendall(b"PING\r\n")
        with pytest.raises(TimeoutError):
            connection.recv(1)
        frail_redis.go_on()
        connection.settimeout(5)
        assert connection.recv(1) == b"-"  # it asks for the password
