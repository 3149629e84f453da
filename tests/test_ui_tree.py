"""Branches as the page shows them: ways beside turns, other tables, the tree, two lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

import pytest

from rebuttal.branches import gist, line_name, other_weights, rows
from rebuttal.events import DebateFinished, DebatePaused, TurnFinished, TurnStarted
from rebuttal.line import line_to, side_by_side
from rebuttal.records import USER, Debate, Debater, Timings, Turn, Usage
from rebuttal.ui.branching import change_of_table, descent
from rebuttal.ui.compare import Side, comparison
from rebuttal.ui.render import heading, looks
from rebuttal.ui.spoken import LiveTurn
from rebuttal.ui.transcript import Transcript
from rebuttal.ui.tree import tree_list
from tests.debates import NOON, debate, debater

CYNIC, RATIONAL = debater("a", "Cynic", "for"), debater("b", "Rational", "against")
HISTORIAN = debater("c", "Historian", "against", model="Other")
RUDE = "<img src=x onerror=alert(1)> **x** </article><script>alert(1)</script> \"' t-forged"


def turn(id: str, parent: str | None, speaker: str, text: str, **more: object) -> Turn:
    """A turn of the tree; ``more`` are further fields."""
    number = int(re.sub(r"\D", "", id) or 0)
    at = NOON + timedelta(seconds=number)
    fields = {"id": id, "parent_id": parent, "speaker": speaker, "text": text, "created_at": at}
    return Turn.model_validate({**fields, **more})


def tree() -> list[Turn]:
    """t0 - t1 - t2 - t3 is the main line; u2 - u3 stands beside t2, v3 another table beside t3."""
    return [
        turn("t0", None, USER, "Should cats vote?", rounds=2),
        turn("t1", "t0", "a", "One."),
        turn("t2", "t1", "b", "Two."),
        turn("t3", "t2", "a", "Three."),
        turn("u12", "t1", "b", "Two again."),
        turn("u13", "u12", "a", "Three again."),
        turn("v23", "t2", USER, "Now in *verse*.", rounds=1, debaters=(CYNIC, HISTORIAN)),
        turn("v24", "v23", "c", "Four."),
    ]


def origin(tip: str = "t3") -> Debate:
    return debate(CYNIC, RATIONAL).model_copy(update={"tip": tip})


def shown(tip: str, turns: Sequence[Turn] | None = None) -> Transcript:
    transcript = Transcript(origin(tip))
    transcript.rewind(tip, turns or tree())
    return transcript


# --- beside a turn --------------------------------------------------------------------------------


def test_a_turn_leads_to_those_it_stands_beside() -> None:
    first, second = shown("t3").markdown(), shown("u13").markdown()
    assert "1 of 2" in first
    assert 'value="choose u12"' in first
    assert 'value="choose t2"' not in first
    assert "2 of 2" in second
    assert 'value="choose t2"' in second
    assert second.count('class="ways"') == 1


def test_a_line_without_branches_has_no_ways() -> None:
    assert "ways" not in shown("t3", tree()[:4]).markdown()


def test_every_turn_can_be_found_by_its_id() -> None:
    marks = re.findall(r" t-([\w-]+)\"", shown("v24").markdown())
    assert marks == ["t1", "t2", "v23", "v23", "v24"]


def test_a_turn_finished_beside_another_shows_the_way_at_once() -> None:
    transcript = shown("t1", tree()[:3])
    transcript.take(TurnFinished(turn=turn("u12", "t1", "b", "Two again.")))
    assert "2 of 2" in transcript.markdown()


def test_where_the_line_ends_before_others_they_are_offered_at_rest_alone() -> None:
    transcript = shown("t1")
    assert "onward" not in transcript.markdown()
    transcript.take(DebatePaused(reason="paused"))
    assert "2 continuations follow here" in transcript.markdown()
    assert 'value="choose u12"' in transcript.markdown()
    transcript.take(DebateFinished())
    assert "onward" in transcript.markdown()
    transcript.take(
        TurnStarted(seat="b", turn_id="x", round=1, rounds=1, prompt_tokens=1, context=10)
    )
    assert "onward" not in transcript.markdown()


def test_an_edited_turn_says_so_and_claims_no_model() -> None:
    said = turn("e9", "t1", "b", "Mine.", model="Tiny", edited_from="t2")
    words = shown("e9", [*tree(), said]).markdown()
    assert '<span class="edited">edited by you</span>' in words
    assert "Tiny" not in words


# --- another table --------------------------------------------------------------------------------


def test_another_table_is_told_and_its_rounds_count_on() -> None:
    words = shown("v24").markdown()
    told = "<strong>Historian</strong> takes <strong>Rational</strong>’s seat and speaks through"
    assert told in words
    assert words.index(told) < words.index("Now in")
    assert words.index("Now in") < words.index("Round 2") < words.index("Four.")


def test_a_seat_keeps_its_colour_on_every_branch() -> None:
    styles = [shown(tip).voices for tip in ("t3", "u13", "v24")]
    assert len({voices["a"].style for voices in styles}) == 1
    assert len({voices["c"].style for voices in styles}) == 1
    assert len({voice.style for voice in styles[0].values()}) == 3
    alone = looks([CYNIC, RATIONAL])
    assert alone["b"].style == styles[2]["b"].style


def test_the_heading_and_the_live_turn_know_who_sits_there_now() -> None:
    transcript = shown("v24")
    top = heading(transcript.table, {}, "c", looks=transcript.voices)
    assert "Historian" in top
    assert "Rational" not in top
    assert transcript.voices["c"].style in top
    live = LiveTurn(origin("v24"), tree=tree())
    live.rewind("v24", tree())
    started = TurnStarted(seat="c", turn_id="x", round=2, rounds=2, prompt_tokens=1, context=10)
    live.take(started, 1.0)
    assert "Historian is thinking" in live.status(1.0)
    assert transcript.voices["c"].style in live.markdown()


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ((CYNIC,), "Rational leaves the table."),
        ((CYNIC, RATIONAL, HISTORIAN), "Historian joins, through Other."),
        (
            (CYNIC, RATIONAL.model_copy(update={"model": "Big"})),
            "Rational speaks through Big from here.",
        ),
        (
            (CYNIC.model_copy(update={"stance": "neither"}), RATIONAL),
            "Cynic argues from here: neither.",
        ),
        ((CYNIC, RATIONAL), "The same table goes on from here."),
    ],
)
def test_who_comes_goes_or_changes_is_told(after: tuple[Debater, ...], said: str) -> None:
    assert re.sub(r"<[^>]+>", "", change_of_table((CYNIC, RATIONAL), after)) == said


def test_what_a_turn_without_words_bought_is_told_where_it_has_others_beside_it() -> None:
    more = [*tree(), turn("m31", "t3", USER, "", rounds=1), turn("m32", "t3", USER, "", rounds=3)]
    assert "3 more rounds." in shown("m32", more).markdown()
    assert "more round" not in shown("m31", more[:-1]).markdown()


# --- where it comes from --------------------------------------------------------------------------


def test_a_rerun_leads_to_what_it_repeats_and_names_other_weights() -> None:
    def weighed(digest: str | None, **update: object) -> Debate:
        seat = CYNIC.model_copy(update={"digest": digest, "model": "Tiny <1b>"})
        return debate(seat).model_copy(update=update)

    old = weighed("one", id="old")
    new = weighed("two", rerun_of="old")
    assert other_weights(old, new) == ["Tiny <1b>"]
    told = descent(new, old)
    assert "Re-run of" in told
    assert 'value="beside old"' in told
    assert "Other weights than then: Tiny &lt;1b&gt;." in told
    assert other_weights(old, weighed("one", rerun_of="old")) == []
    assert other_weights(weighed(None), new) == []
    assert descent(new, None) == '<p class="descent">Re-run of a debate that is gone.</p>'
    assert "button" not in descent(new, old, acts=False)


def test_imported_and_taken_over_debates_say_so() -> None:
    marks = debate().model_copy(update={"imported_at": NOON, "forked_from": "x"})
    assert "Imported on 20 November 2026." in descent(marks, None)
    assert "Taken over" in descent(marks, None)
    assert descent(debate(), None) == ""


# --- the tree -------------------------------------------------------------------------------------


def test_branches_stand_behind_the_turn_they_leave() -> None:
    found = [(row.turn.id, row.depth, row.main) for row in rows(tree(), "t3")]
    assert found == [
        *(("t0", 0, True), ("t1", 0, True)),
        *(("u12", 1, False), ("u13", 1, False)),
        *(("t2", 0, True), ("v23", 1, False), ("v24", 1, False), ("t3", 0, True)),
    ]
    assert [row.turn.id for row in rows(tree(), "t3") if row.begins] == ["u12", "v23"]
    assert [row.turn.id for row in rows(tree(), "t3") if row.ends] == ["u13", "v24", "t3"]


def test_the_tree_names_the_main_line_and_what_can_be_done_with_others() -> None:
    listed = tree_list(origin(), tree(), "t3")
    assert "3 lines, 6 turns of debaters." in listed
    acts = re.findall(r'value="(\w+ \w+)"', listed)
    assert acts == [
        *("branch t0", "doom u12", "main u13", "side u13", "branch u13"),
        *("doom v23", "main v24", "side v24", "branch v24", "branch t3"),
    ]
    assert listed.count("Main line") == 1


def test_a_branch_is_deleted_only_after_a_question() -> None:
    asked = tree_list(origin(), tree(), "t3", doomed="u12")
    assert "Delete these 2 turns for good?" in asked
    assert 'value="prune u12"' in asked
    assert "prune" not in tree_list(origin(), tree(), "t3")


def test_the_middle_of_a_long_line_is_folded() -> None:
    long = [turn("t0", None, USER, "Why?", rounds=50)]
    long += [turn(f"t{n}", f"t{n - 1}", "ab"[n % 2], f"Turn {n}.") for n in range(1, 100)]
    listed = tree_list(origin("t99"), long, "t99")
    assert "<summary>96 turns between</summary>" in listed
    assert listed.count('<li class="row') == 100


def test_a_very_deep_tree_is_drawn() -> None:
    deep = [turn("t0", None, USER, "Why?")]
    for number in range(1, 3000):
        deep.append(turn(f"t{number}", f"t{number - 1}", "a", "x"))
        deep.append(turn(f"u{number}", f"t{number - 1}", "b", "y"))
    assert tree_list(origin("t1"), deep, "t1").count('<li class="row ') == len(deep)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("**Bold** and `code`\n# Title", "Bold and code Title"),
        ("- snake_case stays", "snake_case stays"),
        ("", "2 more rounds."),
    ],
)
def test_the_first_words_are_plain(text: str, said: str) -> None:
    assert gist(turn("t1", "t0", USER, text, rounds=2)) == said


# --- side by side ---------------------------------------------------------------------------------


def compared(left: str, right: str, turns: list[Turn] | None = None) -> str:
    whole = turns or tree()
    lines = [line_to(whole, end) for end in (left, right)]
    sides = [Side(origin(), line, whole) for line in lines]
    return comparison(sides[0], sides[1], side_by_side(*lines))


def test_what_two_lines_share_is_folded_and_what_differs_stands_in_pairs() -> None:
    words = compared("t3", "u13")
    assert "2 turns are the same" in words
    pairs = words.split('<div class="pairs">')[1].split('<div class="pair">')[1:]
    assert len(pairs) == 2
    assert pairs[0].index("Two.") < pairs[0].index("Two again.")
    assert pairs[1].index("Three.") < pairs[1].index("Three again.")


def test_a_line_beside_itself_says_so() -> None:
    assert "Both say the same." in compared("t3", "t3")


def test_a_turn_that_only_one_line_has_stands_beside_nothing() -> None:
    words = compared("t3", "v24")
    assert words.count("Nothing here.") == 3
    assert "Historian" in words


def test_model_tokens_and_seconds_stand_under_each_turn_and_in_sum() -> None:
    whole = tree()
    spoken = {
        "model": "Tiny",
        "usage": Usage(completion_tokens=12),
        "timings": Timings(total=1.25),
    }
    whole[2] = whole[2].model_copy(update=spoken)
    words = compared("t3", "u13", whole)
    assert '<p class="how">Tiny · 12 tokens · 1.2 s</p>' in words
    assert "3 turns · 12 tokens · 1.2 s" in words


def test_a_line_is_named_by_what_is_its_own() -> None:
    assert line_name(origin(), line_to(tree(), "u13"), tree()) == "Side line: Two again. (3 turns)"
    assert line_name(origin(), line_to(tree(), "t3"), tree()) == "Main line: Three. (3 turns)"


# --- words of others ------------------------------------------------------------------------------


def test_hostile_words_act_nowhere() -> None:
    rude = CYNIC.model_copy(update={"name": "<b>C</b>", "model": "<u>m</u>", "stance": "<i>x</i>"})
    other = HISTORIAN.model_copy(update={"name": "<b>H</b>", "model": "<u>n</u>"})
    turns = [
        turn("t0", None, USER, RUDE, rounds=1),
        turn("t1", "t0", "a", RUDE, model="<u>m</u>"),
        turn("u2", "t0", "a", f"{RUDE} again"),
        turn("v3", "t1", USER, RUDE, debaters=(rude, other)),
        turn("v4", "v3", "c", RUDE),
    ]
    table = debate(rude).model_copy(update={"topic": RUDE, "tip": "v4", "title": RUDE})
    transcript = Transcript(table)
    transcript.rewind("v4", turns)
    lines = [line_to(turns, end) for end in ("v4", "u2")]
    sides = [Side(table, line, turns, RUDE) for line in lines]
    again = table.model_copy(update={"rerun_of": "debate"})
    for words in (
        transcript.markdown(),
        tree_list(table, turns, "v4", doomed="u2"),
        comparison(sides[0], sides[1], side_by_side(*lines)),
        descent(again, table),
    ):
        assert not re.search(r"<(img|script|b|u|i)\b", words)
        assert words.count("<article") == words.count("</article>")
