"""What a visitor can do with a history, through DebateApp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rebuttal.app import DebateApp
from rebuttal.errors import InvalidInput, NotAllowed, NotFound, RebuttalError
from rebuttal.history import FIRST_PURGE_AFTER, MOST_DELETED, UNDO_FOR, History
from rebuttal.providers.scripted import ScriptedModel
from rebuttal.records import OPERATOR, Search, Visitor, new_id, now
from tests.debates import CYNIC_AND_RATIONAL, scripted_app, watch_to_rest

OWNER, STRANGER = Visitor(owner="c:ann"), Visitor(owner="c:eve")
READER = Visitor(owner="c:ann", reads="some-debate")
Call = Callable[[History, str, Visitor], Awaitable[object]]

CALLS: dict[str, Call] = {
    "rename": lambda history, key, who: history.rename(key, "Mine now", visitor=who),
    "pin": lambda history, key, who: history.pin(key, True, visitor=who),
    "delete": lambda history, key, who: history.delete([key], visitor=who),
    "undelete": lambda history, key, who: history.undelete([key], visitor=who),
}


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[DebateApp]:
    model = ScriptedModel([f"Speech {n} stands on its own feet." for n in range(50)])
    async with scripted_app(tmp_path, model, profile="public") as there:
        yield there


async def begun(app: DebateApp, topic: str = "Should cats vote?", who: Visitor = OWNER) -> str:
    """A debate that is finished."""
    debate = await app.start(topic, CYNIC_AND_RATIONAL, rounds=1, visitor=who)
    await watch_to_rest(app, debate)
    return debate


async def found(app: DebateApp, who: Visitor = OWNER, **search: object) -> list[str]:
    page = await app.history.find(Search.model_validate(search), visitor=who)
    return [one.debate.id for one in page.found]


def at(app: DebateApp, moment: datetime) -> History:
    """The history as it is at that moment."""
    return History(app._works.access, lambda: app.catalog, clock=lambda: moment)


async def test_a_debate_is_found_by_what_was_said_in_it_and_by_nobody_else(app: DebateApp) -> None:
    cats, dogs = await begun(app), await begun(app, "Should dogs vote?")
    assert await found(app) == [dogs, cats]
    assert await found(app, text="cats") == [cats]
    assert await found(app, text="own feet stand") == [dogs, cats]
    assert await found(app, STRANGER) == []
    assert await found(app, OPERATOR) == [dogs, cats]
    assert await found(app, READER) == []


@pytest.mark.parametrize("name", CALLS)
async def test_a_foreign_debate_and_a_missing_one_look_the_same(app: DebateApp, name: str) -> None:
    key, missing = await begun(app), new_id()

    async def refusal(key: str) -> tuple[object, ...]:
        with pytest.raises(RebuttalError) as caught:
            await CALLS[name](app.history, key, STRANGER)
        return type(caught.value), str(caught.value).replace(key, "ID")

    foreign = await refusal(key)
    assert foreign == await refusal(missing)
    assert foreign[0] is NotFound
    await app.history.delete([key], visitor=OWNER)
    assert await refusal(key) == foreign  # also of one that could be brought back
    await app.history.undelete([key], visitor=OWNER)
    await CALLS[name](app.history, key, OWNER)


async def test_a_title_is_one_clean_line_and_an_empty_one_gives_the_topic_back(
    app: DebateApp,
) -> None:
    key = await begun(app)
    await app.history.rename(key, "  Of\x1b[31m cats\n and\x00 men " + "x" * 300, visitor=OWNER)
    title = (await app.debate(key, visitor=OWNER)).title or ""
    assert title.startswith("Of cats and\ufffd men xxx")
    assert len(title) == 200
    assert await found(app, text="of men") == [key]
    await app.history.rename(key, " \n", visitor=OWNER)
    assert (await app.debate(key, visitor=OWNER)).title is None
    assert await found(app, text="of men") == []


async def test_a_name_given_while_it_runs_stays(tmp_path: Path) -> None:
    slow = ScriptedModel([f"Speech {n} goes on for a while." for n in range(9)], delay=0.02)
    async with scripted_app(tmp_path, slow) as app:
        key = await app.start("Should cats vote?", CYNIC_AND_RATIONAL, rounds=1)
        await app.history.rename(key, "Cats")
        await app.history.pin(key, True)
        await watch_to_rest(app, key)
        [one] = (await app.history.find(Search())).found
        assert (one.debate.title, one.debate.pinned, one.debate.finished) == ("Cats", True, True)
        assert (await app.debate(key)).title == "Cats"


async def test_what_is_pinned_comes_first(app: DebateApp) -> None:
    first, second = await begun(app), await begun(app)
    await app.history.pin(first, True, visitor=OWNER)
    assert await found(app) == [first, second]
    await app.history.pin(first, False, visitor=OWNER)
    assert await found(app) == [second, first]


async def test_deleting_can_be_undone(app: DebateApp) -> None:
    key, other = await begun(app), await begun(app)
    await app.history.delete([key], visitor=OWNER)
    assert await found(app) == [other]
    with pytest.raises(NotFound):
        await app.transcript(key, visitor=OWNER)
    await app.history.undelete([key], visitor=OWNER)
    await app.history.undelete([key], visitor=OWNER)
    assert await found(app) == [other, key]
    assert len(await app.transcript(key, visitor=OWNER)) == 3


async def test_of_several_none_is_deleted_where_one_is_not_ones_own(app: DebateApp) -> None:
    mine, theirs = await begun(app), await begun(app, who=STRANGER)
    with pytest.raises(NotFound):
        await app.history.delete([mine, theirs], visitor=OWNER)
    assert await found(app) == [mine]
    with pytest.raises(InvalidInput):
        await app.history.delete([mine] * (MOST_DELETED + 1), visitor=OWNER)


async def test_all_of_ones_own_are_deleted_and_can_come_back(app: DebateApp) -> None:
    mine = [await begun(app) for _ in range(3)]
    theirs = await begun(app, who=STRANGER)
    gone = await app.history.delete_all(visitor=OWNER)
    assert sorted(gone) == sorted(mine)
    assert await found(app, OPERATOR) == [theirs]
    assert await app.history.delete_all(visitor=READER) == ()
    await app.history.undelete(gone, visitor=OWNER)
    assert sorted(await found(app)) == sorted(mine)


async def test_a_running_debate_is_stopped_when_it_is_deleted(tmp_path: Path) -> None:
    slow = ScriptedModel([f"Speech {n} goes on for a while." for n in range(99)], delay=0.05)
    async with scripted_app(tmp_path, slow) as app:
        key = await app.start("Should cats vote?", CYNIC_AND_RATIONAL, rounds=9)
        await asyncio.sleep(0.2)
        assert key in app.history.speaking()
        await app.history.delete([key])
        assert app.history.speaking() == frozenset()
        await app.history.undelete([key])
        assert await app.state(key) == "interrupted"


async def test_a_purge_takes_what_was_deleted_a_while_ago_and_nothing_else(app: DebateApp) -> None:
    key, other = await begun(app), await begun(app)
    await app.history.delete([key], visitor=OWNER)
    assert await app.history.purge() == 0
    later = at(app, now() + UNDO_FOR + timedelta(seconds=1))
    assert [debate.id for debate in await later.doomed()] == [key]
    assert await later.purge() == 1
    with pytest.raises(NotFound):
        await app.history.undelete([key], visitor=OWNER)
    assert await found(app) == [other]


async def test_a_served_app_purges_by_itself(app: DebateApp) -> None:
    key = await begun(app)
    await app.history.delete([key], visitor=OWNER)
    later = at(app, now() + UNDO_FOR + timedelta(seconds=1))
    tidying = asyncio.create_task(later.keep_tidy())
    async with asyncio.timeout(FIRST_PURGE_AFTER + 10):
        while await later.doomed():  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.1)
    assert not tidying.done()
    tidying.cancel()
    await asyncio.wait([tidying])
    with pytest.raises(NotFound):
        await app.history.undelete([key], visitor=OWNER)


async def test_what_is_kept_for_days_goes_after_its_last_turn(tmp_path: Path) -> None:
    model = ScriptedModel(["A word."] * 9)
    async with scripted_app(tmp_path, model, keep_days=3) as app:
        key = await begun(app, who=OPERATOR)
        assert await at(app, now() + timedelta(days=3, seconds=-60)).purge() == 0
        later = at(app, now() + timedelta(days=3, seconds=60))
        assert [debate.id for debate in await later.doomed()] == [key]
        assert await later.purge() == 1
        with pytest.raises(NotFound):
            await app.transcript(key)


async def test_without_a_number_of_days_nothing_grows_too_old(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, ScriptedModel(["A word."] * 9)) as app:
        await begun(app, who=OPERATOR)
        assert await at(app, now() + timedelta(days=36_500)).doomed() == []


async def test_a_purge_is_the_operators(app: DebateApp) -> None:
    for call in (app.history.doomed(visitor=OWNER), app.history.purge(visitor=OWNER)):
        with pytest.raises(NotAllowed):
            await call


async def test_tallies_are_of_ones_own_and_cost_what_the_catalog_says(tmp_path: Path) -> None:
    models = tmp_path / "models.yaml"
    models.write_text(
        "endpoints:\n  here:\n    address: http://127.0.0.1:9/v1\n    needs_key: false\n"
        "models:\n  Scripted:\n    endpoint: here\n    model: x\n"
        "    price: {input: 2.0, output: 10.0}\n"
    )
    model = ScriptedModel(["Four words are here."] * 9)
    async with scripted_app(tmp_path, model, profile="public", models=models) as app:
        await begun(app)
        await begun(app, who=STRANGER)
        tallies = await app.history.tallies(visitor=OWNER)
        assert sorted(tally.persona for tally in tallies) == ["cynic", "rational"]
        for tally in tallies:
            assert (tally.model, tally.debates, tally.turns) == ("Scripted", 1, 1)
            paid = (2 * tally.prompt_tokens + 10 * tally.completion_tokens) / 1_000_000
            assert tally.cost == pytest.approx(paid)
            assert paid > 0
        assert sum(tally.turns for tally in await app.history.tallies()) == 4
        for days in (0, 100_000):
            with pytest.raises(InvalidInput):
                await app.history.tallies(days, visitor=OWNER)
