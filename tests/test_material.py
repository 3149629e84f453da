"""Foreign text is cleaned at one place, whole or in pieces, and keys never get through."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebuttal.material import Cleaner, clean, one_line, redact

HOSTILE = st.text(
    st.sampled_from(
        "ab \n\r\t\x00\x01\x07\x1b[]P\\0;m?\x9b\x9c\x9d\x85\u202e\u2066\ud83dé語👩\u200d"
    )
)


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("plain, with\ttab\nand line", "plain, with\ttab\nand line"),
        ("a\x00b", "a\ufffdb"),
        ("half a pair \ud83d here", "half a pair \ufffd here"),
        ("bell\x07 back\x08 del\x7f nel\x85", "bell back del nel"),
        ("one\r\ntwo\rthree\n", "one\ntwo\nthree\n"),
        ("\x1b[31;1mred\x1b[0m", "red"),
        ("\x1b[38:5:196mred\x1b[m \x1b[?25l\x1b[2J", "red "),
        ("\x9b31mred", "red"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;http://x.test\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1$r0m\x1b\\after \x1b_apc\x9cafter", "after after"),
        ("\x1b(Bcharset \x1b7save \x1bcreset", "charset save reset"),
        ("never closed \x1b]0;title\nnext line", "never closed \nnext line"),
        ("broken \x1b[31é stays", "broken é stays"),
        ("\x1b\x1b[31mtwice", "twice"),
        ("user\u202egnp.exe \u2066isolated\u2069", "usergnp.exe isolated"),
        ("👩\u200d🔬 می\u200cخواهم עברית العربية", "👩\u200d🔬 می\u200cخواهم עברית العربية"),
    ],
)
def test_words_stay_and_what_would_act_goes(foreign: str, shown: str) -> None:
    assert clean(foreign) == shown


@given(st.lists(HOSTILE))
def test_pieces_come_out_as_the_whole_does(pieces: list[str]) -> None:
    cleaner = Cleaner()
    assert "".join(map(cleaner.feed, pieces)) == clean("".join(pieces))


@given(HOSTILE | st.text())
def test_clean_text_can_be_stored_and_is_clean_for_good(foreign: str) -> None:
    shown = clean(foreign)
    shown.encode("utf-8")
    assert {c for c in shown if unicodedata.category(c) in {"Cc", "Cs"}} <= {"\n", "\t"}
    assert clean(shown) == shown


def test_a_sequence_that_never_ends_costs_no_more_per_piece_than_plain_text() -> None:
    cleaner = Cleaner()
    cleaner.feed("\x1b]0;")
    began = time.perf_counter()
    for _ in range(50_000):
        cleaner.feed("more of the title ")
    assert time.perf_counter() - began < 2
    assert cleaner.feed("\x07text") == "text"


def test_an_error_text_fits_on_one_line() -> None:
    assert one_line("  first\r\n\tsecond \x1b[1mthird\x1b[0m ") == "first second third"
    cut = one_line("word " * 100, 20)
    assert len(cut) <= 20
    assert cut.endswith("word…")
    assert one_line("x" * 10, 10) == "x" * 10


@pytest.mark.parametrize(
    "leak",
    [
        "Incorrect API key provided: sk-proj-Ab12Cd34Ef56",
        "Authorization: Bearer Ab12Cd34Ef56",
        "authorization: bearer Ab12Cd34Ef56.x.y",
        "Authorization: Basic QWIxMkNkMzRFZjU2",
        "https://host.test/v1?key=Ab12Cd34Ef56&x=1",
        '{"api_key": "Ab12Cd34Ef56"}',
        "https://user:Ab12Cd34Ef56@host.test/v1",
        "token hf_Ab12Cd34Ef56Gh is not valid",
        "AIzaSyAb12Cd34Ef56Gh78Ij90Kl12Mn34",
    ],
)
def test_what_looks_like_a_key_is_replaced(leak: str) -> None:
    said = redact(leak)
    assert "[key]" in said
    assert "Ab12Cd34Ef56" not in said
    assert "QWIxMkNk" not in said


def test_a_known_key_is_replaced_whatever_it_looks_like() -> None:
    assert redact("refused: opensesame!", ["opensesame", " opensesame! \n", ""]) == "refused: [key]"


def test_ordinary_words_are_no_keys() -> None:
    plain = "the model of task-management at http://localhost:11434/v1 said: risk-averse, basically"
    assert redact(plain) == plain
