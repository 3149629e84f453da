"""The terminal: what is typed, what is shown, and with which code it ends."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from rebuttal.catalog import load_catalog
from rebuttal.cli.options import default_model, parse_seat, parse_seats
from rebuttal.errors import InvalidInput, NotFound
from rebuttal.settings import HOME
from tests.terminal_app import COFFEE, TEA, main

CATALOG = load_catalog(HOME / "models.yaml", HOME / "personas")
TWO = ("--seat", "philosopher:Tea", "--seat", "cynic:Coffee:1b")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Typing:
    """Types commands that share one data folder."""

    data: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> Ended:
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*words, "--data", str(self.data)])
        out, err = self.capsys.readouterr()
        assert "Traceback" not in err
        return Ended(int(ended.value.code or 0), out, err)


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Typing:
    return Typing(tmp_path / "data", capsys)


def test_a_debate_in_a_pipe_is_every_turn_once_and_nothing_else(typed: Typing) -> None:
    ended = typed("debate", "Tea or coffee?", *TWO, "--rounds", "2")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == "Tea or coffee?"
    assert lines[1].split() == ["Philosopher", "Tea", "Tea"]
    assert [line for line in lines if "round" in line] == [
        f"{name}  round {number} of 2"
        for number in (1, 2)
        for name in ("🦉 Philosopher", "🥃 Cynic")
    ]
    assert [line for line in lines if line in TEA + COFFEE] == [
        *(TEA[0], COFFEE[0]),
        *(TEA[1], COFFEE[1]),
    ]
    assert "\x1b" not in ended.out


def test_json_prints_one_event_a_line_and_nothing_else(typed: Typing) -> None:
    ended = typed("debate", "Tea or coffee?", *TWO, "--rounds", "1", "--json")
    assert (ended.code, ended.err) == (0, "")
    events = [json.loads(line) for line in ended.out.splitlines()]
    kinds = [event["kind"] for event in events]
    assert kinds[0] == "debate_started"
    assert kinds[-1] == "debate_finished"
    assert [seat["model"] for seat in events[0]["seats"]] == ["Tea", "Coffee:1b"]
    topic, first, second = [event for event in events if event["kind"] == "turn_finished"]
    assert (topic["seat"], topic["text"]) == ("user", "Tea or coffee?")
    assert (first["seat"], first["text"], first["model"]) == ("seat1", TEA[0], "Tea")
    assert (second["seat"], second["text"], second["finish"]) == ("seat2", COFFEE[0], "stop")
    assert first["usage"]["completion_tokens"] == len(TEA[0].split())
    assert first["timings"]["total"] >= 0
    said = "".join(e["text"] for e in events if e["kind"] == "turn_delta" and e["seat"] == "seat1")
    assert said
    assert TEA[0].startswith(said)
    assert ended.out.isascii()


def test_a_kept_debate_is_listed_and_shown_in_each_format(typed: Typing) -> None:
    started = typed("debate", "Tea or coffee?", *TWO, "--rounds", "1", "--json").out
    debate_id = json.loads(started.splitlines()[0])["debate"]
    listed = typed("list")
    assert (listed.code, listed.err) == (0, "")
    assert debate_id in listed.out
    assert "finished" in listed.out
    assert TEA[0] in typed("show", debate_id).out
    assert typed("show", debate_id, "--format", "md").out.startswith("# Tea or coffee?\n")
    assert json.loads(typed("show", debate_id, "--format", "json").out)["debate"]["id"] == debate_id


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (("debate", "x", "--seat", "nobody:Tea"), "no persona is called 'nobody'", "philosopher"),
        (("debate", "x", "--seat", "cynic:GPT-9"), "no model is called 'GPT-9'", "SmolLM2"),
        (("debate", "x", "--seat", ":Tea"), "names no persona", "PERSONA:MODEL"),
        (("debate", "x", *TWO, "--stance", "5=yes"), "'5' is no seat", "1 to 2"),
        (("debate", "x", *TWO, "--stance", "1"), "has no text", "SEAT=TEXT"),
        (("debate", " ", *TWO), "The topic is empty", "Type something"),
        (("debate", "x", *TWO, "--rounds", "99"), "99", ""),
        (("show", "-no-such-id"), "-no-such-id", ""),
        (("resume", "nothing"), "nothing", ""),
        (("pull", "Nothing"), "no model is called 'Nothing'", "SmolLM2"),
        (("personas", "--models", "nowhere.yaml"), "nowhere.yaml", ""),
        (("debate",), "Missing argument", "--help"),
        (("debate", "x", "--roonds", "3"), "--roonds", "--help"),
        (("dance",), "dance", "--help"),
    ],
)
def test_a_problem_is_said_on_stderr_with_code_1(
    typed: Typing, words: tuple[str, ...], said: str, hint: str
) -> None:
    ended = typed(*words)
    assert ended.code == 1
    assert said in ended.err
    assert hint in ended.err
    assert ended.out == ""


def test_a_model_that_cannot_be_reached_leaves_a_debate_that_can_be_resumed(typed: Typing) -> None:
    ended = typed("debate", "Tea?", "--seat", "cynic:Away", "--rounds", "1")
    assert ended.code == 1
    assert "connection refused" in ended.err
    assert "away serve" in ended.err
    found = re.search(r"rebuttal resume (\S+)", ended.err)
    assert found
    assert typed("resume", found[1]).code == 1


def test_a_turn_that_something_cut_is_shown_as_cut(typed: Typing) -> None:
    ended = typed("debate", "Tea?", "--seat", "cynic:Cut", "--rounds", "1")
    assert ended.code == 1
    assert "It broke off\n  (cut when the connection broke)" in ended.out
    assert "connection refused" in ended.err


def test_a_copy_is_taken_back_and_said_to_be(typed: Typing) -> None:
    ended = typed("debate", "Tea?", *("--seat", "cynic:Copycat") * 2, "--rounds", "1")
    assert ended.code == 0
    assert "(taken back: " in ended.out


def test_stances_and_defaults_of_seats() -> None:
    built_in = default_model(CATALOG)
    assert CATALOG.endpoint_of(CATALOG.model(built_in)).api == "embedded"
    assert [s.persona for s in parse_seats((), (), CATALOG)] == ["philosopher", "cynic"]
    assert {s.model for s in parse_seats((), (), CATALOG)} == {built_in}
    seats = parse_seats(["cynic", "cynic", "polite"], ["2=a=b", "Polite= yes "], CATALOG)
    assert [s.stance for s in seats] == [None, "a=b", "yes"]
    with pytest.raises(InvalidInput, match="several seats"):
        parse_seats(["cynic", "cynic"], ["cynic=no"], CATALOG)


@pytest.mark.parametrize(
    ("text", "persona", "model"),
    [
        ("cynic", "cynic", "SmolLM2"),
        ("Cynic:", "cynic", "SmolLM2"),
        ("cynic:LLama3.2", "cynic", "LLama3.2"),
        ("cynic:llama3.2", "cynic", "LLama3.2"),
        ("cynic:llama3.2:1b", "cynic", "LLama3.2"),
        ("cynic:Ollama/qwen3:4b", "cynic", "Ollama/qwen3:4b"),
    ],
)
def test_a_seat_splits_at_its_first_colon(text: str, persona: str, model: str) -> None:
    seat = parse_seat(text, CATALOG)
    assert (seat.persona, seat.model) == (persona, model)


def test_an_unknown_persona_names_those_there_are() -> None:
    with pytest.raises(NotFound) as refused:
        parse_seat("nobody", CATALOG)
    assert "cynic" in refused.value.hint


MODELS = """
endpoints:
  Built-in: {api: embedded}
  Locked: {address: "http://127.0.0.1:9/v1", key: REBUTTAL_NO_SUCH_KEY}
  Closed: {address: "http://127.0.0.1:9/v1", needs_key: false}
