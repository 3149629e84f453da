"""Only a debater's own words, however they are cut into pieces."""

from __future__ import annotations

import random
import time
from difflib import SequenceMatcher

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebuttal.speech import (
    MOST_BLANK,
    NEAR_COPY,
    Speech,
    concedes,
    copied_share,
    count_sentences,
    whole_sentences,
)


def spoken(text: str, size: int, sentences: int = 0) -> str:
    speech = Speech("Cynic", ["Rational", "Cynic 2"], sentences)
    shown = "".join(speech.feed(text[at : at + size]) for at in range(0, len(text), size))
    shown += speech.close()
    assert shown == speech.text
    return shown


CASES = [
    ("Cats nap.", "Cats nap."),
    ("Cynic: Cats nap.", "Cats nap."),
    ("[Cynic]: Cats nap.", "Cats nap."),
    ("**Cynic:** Cats nap.", "Cats nap."),
    ('"Cynic: Cats nap.', "Cats nap."),
    ("Rational: Cats nap.", "Cats nap."),
    ("[Student]: Cats nap.", "Cats nap."),
    ("Cynical people nap.", "Cynical people nap."),
    ("Rational people: a rare sort.", "Rational people: a rare sort."),
    ("[1] says so.", "[1] says so."),
    ("Cats nap.\n[Rational]: They do not.", "Cats nap."),
    ("Cats nap.\nRational: They do not.", "Cats nap."),
    ("Cats nap.\n**Rational**: They do not.", "Cats nap."),
    ("Cats nap. [Rational]: They do not.", "Cats nap. "),
    ("Cats nap.\n\nDogs: they run.", "Cats nap.\n\nDogs: they run."),
    ("Cats nap.\n(Rational, it is your turn.", "Cats nap."),
    ("Cynic", "Cynic"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "shown"), CASES)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_names_in_front_go_and_other_voices_end_the_turn(text: str, shown: str, size: int) -> None:
    assert spoken(text, size) == shown


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_a_turn_ends_after_its_sentences(size: int) -> None:
    text = 'It costs 3.5 dollars. Dr. Smith said "no!" He left. Nobody cared.'
    assert spoken(text, size, sentences=3).strip() == text.removesuffix(" Nobody cared.")


def test_what_is_said_after_the_end_is_not_taken() -> None:
    speech = Speech("Cynic", ["Rational"], sentences=1)
    speech.feed("One. Two")
    assert speech.done
    assert speech.feed(" three.") == ""


def test_a_piece_is_shown_as_soon_as_no_name_can_stand_there() -> None:
    speech = Speech("Cynic", ["Rational"])
    assert speech.feed("Cy") == ""
    assert speech.feed("prus ") == "Cyprus "
    assert speech.feed("is an island.") == "is an island."


@given(st.text(alphabet="Cynic: .\n[]Rational(,ab!?", max_size=80), st.integers(1, 7))
def test_the_cut_into_pieces_changes_nothing(text: str, size: int) -> None:
    assert spoken(text, size) == spoken(text, 1)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("One. Two. Thr", "One. Two."),
        ("No end at all", "No end at all"),
        ("It costs 3.5 dol", "It costs 3.5 dol"),
        ('He said "no." And th', 'He said "no."'),
        ("一つ。二つ", "一つ。"),
    ],
)
def test_a_cut_turn_goes_back_to_its_last_whole_sentence(text: str, kept: str) -> None:
    assert whole_sentences(text) == kept


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("One.", 1), ("One. Two", 2), ("E.g. this. Dr. Who?", 2), ("Wow!!!", 1)],
)
def test_sentences_are_counted(text: str, count: int) -> None:
    assert count_sentences(text) == count


@pytest.mark.parametrize(
    ("text", "gives_in"),
    [
        ("I agree with you.", True),
        ("You’re absolutely right, but no.", True),
        ("Thank you for that.", True),
        ("I apologize for the confusion.", True),
        ("You make a good point.", True),
        ("Absolutely, banning cars would hurt.", True),
        ("Of course! Here is a case.", True),
        ("The point about cars is valid.", True),
        ("I understand your concern, but no.", True),
        ("True wisdom doubts.", False),
        ("Absolutely nobody asked for it.", False),
        ("This is incorrect.", False),
        ("I do not agree.", False),
        ("Nobody can agree on this.", False),
        ("You are rightly feared.", False),
        ("I cannot say I agree: I don't agree.", False),
    ],
)
def test_giving_in_is_noticed(text: str, gives_in: bool) -> None:
    assert concedes(text) is gives_in


def test_copies_are_told_from_answers() -> None:
    first = "Homework steals the evening from every child, and nobody learns from stolen hours."
    assert copied_share(first.replace("every", "each"), ["Something else.", first]) > 0.8
    assert copied_share("Practice makes the hand sure and the mind free.", [first]) < 0.8
    assert copied_share(first, []) == 0.0


def test_a_near_copy_is_what_difflib_calls_one() -> None:
    chance = random.Random(4)
    text = "The city that bans cars hears its children again, and the baker sells twice the bread."
    for changed in range(len(text)):
        letters = list(text)
        for at in chance.sample(range(len(text)), changed):
            letters[at] = chance.choice("etaoin shrdlu")
        other = "".join(letters)
        by_difflib = SequenceMatcher(None, other, text, autojunk=False).ratio()
        assert copied_share(text, ["", other]) == (by_difflib if by_difflib > NEAR_COPY else 0.0)


@pytest.mark.parametrize("said", ["\n" * 800, "\n \t" * 150, "." * 400, "[" * 400])
def test_no_turn_takes_the_processor(said: str) -> None:
    began = time.process_time()
    spoken("So" + said + "end", size=1)
    whole_sentences("So" + said * 20 + "end")
    assert time.process_time() - began < 0.3


def test_long_turns_of_one_letter_are_compared_quickly() -> None:
    began = time.process_time()
    assert copied_share("a" * 8000, ["a" * 7999 + "b"]) > NEAR_COPY
    assert time.process_time() - began < 0.3


def test_blank_lines_without_end_become_few() -> None:
    assert spoken("One" + "\n" * 500 + "two", size=1) == "One" + "\n" * MOST_BLANK + "two"
