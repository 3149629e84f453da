"""Parts of the chat: Markdown in pieces, lines that are recalled, what is a command."""

from __future__ import annotations

import io
import json
import stat
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pyte
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from rebuttal.cli.chatting.answer import Answer
from rebuttal.cli.chatting.command import typed_command
from rebuttal.cli.chatting.recall import KEPT, Recall
from rebuttal.cli.chatting.scroll import Scroll

BLOCKS = (
    "# A heading of *several* words",
    "A paragraph with **bold words**, `code` and a [link](http://a.example) that is long enough "
    "to be broken into several lines. 2 * 3 = 6 and snake_case stay.",
    "Here **a passage that is bold and goes on over more than one line, whatever the width of the "
    "screen on which it is shown may be** and its end, see [a link of many words, which is broken "
    "into lines before it is known to be one](http://b.example).",
    "First line\nand a second line of it",
    "1. one thing\n2. another thing that is longer than a line of forty columns\n   - nested\n3. x",
    "- item\n\n  with a second paragraph\n- item\n  ```js\n  let a = 1;\n\n  let b = 2;\n  ```",
    "> quoted words that go on and on until the line is full\n>\n> - listed",
    "```python\ndef f(x):\n    '''doc'''\n\n    return x\n```",
    "```\nno language, and a line that is much longer than any line on such a narrow screen\n```",
    "| Name | Value |\n|---|--:|\n| a | 1 |\n| b `c` | 22 |",
    "---",
    "<div>raw</div> &amp; &lt;",
    "茶は心を静め、静かな心は言葉を量る前に主張を量る。茶は心を静める。",
)
MARKS = st.sampled_from(
    [
        "**",
        "*",
        "_",
        "`",
        "```",
        "\n",
        "\n\n",
        " ",
        "- ",
        "1. ",
        "> ",
        "#",
        "|",
        "---",
        "word ",
        "[a]",
        "&#x1b;",
    ]
)


def screen_of(pieces: list[str], width: int) -> list[str]:
    """The lines of a terminal on which an answer was set, drawn again after each piece."""
    screen = pyte.HistoryScreen(width, 12, history=5000, ratio=0.01)
    stream = pyte.Stream(screen)

    class Glass(io.StringIO):
        def write(self, text: str) -> int:
            stream.feed(text.replace("\n", "\r\n"))
            return len(text)

    console = Console(file=Glass(), force_terminal=True, width=width, height=12, emoji=False)
    answer = Answer(Scroll(console), patience=0)
    for piece in pieces:
        answer.feed(piece)
        answer.draw()
    answer.end()
    above = ["".join(line[x].data for x in range(width)) for line in screen.history.top]
    return "\n".join(line.rstrip() for line in (*above, *screen.display)).rstrip().split("\n")


def cut(text: str, places: list[int]) -> list[str]:
    """The text in pieces."""
    ends = sorted({0, *(place % (len(text) + 1) for place in places), len(text)})
    return [text[start:end] for start, end in pairwise(ends)]


PLACES = st.lists(st.integers(0, 2000), max_size=60)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=6), PLACES, st.sampled_from([40, 80]))
def test_an_answer_in_pieces_looks_as_the_whole_does(
    blocks: list[str], places: list[int], width: int
) -> None:
    text = "\n\n".join(blocks)
    assert screen_of(cut(text, places), width) == screen_of([text], width)


@settings(max_examples=100, deadline=None)
@given(st.lists(MARKS, max_size=30).map("".join), PLACES)
@example("text\n***bold***", [*range(20)])
@example("a | b\n-|-|x", [*range(20)])
@example("text\n#hashtag", [*range(20)])
def test_no_line_is_lost_whatever_is_written(text: str, places: list[int]) -> None:
    shown = iter(screen_of(cut(text, places), 40))
    assert all(any(line == one for one in shown) for line in screen_of([text], 40) if line)


def test_a_text_that_is_hard_to_read_is_soon_shown() -> None:
    for sign in ("[", "*a_", "`", "<", "> ", "|-", "![", "\\"):
        begin = time.monotonic()
        lines = screen_of([sign * (8000 // len(sign))], 80)
        assert any(line.strip() for line in lines)
        assert time.monotonic() - begin < 5


def test_long_code_is_still_set_as_code() -> None:
    code = "\n".join(f"a[{number}] = *b[{number}] | c_{number};" for number in range(300))
    lines = screen_of([f"Look:\n\n```c\n{code}\n```\n\nDone *now*."], 80)
    assert [line.strip() for line in lines if "=" in line] == code.split("\n")
    assert "Done now." in lines


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("/help", ("help", "")),
        ("/Switch  GPT-5 mini ", ("switch", "GPT-5 mini")),
        ("/system one\ntwo", ("system", "one\ntwo")),
        ("/", ("", "")),
        (" /help", None),
        ("/etc/hosts is a file", None),
        ("What is /help?", None),
    ],
)
def test_what_is_a_command(line: str, command: tuple[str, str] | None) -> None:
    assert typed_command(line) == command


def recalled(recall: Recall) -> Iterator[str]:
    yield from recall.load_history_strings()


def test_recalled_lines_are_cleaned_bounded_and_private(tmp_path: Path) -> None:
    file = tmp_path / "new" / "lines"
    recall = Recall(file)
    assert [*recalled(recall)] == []
    recall.store_string("one\ntwo \x1b[2J")
    assert [*recalled(recall)] == ["one\ntwo "]
    with file.open("a") as stream:
        stream.write("broken\n")
        stream.writelines(json.dumps(f"line {number}") + "\n" for number in range(2 * KEPT))
    lines = [*recalled(recall)]
    assert (len(lines), lines[0]) == (KEPT, f"line {2 * KEPT - 1}")
    assert len(file.read_text().splitlines()) == KEPT
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_lines_are_recalled_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recall = Recall(tmp_path / "file" / "lines")
    recall.append_string("one")
    assert recall.get_strings() == ["one"]