models:
  Small: {endpoint: Built-in, model: small, weights: {path: small.gguf}}
  Hosted: {endpoint: Locked, model: hosted-1}
  Local: {endpoint: Closed, model: local-1, context: 4096}
"""


def test_models_are_told_with_their_state_and_the_reason(typed: Typing, tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(MODELS, "utf-8")
    table = typed("models", "--models", str(file))
    assert table.code == 0
    assert max(map(len, table.out.splitlines())) <= 80
    rows = {row.split()[0]: row for row in table.out.splitlines()}
    assert all("not now" in rows[label] for label in ("Small", "Hosted", "Local"))
    assert "REBUTTAL_NO_SUCH_KEY" in table.out.replace("\n", "")
    listed = json.loads(typed("models", "--models", str(file), "--json").out)
    assert [state["label"] for state in listed] == ["Small", "Hosted", "Local"]
    assert not any(state["usable"] for state in listed)
    assert all(state["reason"] for state in listed)


def test_personas_are_told_with_what_seats_them(typed: Typing) -> None:
    personas = typed("personas").out
    assert all(key in personas for key in CATALOG.personas)
    assert max(map(len, personas.splitlines())) <= 80
    assert [p["key"] for p in json.loads(typed("personas", "--json").out)] == [*CATALOG.personas]


def test_serve_gets_what_was_asked_for(typed: Typing) -> None:
    asked = typed("serve", "--host", "0.0.0.0", "--port", "8123", "--share")
    assert (asked.code, asked.out) == (0, "0.0.0.0 8123 True\n")
    assert typed("serve").out == "127.0.0.1 None False\n"
    assert typed("serve", "--port", "99999").code == 1
