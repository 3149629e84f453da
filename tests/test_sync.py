"""SyncDebateApp: the app in a script, in a loop that runs already, and when it is interrupted."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path

import pytest

from rebuttal import DebateApp, Seat, SyncDebateApp, load_settings
from rebuttal.errors import CatalogError, NotFound
from rebuttal.events import DebateEvent, DebateFinished, TurnFinished
from rebuttal.providers.base import ChatModel, Chunk, Message, Options
from rebuttal.providers.scripted import ScriptedModel
from rebuttal.records import Search, Turn
from rebuttal.settings import HOME
from tests.debates import CYNIC_AND_RATIONAL

LINES = ["Tea keeps a mind calm.", "Coffee built every bridge you crossed today."]
SERVERS_OWN = {"stand_by", "keep_tidy", "close", "keeps_elsewhere", "is_degraded"}
"""What a process that serves others does."""
PAGES_OWN = {"session", "session_owner", "session_since", "end_session", "visitor"}
"""What finds out who asks."""


def opened(folder: Path, model: ChatModel | None = None) -> SyncDebateApp:
    """An app whose model ``Scripted`` says these lines, or is the one given."""
    model = model or ScriptedModel(LINES, repeat=True)
    settings = load_settings(data=folder, cache=folder, offline=True)
    return SyncDebateApp(settings, chat_models={"Scripted": model})


def to_the_end(batches: Iterator[list[DebateEvent]]) -> list[Turn]:
    """The turns of a debate until it has finished."""
    turns: list[Turn] = []
    for batch in batches:
        turns += [event.turn for event in batch if isinstance(event, TurnFinished)]
        if any(isinstance(event, DebateFinished) for event in batch):
            break
    return turns


def debated(app: SyncDebateApp) -> list[Turn]:
    """A debate of one round, from the topic on."""
    return to_the_end(app.watch(app.start("Tea or coffee?", CYNIC_AND_RATIONAL, rounds=1)))


def test_a_script_debates_without_await(tmp_path: Path) -> None:
    with opened(tmp_path) as app:
        turns = debated(app)
        assert [turn.text for turn in turns] == ["Tea or coffee?", *LINES]
        (debate,) = app.debates()
        assert app.transcript(debate.id) == tuple(turns)
        assert [found.debate for found in app.history.find(Search(text="bridge")).found] == [debate]
        assert LINES[1] in app.export(debate.id, "txt")
        assert b"".join(app.files.export_all())[:2] == b"PK"
        assert app.catalog.persona("cynic").name == "Cynic"


async def test_it_works_where_an_event_loop_runs_already(tmp_path: Path) -> None:
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    beating = asyncio.create_task(beat())
    with opened(tmp_path) as app:
        assert len(debated(app)) == 3
    await asyncio.sleep(0.05)
    beating.cancel()
    assert beats


def test_errors_come_as_they_are_and_leave_nothing_behind(tmp_path: Path) -> None:
    before = threading.active_count()
    with opened(tmp_path) as app, pytest.raises(NotFound, match="missing"):
        app.transcript("missing")
    broken = tmp_path / "models.yaml"
    broken.write_text("models: 3\n", "utf-8")
    with pytest.raises(CatalogError):
        SyncDebateApp(load_settings(models=broken, data=tmp_path))
    assert [one.name for one in threading.enumerate() if one.name == "rebuttal"] == []
    assert threading.active_count() <= before


def test_a_closed_app_says_so_and_closing_twice_is_once(tmp_path: Path) -> None:
    app = opened(tmp_path)
    app.close()
    app.close()
    with pytest.raises(RuntimeError, match="closed"):
        app.models()


def test_an_exception_ends_the_debate_in_order(tmp_path: Path) -> None:
    model = ScriptedModel(["One word after another"], repeat=True, delay=0.05)
    ids: list[str] = []

    def fail() -> None:
        with opened(tmp_path, model) as app:
            ids.append(app.start("Tea?", CYNIC_AND_RATIONAL))
            for batch in app.watch(ids[0]):
                if any(event.kind == "turn_delta" for event in batch):
                    raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert model.open == 0
    with opened(tmp_path) as app:
        assert app.transcript(ids[0])[-1].finish == "stopped"


def test_who_stops_listening_leaves(tmp_path: Path) -> None:
    with opened(tmp_path) as app:
        batches = app.watch(app.start("Tea?", CYNIC_AND_RATIONAL, rounds=1))
        next(batches)
        batches.close()
        with pytest.raises(StopIteration):
            next(batches)


class Curious:
    """A model that asks the app that waits for it."""

    def __init__(self) -> None:
        self.app: SyncDebateApp | None = None
        self.said = ""

    async def context(self) -> int:
        return 4096

    async def stream(
        self, messages: Sequence[Message], options: Options
    ) -> AsyncGenerator[Chunk, None]:
        assert self.app
        try:
            self.app.debates()
        except RuntimeError as error:
            self.said = str(error)
        yield Chunk(text="I asked, and nobody could answer me.")
        yield Chunk(finish="stop")


def test_a_model_that_waits_for_its_app_is_told_so(tmp_path: Path) -> None:
    model = Curious()
    with opened(tmp_path, model) as app:
        model.app = app
        seat = Seat(persona="cynic", model="Scripted")
        to_the_end(app.watch(app.start("Tea?", [seat], rounds=1)))
    assert "DebateApp" in model.said


SCRIPT = """
import sys
from pathlib import Path
from rebuttal import Seat, SyncDebateApp, load_settings
from rebuttal.providers.scripted import Line, ScriptedModel

folder = Path(sys.argv[1])
model = ScriptedModel([Line("and so on ", next="again")], delay=0.01)
settings = load_settings(data=folder, cache=folder, offline=True)
app = SyncDebateApp(settings, chat_models={"Endless": model})
debate = app.start("Tea?", [Seat(persona="cynic", model="Endless")])
print(debate, flush=True)
try:
    for events in app.watch(debate):
        if any(event.kind == "turn_delta" for event in events):
            print("spoken", flush=True)
            if "leave" in sys.argv:
                break
except KeyboardInterrupt:
    print(app.state(debate), flush=True)
    raise
"""


def script(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(HOME)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def last_turn(folder: Path, debate_id: str) -> Turn:
    with opened(folder) as app:
        return app.transcript(debate_id)[-1]


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_ctrl_c_keeps_what_was_said(tmp_path: Path) -> None:
    with script(tmp_path) as process:
        assert process.stdout
        debate_id = process.stdout.readline().strip()
        assert process.stdout.readline() == "spoken\n"
        time.sleep(0.3)  # it waits for more by then
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert out.splitlines()[-1] == "paused"
    assert err.splitlines()[-1] == "KeyboardInterrupt"
    assert "never" not in err
    half = last_turn(tmp_path, debate_id)
    assert (half.finish, half.text[:9]) == ("stopped", "and so on")


def test_a_program_that_ends_without_closing_keeps_what_was_said(tmp_path: Path) -> None:
    with script(tmp_path, "leave") as process:
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    half = last_turn(tmp_path, out.splitlines()[0])
    assert (half.finish, half.text[:9]) == ("stopped", "and so on")


def public(kind: object) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def test_everything_can_be_done_without_await(tmp_path: Path) -> None:
    with opened(tmp_path) as app:
        whole = DebateApp(app.settings)
        assert public(whole) - public(app) <= SERVERS_OWN
        for part in ("history", "links", "files", "tokens", "panels", "completions"):
            there, here = public(getattr(whole, part)), public(getattr(app, part))
            assert there - here <= SERVERS_OWN | PAGES_OWN, f"add it to rebuttal/sync.py: {part}"
