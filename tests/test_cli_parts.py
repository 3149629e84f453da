"""Parts of the terminal: words broken at the margin, downloads as bars or lines."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from rebuttal.cli.fetching import show_progress
from rebuttal.cli.wrap import Wrap
from rebuttal.providers.base import Progress

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
