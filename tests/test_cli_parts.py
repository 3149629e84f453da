"""Parts of the terminal: words broken at the margin, downloads as bars or lines."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from rebuttal.cli.fetching import show_progress
from rebuttal.cli.json_lines import JsonLines
from rebuttal.cli.lists import print_debates, print_models, print_personas
from rebuttal.cli.stage import Stage
from rebuttal.cli.wrap import Wrap
from rebuttal.events import (
    ContextTrimmed,
    DebateWaiting,
    TurnDelta,
    TurnDiscarded,
    TurnFinished,
    TurnStarted,
)
from rebuttal.providers.base import Progress
from rebuttal.records import Debater, ModelState, Persona
from tests.debates import debate, debater, turns

PROSE = st.text(st.sampled_from("abc de \n\téß茶語👩"))


def wrapped(pieces: list[str], width: int = 20) -> str:
    wrap = Wrap(width)
    return "".join(map(wrap.feed, pieces)) + wrap.flush()


@given(PROSE)
def test_wrapping_moves_only_spaces_and_fits_what_can_fit(text: str) -> None:
    out = wrapped([text])
    assert re.sub(r"\s+", "", out) == re.sub(r"\s+", "", text)
    for line in out.split("\n"):
        words = re.findall(r"[^\s茶語]+|[茶語]", line)
        assert cell_len(line.rstrip()) <= 20 or len(words) == 1


@given(st.lists(PROSE))
def test_pieces_wrap_as_the_whole_does(pieces: list[str]) -> None:
    assert wrapped(pieces) == wrapped(["".join(pieces)])


def test_scripts_without_spaces_break_anywhere() -> None:
    lines = wrapped(["茶は心を静め、静かな心は言葉を量る前に主張を量る。"]).split("\n")
    assert len(lines) > 2
    assert max(map(cell_len, lines)) <= 20


async def steps() -> AsyncIterator[Progress]:
    yield Progress("fetching", 0, None)
    for done in range(0, 101, 20):
        yield Progress("fetching", done * 1_000_000, 100_000_000)
    yield Progress("checking")


async def test_a_download_into_a_file_is_a_line_for_each_step() -> None:
    out = StringIO()
    await show_progress(steps(), Console(file=out))
    assert out.getvalue() == "fetching\nchecking\n"


async def test_a_download_on_a_terminal_fills_a_bar() -> None:
    out = StringIO()
    await show_progress(steps(), Console(file=out, force_terminal=True, width=80))
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    assert "100.0/100.0 MB" in shown
    assert "checking" in shown
    assert max(map(len, re.split(r"[\r\n]", shown))) <= 80


def test_nothing_foreign_acts_on_a_terminal() -> None:
    sting = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\x7f\x00"
    persona = Persona(key="sly", name=f"Sly{sting}", instructions=sting, description=sting)
    stance, model = f"for{sting}", f"M{sting}"
    sly = Debater(seat="a", name=persona.name, persona=persona, model=model, stance=stance)
    other = debater("b", "Rational")
    out = StringIO()
    console = Console(file=out, force_terminal=True, color_system=None, width=60)
    stage = Stage(console, console)
    stage.begin(debate(sly, other, topic=f"Tea?{sting}"))
    started = TurnStarted(seat="a", turn_id="x", round=1, rounds=2, prompt_tokens=1, context=9)
    spoken = turns(("a", f"Yes.{sting} So it is."))[1]
    for event in (
        started,
        TurnDelta(seat="a", text="Yes.\x1b]0;ow"),
        TurnDelta(seat="a", text="ned\x07\x1b"),
        TurnDiscarded(seat="a", reason=sting),
        started,
        TurnFinished(turn=spoken),
        started,
        TurnDelta(seat="a", text="Something else."),
        TurnFinished(turn=spoken),
        ContextTrimmed(seat="a", left_out=1, context=9),
    ):
        stage.show(event)
    stage.end()
    state = ModelState(label=sting, endpoint=sting, model=sting, usable=False, reason=sting)
    print_models([state], console)
    print_personas([persona], console)
    print_debates([(debate(sly, topic=sting), "finished", sting)], console)
    assert "So it is." in out.getvalue()
    assert all(sign.isprintable() or sign == "\n" for sign in out.getvalue())
    assert "owned" not in out.getvalue()


def test_who_waits_in_line_sees_the_number_and_about_how_long() -> None:
    out = StringIO()
    stage = Stage(Console(file=StringIO()), Console(file=out, force_terminal=True, width=80))
    stage.show(DebateWaiting(position=2, seconds=44.0))
    stage.end()
    assert "waits for a free place, as number 2 in line, for about 40 s" in out.getvalue()


def test_lines_of_json_hold_no_sign_that_acts(capsys: pytest.CaptureFixture[str]) -> None:
    lines = JsonLines()
    lines.begin(debate(topic="\x9b31m\u202e\x1b[2J"))
    lines.show(TurnDelta(seat="a", text="\x9b31m\u2028\x1b[2J\x7f"))
    printed = capsys.readouterr().out
    assert all(sign.isprintable() or sign == "\n" for sign in printed)
