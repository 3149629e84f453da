"""Whose debate it is: what a stranger gets who knows its id, and what they would get otherwise."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from rebuttal.app import DebateApp
from rebuttal.errors import NotAllowed, NotFound, RebuttalError
from rebuttal.files import Files
from rebuttal.history import History
from rebuttal.links import Links
from rebuttal.providers.scripted import ScriptedModel
from rebuttal.records import OPERATOR, Visitor, new_id
from tests.debates import CYNIC_AND_RATIONAL, scripted_app, watch_to_rest

OWNER = Visitor(owner="c:AAAAAAAAAAAAAAAAAAAAAA", network="203.0.113.7")
STRANGER = Visitor(owner="c:BBBBBBBBBBBBBBBBBBBBBB", network="198.51.100.9")

Call = Callable[[DebateApp, str, Visitor], Awaitable[object]]


async def first_batch(app: DebateApp, debate: str, visitor: Visitor) -> object:
    """What a watcher is shown first."""
    batches = app.watch(debate, visitor=visitor)
    try:
        return await anext(batches)
    finally:
        await batches.aclose()


async def at_last(
    method: Callable[..., Awaitable[object]],
    app: DebateApp,
    debate: str,
    who: Visitor,
    *more: str,
) -> object:
    """The method with the id of the last turn, if there is such a debate."""
    turn = new_id()
    with suppress(NotFound):
        turn = (await app.transcript(debate))[-1].id
    return await method(debate, turn, *more, visitor=who)


CALLS: dict[str, Call] = {
    "debate": lambda app, debate, who: app.debate(debate, visitor=who),
    "look_in": lambda app, debate, who: app.look_in(debate, visitor=who),
    "watchers": lambda app, debate, who: app.watchers(debate, visitor=who),
    "origin": lambda app, debate, who: app.origin(debate, visitor=who),
    "state": lambda app, debate, who: app.state(debate, visitor=who),
    "transcript": lambda app, debate, who: app.transcript(debate, visitor=who),
    "export": lambda app, debate, who: app.export(debate, "json", visitor=who),
    "watch": first_batch,
    "say": lambda app, debate, who: app.say(debate, "A foreign word.", visitor=who),
    "stop": lambda app, debate, who: app.stop(debate, visitor=who),
    "pause": lambda app, debate, who: app.pause(debate, visitor=who),
    "resume": lambda app, debate, who: app.resume(debate, visitor=who),
    "regenerate": lambda app, debate, who: app.regenerate(debate, visitor=who),
    "tree": lambda app, debate, who: app.tree(debate, visitor=who),
    "branch": lambda app, debate, who: at_last(app.branch, app, debate, who),
    "edit": lambda app, debate, who: at_last(app.edit, app, debate, who, "Foreign words."),
    "choose": lambda app, debate, who: at_last(app.choose, app, debate, who),
    "prune": lambda app, debate, who: at_last(app.prune, app, debate, who),
    "rerun": lambda app, debate, who: app.rerun(debate, visitor=who),
    "history.rename": lambda app, debate, who: app.history.rename(debate, "Mine", visitor=who),
    "history.pin": lambda app, debate, who: app.history.pin(debate, True, visitor=who),
    "history.delete": lambda app, debate, who: app.history.delete([debate], visitor=who),
    "history.undelete": lambda app, debate, who: app.history.undelete([debate], visitor=who),
    "links.make": lambda app, debate, who: app.links.make(debate, visitor=who),
    "links.of": lambda app, debate, who: app.links.of(debate, visitor=who),
    "files.export": lambda app, debate, who: app.files.export(debate, "html", visitor=who),
}
"""Every method of DebateApp and its parts that takes debates' ids."""
PARTS = {"": DebateApp, "history.": History, "links.": Links, "files.": Files}
READING = {"debate", "look_in", "origin", "state", "transcript", "export", "watch", "files.export"}
"""What a link to the debate lets its holder do."""


def model() -> ScriptedModel:
    return ScriptedModel([f"Speech number {n} stands on its own feet." for n in range(20)])


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[DebateApp]:
    async with scripted_app(tmp_path, model(), profile="public") as there:
        yield there


@pytest.fixture
async def open_app(tmp_path: Path) -> AsyncIterator[DebateApp]:
    """With the control off: everybody here sees everything."""
    async with scripted_app(tmp_path, model(), profile="public", owners=False) as there:
        yield there


async def finished_debate(app: DebateApp) -> str:
    debate = await app.start("Should cats vote?", CYNIC_AND_RATIONAL, rounds=1, visitor=OWNER)
    await watch_to_rest(app, debate)
    return debate


async def refusal(call: Call, app: DebateApp, debate: str) -> tuple[object, ...]:
    """The error that a stranger gets, with the id that they sent taken out."""
    with pytest.raises(RebuttalError) as caught:
        await call(app, debate, STRANGER)
    error = caught.value
    said = {name: value for name, value in vars(error).items() if name not in ("message", "hint")}
    return type(error), error.message.replace(debate, "ID"), error.hint.replace(debate, "ID"), said


