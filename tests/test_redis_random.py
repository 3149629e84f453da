"""Whatever is done, and whenever Redis goes away: in the end it keeps what it would have kept."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from rebuttal.errors import RebuttalError
from rebuttal.records import Panel, Search, Seat, Token
from rebuttal.stores.base import Cost, DebateStore, Purse
from rebuttal.stores.fallback_store import FallbackStore
from tests.redis_server import RedisServer
from tests.stores import NOON, a_debate, a_turn, listed
from tests.test_redis_outages import is_back

pytestmark = pytest.mark.redis

TODAY = date(2026, 11, 20)
Act = Callable[[DebateStore], Awaitable[Any]]


class Doing:
    """Makes up what somebody does next; it knows names that were used, gone ones too."""

    def __init__(self, chance: random.Random, keep_turns: int) -> None:
        self._chance = chance
        self._debates: list[str] = []
        self._turns = ["t0"]
        self._tokens: list[str] = []
        self._kinds: list[Callable[[], Act]] = [self._begin, *([self._speak] * 8)]
        if keep_turns > 100:
            self._kinds += [self._tip, self._prune, self._name, self._delete, self._restore]
            self._kinds += [self._spend, self._spend, self._token, self._drop, self._halt]
            self._kinds += [self._panel, self._no_panel]

    def next(self) -> Act:
        if not self._debates:
            return self._begin()
        return self._chance.choice(self._kinds)()

    def _begin(self) -> Act:
        key = f"d{len(self._debates)}"
        self._debates.append(key)
        topic = a_turn("t0", None, rounds=999)
        return lambda store: store.add_debate(a_debate(key, owner=key[-1]), topic)

    def _speak(self) -> Act:
        key, name = self._debate(), f"t{len(self._turns)}"
        self._turns.append(name)

        async def act(store: DebateStore) -> None:
            tip = (await store.get_debate(key)).tip
            await store.add_turn(key, a_turn(name, tip), finished=name.endswith("7"))

        return act

    def _tip(self) -> Act:
        key, turn = self._debate(), self._chance.choice(self._turns)

        async def act(store: DebateStore) -> None:
            await store.move_tip(key, turn, expected=(await store.get_debate(key)).tip)

        return act

    def _prune(self) -> Act:
        key, turn = self._debate(), self._chance.choice(self._turns)
        return lambda store: store.delete_branch(key, turn)

    def _name(self) -> Act:
        key, name, pin = self._debate(), f"n{len(self._turns)}", self._chance.random() < 0.5
        return lambda store: store.change_debate(key, title=name, pinned=pin)

    def _delete(self) -> Act:
        keys = [self._debate(), self._debate()]
        return lambda store: store.delete(keys)

    def _restore(self) -> Act:
        keys = [self._debate(), self._debate(), self._debate()]
        return lambda store: store.restore(keys)

    def _spend(self) -> Act:
        purses = [Purse("app", "", str(TODAY)), Purse("visitor", self._debate(), str(TODAY))]
        cost, really = (Cost(self._chance.randint(1, 9), n) for n in (5, 3))

        async def act(store: DebateStore) -> None:
            await store.ledger.reserve(purses, cost)
            await store.ledger.settle(purses, cost, really)

        return act

    def _token(self) -> Act:
        name = f"{len(self._tokens):064x}"
        self._tokens.append(name)
        token = Token(hash=name, kind="session", owner=self._debate(), created_at=NOON)
        return lambda store: store.add_token(token)

    def _drop(self) -> Act:
        name = self._chance.choice(self._tokens or ["0" * 64])
        return lambda store: store.drop_token(name)

    def _panel(self) -> Act:
        owner, seat = self._debate(), Seat(persona="cynic", model=f"m{len(self._turns)}")
        panel = Panel(name=self._debate(), seats=(seat,), chair=seat)
        return lambda store: store.put_panel(owner, panel)

    def _no_panel(self) -> Act:
        owner, name = self._debate(), self._debate()
        return lambda store: store.drop_panel(owner, name)

    def _halt(self) -> Act:
        reason = f"r{len(self._turns)}"
        if self._chance.random() < 0.5:
            return lambda store: store.ledger.go_on()
        return lambda store: store.ledger.halt(reason)

    def _debate(self) -> str:
        return self._chance.choice(self._debates)


async def outcome(work: Awaitable[Any]) -> str:
    try:
        await work
    except RebuttalError as error:
        return f"{type(error).__name__}: {error}"
    return "done"


async def all_that_is_kept(store: DebateStore) -> dict[str, object]:
    debates = await listed(store)
    return {
        "debates": debates,
        "trees": [await store.get_tree(debate.id) for debate in debates],
        "deleted": await store.doomed(None, NOON.replace(year=2100)),
        "spent": await store.ledger.figures(TODAY),
        "halted": await store.ledger.halted(),
        "tokens": [await store.tokens(f"d{n}", "session") for n in range(20)],
        "panels": [await store.panels(f"d{n}") for n in range(20)],
    }


async def go_through(
    chance: random.Random, frail: RedisServer, calm: DebateStore, here: DebateStore, doing: Doing
) -> None:
    """The same in both, while the server of one of them comes and goes."""
    for _ in range(80):
        happens = chance.random()
        if happens < 0.06:
            frail.kill()
        elif happens < 0.12:
            frail.restart()
        elif happens < 0.18:
            frail.say("CONFIG", "SET", "maxmemory", "1")
        elif happens < 0.30:
            frail.say("CONFIG", "SET", "maxmemory", "0")
            await asyncio.sleep(0.3)
        act = doing.next()
        assert await outcome(act(here)) == await outcome(act(calm))
    frail.restart()
    await here.search("", search=Search())  # so that it is noticed
    await is_back(here)


@pytest.mark.parametrize("keep_turns", [400, 10])
@pytest.mark.parametrize("seed", range(4))
async def test_in_the_end_redis_keeps_what_it_would_have_kept_without_outages(
    frail_redis: RedisServer, empty_redis: str, seed: int, keep_turns: int
) -> None:
    chance = random.Random(seed)
    here, calm, elsewhere = (
        FallbackStore.open(address, keep_hours=168, keep_turns=keep_turns)
        for address in (frail_redis.address(), empty_redis, frail_redis.address())
    )
    await go_through(chance, frail_redis, calm, here, Doing(chance, keep_turns))
    assert await all_that_is_kept(elsewhere) == await all_that_is_kept(calm)
    assert calm.problem == elsewhere.problem == ""
    for store in (here, calm, elsewhere):
        await store.close()
