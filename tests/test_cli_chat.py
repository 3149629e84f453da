"""A chat on a real terminal: what is typed, what the screen shows, what stays."""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chat_app import NUMBERS, PARAGRAPHS, Desk
from tests.listening import served
from tests.page_app import SPEECHES
from tests.terminal_app import TEA

if sys.platform == "win32":
    pytest.skip("Windows has no pseudo-terminals of this kind", allow_module_level=True)

WIDE = """\
Tea

Tea is older than coffee, and brew makes it; see the book
(http://tea.example/book)
about it.

1. Warm the pot, which takes a minute or two, and then pour it out again
2. Pour

     def brew(leaves: int) -> str:
         return "tea" * leaves

▌ Drink <b>slowly</b>.

Leaf    Minutes
───────────────
green   2
black   4

• the last word
"""
NARROW = """\
Tea

Tea is older than coffee, and brew
makes it; see the book
(http://tea.example/book)
about it.

1. Warm the pot, which takes a minute
   or two, and then pour it out again
2. Pour

     def brew(leaves: int) -> str:
         return "tea" * leaves

▌ Drink <b>slowly</b>.

Leaf    Minutes
───────────────
green   2
black   4

• the last word
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(80, 24)
    desk.chat("rational:Tea", tmp_path_factory.mktemp("chat"))
    yield desk
    desk.close()


@pytest.fixture
def desk(shared: Desk) -> Desk:
    """A chat that has been going on for a while."""
    shared.resize(80, 24)
    return shared


@pytest.fixture
def fresh() -> Iterator[Desk]:
    desk = Desk(80, 24)
    yield desk
    desk.close()


@pytest.mark.parametrize(("columns", "shown"), [(80, WIDE), (40, NARROW)])
def test_markdown_is_set_as_it_comes(desk: Desk, columns: int, shown: str) -> None:
    desk.resize(columns, 24)
    desk.begin("Marked")
    assert shown in f"{desk.say('What is tea?')}\n"
    assert {"cyan", "blue"} & desk.colours()


def test_a_long_answer_is_whole_and_scrolls_away(desk: Desk) -> None:
    desk.begin("Paragraphs")
    assert PARAGRAPHS in desk.say("Go on")
    assert "Paragraph 59" in desk.shown
    assert "Paragraph 40" not in desk.shown


def test_nothing_that_a_model_says_acts_on_the_terminal(desk: Desk) -> None:
    desk.begin("Sting")
    said = " ".join(desk.say("Hello").split())
    assert "Before. a (http://evil.example/) " in said
    assert said.endswith("turned bold link After.")
    assert desk.title == ""
    assert b"\x1b]8;" not in desk.raw
    assert "\u202e" not in desk.raw.decode()


@pytest.mark.parametrize(("before", "after"), [(40, 90), (80, 40)])
def test_a_window_that_is_resized_loses_no_word(desk: Desk, before: int, after: int) -> None:
    desk.resize(before, 24)
    desk.begin("Numbers")
    start = len(desk.whole)
    desk.type("Count\r")
    desk.until("w40 ")
    desk.resize(after, 24)
    desk.until("w119")
    desk.until(desk.is_asking)
    said, words = re.findall(r"\bw\d+\b", desk.whole[start:]), NUMBERS.split()
    # Other than terminals, the emulator cuts off what stands on the right of a narrow window.
    assert said[-60:] == words[-60:]
    if after > before:
        assert said[-120:] == words


def test_ctrl_c_stops_the_answer_and_not_the_program(desk: Desk) -> None:
    desk.begin("Endless")
    desk.type("Go on\r")
    desk.until("and so on and so on")
    desk.interrupt()
    desk.until("(stopped by a person)\n>")
    desk.until(desk.is_asking)
    desk.begin("Tea")
    assert TEA[0][:60] in desk.say("What is tea?")


def test_ctrl_c_twice_stops_as_once_does(desk: Desk) -> None:
    desk.begin("Numbers")
    desk.type("Go on\r")
    desk.until("w1 w2 w3")
    desk.interrupt()
    desk.interrupt()
    desk.until("(stopped by a person)\n>")
    assert "Numbers" in desk.say("/seat")
    assert "Traceback" not in desk.whole


def test_ctrl_c_at_the_prompt_clears_the_line_and_tells_how_to_leave(desk: Desk) -> None:
    desk.type("half a line")
    desk.until("> half a line")
    desk.type("\x03")
    desk.until(desk.is_asking)
    assert "Ctrl-D" not in desk.shown
    desk.type("\x03")
    desk.until("Ctrl-D leaves, and so does Ctrl-C once more.\n>")
    desk.say("/seat")


def test_tab_completes_commands_models_personas_and_names(desk: Desk) -> None:
    desk.begin("Tea")
    desk.say("What is tea?")
    desk.say("/save Leaves")
    for typed, completed in (
        ("/sw\t", "> /switch"),
        ("Cof\t", "> /switch Coffee:1b"),
        ("\r", ">"),
        ("/persona his\t", "> /persona historian"),
        ("\r", ">"),
        ("/seat cyn\t", "> /seat cynic"),
        (":te\t", "> /seat cynic:Tea"),
        ("\r", ">"),
        ("/load Le\t", "> /load Leaves"),
        ("\r", ">"),
    ):
        desk.type(typed)
        desk.until_typed(completed)
    assert "2  cynic      Tea\n" in desk.shown
    assert "> What is tea?\n" in desk.shown


def test_several_lines_are_one_message(desk: Desk) -> None:
    desk.begin("Echo")
    start = len(desk.unfolded)
    for keys in ("one\x1b\rtwo\r", "three\\\rfour\r", "\x1b[200~five\nsix\x1b[201~\r"):
        desk.type(keys)
        desk.until(desk.is_asking)
    pairs = ("one", "two"), ("three", "four"), ("five", "six")
    desk.until(lambda: all(rf"{one}\n{two}" in desk.unfolded[start:] for one, two in pairs))


def test_a_line_without_an_answer_stands_there_again(desk: Desk) -> None:
    desk.begin("Once")
    desk.type("Are you there?\r")
    desk.until("Start it with: once serve\n> Are you there?")
    desk.type("\r")
    desk.until("It speaks now.")
    desk.until(desk.is_asking)
    assert desk.say("/branch").count("Are you there?") == 1


def test_what_is_typed_meanwhile_is_the_next_line(desk: Desk) -> None:
    desk.begin("Tea")
    start = len(desk.whole)
    desk.type("One\rTwo\r")
    speech = r"\n\n\S+ Rational\n[^>]*"
    desk.until(lambda: re.search(f"One{speech}> Two{speech}\n>", desk.whole[start:]))


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_without_colour_the_words_are_the_same(
    fresh: Desk, tmp_path: Path, env: dict[str, str]
) -> None:
    fresh.chat("rational:Marked", tmp_path, **env)
    shown = WIDE.replace("and brew makes", "and `brew` makes")
    assert shown in f"{fresh.say('What is tea?')}\n"
    assert fresh.colours() == {"default"}
    assert b"38;" not in fresh.raw
    if "TERM" in env:
        assert b"\x1b" not in fresh.raw
    fresh.type("\x04")
    assert fresh.end() == 0


def test_ctrl_c_twice_at_an_empty_prompt_leaves(fresh: Desk, tmp_path: Path) -> None:
    fresh.chat("rational:Tea", tmp_path)
    fresh.interrupt()
    fresh.until("Ctrl-C once more.\n>")
    fresh.interrupt()
    assert fresh.end() == 130


def test_up_recalls_lines_of_an_earlier_run_and_no_key(tmp_path: Path) -> None:
    for run in range(2):
        desk = Desk(80, 24)
        desk.chat("rational:Tea", tmp_path)
        if run == 0:
            desk.say(" unseen")
            desk.say("/new")
            desk.say("My key is sk-abcdefgh12345678 now")
        else:
            desk.type("\x1b[A")
            desk.until("> My key is [key] now")
            desk.type("\x1b[A")
            desk.until("> /new")
            desk.type("\x1b[A\x1b[A")
            assert "unseen" not in desk.until("> /new")
        desk.type("\x15\x04")
        desk.end()
        desk.close()
    (file,) = tmp_path.glob("chat_*")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "sk-" not in file.read_text()


def test_it_is_the_same_at_a_server(fresh: Desk, tmp_path: Path) -> None:
    with served(tmp_path) as server:
        words = ("chat", "rational:Slow", "--server", server.address)
        fresh.run(*words, data=None, REBUTTAL_DATA=str(tmp_path / "own"))
        fresh.until(fresh.is_asking)
        fresh.type("Should cats vote?\r")
        fresh.until("Speech is")
        fresh.interrupt()
        fresh.until("(stopped by a person)\n>")
        fresh.say("/switch Quick")
        said = fresh.say("And now?")
        assert any(speech.replace("**", "")[:30] in said for speech in SPEECHES)
        fresh.say("/save Felines")
        fresh.say("/new")
        assert "Felines" in fresh.say("/history")
        assert "> And now?" in fresh.say("/load Felines")
        fresh.type("\x04")
        assert fresh.end() == 0
