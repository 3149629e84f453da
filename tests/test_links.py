"""Read-only links: what they show, what nobody can do with them, and how they end."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import pytest

from rebuttal.app import DebateApp
from rebuttal.broadcast import READERS, Broadcast
from rebuttal.errors import (
    BudgetSpent,
    Busy,
    InvalidInput,
    NotAllowed,
    NotFound,
    ServerFailed,
)
from rebuttal.events import DebateEvent, DebatePaused, TurnDelta
from rebuttal.links import MOST_LINKS, Links
from rebuttal.providers.scripted import Line, ScriptedModel
from rebuttal.records import OPERATOR, Token, Visitor, now
from tests.debates import CYNIC_AND_RATIONAL, scripted_app, watch_to_rest
from tests.test_owners import CALLS, OWNER, READING, STRANGER

SPEECHES = [f"Speech number {n} stands on its own feet." for n in range(20)]


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[DebateApp]:
    """As strangers find it."""
    model = ScriptedModel(SPEECHES, repeat=True)
    async with scripted_app(tmp_path, model, profile="public") as there:
        yield there


async def finished(app: DebateApp, visitor: Visitor = OWNER, topic: str = "Cats?") -> str:
    """A debate that has been spoken to its end."""
    debate = await app.start(topic, CYNIC_AND_RATIONAL, rounds=1, visitor=visitor)
    await watch_to_rest(app, debate)
    return debate


async def linked(app: DebateApp, debate: str) -> Visitor:
    """Whoever holds a link to it."""
    return await app.links.guest(await app.links.make(debate, visitor=OWNER))


# --- what a link opens ----------------------------------------------------------------------------


async def test_a_stranger_reads_a_debate_by_its_link_alone(app: DebateApp) -> None:
    shown, hidden = await finished(app), await finished(app)
    with pytest.raises(NotFound):
        await app.transcript(shown, visitor=STRANGER)
    guest = await linked(app, shown)
    assert await app.transcript(shown, visitor=guest) == await app.transcript(shown)
    for name in READING:
        await CALLS[name](app, shown, guest)
        with pytest.raises(NotFound):
            await CALLS[name](app, hidden, guest)


@pytest.mark.parametrize("settings", [{}, {"owners": False}], ids=["owned", "open"])
@pytest.mark.parametrize("name", [name for name in CALLS if name not in READING])
async def test_a_link_changes_nothing(
    tmp_path: Path, name: str, settings: dict[str, object]
) -> None:
    model = ScriptedModel(SPEECHES, repeat=True)
    async with scripted_app(tmp_path, model, profile="public", **settings) as app:
        debate = await finished(app)
        guest = await linked(app, debate)
        before = await app.export(debate, "json")
        with pytest.raises(NotFound):
            await CALLS[name](app, debate, guest)
        assert await app.export(debate, "json") == before
        if settings:  # there a stranger may, whom no link names
            await CALLS[name](app, debate, STRANGER)


async def test_a_guest_sees_nothing_else_of_the_owners(app: DebateApp) -> None:
    debate = await finished(app)
    await app.history.rename(debate, "My secret name for it", visitor=OWNER)
    await app.history.pin(debate, True, visitor=OWNER)
    guest = await linked(app, debate)
    seen, line = await app.links.read(guest)
    documents = [await app.export(debate, "json", visitor=guest)]
    documents.append(await app.export(debate, "html", visitor=guest))
    for said in (
        seen.model_dump_json(),
        (await app.debate(debate, visitor=guest)).model_dump_json(),
    ):
        assert OWNER.owner not in said
        assert "secret name" not in said
    assert not [text for text in documents if "secret name" in text or debate in text]
    assert debate not in seen.model_dump_json()
    assert len(line) == 3
    assert seen.topic == "Cats?"
    assert await app.debates(visitor=guest) == []


async def test_only_the_main_line_is_shown(app: DebateApp) -> None:
    debate = await finished(app)
    left = (await app.transcript(debate))[-1]
    await app.edit(debate, left.id, "Said in other words.", visitor=OWNER)
    await watch_to_rest(app, debate)
    guest = await linked(app, debate)
    exported = await app.export(debate, "json", visitor=guest)
    assert left.text in await app.export(debate, "json", visitor=OWNER)
    assert left.text not in exported
    assert "Said in other words." in exported


async def test_no_reason_is_told_that_speaks_of_the_owner(tmp_path: Path) -> None:
    said = "http://10.1.2.3:11434 says: 17,000 of 20,000 tokens of yours are spent"
    spoken = Line("Yes.", reasoning="Secretly, no. " * 8, waiting=said)
    model = ScriptedModel([spoken, ServerFailed(said, said)], delay=0.03)
    async with scripted_app(tmp_path, model, profile="lan") as app:
        debate = await app.start("Cats?", CYNIC_AND_RATIONAL, rounds=1, visitor=OWNER)
        guest = await linked(app, debate)
        read, watched = await asyncio.gather(heard(app, debate, guest), heard(app, debate, OWNER))
    assert "10.1.2.3" in watched
    assert "17,000" in watched
    assert "Secretly" in watched
    assert "DebatePaused" in read
    assert not [word for word in ("10.1.2.3", "17,000", "Secretly") if word in read]


async def heard(app: DebateApp, debate: str, visitor: Visitor) -> str:
    """All that is told until the debate rests, as one text."""
    events: list[DebateEvent] = []
    async with aclosing(app.watch(debate, visitor=visitor)) as batches:
        async for batch in batches:
            events += batch
            if any(isinstance(event, DebatePaused) for event in batch):
                break
    return repr(events)


# --- what readers cost ----------------------------------------------------------------------------


@pytest.mark.parametrize("reads", [True, False])
async def test_a_reader_does_not_keep_the_owners_money_running(tmp_path: Path, reads: bool) -> None:
    endless = ScriptedModel([f"Speech {n} of many." for n in range(900)], delay=0.05)
    async with scripted_app(tmp_path, endless, profile="public", unwatched_after=0.6) as app:
        debate = await app.start("Cats?", CYNIC_AND_RATIONAL, rounds=5, visitor=OWNER)
        looks = await linked(app, debate) if reads else OWNER
        async with aclosing(app.watch(debate, visitor=looks)) as batches:
            deadline = asyncio.get_running_loop().time() + 1.8
            reasons = set()
            async for batch in batches:
                reasons |= {event.reason for event in batch if isinstance(event, DebatePaused)}
                if reasons or asyncio.get_running_loop().time() > deadline:
                    break
    assert reasons == ({"unwatched"} if reads else set())


@pytest.mark.parametrize("read", [True, False])
async def test_a_crowd_of_readers_does_not_slow_the_owner_down(read: bool) -> None:
    broadcast = Broadcast(lambda: None, full_pace=6)
    counts = [0] * (4 * READERS + 1)

    async def look(number: int, reads: bool) -> None:
        async with aclosing(broadcast.watch((), None, reads=reads)) as batches:
            async for batch in batches:
                counts[number] += bool(batch)

    tasks = [asyncio.create_task(look(n, read and n > 0)) for n in range(len(counts))]
    for number in range(60):
        broadcast.publish(TurnDelta(seat="one", text=f"{number} "))
        await asyncio.sleep(0.02)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert (counts[0] >= 8) is read
    assert broadcast.watchers == broadcast.readers == 0


# --- the secret -----------------------------------------------------------------------------------


async def test_a_secret_is_kept_nowhere(app: DebateApp, tmp_path: Path) -> None:
    debate = await finished(app)
    secret = await app.links.make(debate, visitor=OWNER)
    session = await app.links.session(visitor=OWNER)
    (token,) = await app.links.of(debate, visitor=OWNER)
    assert token.hash == hashlib.sha256(secret.encode()).hexdigest()
    await app.close()
    kept = everything_in(tmp_path)
    assert token.hash.encode() in kept
    for known in (secret, session):
        assert len(known) == 43
        assert known.encode() not in kept


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("name", ["make", "of", "revoke"])
async def test_only_whose_debate_it_is_makes_lists_and_ends_links(
    tmp_path: Path, name: str
) -> None:
    for owners in (False, True):
        model = ScriptedModel(SPEECHES, repeat=True)
        folder = tmp_path / str(owners)
        async with scripted_app(folder, model, profile="lan", owners=owners) as app:
            debate = await finished(app)
            link = hash_of(await app.links.make(debate, visitor=OWNER))
            method, of = getattr(app.links, name), link if name == "revoke" else debate
            if not owners:
                await method(of, visitor=STRANGER)
                continue
            with pytest.raises(NotFound):
                await method(of, visitor=STRANGER)
            (there,) = await app.links.of(debate, visitor=OWNER)
            assert there.hash == link
            assert await app.links.all(visitor=STRANGER) == ()
            await method(of, visitor=OWNER)


async def test_unknown_ended_and_expired_links_look_the_same(app: DebateApp) -> None:
    first, second = await finished(app), await finished(app)
    expired = await expired_link(app, first)
    revoked = await app.links.make(first, visitor=OWNER)
    (token,) = [t for t in await app.links.of(first) if t.hash == hash_of(revoked)]
    deleted = await app.links.make(second, visitor=OWNER)
    for good in (revoked, deleted):
        assert await app.links.guest(good)
    await app.links.revoke(token.hash, visitor=OWNER)
    await app.history.delete([second], visitor=OWNER)
    await asyncio.sleep(2.1)  # for so long a good one is not looked up again
    session = await app.links.session(visitor=OWNER)
    words = set()
    for secret in (expired, revoked, deleted, session, "x" * 43, "", "\ud800", "y" * 10_000):
        with pytest.raises(NotFound) as refused:
            await app.links.guest(secret)
        words.add(str(refused.value))
        with pytest.raises(NotFound):
            await app.links.fork(secret, visitor=STRANGER)
    assert len(words) == 1
    await app.history.undelete([second], visitor=OWNER)
    assert (await app.links.guest(deleted)).reads == second


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


async def expired_link(app: DebateApp, debate: str) -> str:
    """A link that was good until a moment ago."""
    moment = now() - timedelta(days=31)
    earlier = Links(app.links._access, clock=lambda: moment)
    return await earlier.make(debate, days=30, visitor=OWNER)


async def test_a_link_that_was_ended_is_refused_at_once_where_it_was_ended(app: DebateApp) -> None:
    debate = await finished(app)
    secret = await app.links.make(debate, visitor=OWNER)
    await app.links.guest(secret)
    await app.links.revoke(hash_of(secret), visitor=OWNER)
    with pytest.raises(NotFound):
        await app.links.guest(secret)


async def test_a_link_lasts_as_long_as_the_settings_say_and_no_longer(app: DebateApp) -> None:
    debate = await finished(app)
    for wrong in (0, 31, -1, 10**9):
        with pytest.raises(InvalidInput):
            await app.links.make(debate, wrong, visitor=OWNER)
    await app.links.make(debate, visitor=OWNER)
    await app.links.make(debate, 2, visitor=OWNER)
    await app.links.make(debate, 0, visitor=OPERATOR)
    ends = [lasts(token) for token in await app.links.of(debate, visitor=OWNER)]
    assert ends == [None, 2, 30]


def lasts(token: Token) -> int | None:
    return (token.expires_at - token.created_at).days if token.expires_at else None


async def test_a_debate_has_so_many_links_and_no_more(app: DebateApp) -> None:
    debate = await finished(app)
    await expired_link(app, debate)  # does not count
    makings = (app.links.make(debate, visitor=OWNER) for _ in range(MOST_LINKS + 5))
    made = await asyncio.gather(*makings, return_exceptions=True)
    assert sum(isinstance(one, Busy) for one in made) == 5
    links = await app.links.of(debate, visitor=OWNER)
    assert len(links) == MOST_LINKS
    await app.links.revoke(links[3].hash, visitor=OWNER)
    await app.links.make(debate, visitor=OWNER)


# --- taking it over -------------------------------------------------------------------------------


async def test_a_reader_continues_a_debate_as_their_own(app: DebateApp) -> None:
    debate = await finished(app)
    secret = await app.links.make(debate, visitor=OWNER)
    before = await app.export(debate, "json")
    mine = await app.links.fork(secret, visitor=STRANGER)
    copy, line = await app.debate(mine, visitor=STRANGER), await app.transcript(mine)
    source = await app.transcript(debate)
    assert (copy.owner, copy.forked_from, copy.finished) == (STRANGER.owner, debate, True)
    assert [turn.text for turn in line] == [turn.text for turn in source]
    assert not {turn.id for turn in line} & {turn.id for turn in source}
    assert [turn.parent_id for turn in line] == [None, *(turn.id for turn in line[:-1])]
    await app.say(mine, "Go on.", rounds=1, visitor=STRANGER)
    await watch_to_rest(app, mine)
    assert len(await app.transcript(mine)) == len(source) + 3
    assert await app.export(debate, "json") == before
    with pytest.raises(NotFound):
        await app.transcript(mine, visitor=OWNER)


async def test_what_is_still_being_said_is_not_taken_over(tmp_path: Path) -> None:
    slow = ScriptedModel(SPEECHES, delay=0.05)
    async with scripted_app(tmp_path, slow, profile="public") as app:
        debate = await app.start("Cats?", CYNIC_AND_RATIONAL, rounds=2, visitor=OWNER)
        secret = await app.links.make(debate, visitor=OWNER)
        async with aclosing(app.watch(debate, visitor=OWNER)) as batches:
            async for batch in batches:
                if len(await app.transcript(debate)) == 2 and batch:
                    break
        mine = await app.links.fork(secret, visitor=STRANGER)
        assert len(await app.transcript(mine, visitor=STRANGER)) == 2
        assert await app.state(mine, visitor=STRANGER) == "interrupted"
        assert await app.state(debate, visitor=OWNER) == "running"


async def test_taking_over_counts_for_the_budget_of_whoever_does_it(tmp_path: Path) -> None:
    topic = "Should cats vote? " + "On every second Tuesday, that is. " * 150
    for budget, fits in ((20_000, True), (1000, False)):
        folder = tmp_path / str(budget)
        model = ScriptedModel(SPEECHES, repeat=True)
        async with scripted_app(folder, model, tokens_per_visitor=budget) as app:
            debate = await finished(app, OPERATOR, topic)
            secret = await app.links.make(debate)
            if fits:
                await app.links.fork(secret, visitor=STRANGER)
                continue
            with pytest.raises(BudgetSpent):
                await app.links.fork(secret, visitor=STRANGER)
            assert len(await app.debates()) == 1


# --- a history in the address ---------------------------------------------------------------------


async def test_a_history_is_opened_by_its_present_secret_alone(app: DebateApp) -> None:
    assert await app.links.session_since(visitor=OWNER) is None
    first = await app.links.session(visitor=OWNER)
    assert await app.links.session_owner(first) == OWNER.owner
    second = await app.links.session(visitor=OWNER)
    assert await app.links.session_owner(first) is None
    assert await app.links.session_owner(second) == OWNER.owner
    assert await app.links.session_since(visitor=OWNER) is not None
    other = await app.links.session(visitor=STRANGER)
    await app.links.end_session(visitor=OWNER)
    assert await app.links.session_owner(second) is None
    assert await app.links.session_owner(other) == STRANGER.owner


async def test_a_link_opens_no_history(app: DebateApp) -> None:
    secret = await app.links.make(await finished(app), visitor=OWNER)
    assert await app.links.session_owner(secret) is None


@pytest.mark.parametrize(
    "who", [OPERATOR, Visitor(owner="u:ann"), Visitor(owner="hf:1"), Visitor(owner="", reads="x")]
)
async def test_no_address_stands_in_for_a_sign_in(app: DebateApp, who: Visitor) -> None:
    with pytest.raises(NotAllowed):
        await app.links.session(visitor=who)
