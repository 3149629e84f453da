"""Whose turn it is, and what a debate tells while it is spoken."""

from __future__ import annotations

import pytest

from rebuttal.catalog import Model
from rebuttal.errors import BrokenAnswer, ContextOverflow, ModelError, Unreachable
from rebuttal.events import (
    ContextTrimmed,
    DebateEvent,
    DebateFinished,
    DebatePaused,
    TurnDelta,
    TurnDiscarded,
    TurnFinished,
    TurnStarted,
    TurnWaiting,
)
from rebuttal.line import next_debater
from rebuttal.orchestrator import run_debate
from rebuttal.providers.scripted import Line, ScriptedModel
from rebuttal.records import USER, Debate, Turn
from tests.debates import debate, debater, turns

LINES = ["Cats nap all day.", "A nap is no argument.", "Yet they wake to vote.", "For fish alone."]
TABLE = debate()


async def play(
    *models: ScriptedModel, table: Debate = TABLE, said: list[Turn] | None = None, **options: object
) -> list[DebateEvent]:
    """Run the debate; every seat speaks through the model at its index, or the only one."""
    names = [one.model for one in table.debaters]
    catalog = {name: Model(label=name, endpoint="E", model=name, **options) for name in names}  # type: ignore[arg-type]
    chats = {name: models[min(i, len(models) - 1)] for i, name in enumerate(dict.fromkeys(names))}
    opening = said if said is not None else turns(rounds=2)
    return [e async for e in run_debate(table, opening, lambda name: (chats[name], catalog[name]))]


def spoken(events: list[DebateEvent]) -> list[tuple[str, str]]:
    return [(e.turn.speaker, e.turn.text) for e in events if isinstance(e, TurnFinished)]


@pytest.mark.parametrize(
    ("said", "rounds", "seat"),
    [
        ([], 1, "a"),
        ([("a", "x")], 1, "b"),
        ([("a", "x"), ("b", "y")], 1, None),
        ([("a", "x"), ("b", "y")], 2, "a"),
        ([("a", "x"), (USER, "a note buys nothing"), ("b", "y")], 1, None),
        ([("a", ""), ("b", "y")], 2, "a"),
        ([("a", "x"), ("gone", "another branch")], 1, "b"),
        ([], 0, None),
    ],
)
def test_every_bought_round_is_one_turn_of_every_seat(
    said: list[tuple[str, str]], rounds: int, seat: str | None
) -> None:
    chosen = next_debater(TABLE, turns(*said, rounds=rounds))
    assert (chosen.seat if chosen else None) == seat


def test_a_follow_up_buys_its_rounds_on_top() -> None:
    said = turns(("a", "x"), ("b", "y"), rounds=1)
    follow_up = said[0].model_copy(update={"id": "f", "parent_id": said[-1].id, "rounds": 2})
    chosen = next_debater(TABLE, [*said, follow_up])
    assert chosen is not None
    assert chosen.seat == "a"


async def test_models_answer_each_other_in_turn() -> None:
    model = ScriptedModel(LINES)
    events = await play(model)
    assert spoken(events) == list(zip("abab", LINES, strict=True))
    assert isinstance(events[-1], DebateFinished)
    assert "[Cynic]: Cats nap all day." in model.asked[1].messages[-1].content
    assert model.asked[2].messages[-2].content == LINES[0]


async def test_every_turn_hangs_on_the_one_before() -> None:
    said = [e.turn for e in await play(ScriptedModel(LINES)) if isinstance(e, TurnFinished)]
    assert said[0].parent_id == "t0"
    assert [turn.parent_id for turn in said[1:]] == [turn.id for turn in said[:-1]]


async def test_tokens_stream_as_they_come_and_add_up_to_the_turn() -> None:
    events = await play(ScriptedModel(LINES), said=turns(rounds=1))
    first = events.index(next(e for e in events if isinstance(e, TurnFinished)))
    pieces = [e.text for e in events[:first] if isinstance(e, TurnDelta)]
    assert len(pieces) > 2
    assert "".join(pieces) == LINES[0]
    assert isinstance(events[0], TurnStarted)
    assert (events[0].round, events[0].rounds, events[0].context) == (1, 1, 4096)


async def test_two_seats_may_share_a_model_and_two_models_hear_each_other() -> None:
    table = debate(debater("a", "Cynic", model="one"), debater("b", "Rational", model="two"))
    one, two = ScriptedModel(["Cats nap."]), ScriptedModel(["Dogs run."])
    assert spoken(await play(one, two, table=table, said=turns(rounds=1))) == [
        ("a", "Cats nap."),
        ("b", "Dogs run."),
    ]
    assert "Cats nap." in two.asked[0].messages[-1].content


async def test_a_near_copy_is_asked_again_once_with_a_reason() -> None:
    copy = LINES[0].replace("all", "all the")
    model = ScriptedModel([LINES[0], copy, "Dogs keep watch instead."])
    events = await play(model, said=turns(rounds=1))
    assert spoken(events)[1] == ("b", "Dogs keep watch instead.")
    assert [e.reason for e in events if isinstance(e, TurnDiscarded)] == [
        "it copied an earlier turn"
    ]
    assert "different" in model.asked[2].messages[-1].content
    assert model.asked[2].options.temperature > model.asked[1].options.temperature


async def test_a_second_copy_is_kept_rather_than_asked_for_ever() -> None:
    model = ScriptedModel([LINES[0]] * 3)
    assert [text for _, text in spoken(await play(model, said=turns(rounds=1)))] == [LINES[0]] * 2
    assert len(model.asked) == 3


