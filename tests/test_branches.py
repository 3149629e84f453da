"""Going on from any turn: fresh answers, edits, other tables, and what becomes of the rest."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rebuttal.app import DebateApp
from rebuttal.errors import InvalidInput, NotFound
from rebuttal.line import children
from rebuttal.providers.scripted import ScriptedModel
from rebuttal.records import USER, Seat, Turn
from tests.debates import CYNIC_AND_RATIONAL, scripted_app, watch_to_rest
from tests.test_files import arriving
from tests.test_live import LINES

TOPIC = "Should cats vote?"
SAYINGS = LINES * 4


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel(SAYINGS)


@pytest.fixture
async def app(tmp_path: Path, model: ScriptedModel) -> AsyncIterator[DebateApp]:
    async with scripted_app(tmp_path, model) as app:
        yield app


async def debated(app: DebateApp, rounds: int = 2, **options: object) -> str:
    """The id of a debate that has come to its end."""
    debate_id = await app.start(TOPIC, CYNIC_AND_RATIONAL, rounds=rounds, **options)  # type: ignore[arg-type]
    await watch_to_rest(app, debate_id)
    return debate_id


async def said(app: DebateApp, debate_id: str) -> list[str]:
    return [turn.text for turn in await app.transcript(debate_id)]


async def speakers(app: DebateApp, debate_id: str) -> list[str]:
    return [turn.speaker for turn in await app.transcript(debate_id)]


async def test_any_turn_can_be_said_again_and_the_debate_goes_on_from_there(
    app: DebateApp, model: ScriptedModel
) -> None:
    debate_id = await debated(app)
    before = await app.transcript(debate_id)
    await app.regenerate(debate_id, before[2].id)
    await watch_to_rest(app, debate_id)
    after = await app.transcript(debate_id)
    assert after[:2] == before[:2]
    assert [turn.speaker for turn in after] == [turn.speaker for turn in before]
    assert not set(after[2:]) & set(before[2:])
    assert set(await app.tree(debate_id)) == set(before) | set(after)
    assert before[2].text not in str(model.asked[4].messages)


async def test_the_branch_left_aside_is_chosen_again_as_it_was(app: DebateApp) -> None:
    debate_id = await debated(app)
    before = await app.transcript(debate_id)
    await app.regenerate(debate_id, before[1].id)
    await watch_to_rest(app, debate_id)
    await app.choose(debate_id, before[1].id)
    assert await app.transcript(debate_id) == before
    assert await app.state(debate_id) == "finished"


async def test_an_edited_turn_stands_beside_the_one_that_was_said(
    app: DebateApp, model: ScriptedModel
) -> None:
    debate_id = await debated(app)
    before = await app.transcript(debate_id)
    await app.edit(debate_id, before[1].id, "Cats should only vote on fish.")
    await watch_to_rest(app, debate_id)
    edited = (await app.transcript(debate_id))[1]
    assert (edited.text, edited.edited_from) == ("Cats should only vote on fish.", before[1].id)
    assert (edited.speaker, edited.usage) == (before[1].speaker, None)
    assert "only vote on fish" in str(model.asked[4].messages)
    twins = children(await app.tree(debate_id))[before[0].id]
    assert [turn.text for turn in twins] == [before[1].text, edited.text]


async def test_another_model_keeps_the_seat_and_its_own_words(
    app: DebateApp, model: ScriptedModel
) -> None:
    debate_id = await debated(app)
    line = await app.transcript(debate_id)
    changed = Seat(persona="cynic", model="Scripted", temperature=0.1, max_tokens=77)
    await app.branch(debate_id, line[2].id, seats=[changed, CYNIC_AND_RATIONAL[1]])
    await watch_to_rest(app, debate_id)
    debate = await app.debate(debate_id)
    assert [one.seat for one in debate.debaters] == ["seat1", "seat2"]
    assert await speakers(app, debate_id) == [USER, "seat1", "seat2", USER, "seat1", "seat2"]
    assert line[1].text in [m.content for m in model.asked[4].messages if m.role == "assistant"]
    assert model.asked[4].options.temperature == 0.1
    assert [asked.options.max_tokens == 77 for asked in model.asked] == [*[False] * 4, True, False]


async def test_other_debaters_take_over_and_know_who_spoke_before(
    app: DebateApp, model: ScriptedModel
) -> None:
    debate_id = await debated(app)
    line = await app.transcript(debate_id)
    seats = [Seat(persona="philosopher", model="Scripted"), CYNIC_AND_RATIONAL[1]]
    await app.branch(debate_id, line[1].id, seats=seats, rounds=1, text="Now somebody else.")
    await watch_to_rest(app, debate_id)
    debate = await app.debate(debate_id)
    assert [(one.seat, one.name, one.stance) for one in debate.debaters] == [
        ("seat3", "Philosopher", "for"),
        ("seat2", "Rational", "against"),
    ]
    assert await speakers(app, debate_id) == [USER, "seat1", USER, "seat3", "seat2"]
    heard = model.asked[4].messages[-1].content
    assert f"[Cynic]: {line[1].text}" in heard
    assert "[Moderator]: Now somebody else." in heard
    await app.choose(debate_id, line[2].id)
    assert [one.name for one in (await app.debate(debate_id)).debaters] == ["Cynic", "Rational"]


async def test_the_same_persona_twice_gets_two_seats_and_two_names(app: DebateApp) -> None:
    debate_id = await debated(app)
    line = await app.transcript(debate_id)
    await app.branch(debate_id, line[2].id, seats=[CYNIC_AND_RATIONAL[0]] * 2, rounds=1)
    table = (await app.debate(debate_id)).debaters
    assert [(one.seat, one.name) for one in table] == [("seat1", "Cynic"), ("seat3", "Cynic 2")]
    await watch_to_rest(app, debate_id)
    assert (await speakers(app, debate_id))[-2:] == ["seat1", "seat3"]


async def test_a_debate_goes_on_behind_any_turn_with_what_was_owed_there(app: DebateApp) -> None:
    debate_id = await debated(app)
    line = await app.transcript(debate_id)
    await app.branch(debate_id, line[3].id)
    await watch_to_rest(app, debate_id)
    assert await speakers(app, debate_id) == [USER, "seat1", "seat2", "seat1", "seat2"]
    assert (await app.transcript(debate_id))[3] == line[3]


async def test_behind_the_end_it_goes_on_for_one_round(app: DebateApp) -> None:
    debate_id = await debated(app)
    line = await app.transcript(debate_id)
    await app.branch(debate_id, line[-1].id)
    await watch_to_rest(app, debate_id)
    assert (await app.transcript(debate_id))[: len(line)] == line
    assert (await speakers(app, debate_id))[len(line) :] == [USER, "seat1", "seat2"]


async def test_a_deleted_branch_leaves_the_shared_past(app: DebateApp) -> None:
    debate_id = await debated(app)
    before = await app.transcript(debate_id)
    await app.regenerate(debate_id, before[2].id)
    await watch_to_rest(app, debate_id)
    after = await app.transcript(debate_id)
    await app.prune(debate_id, before[2].id)
    assert set(await app.tree(debate_id)) == set(after)
    assert await app.transcript(debate_id) == after


async def test_where_the_main_line_is_deleted_the_line_beside_it_takes_its_place(
    app: DebateApp,
) -> None:
    debate_id = await debated(app)
    before = await app.transcript(debate_id)
    await app.regenerate(debate_id, before[2].id)
    await watch_to_rest(app, debate_id)
    await app.prune(debate_id, (await app.transcript(debate_id))[2].id)
    assert await app.transcript(debate_id) == before
    assert set(await app.tree(debate_id)) == set(before)


async def test_branches_survive_the_process(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, ScriptedModel(SAYINGS)) as app:
        debate_id = await debated(app)
        line = await app.transcript(debate_id)
        seats = [Seat(persona="philosopher", model="Scripted")] * 2
        await app.branch(debate_id, line[1].id, seats=seats, rounds=1)
        await watch_to_rest(app, debate_id)
        whole, tree = await app.transcript(debate_id), await app.tree(debate_id)
        table = await app.debate(debate_id)
    async with scripted_app(tmp_path, ScriptedModel(SAYINGS)) as app:
        assert await app.transcript(debate_id) == whole
        assert await app.tree(debate_id) == tree
        assert await app.debate(debate_id) == table
        assert await app.state(debate_id) == "finished"


@pytest.mark.parametrize("kind", ["regenerate", "branch", "edit", "choose", "prune"])
async def test_while_somebody_speaks_the_line_stays(tmp_path: Path, kind: str) -> None:
    async with scripted_app(tmp_path, ScriptedModel(SAYINGS, delay=0.05)) as app:
        debate_id = await app.start(TOPIC, CYNIC_AND_RATIONAL)
        topic = (await app.transcript(debate_id))[0].id
        with pytest.raises(InvalidInput, match="being spoken"):
            await changed(app, debate_id, kind, topic)
        await app.stop(debate_id)


@pytest.mark.parametrize("kind", ["regenerate", "branch", "edit", "choose", "prune"])
async def test_a_turn_of_nowhere_is_not_found(app: DebateApp, kind: str) -> None:
    debate_id = await debated(app, rounds=1)
    other = (await app.transcript(await debated(app, rounds=1)))[1]
    before = await app.transcript(debate_id)
    with pytest.raises(NotFound):
        await changed(app, debate_id, kind, other.id)
    assert await app.transcript(debate_id) == before


@pytest.mark.parametrize("kind", ["regenerate", "edit", "prune"])
async def test_the_topic_stays(app: DebateApp, kind: str) -> None:
    debate_id = await debated(app, rounds=1)
    topic: Turn = (await app.transcript(debate_id))[0]
    with pytest.raises(InvalidInput):
        await changed(app, debate_id, kind, topic.id)
    assert (await app.transcript(debate_id))[0] == topic


async def changed(app: DebateApp, debate_id: str, kind: str, turn_id: str) -> None:
    match kind:
        case "edit":
            await app.edit(debate_id, turn_id, "Other words.")
        case "branch":
            await app.branch(debate_id, turn_id)
        case _:
            await getattr(app, kind)(debate_id, turn_id)


async def test_branches_count_for_the_longest_debate(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, ScriptedModel(SAYINGS), max_turns=10) as app:
        debate_id = await debated(app, rounds=2)
        first = (await app.transcript(debate_id))[1].id
        await app.regenerate(debate_id, first)
        await watch_to_rest(app, debate_id)
        with pytest.raises(InvalidInput, match="10 are allowed"):
            await app.regenerate(debate_id, first)
        with pytest.raises(InvalidInput, match="10 are allowed"):
            await app.say(debate_id, "More?", 1)
        assert len(await app.tree(debate_id)) == 9


async def test_a_debate_is_run_again_as_it_was(app: DebateApp, model: ScriptedModel) -> None:
    seats = [
        Seat(persona="cynic", model="Scripted", stance="Cats are busy", instructions="Purr."),
        CYNIC_AND_RATIONAL[1],
    ]
    first = await app.start(TOPIC, seats, rounds=1, seed=7, language="German")
    await watch_to_rest(app, first)
    second = await app.rerun(first)
    await watch_to_rest(app, second)
    old, new = await app.debate(first), await app.debate(second)
    fresh = {"id", "tip", "created_at", "rerun_of"}
    assert old.model_dump(exclude=fresh) == new.model_dump(exclude=fresh)
    assert new.rerun_of == first
    assert model.asked[0] == model.asked[2]


async def test_a_debate_is_run_again_with_one_thing_changed(app: DebateApp) -> None:
    first = await debated(app, rounds=1, seed=7)
    another = Seat(persona="philosopher", model="Scripted")
    second = await app.rerun(first, seats={"seat2": another}, rounds=2, topic="Should dogs vote?")
    await watch_to_rest(app, second)
    debate = await app.debate(second)
    assert [(one.seat, one.name) for one in debate.debaters] == [
        ("seat1", "Cynic"),
        ("seat2", "Philosopher"),
    ]
    assert (debate.rounds, debate.topic, debate.seed) == (2, "Should dogs vote?", 7)
    with pytest.raises(NotFound, match="no seat"):
        await app.rerun(first, seats={"seat9": another})


async def test_a_debate_that_came_in_is_run_again_within_the_limits(app: DebateApp) -> None:
    debate_id = await debated(app, rounds=1)
    whole = json.loads(await app.export(debate_id, "json"))
    whole["debate"]["rounds"] = 1000  # which its turns do not owe
    (foreign,) = await app.files.import_(arriving(json.dumps(whole).encode()))
    with pytest.raises(InvalidInput, match="rounds: 1000 is not between 1 and 10"):
        await app.rerun(foreign)
    assert (await app.debate(await app.rerun(foreign, rounds=2))).rounds == 2


async def test_two_runs_are_compared_turn_by_turn(app: DebateApp) -> None:
    first = await debated(app, rounds=1)
    second = await app.rerun(first, rounds=2)
    await watch_to_rest(app, second)
    pairs = await app.compare(first, second)
    assert len(pairs) == 5
    assert all(left and right and left.speaker == right.speaker for left, right in pairs[:3])
    assert [left for left, _ in pairs[3:]] == [None, None]


async def test_the_sampling_of_then_counts_also_where_the_catalog_says_otherwise_now(
    app: DebateApp, model: ScriptedModel
) -> None:
    debate_id = await debated(app, rounds=1)
    sampling = (await app.debate(debate_id)).debaters[0].sampling
    assert sampling is not None
    assert sampling.max_tokens == model.asked[0].options.max_tokens == 220
