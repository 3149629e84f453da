"""Each command of a chat, typed on a terminal."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rebuttal.cli.chatting.commands import COMMANDS
from rebuttal.settings import HOME
from tests.chat_app import Desk
from tests.snippets import blocks, runs
from tests.terminal_app import COFFEE, TEA

if sys.platform == "win32":
    pytest.skip("Windows has no pseudo-terminals of this kind", allow_module_level=True)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(100, 40)
    desk.chat("rational:Tea", tmp_path_factory.mktemp("chat"))
    yield desk
    desk.close()


@pytest.fixture
def desk(shared: Desk) -> Desk:
    """A chat with one seat in which nothing is said."""
    shared.say("/new")
    while "\n2 " in shared.say("/seat"):
        shared.say("/seat -2")
    for setting in ("temperature", "max_tokens", "seed", "language", "rounds"):
        shared.say(f"/params {setting} -")
    shared.begin("Tea")
    return shared


def echoed(said: str) -> dict[str, Any]:
    """What an echo tells of how it was asked."""
    text = "".join(line.removeprefix("  ") for line in said.splitlines())
    whole: tuple[dict[str, Any], int] = json.JSONDecoder().raw_decode(text, text.index('{"heard"'))
    return whole[0]


def test_models_are_listed_with_their_state(desk: Desk) -> None:
    listed = desk.say("/models")
    assert "Coffee:1b   Closed    ready" in listed
    assert "4096 tokens" in listed


def test_switch_persona_and_system_change_who_answers_next(desk: Desk) -> None:
    desk.say("What is tea?")
    desk.say("/switch echo")
    asked = echoed(desk.say("And coffee?"))
    system, question, answer, second = asked["heard"]
    assert system[1].startswith("You argue by structured logic")
    assert question == ["user", "What is tea?"]
    assert answer[0] == "assistant"
    assert second == ["user", "And coffee?"]
    desk.say("/persona cynic")
    said = desk.say("Who are you?")
    assert "Cynic\n" in said
    system, *rest = echoed(said)["heard"]
    assert "structured logic" not in system[1]
    assert [role for role, _ in rest] == ["user", "assistant"] * 2 + ["user"]
    desk.say("/system Speak like a pirate.")
    said = desk.say("Who are you?")
    assert echoed(said)["heard"][0] == ["system", "Speak like a pirate."]
    assert "Cynic\n" in said
    assert "Speak like a pirate." in desk.say("/system")
    desk.say("/system -")
    assert "pirate" not in echoed(desk.say("And now?"))["heard"][0][1]


def test_a_seat_is_added_answers_and_leaves(desk: Desk) -> None:
    assert "2  cynic     Coffee:1b" in desk.say("/seat cynic:Coffee:1b")
    said = desk.say("Tea or coffee?")
    assert said.index("Rational\n") < said.index("Cynic\n")
    assert any(speech[:60] in said for speech in COFFEE)
    assert "Several debaters sit here.\nSay which one: /persona NUMBER NAME" in desk.say(
        "/persona polite"
    )
    assert "2  polite    Coffee:1b" in desk.say("/persona 2 polite")
    assert "polite" not in desk.say("/seat -polite")
    assert "Nobody else sits here." in desk.say("/seat -1")
    assert "Rational\n" in (said := desk.say("Alone?"))
    assert "Polite" not in said


def test_params_reach_the_model(desk: Desk) -> None:
    desk.begin("Echo")
    desk.say("/params temperature 0.3")
    desk.say("/params max_tokens=123")
    assert "7" in desk.say("/params seed 7")
    options = echoed(desk.say("Hello"))["options"]
    assert (options["temperature"], options["max_tokens"]) == (0.3, 123)
    assert options["seed"] == 8  # of the second turn
    assert "temperature: Input should be less than or equal to 2" in desk.say(
        "/params temperature 5"
    )
    assert "'warm' is no number." in desk.say("/params temperature warm")
    assert "'heat' is no parameter." in desk.say("/params heat 1")


def test_a_conversation_is_saved_and_loaded_by_name_number_and_search(desk: Desk) -> None:
    first = desk.say("Leaves of grass, which are many")
    desk.say("/save Grass")
    desk.begin("Tea")
    desk.say("Something else entirely")
    listed = desk.say("/history").splitlines()
    assert "Something else entirely" in listed[1]
    assert "Grass" in listed[2]
    loaded = desk.say("/load grass")
    assert loaded.startswith("Grass\n> Leaves of grass, which are many\n")
    assert first in loaded
    assert "Something else" in desk.say("/search entirely else")
    assert desk.say("/load 1").startswith("Something else entirely\n")
    assert "Nothing was found." in desk.say("/search zeppelin")
    assert "No conversation is called 'zeppelin'.\nSee: /history" in desk.say("/load zeppelin")


def test_a_branch_goes_on_from_an_earlier_turn(desk: Desk) -> None:
    for line in ("First", "Second"):
        desk.say(line)
    tree = desk.say("/branch").splitlines()
    assert [row.split()[:2] for row in tree[:4]] == [
        *(["0", "Topic"], ["1", "Rational"], ["2", "You"], ["3", "Rational"])
    ]
    assert "The next line follows: " in desk.say("/branch 1")
    desk.say("Instead")
    shown = desk.say("/branch")
    assert "2  You  Instead" in shown
    assert "├─ You  Second" in shown
    assert "is no turn" in desk.say("/branch 77")


def test_retry_asks_for_another_answer(desk: Desk) -> None:
    first = desk.say("What is tea?")
    again = desk.say("/retry")
    assert again != first
    assert any(speech[:60] in again for speech in TEA)
    desk.say("/switch Coffee:1b")
    other = desk.say("/retry")
    assert any(speech[:60] in other for speech in COFFEE)


def test_export_prints_or_writes_a_file_once(desk: Desk, tmp_path: Path) -> None:
    desk.say("What is tea?")
    assert "## Rational" in desk.say("/export md")
    file = tmp_path / "talk.json"
    desk.say(f"/export {file}")
    assert json.loads(file.read_text())["debate"]["topic"] == "What is tea?"
    assert "'talk.json' is there already." in desk.say(f"/export {file}")
    assert "neither a format nor a file" in desk.say("/export talk.doc")


def test_stats_count_tokens_times_and_money(desk: Desk) -> None:
    desk.say("What is tea?")
    stats = {row.split("  ")[0].strip(): row for row in desk.say("/stats").splitlines()}
    assert stats["turns"].split()[-1] == "1"
    assert int(stats["tokens written"].split()[-1]) > 10
    assert stats["cost"].endswith("USD")
    assert any("of 4096 tokens in view" in row for row in stats)


def test_a_debate_runs_and_the_conversation_goes_on(desk: Desk) -> None:
    desk.say("What is tea?")
    desk.say("/params rounds 1")
    said = desk.say("/debate Tea or coffee?")
    assert "Rational  round 1 of 1" in said
    assert "Philosopher  round 1 of 1" in said
    assert "The debate is kept." in said
    assert "Topic  What is tea?" in desk.say("/branch")


def test_help_names_every_command_and_what_is_wrong_is_told(desk: Desk) -> None:
    helped = desk.say("/help")
    names = "models debate retry switch persona seat system params new save load history search"
    for name in (*names.split(), "branch", "export", "stats", "help", "quit"):
        assert f"/{name}" in helped
    assert "There is no command /swich.\nSee: /switch, " in desk.say("/swich Tea")
    assert "/save needs more.\nWrite: /save NAME" in desk.say("/save")
    assert "Nothing is said yet." in desk.say("/export md")
    assert "No model is called 'GPT-99'." in desk.say("/switch GPT-99")
    assert "no persona is called 'nobody'" in desk.say("/persona nobody")
    desk.begin("Echo")
    assert echoed(desk.say("/etc/hosts"))["heard"][-1] == ["user", "/etc/hosts"]


def test_quit_leaves(tmp_path: Path) -> None:
    desk = Desk(80, 24)
    desk.chat("rational:Tea", tmp_path)
    desk.type("/quit\r")
    assert desk.end() == 0
    desk.close()


PAGE = (HOME / "docs" / "terminal.md").read_text("utf-8").partition("## A conversation")[2]
_, _, CHAT, _ = blocks("docs/terminal.md", "sh")
_, TALK = blocks("docs/terminal.md", "text")


def test_the_page_about_the_terminal_names_every_command_as_it_is() -> None:
    rows = re.findall(r"^\| `/(.+?)` \|", PAGE, re.M)
    assert [row.replace("\\|", "|") for row in rows] == [
        command.usage.removeprefix("/") for command in COMMANDS.values()
    ]


@runs(CHAT, TALK)
def test_the_conversation_on_the_page_can_be_had(tmp_path: Path) -> None:
    (line,) = CHAT.lines
    desk = Desk(100, 40)
    desk.chat(line.removeprefix("rebuttal chat "), tmp_path)
    assert "Cynic speaks through Tea." in desk.shown
    desk.say("/params rounds 1")
    typed = [line.removeprefix("> ") for line in TALK.lines if line.startswith("> ")]
    said = [desk.say(line) for line in typed]
    assert len(said) == 6
    assert "Cynic\n" in said[0]
    assert "2  rational  Tea" in said[1]
    assert "Rational\n" in said[2]
    assert "Hot drinks" in said[3]
    assert "Rational  round 1 of 1" in said[4]
    desk.close()
