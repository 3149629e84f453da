"""Tokens for programs: what they open, what they never open, and how they end."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rebuttal.app import DebateApp
from rebuttal.errors import Busy, InvalidInput, NotAllowed, NotFound
from rebuttal.providers.scripted import ScriptedModel
from rebuttal.records import OPERATOR, Token, Visitor, now
from rebuttal.tokens import MOST_TOKENS, PREFIX, Tokens
from tests.debates import CYNIC_AND_RATIONAL, scripted_app, watch_to_rest
from tests.test_links import everything_in
from tests.test_owners import OWNER, STRANGER

LINES = [f"Speech number {n} stands on its own feet." for n in range(20)]


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[DebateApp]:
    """As strangers find it."""
    async with scripted_app(tmp_path, ScriptedModel(LINES, repeat=True), profile="public") as there:
        yield there


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


async def test_a_program_with_a_token_is_whose_token_it_is(app: DebateApp) -> None:
    secret = await app.tokens.make("editor", ("read", "debate"), visitor=OWNER)
    program = await app.tokens.visitor(secret, "198.51.100.1")
    assert program.model_dump() == {
        **Visitor(owner=OWNER.owner, network="198.51.100.1", name="editor").model_dump(),
        "powers": ("read", "debate"),
    }
    debate = await app.start("Cats?", CYNIC_AND_RATIONAL, rounds=1, visitor=program)
    assert (await app.debate(debate, visitor=OWNER)).owner == OWNER.owner
    with pytest.raises(NotFound):
        await app.debate(debate, visitor=STRANGER)


async def test_a_secret_is_known_by_its_beginning_and_kept_nowhere(
    app: DebateApp, tmp_path: Path
) -> None:
    secret = await app.tokens.make("editor", visitor=OWNER)
    (token,) = await app.tokens.all(visitor=OWNER)
    assert token.hash == hash_of(secret)
    assert secret.startswith(PREFIX)
    assert len(secret) == len(PREFIX) + 43
    await app.close()
    kept = everything_in(tmp_path)
    assert token.hash.encode() in kept
    assert secret.encode() not in kept
    assert secret.removeprefix(PREFIX).encode() not in kept


async def test_what_opens_nothing_is_refused_in_the_same_words(app: DebateApp) -> None:
    moments = [now() - timedelta(days=3)]
    earlier = Tokens(app._works.access, lambda: moments[0])
    ended = await earlier.make("short", days=2, visitor=OWNER)
    assert (await earlier.visitor(ended)).owner == OWNER.owner
    revoked = await app.tokens.make("gone", visitor=OWNER)
    await app.tokens.revoke(hash_of(revoked), visitor=OWNER)
    debate = await app.start("Cats?", CYNIC_AND_RATIONAL, rounds=1, visitor=OWNER)
    link = await app.links.make(debate, visitor=OWNER)
    session = await app.links.session(visitor=OWNER)
    good = await app.tokens.make("good", visitor=OWNER)
    said = set()
    for secret in (ended, revoked, link, session, "", PREFIX, good[:-1], good + "x", "\ud800"):
        with pytest.raises(NotAllowed) as refused:
            await app.tokens.visitor(secret)
        said.add(str(refused.value))
    assert len(said) == 1
    assert [token.name for token in await app.tokens.all(visitor=OWNER)] == ["good"]


async def test_a_token_opens_no_link_and_no_history(app: DebateApp) -> None:
    secret = await app.tokens.make("editor", visitor=OWNER)
    assert await app.links.session_owner(secret) is None
    with pytest.raises(NotFound):
        await app.links.guest(secret)
    with pytest.raises(NotFound):
        await app.links.revoke(hash_of(secret), visitor=OWNER)


def program(owner: str = OWNER.owner, **fields: Any) -> Visitor:
    return Visitor(owner=owner, powers=("read", "debate", "models"), **fields)


@pytest.mark.parametrize(
    "who",
    [program(), program("", operator=True), Visitor(owner="guest", reads="x"), Visitor(owner="")],
    ids=["program", "operator's program", "guest", "nobody"],
)
async def test_only_people_make_see_and_revoke_tokens(app: DebateApp, who: Visitor) -> None:
    there = hash_of(await app.tokens.make("there", visitor=OWNER))
    with pytest.raises(NotAllowed):
        await app.tokens.make("mine", visitor=who)
    with pytest.raises(NotAllowed):
        await app.tokens.all(visitor=who)
    with pytest.raises(NotAllowed):
        await app.tokens.revoke(there, visitor=who)
    assert [token.hash for token in await app.tokens.all(visitor=OWNER)] == [there]
    person = who.model_copy(update={"powers": None, "reads": ""})
    if person.owner == OWNER.owner:
        await app.tokens.make("mine", visitor=person)


async def test_a_foreign_token_is_neither_seen_nor_revoked(app: DebateApp) -> None:
    mine = await app.tokens.make("mine", visitor=OWNER)
    operators = await app.tokens.make("house", visitor=OPERATOR)
    assert await app.tokens.all(visitor=STRANGER) == ()
    said = set()
    for hash in (hash_of(mine), hash_of(operators), "0" * 64, "\ud800", ""):
        with pytest.raises(NotFound) as refused:
            await app.tokens.revoke(hash, visitor=STRANGER)
        said.add(str(refused.value))
    assert len(said) == 1
    assert {token.name for token in await app.tokens.all(visitor=OPERATOR)} == {"mine", "house"}
    await app.tokens.revoke(hash_of(mine), visitor=OPERATOR)
    with pytest.raises(NotAllowed):
        await app.tokens.visitor(mine)


async def test_a_link_or_a_session_is_no_token_to_be_revoked(app: DebateApp) -> None:
    session = await app.links.session(visitor=OWNER)
    for visitor in (OWNER, OPERATOR):
        with pytest.raises(NotFound):
            await app.tokens.revoke(hash_of(session), visitor=visitor)
    assert await app.links.session_owner(session) == OWNER.owner


async def test_the_operators_program_sees_all_and_a_visitors_only_its_own(app: DebateApp) -> None:
    debate = await app.start("Cats?", CYNIC_AND_RATIONAL, rounds=1, visitor=OWNER)
    await watch_to_rest(app, debate)
    house = await app.tokens.visitor(await app.tokens.make("house", ("read",)))
    assert [one.id for one in await app.debates(visitor=house)] == [debate]
    theirs = await app.tokens.visitor(await app.tokens.make("x", ("read",), visitor=STRANGER))
    assert await app.debates(visitor=theirs) == []
    for name in ("halt", "budget", "reload_catalog"):
        with pytest.raises(NotAllowed):
            await getattr(app, name)(visitor=theirs)


async def test_somebody_has_only_so_many(app: DebateApp) -> None:
    secrets = [await app.tokens.make(f"t{n}", visitor=OWNER) for n in range(MOST_TOKENS)]
    with pytest.raises(Busy, match=str(MOST_TOKENS)):
        await app.tokens.make("more", visitor=OWNER)
    await app.tokens.make("another's", visitor=STRANGER)
    await app.tokens.make("the house's", visitor=OPERATOR)
    await app.tokens.revoke(hash_of(secrets[0]), visitor=OWNER)
    await app.tokens.make("more", visitor=OWNER)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": " \x1b[31m\n "},
        {"name": "n" * 61},
        {"powers": ()},
        {"days": 0},
        {"days": -1},
        {"days": 3651},
    ],
)
async def test_what_cannot_be_is_refused(app: DebateApp, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await app.tokens.make(**{"name": "editor", **wrong}, visitor=OWNER)
    assert await app.tokens.all(visitor=OWNER) == ()


async def test_a_name_is_cleaned_and_a_power_counts_once(app: DebateApp) -> None:
    await app.tokens.make(" my\n\x1b[31m\u202eeditor ", ("read", "read"), 7, visitor=OWNER)
    (token,) = await app.tokens.all(visitor=OWNER)
    assert token.powers == ("read",)
    assert not {"\n", "\x1b", "\u202e"} & set(token.name)
    assert ends_in(token) == timedelta(days=7)


def ends_in(token: Token) -> timedelta | None:
    end = token.expires_at
    return end - token.created_at if end else None
