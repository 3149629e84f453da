"""Tokens as every store promises them."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from rebuttal.errors import InvalidInput
from rebuttal.records import Token, now
from rebuttal.stores.base import DebateStore
from tests.stores import NOON, begin


def a_token(secret: str, owner: str = "ann", **fields: object) -> Token:
    given = {"kind": "session", "created_at": NOON}
    hashed = sha256(secret.encode()).hexdigest()
    return Token.model_validate({"hash": hashed, "owner": owner, **given, **fields})


async def test_a_token_comes_back_as_it_was_until_it_is_dropped(store: DebateStore) -> None:
    await begin(store)
    token = a_token("x", kind="link", debate_id="d", expires_at=NOON + timedelta(days=3650))
    await store.add_token(token)
    assert await store.get_token(token.hash) == token
    assert await store.tokens("ann", "link") == (token,)
    await store.drop_token(token.hash)
    await store.drop_token(token.hash)
    assert await store.get_token(token.hash) is None
    assert await store.tokens("ann", "link") == ()


async def test_tokens_are_the_owners_own_newest_first(store: DebateStore) -> None:
    await begin(store)
    links = [a_token(secret, kind="link", debate_id="d") for secret in "abc"]
    for link in links:
        await store.add_token(link)
    await store.add_token(a_token("other", "bob", kind="link", debate_id="d"))
    await store.add_token(a_token("session"))
    assert await store.tokens("ann", "link") == tuple(reversed(links))
    for nobody in ("", "\ud83d", "a\0"):
        assert await store.tokens(nobody, "link") == ()


async def test_what_a_program_may_do_is_kept_with_its_token(store: DebateStore) -> None:
    given: dict[str, Any] = {
        "kind": "program",
        "name": "my editor ❤",
        "powers": ("read", "models"),
        "mark": "0f",
    }
    tokens = [a_token("1", **given), a_token("2", "", operator=True, **given)]
    plain = a_token("3", kind="program", powers=())
    for token in (*tokens, plain):
        await store.add_token(token)
        assert await store.get_token(token.hash) == token
    assert await store.tokens("", "program") == (tokens[1],)


async def test_everybodys_tokens_of_a_kind_newest_first(store: DebateStore) -> None:
    there = [a_token(str(n), owner, kind="program") for n, owner in enumerate(("ann", "", "bob"))]
    for token in (*there, a_token("session")):
        await store.add_token(token)
    assert await store.tokens(None, "program") == tuple(reversed(there))
    await store.drop_token(there[1].hash)
    assert await store.tokens(None, "program") == (there[2], there[0])
    assert await store.tokens(None, "link") == ()


async def test_a_new_session_ends_the_owners_earlier_one(store: DebateStore) -> None:
    first, second, other = a_token("1"), a_token("2"), a_token("3", "bob")
    for token in (first, other, second):
        await store.add_token(token)
    assert await store.get_token(first.hash) is None
    assert await store.tokens("ann", "session") == (second,)
    assert await store.get_token(other.hash) == other


async def test_a_hash_is_kept_once(store: DebateStore) -> None:
    token = a_token("x")
    await store.add_token(token)
    with pytest.raises(InvalidInput):
        await store.add_token(a_token("x", "bob"))
    assert await store.get_token(token.hash) == token


@pytest.mark.parametrize("hash", ["", "0" * 64, "\ud83d", "a\0b", "'; --"])
async def test_an_unknown_token_is_none(store: DebateStore, hash: str) -> None:
    await store.add_token(a_token("x"))
    assert await store.get_token(hash) is None
    await store.drop_token(hash)


async def test_a_purge_forgets_ended_tokens_and_those_of_forgotten_debates(
    store: DebateStore,
) -> None:
    for key in ("d", "e"):
        await begin(store, key)
    soon = now() + timedelta(hours=1)
    ended = a_token("1", "ann", expires_at=now() - timedelta(seconds=1))
    session = a_token("2", "bob", expires_at=soon)
    gone, link = (a_token(f"l{key}", kind="link", debate_id=key) for key in ("d", "e"))
    for token in (ended, session, gone, link):
        await store.add_token(token)
    await store.delete(["d"])
    assert await store.purge(None, now() + timedelta(seconds=1)) == 1
    found = [await store.get_token(token.hash) for token in (ended, session, gone, link)]
    assert found == [None, session, None, link]