async def test_giving_in_and_saying_nothing_are_asked_again() -> None:
    model = ScriptedModel(["I agree with you.", LINES[0], "Cynic:", LINES[1]])
    events = await play(model, said=turns(rounds=1))
    assert [text for _, text in spoken(events)] == LINES[:2]
    reasons = [e.reason for e in events if isinstance(e, TurnDiscarded)]
    assert reasons == ["it gave in", "it said nothing"]


async def test_a_chat_may_agree_and_run_on() -> None:
    alone = debate(debater("a", "Cynic"))
    text = "I agree. Two. Three. Four. Five."
    assert spoken(await play(ScriptedModel([text]), table=alone, said=turns(rounds=1))) == [
        ("a", text)
    ]


async def test_a_debater_speaks_only_for_itself_and_leaves_when_done() -> None:
    model = ScriptedModel(["Cynic: Cats nap. So it is.\n[Rational]: I doubt it.", LINES[1]])
    events = await play(model, said=turns(rounds=1))
    assert spoken(events)[0] == ("a", "Cats nap. So it is.")
    assert model.open == 0


async def test_a_turn_ends_after_three_sentences() -> None:
    model = ScriptedModel(["One. Two. Three. Four. Five.", LINES[1]])
    assert spoken(await play(model, said=turns(rounds=1)))[0] == ("a", "One. Two. Three.")


@pytest.mark.parametrize(
    ("line", "text", "finish"),
    [
        (Line("One. Two. Thr", finish="length"), "One. Two.", "length"),
        (Line("No end", finish="length"), "No end", "length"),
        (Line("One. Tw", finish="timeout"), "One. Tw", "timeout"),
        (Line("One. Tw", finish="filtered"), "One. Tw", "filtered"),
    ],
)
async def test_a_cut_turn_is_kept_and_says_what_cut_it(line: Line, text: str, finish: str) -> None:
    events = await play(ScriptedModel([line, LINES[1]]), said=turns(rounds=1))
    first = next(e.turn for e in events if isinstance(e, TurnFinished))
    assert (first.text, first.finish) == (text, finish)
    assert len(spoken(events)) == 2


async def test_a_broken_line_keeps_the_turn_and_pauses_with_the_reason() -> None:
    line = Line("Half a sen", finish="lost", problem=Unreachable("gone", "look"))
    events = await play(ScriptedModel([line]))
    assert spoken(events) == [("a", "Half a sen")]
    assert events[-1] == DebatePaused(reason="error", message="gone", hint="look")


async def test_an_error_before_the_first_token_is_raised_and_is_no_turn() -> None:
    with pytest.raises(Unreachable, match="gone"):
        await play(ScriptedModel([Unreachable("gone")]))


async def test_nothing_twice_is_an_error_with_a_hint() -> None:
    with pytest.raises(BrokenAnswer) as caught:
        await play(ScriptedModel(["Cynic:", "Cynic:"]))
    assert caught.value.hint


async def test_reasoning_is_told_and_never_enters_the_transcript() -> None:
    model = ScriptedModel([Line("Cats nap.", reasoning="secret plan"), LINES[1]])
    events = await play(model, said=turns(rounds=1))
    assert "secret plan" in "".join(e.reasoning for e in events if isinstance(e, TurnDelta))
    assert "secret" not in str(spoken(events)) + str(model.asked[1].messages)


async def test_waiting_is_told() -> None:
    model = ScriptedModel([Line("Cats nap.", waiting="loading"), LINES[1]])
    events = await play(model, said=turns(rounds=1))
    assert [e.reason for e in events if isinstance(e, TurnWaiting)] == ["loading"]


async def test_old_rounds_that_do_not_fit_are_left_out_and_said_so() -> None:
    said = turns(*[(seat, "word " * 60) for _ in range(10) for seat in "ab"], rounds=11)
    events = await play(ScriptedModel(LINES, context=1500), said=said)
    trimmed = [e for e in events if isinstance(e, ContextTrimmed)]
    assert trimmed
    assert trimmed[0].left_out >= 4
    assert trimmed[0].context == 1500


async def test_a_server_that_counts_more_tokens_gets_a_smaller_view() -> None:
    said = turns(*[(seat, "word " * 60) for _ in range(10) for seat in "ab"], rounds=11)
    overflow = ContextOverflow("too long", asked=4000, allowed=2500)
    model = ScriptedModel([overflow, *LINES], context=4096)
    await play(model, said=said)
    assert len(model.asked[1].messages) < len(model.asked[0].messages)


async def test_a_second_overflow_is_an_error() -> None:
    overflow = ContextOverflow("too long", asked=4000, allowed=3900)
    with pytest.raises(ModelError):
        await play(ScriptedModel([overflow, overflow]))


async def test_a_seed_gives_each_turn_its_own_and_the_persona_sets_the_temperature() -> None:
    model = ScriptedModel(LINES)
    await play(model, table=debate().model_copy(update={"seed": 7}), temperature=0.33)
    assert len({asked.options.seed for asked in model.asked}) == 4
    assert {asked.options.temperature for asked in model.asked} == {0.33}


async def test_foreign_text_is_cleaned_before_it_is_shown() -> None:
    model = ScriptedModel(["Red \x1b[31malert\x00 \u202eevil\ud800.", LINES[1]])
    text = spoken(await play(model, said=turns(rounds=1)))[0][1]
    assert "\x1b" not in text
    assert "\u202e" not in text
    text.encode()
