"""The live layout of a debate, seen through a terminal that is emulated to the last column."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from rebuttal.cli.layout import Layout, can_lay_out
from rebuttal.cli.layout_colours import BLACK, WHITE, ink
from rebuttal.cli.layout_frame import ASCII, Frame, Signs
from rebuttal.cli.layout_region import Region, reflows
from rebuttal.cli.layout_table import Table
from rebuttal.colour import DAY, NIGHT, contrast
from rebuttal.events import (
    ContextTrimmed,
    DebateEvent,
    DebateFinished,
    DebateRewound,
    DebateWaiting,
    TurnDelta,
    TurnDiscarded,
    TurnFinished,
    TurnStarted,
    TurnWaiting,
)
from rebuttal.records import Debater, Persona, Timings, Usage
from tests.debates import debate, debater, turns
from tests.glass import HELD, LONG, Glass
from tests.terminal_app import COFFEE, TEA

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such terminals there")

TWO = ("--seat", "cynic:Coffee:1b", "--seat", "philosopher:Held")
DRAWN = "\x1b[?2026h"
"""Begins whatever is drawn in place."""
SIZES = [(80, 24), (120, 40), (40, 20)]


@contextmanager
def glass(columns: int = 80, rows: int = 24) -> Iterator[Glass]:
    seen = Glass(columns, rows)
    try:
        yield seen
    finally:
        seen.close()


def words(text: str) -> str:
    """What was said, without what it was drawn with."""
    return " ".join(re.sub(r"^│ ?", "", text, flags=re.M).split())


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_who_speaks_stands_below_and_what_was_said_stays_above(
    columns: int, rows: int, tmp_path: Path
) -> None:
    with glass(columns, rows) as seen:
        seen.run("debate", "Tea or coffee?", *TWO, "--rounds", "2", data=tmp_path)
        seen.until(lambda: HELD in words(seen.shown))
        shown = seen.until(lambda: re.search(r"▶ Philosopher .*█░+ +\d+%", seen.shown))
        assert "Tea or coffee?" in shown
        assert re.search(r"^── Philosopher speaks · (round )?1 of 2 · 0:0\d", shown, re.M)
        assert re.search(r"^ {2}Cynic .*░ +\d+%", shown.partition("──")[2], re.M)
        assert max(len(line) for line in shown.splitlines()) < columns
        assert len(seen.colours()) > 2
        assert ("14 tokens" in shown) == (columns >= 80)
        if columns >= 80:
            assert re.search(r"▶ Philosopher +Held +~\d+ tokens/s", shown)
        seen.interrupt()
        assert seen.end() == 130
        assert not seen.cursor_is_hidden
        whole = words(seen.whole)
        assert [whole.count(said) for said in (COFFEE[0], HELD, "(stopped by a person)")] == [1] * 3
        assert "Go on with: rebuttal resume" in whole
        assert "──" not in whole
        assert "▶" not in whole


def test_a_debate_that_ends_leaves_its_turns_and_their_sum(tmp_path: Path) -> None:
    with glass() as seen:
        two = ("--seat", "philosopher:Tea", "--seat", "cynic:Coffee:1b", "--rounds", "2")
        seen.run("debate", "Tea or coffee?", *two, data=tmp_path, NO_COLOR="1")
        assert seen.end() == 0
        assert not seen.cursor_is_hidden
        whole = words(seen.whole)
        assert [whole.count(said) for said in (*TEA, *COFFEE)] == [1] * 4
        assert "──" not in whole
        assert re.search(r"4 turns · \d+ tokens · \d+ s$", whole)
        assert seen.colours() == {"default"}
        assert DRAWN.encode() in seen.raw


def test_a_long_turn_shows_its_end_and_is_whole_in_the_history(tmp_path: Path) -> None:
    with glass(40, 20) as seen:
        words_typed = ("debate", "Tea?", "--seat", "cynic:Long", "--rounds", "1")
        seen.run(*words_typed, data=tmp_path)
        assert seen.end() == 0
        whole = words(seen.whole)
        kept = re.findall(r"Reason \d+ is that it grows on hills\.", LONG)
        said = [one for one in kept if one in whole]
        assert len(said) >= 2
        assert words(" ".join(said)) in whole
        assert all(whole.count(one) == 1 for one in said)


def fills(seen: Glass, columns: int) -> bool:
    """Whether the turn and its status are drawn for that width."""
    status = re.search(r"^── .*", seen.shown, re.M)
    return HELD in words(seen.shown) and status is not None and len(status[0]) >= columns - 2


def test_a_resize_in_mid_turn_leaves_nothing_behind(tmp_path: Path) -> None:
    with glass(80, 24) as seen:
        one = ("debate", "Tea?", "--seat", "philosopher:Held", "--rounds", "2")
        seen.run(*one, data=tmp_path, XTERM_VERSION="pyte breaks no line anew")
        seen.until("one word of it.")
        for columns in (44, 100, 60):
            seen.resize(columns, 24)
            seen.until(partial(fills, seen, columns))
            assert len(re.findall("^──", seen.shown, re.M)) == 1
        seen.interrupt()
        assert seen.end() == 130
        whole = words(seen.whole)
        assert "──" not in whole
        assert whole.count(HELD) == 1


def test_what_a_terminal_broke_anew_is_erased_too() -> None:
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=80)
    for breaks, up in ((True, 6), (False, 2)):
        region = Region(console, breaks)
        console.width = 80
        region.draw([Text("x" * 79), Text("y" * 79), Text("z" * 79)])
        out.truncate(0)
        console.width = 30
        region.draw([])
        assert out.getvalue().count("\x1b[A\x1b[2K") == up
    assert reflows({"TERM": "xterm-256color"})
    assert reflows({"TERM": "screen", "TMUX": "/tmp/x"})
    assert not reflows({"TERM": "xterm", "XTERM_VERSION": "XTerm(390)"})
    assert not reflows({"TERM": "linux"})


def test_hostile_words_do_nothing_to_the_screen(tmp_path: Path) -> None:
    with glass() as seen:
        seats = ("--seat", "cynic:Sting", "--seat", "polite:Coffee:1b")
        seen.run("debate", "Tea?", *seats, "--rounds", "1", data=tmp_path)
        seen.until("mind calm")
        assert seen.end() == 0
        assert seen.title == ""
        assert "[bold]it[/bold]  said Tea keeps" in words(seen.whole).replace("said", " said")
        assert seen.whole.startswith("Tea?\n")
        assert COFFEE[0] in words(seen.whole)


def test_plain_draws_nothing_in_place(tmp_path: Path) -> None:
    with glass() as seen:
        seats = ("--seat", "philosopher:Tea", "--seat", "cynic:Coffee:1b", "--rounds", "1")
        seen.run("debate", "Tea?", *seats, "--plain", data=tmp_path)
        assert seen.end() == 0
        assert DRAWN.encode() not in seen.raw
        assert TEA[0] in words(seen.whole)


@pytest.mark.parametrize(
    ("columns", "rows", "term", "is_drawn_on"),
    [
        (80, 24, "xterm", True),
        (40, 20, "xterm", True),
        (26, 24, "xterm", False),
        (80, 6, "xterm", False),
        (80, 24, "dumb", False),
    ],
)
def test_nothing_is_drawn_in_place_where_it_cannot_be(
    columns: int, rows: int, term: str, is_drawn_on: bool
) -> None:
    environ = {"TERM": term}
    for is_terminal in (True, False):
        out = Console(
            file=StringIO(),
            force_terminal=is_terminal,
            width=columns,
            height=rows,
            _environ=environ,
        )
        assert can_lay_out(out) == (is_drawn_on and is_terminal)


# --- its parts ------------------------------------------------------------------------------------


def spoken(text: str = "Yes, and twice.") -> list[DebateEvent]:
    """A turn of seat a, up to its first words."""
    started = TurnStarted(
        seat="a", turn_id="x", round=1, rounds=3, prompt_tokens=1000, context=4000
    )
    return [started, TurnDelta(seat="a", text=text)]


def drawn(*events: DebateEvent, columns: int = 80, rows: int = 24, signs: Signs = ASCII) -> str:
    """What stands at the bottom, one second after each event."""
    table = Table(debate(), 0.0)
    for number, event in enumerate(events):
        table.follow(event, float(number))
    lines = Frame(table, {}, signs).lines(float(len(events)), columns, rows)
    return "\n".join(line.plain for line in lines)


def test_what_is_waited_for_is_said() -> None:
    assert "waits, as number 2 in line" in drawn(DebateWaiting(position=2, seconds=40.0))
    (started, delta) = spoken()
    waiting = TurnWaiting(seat="a", reason="loading the model", fraction=0.43)
    assert "loading the model 43%  0:02" in drawn(started, waiting)
    assert "loading" not in drawn(started, waiting, delta)
    assert "thinks" in drawn(started, TurnDelta(seat="a", reasoning="well, well"))


def test_a_meter_tells_how_full_the_context_is_and_what_left_it() -> None:
    trimmed = ContextTrimmed(seat="a", left_out=4, context=4000)
    shown = drawn(trimmed, *spoken("word " * 1300), columns=100)
    assert re.search(r"> Cynic +Scripted +#####\.{3} +6\d%  without the oldest 4$", shown, re.M), (
        shown
    )


@pytest.mark.parametrize(
    ("told", "context"),
    [(10**400, 1), (10**400, -1), (-5, 4000), (5, 0)],
    ids=["endless", "less", "negative", "none"],
)
def test_figures_that_cannot_be_break_nothing(told: int, context: int) -> None:
    (started, delta) = spoken()
    figures = {"prompt_tokens": told, "context": context}
    turn = turns(("a", "Yes, and twice."))[1].model_copy(
        update={
            "usage": Usage(prompt_tokens=told, completion_tokens=told),
            "timings": Timings(total=3.0),
        }
    )
    assert "Cynic" in drawn(started.model_copy(update=figures), delta)
    assert "Cynic" in drawn(started.model_copy(update=figures), delta, TurnFinished(turn=turn))


def test_speed_is_the_servers_count_once_there_is_one() -> None:
    turn = turns(("a", "Yes, and twice."))[1].model_copy(
        update={
            "usage": Usage(prompt_tokens=900, completion_tokens=50),
            "timings": Timings(first_token=0.5, total=3.0),
        }
    )
    shown = drawn(*spoken(), TurnFinished(turn=turn))
    assert re.search(r"^ {2}Cynic +Scripted +20 tokens/s +##\.+ +24%$", shown, re.M)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(30, 130),
    st.integers(8, 50),
    st.text(st.sampled_from("abc de \n\téß茶語👩\u200d"), max_size=400),
    st.sampled_from([Signs(), ASCII]),
)
def test_a_frame_fits_every_terminal(columns: int, rows: int, text: str, signs: Signs) -> None:
    shown = drawn(*spoken(text), columns=columns, rows=rows, signs=signs).split("\n")
    assert len(shown) < rows
    assert all(cell_len(line) < columns for line in shown)


async def test_nothing_foreign_acts_on_a_terminal_that_is_drawn_on() -> None:
    sting = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\x7f\x00"
    persona = Persona(key="sly", name=f"Sly{sting}", instructions=sting, emoji="\x1b[7m")
    sly = Debater(seat="a", name=persona.name, persona=persona, model=f"M{sting}", stance=sting)
    out = StringIO()
    layout = Layout(Console(file=out, force_terminal=True, color_system=None, width=60))
    layout.begin(debate(sly, debater("b", "Rational"), topic=f"Tea?{sting}"))
    said = turns(("a", f"Yes.{sting} So it is."))[1]
    events = (
        DebateWaiting(position=1),
        *spoken("Yes.\x1b]0;ow"),
        TurnDelta(seat="a", text="ned\x07\x1b"),
        TurnWaiting(seat="a", reason=sting),
        TurnDiscarded(seat="a", reason=sting),
        *spoken(f"{sting} So"),
        TurnFinished(turn=said),
        TurnFinished(turn=said.model_copy(update={"speaker": "user", "text": f"Note{sting}"})),
        DebateRewound(tip="x"),
        DebateFinished(),
    )
    for event in events:
        layout.show(event)
        await asyncio.sleep(0.11)
    layout.end()
    ours = re.sub(r"\x1b\[(\?(2026|25|7)[hl]|[AJ]|2K|\d*m|[\d;]+m)|\r", "", out.getvalue())
    assert "So it is." in ours
    assert "Note" in ours
    assert all(sign.isprintable() or sign == "\n" for sign in ours)
    assert "owned" not in ours


@given(st.from_regex(r"#[0-9a-f]{6}", fullmatch=True))
def test_a_debaters_colour_can_be_read_on_any_paper(colour: str) -> None:
    unknown = ink(colour, {})
    assert min(contrast(unknown, BLACK), contrast(unknown, WHITE)) >= 4.3
    assert contrast(ink(colour, {"COLORFGBG": "15;0"}), NIGHT) >= 4.5
    assert contrast(ink(colour, {"COLORFGBG": "0;default;15"}), DAY) >= 4.5
