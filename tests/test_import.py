"""What comes in as a file is a debate that could have been held here, or nothing at all."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as few
from hypothesis import strategies as st

from rebuttal.document import json_of
from rebuttal.errors import InvalidInput
from rebuttal.export import EXPORT_FORMATS, export_debate
from rebuttal.export.history import HistoryZip
from rebuttal.intake.debates import Arrivals
from rebuttal.line import line_to
from rebuttal.material import clean
from rebuttal.records import Turn
from tests.branched import branched, said
from tests.documents import LIMITS, NOW, changed, in_zip, mutated, only, taken, without_ids, zipped
from tests.hostile import HOSTILE

# --- what comes back ------------------------------------------------------------------------------


def test_an_import_has_new_ids_and_is_otherwise_what_was_exported() -> None:
    debate, tree = branched()
    once = json_of(debate, tree)
    new, turns = only(once)
    assert new.id != debate.id
    assert not {turn.id for turn in turns} & {turn.id for turn in tree}
    assert (new.owner, new.imported_at, new.own_keys, new.forked_from) == ("c:me", NOW, (), None)
    again = json_of(new, turns)
    assert without_ids(again) == without_ids(once)
    differing = [
        line
        for line, other in zip(once.split("\n"), again.split("\n"), strict=False)
        if line != other
    ]
    assert len(again.split("\n")) - len(once.split("\n")) == 1  # imported_at
    assert differing[0].strip().startswith('"id"')


def test_the_tree_comes_back_with_its_branches_edits_and_tables() -> None:
    new, turns = only(json_of(*branched()))
    names = {turn.id: number for number, turn in enumerate(turns)}
    parents = [turn.parent_id and names[turn.parent_id] for turn in turns]
    assert parents == [None, 0, 1, 1, 3, 4, 2, 5, 7, 7]
    assert names[new.tip] == 9
    assert turns[3].edited_from == turns[2].id
    assert turns[5].edited_from == "gone"  # what was edited had been deleted with its branch
    assert turns[7].debaters is not None
    assert [one.seat for one in turns[7].debaters] == ["a", "c"]
    assert turns[1].persona == "owl"
    assert new.debaters[0].sampling is not None
    assert new.debaters[0].digest == "sha256:" + "ab" * 32


@pytest.mark.parametrize(("tip", "finished"), [(9, False), (8, False), (10, True)])
def test_whether_it_is_finished_follows_from_its_turns(tip: int, finished: bool) -> None:
    debate, tree = branched()
    tree.append(said("end", "owl-3", "c", "Done."))
    debate = debate.model_copy(update={"tip": tree[tip].id, "finished": not finished})
    assert only(json_of(debate, tree))[0].finished == finished


@few(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(HOSTILE.map(lambda text: text[:8000]), min_size=1, max_size=8), HOSTILE)
def test_export_import_export_is_identical_with_nasty_text(texts: list[str], topic: str) -> None:
    kept = [clean(text) for text in texts]  # as everything that is said here is kept
    debate, tree = branched(*kept, topic=clean(topic)[:8000].strip() or "Tea?")
    first = json_of(debate, tree)
    second = json_of(*only(first))
    assert without_ids(second) == without_ids(first)
    assert without_ids(json_of(*only(second))) == without_ids(first)
    assert [turn.text for turn in only(in_zip(first))[1]] == [turn.text for turn in tree]


def test_eight_thousand_signs_of_every_kind_come_back() -> None:
    nasty = '\u05d0\u0627\u200f e\u0301 \U0001f469\u200d\U0001f4bb \ufffd \t<b>&amp;</b> "\\ ```\n'
    long = (nasty * 8000)[:8000]
    debate, tree = branched(long, topic=(nasty * 8000)[:7999] + ".")
    new, turns = only(json_of(debate, tree))
    assert new.topic == debate.topic
    assert turns[1].text == long


def test_what_acts_is_cleaned_where_a_foreign_file_holds_it() -> None:
    acting = "\x1b[31mred\x9b0m \u202etxt\u2066 nul:\0 end\r\nline"

    def say(whole: dict[str, Any]) -> None:
        whole["turns"][1]["text"] = acting
        whole["debate"]["topic"] = acting
        whole["debate"]["debaters"][0]["persona"]["instructions"] = acting

    new, turns = only(changed(say))
    words = "red txt nul:\ufffd end\nline"
    assert (turns[1].text, new.topic) == (words, words)
    assert new.debaters[0].persona.instructions == words


def test_a_document_of_version_1_still_comes_in() -> None:
    debate, tree = branched()
    line = line_to(tree, debate.tip)
    whole = {
        "rebuttal": 1,
        "debate": debate.model_dump(mode="json", exclude={"owner"}),
        "turns": [turn.model_dump(mode="json") for turn in line],
    }
    new, turns = only(json.dumps(whole))
    assert [turn.text for turn in turns] == [turn.text for turn in line]
    assert (new.owner, new.own_keys, new.forked_from) == ("c:me", (), None)


def test_a_history_comes_back_oldest_first_and_re_runs_stay_re_runs() -> None:
    debate, tree = branched()
    again = debate.model_copy(
        update={"id": "again", "rerun_of": "debate", "created_at": NOW, "topic": "Again?"}
    )
    lost = debate.model_copy(update={"id": "lost", "rerun_of": "deleted"})
    zipped = HistoryZip()
    data = b"".join([zipped.add(one, tree) for one in (again, debate, lost)] + [zipped.close()])
    first, second, third = (whole[0] for whole in taken(data))
    assert third.topic == "Again?"
    assert third.rerun_of == first.id
    assert first.rerun_of is second.rerun_of is None


def test_a_debate_is_the_same_whenever_it_is_asked_for() -> None:
    text = json_of(*branched())
    there = Arrivals(io.BytesIO(in_zip(text, text)), LIMITS, "c:me", NOW)
    assert list(there) == list(there) == list(there[:])
    assert tuple(debate.id for debate, _ in there) == there.ids
    ids = [turn.id for _, turns in there for turn in turns]
    assert len({*ids}) == 20
    others = Arrivals(io.BytesIO(in_zip(text, text)), LIMITS, "c:me", NOW)
    assert not {*ids} & {turn.id for _, turns in others for turn in turns}


def test_the_same_document_twice_is_two_debates() -> None:
    text = json_of(*branched())
    first, second = taken(in_zip(text, text))
    assert first[0].id != second[0].id


# --- what does not come in ------------------------------------------------------------------------

REFUSED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "an owner": (lambda w: w["debate"].update(owner="boss"), "debate.owner: no document has it"),
    "own keys": (lambda w: w["debate"].update(own_keys=["X"]), "debate.own_keys: no document"),
    "another field": (lambda w: w["turns"][1].update(x=1), "turns.1.x: Extra inputs"),
    "no tip": (lambda w: w["debate"].update(tip="t99"), "debate.tip: is no turn"),
    "a cycle": (lambda w: w["turns"][1].update(parent_id="t6"), "turns.1.parent_id: is no earlier"),
    "its own parent": (lambda w: w["turns"][1].update(parent_id="t2"), "turns.1.parent_id"),
    "two roots": (lambda w: w["turns"][1].pop("parent_id"), "only the first turn has none"),
    "an id twice": (lambda w: w["turns"][2].update(id="t2"), "turns.2.id: is the id of an earlier"),
    "a stranger": (lambda w: w["turns"][2].update(speaker="z"), "turns.2.speaker: sits at no"),
    "one of another table": (lambda w: w["turns"][2].update(speaker="c"), "turns.2.speaker"),
    "a root that a debater spoke": (lambda w: w["turns"][0].update(speaker="a", rounds=0), "first"),
    "rounds that a debater buys": (lambda w: w["turns"][1].update(rounds=1), "turns.1.rounds"),
    "rounds without end": (lambda w: w["turns"][0].update(rounds=10**9), "turns.0.rounds"),
    "more turns than allowed": (lambda w: w["turns"][0].update(rounds=1000), "2001 turns"),
    "a seat called user": (
        lambda w: w["debate"]["debaters"][0].update(seat="user"),
        "debate.debaters: no seat may be called 'user'",
    ),
    "one seat twice": (lambda w: w["debate"]["debaters"][0].update(seat="b"), "have one seat"),
    "nobody": (lambda w: w["debate"].update(debaters=[]), "debate.debaters"),
    "a long turn": (lambda w: w["turns"][1].update(text="x" * 8001), "turns.1.text: is too long"),
    "a long topic": (lambda w: w["debate"].update(topic="x" * 8001), "debate.topic: has more"),
    "a name of two lines": (lambda w: w["debate"]["debaters"][0].update(name="a\nb"), "name: is"),
    "an empty topic": (lambda w: w["debate"].update(topic=" \n"), "debate.topic: is empty"),
    "no time zone": (lambda w: w["turns"][1].update(created_at="2026-01-01T00:00:00"), "time zone"),
    "the future": (lambda w: w["debate"].update(created_at="2126-01-01T00:00:00Z"), "now"),
    "the beginning": (lambda w: w["turns"][0].update(created_at="0001-01-01T00:00:00+14:00"), "no"),
    "no number": (lambda w: w["turns"][1]["timings"].update(total=float("nan")), "timings.total"),
    "tokens without end": (lambda w: w["turns"][1]["usage"].update(prompt_tokens=2**70), "usage"),
    "tokens below nothing": (lambda w: w["turns"][1]["usage"].update(prompt_tokens=-1), "usage"),
    "a text for a number": (lambda w: w["debate"].update(rounds="2"), "debate.rounds: Input"),
    "the next version": (lambda w: w.update(rebuttal=3), "has version 3"),
    "no version": (lambda w: w.pop("rebuttal"), "no debate of Rebuttal's"),
    "a text as version": (lambda w: w.update(rebuttal="2"), "no debate of Rebuttal's"),
}


@pytest.mark.parametrize(("change", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_document_is_refused_by_the_name_of_its_field(
    change: Callable[[dict[str, Any]], object], words: str
) -> None:
    assert taken(changed(lambda whole: None))
    with pytest.raises(InvalidInput) as refused:
        taken(changed(change))
    assert words in refused.value.message


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[]", b"null", b'"x"', b"{}", b"PK", b"\xff\xfe{", b"\x00" * 99, b"{" * 99),
        *(b"[" * 10**6, b'{"rebuttal":' + b"9" * 9999, b'{"rebuttal":2,"debate":' + b"[" * 9999),
        b'{"rebuttal":1,"x":"\\u0000","debate":' + b"[" * 150 + b"]" * 150 + b"}",
        json_of(*branched()).encode("utf-16"),
        json_of(*branched()).encode().replace(b"Tea is", b"\xc3\x28"),
        json_of(*branched()).replace('"seed": 7', '"seed": ' + "7" * 9999).encode(),
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_document_is_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        taken(data)
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 300


def test_an_error_in_a_zip_names_the_document_and_cannot_act_on_a_terminal() -> None:
    bad = json_of(*branched()).replace('"seed": 7', '"seed": "7"')
    with pytest.raises(InvalidInput, match=r"^debates/1\.json: debate\.seed: "):
        taken(in_zip(json_of(*branched()), bad))
    with pytest.raises(InvalidInput) as refused:
        taken(zipped(("\x1b[31m\u202ex.json", "{}")))
    assert refused.value.message.isprintable()


# --- whatever comes -------------------------------------------------------------------------------


def test_of_three_thousand_spoilt_files_each_is_a_debate_or_refused_in_words() -> None:
    accepted, words = [], []
    for number in range(3000):
        try:
            accepted += taken(mutated(random.Random(number)))
        except InvalidInput as error:
            words.append(error.message)
    assert len(words) > 2000
    assert all(sentence.isprintable() and len(sentence) < 400 for sentence in words)
    assert len(accepted) > 50
    for debate, turns in accepted:
        assert _is_tree(turns)
        assert {export_debate(debate, turns, format) for format in EXPORT_FORMATS}


def _is_tree(turns: tuple[Turn, ...]) -> bool:
    seen: set[str | None] = {None}
    for turn in turns:
        if turn.parent_id not in seen or turn.id in seen:
            return False
        seen.add(turn.id)
    return turns[0].parent_id is None