def test_every_method_that_takes_a_debate_is_tried_here() -> None:
    taking = {
        f"{part}{name}"
        for part, kind in PARTS.items()
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if {"debate_id", "debate_ids"} & set(inspect.signature(method).parameters)
        and not name.startswith("_")
    }
    assert taking == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
async def test_a_guest_with_a_link_reads_that_debate_and_does_nothing(
    app: DebateApp, name: str
) -> None:
    debate, other = await finished_debate(app), await finished_debate(app)
    guest = await app.links.guest(await app.links.make(debate, visitor=OWNER))
    tree = await app.tree(debate)
    with pytest.raises(RebuttalError):
        await CALLS[name](app, other, guest)
    if name in READING:
        await CALLS[name](app, debate, guest)
    else:
        with pytest.raises(RebuttalError):
            await CALLS[name](app, debate, guest)
    assert await app.tree(debate) == tree
    assert (await app.debate(debate)).title is None


@pytest.mark.parametrize("name", CALLS)
async def test_without_owners_a_stranger_may_do_it(open_app: DebateApp, name: str) -> None:
    debate = await finished_debate(open_app)
    await CALLS[name](open_app, debate, STRANGER)


@pytest.mark.parametrize("name", CALLS)
async def test_a_foreign_debate_and_a_missing_one_look_the_same(app: DebateApp, name: str) -> None:
    debate = await finished_debate(app)
    before = await app.export(debate, "json")
    foreign = await refusal(CALLS[name], app, debate)
    assert foreign == await refusal(CALLS[name], app, new_id())
    assert foreign[0] is NotFound
    assert await app.export(debate, "json") == before
    await CALLS[name](app, debate, OWNER)


@pytest.mark.parametrize("name", CALLS)
async def test_a_debate_that_is_running_is_not_the_strangers_either(
    tmp_path: Path, name: str
) -> None:
    speeches = [f"Speech number {n} stands on its own feet." for n in range(20)]
    slow = ScriptedModel(speeches, delay=0.05)
    async with scripted_app(tmp_path, slow, profile="public") as app:
        debate = await app.start("Should cats vote?", CYNIC_AND_RATIONAL, rounds=2, visitor=OWNER)
        foreign = await refusal(CALLS[name], app, debate)
        assert foreign == await refusal(CALLS[name], app, new_id())
        assert await app.state(debate, visitor=OWNER) == "running"


@pytest.mark.parametrize("name", CALLS)
async def test_the_operator_may_do_everything(app: DebateApp, name: str) -> None:
    await CALLS[name](app, await finished_debate(app), OPERATOR)


@pytest.mark.parametrize("debate", ["", "x", "../secret", "%", "' OR '1'='1", "\x00", "A" * 5000])
async def test_an_id_that_is_none_is_missing_like_any_other(app: DebateApp, debate: str) -> None:
    for call in CALLS.values():
        with pytest.raises(NotFound):
            await call(app, debate, STRANGER)


async def test_a_list_holds_ones_own_debates_alone(app: DebateApp) -> None:
    theirs = await finished_debate(app)
    own = await app.start("Tea?", CYNIC_AND_RATIONAL, rounds=1, visitor=STRANGER)
    assert [debate.id for debate in await app.debates(visitor=STRANGER)] == [own]
    assert [debate.id for debate in await app.debates(visitor=OWNER)] == [theirs]
    assert {debate.id for debate in await app.debates()} == {own, theirs}
    nobody = STRANGER.model_copy(update={"owner": "c:CCCCCCCCCCCCCCCCCCCCCC"})
    assert await app.debates(visitor=nobody) == []


async def test_a_request_token_of_somebody_else_leads_to_no_debate_of_theirs(
    app: DebateApp,
) -> None:
    wish = ("Should cats vote?", CYNIC_AND_RATIONAL)
    first = await app.start(*wish, rounds=1, request="token", visitor=OWNER)
    again = await app.start(*wish, rounds=1, request="token", visitor=OWNER)
    foreign = await app.start(*wish, rounds=1, request="token", visitor=STRANGER)
    assert first == again
    assert foreign != first


async def test_an_owner_is_one_kind_of_visitor_only(app: DebateApp) -> None:
    """A name signed in here, at Hugging Face, or a cookie: the same letters are not the same."""
    named = Visitor(owner="u:anna")
    debate = await app.start("Tea?", CYNIC_AND_RATIONAL, rounds=1, visitor=named)
    for owner in ("hf:anna", "c:anna", "anna", "u:Anna", "u:anna ", ""):
        with pytest.raises(NotFound):
            await app.debate(debate, visitor=Visitor(owner=owner))
    assert (await app.debate(debate, visitor=named)).owner == "u:anna"


@pytest.mark.parametrize("name", ["halt", "go_on", "budget", "pull", "unload", "reload_catalog"])
async def test_what_is_the_operators_is_refused_to_visitors(app: DebateApp, name: str) -> None:
    arguments = ("Scripted",) if name in ("pull", "unload") else ()
    with pytest.raises(NotAllowed):
        await getattr(app, name)(*arguments, visitor=OWNER)


async def test_ids_are_128_bits(app: DebateApp) -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(id) for id in ids} == {22}
