"""The pages that begin, explain and help: what they show is run, and what they quote is caused."""

from __future__ import annotations

import io
import re
import sys
from contextlib import aclosing, redirect_stdout
from importlib import import_module
from pathlib import Path

import pytest

from rebuttal.app import DebateApp
from rebuttal.catalog import load_catalog
from rebuttal.errors import InvalidInput
from rebuttal.records import Seat
from rebuttal.settings import HOME, load_settings, read_key
from rebuttal.stores.memory import MemoryStore
from rebuttal.ui.theme import head
from tests.built_in import BuiltIn
from tests.desk import Desk
from tests.fault_server import FaultServer
from tests.snippets import Block, blocks, runs
from tests.symptoms import KEYS, caused
from tests.test_architecture import FLOORS

README = (HOME / "README.md").read_text("utf-8")


@pytest.fixture
def aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with a store of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REBUTTAL_DATA", str(tmp_path / "data"))
    return tmp_path


def printed(program: Block) -> str:
    """What a program prints that runs here: a process for each would take seconds."""
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile(program.text, repr(program), "exec"), {"__name__": "__main__"})
    return out.getvalue()


# Start

INSTALL, PULL, TERMINAL, FOLDERS = blocks("docs/start.md", "sh")
(POWERSHELL,) = blocks("docs/start.md", "powershell")
(DOTENV,) = blocks("docs/start.md", "dotenv")


@runs(INSTALL, POWERSHELL, TERMINAL)
def test_the_first_commands_are_those_of_the_readme_whose_tests_run_them() -> None:
    for block in (INSTALL, POWERSHELL):
        assert block.text in README
    for command in TERMINAL.lines:
        assert f"{command}\n" in README


@runs(PULL)
def test_the_model_to_pull_is_in_the_catalog() -> None:
    program, order, name = PULL.text.split()
    assert (program, order) == ("ollama", "pull")
    catalog = load_catalog(HOME / "models.yaml", HOME / "personas")
    (label,) = (model.label for model in catalog.models.values() if model.model == name)
    assert f"*{label}*" in (HOME / "docs" / "start.md").read_text("utf-8")


@runs(DOTENV)
def test_a_key_in_a_file_is_found(aside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    (aside / ".env").write_text(DOTENV.text, "utf-8")
    assert read_key("OPENAI_API_KEY") == "sk-your-own"


@runs(FOLDERS)
@pytest.mark.skipif(sys.platform == "win32", reason="the command is for a POSIX shell")
def test_the_folders_are_printed(desk: Desk) -> None:
    data, cache = desk.sh(FOLDERS).splitlines()
    settings = load_settings()
    assert (data, cache) == (desk.env["REBUTTAL_DATA"], str(settings.cache))


# Adding, and customising

NEW_PERSONA, NEW_MODELS, NEW_ENDPOINTS = blocks("docs/add.md", "yaml")
PERSONAS, MODELS = blocks("docs/add.md", "sh")
(TONE,) = blocks("docs/customising.md", "yaml")
(STYLE,) = blocks("docs/customising.md", "css")


@runs(NEW_PERSONA, PERSONAS, TONE)
@pytest.mark.skipif(sys.platform == "win32", reason="the command is for a POSIX shell")
def test_new_personas_are_listed(desk: Desk) -> None:
    catalog = desk.catalog(NEW_PERSONA, TONE)
    assert {"grandmother", "lawyer"} == {*catalog.personas}
    desk.env["REBUTTAL_PERSONAS"] = "personas"
    said = desk.sh(PERSONAS)
    assert "Has seen it all before" in said
    assert "Finds the clause that decides it" in said


@runs(NEW_MODELS, MODELS)
def test_new_models_are_read(desk: Desk) -> None:
    assert [*desk.catalog(NEW_MODELS).models] == ["Qwen", "My Qwen", "GPT-5 mini"]
    assert MODELS.text in README


@runs(NEW_ENDPOINTS)
async def test_a_new_endpoint_debates(aside: Path) -> None:
    async with FaultServer(tokens=("It is ", "so.")) as server:
        text = NEW_ENDPOINTS.text.replace("http://192.168.1.20:8000/v1", server.address)
        (aside / "models.yaml").write_text(text, "utf-8")
        settings = load_settings(models=aside / "models.yaml")
        async with DebateApp(settings, store=MemoryStore()) as app:
            states = {state.label: state for state in await app.models()}
            assert states["Big one"].usable
            assert "ELSEWHERE_KEY" in states["Bigger one"].reason
            debate = await app.start("Tea?", [Seat(persona="cynic", model="Big one")], rounds=1)
            async with aclosing(app.watch(debate)) as batches:
                async for batch in batches:
                    if any(event.kind == "debate_finished" for event in batch):
                        break
            assert (await app.transcript(debate))[-1].text == "It is so."


@runs(STYLE)
def test_a_style_of_ones_own_goes_behind_the_pages(tmp_path: Path) -> None:
    file = tmp_path / "mine.css"
    file.write_text(STYLE.text, "utf-8")
    own, page = f"<style>{STYLE.text}</style>", head()
    assert own not in page
    assert head(file).index(own) > head(file).index("--accent")
    listed = (HOME / "docs" / "customising.md").read_text("utf-8")
    css = (HOME / "rebuttal" / "ui" / "page.css").read_text("utf-8")
    variables = re.findall(r"(--[\w-]+):", css.partition(".dark {")[0])
    assert [name for name in variables if f"`{name}`" not in listed] == []
    assert {*re.findall(r"(--[\w-]+):", STYLE.text)} <= {*variables}


@pytest.mark.parametrize(
    ("data", "said"),
    [(None, "No such file"), (b"\xff", "not UTF-8"), (b"</style><script>", "no style")],
)
def test_a_style_that_is_none_is_refused(tmp_path: Path, data: bytes | None, said: str) -> None:
    if data is not None:
        (tmp_path / "mine.css").write_bytes(data)
    with pytest.raises(InvalidInput, match=f"mine.css: .*{said}") as refused:
        head(tmp_path / "mine.css")
    assert "REBUTTAL_STYLE" in refused.value.hint


# Concepts

WHO_SPEAKS, PRINTED = blocks("docs/concepts.md")
WHAT_IS_HEARD, HEARD, PANEL, SUMMED_UP = blocks("docs/concepts-2.md")


@runs(WHO_SPEAKS, PRINTED, WHAT_IS_HEARD, HEARD, PANEL, SUMMED_UP)
@pytest.mark.usefixtures("aside")
def test_the_programs_of_the_concepts_print_what_the_pages_say() -> None:
    assert printed(WHO_SPEAKS) == PRINTED.text
    assert printed(WHAT_IS_HEARD) == HEARD.text
    assert printed(PANEL) == SUMMED_UP.text


# Inside

INSIDE = (HOME / "docs" / "inside.md").read_text("utf-8")


def test_the_floor_plan_on_the_page_is_the_one_that_is_held() -> None:
    plan: dict[int, set[str]] = {floor: set() for floor in FLOORS}
    for floor, rooms in re.findall(r"^\| (\d) \| (.*?) \|", INSIDE, re.M):
        found = re.findall(r"`([\w.]+)`", rooms)
        assert not plan[int(floor)] & {*found}
        plan[int(floor)] |= {*found}
    held = {
        floor: {room if floor > 6 else room.removeprefix("rebuttal.") for room in rooms}
        for floor, rooms in FLOORS.items()
    }
    assert plan == held


def is_there(name: str) -> bool:
    """Whether ``room.module.Class.method`` is one of ours."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        module = f"rebuttal.{'.'.join(parts[:cut])}"
        if (HOME / f"{module.replace('.', '/')}.py").exists():
            found: object = import_module(module)
            for part in parts[cut:]:
                found = getattr(found, part, None)
            return found is not None
    return (HOME / "rebuttal" / parts[0]).is_dir() and len(parts) == 1


def test_every_name_in_the_walk_is_there() -> None:
    walk = INSIDE.partition("## The walk")[2]
    named = re.findall(r"`([a-z_]+(?:\.\w+)+)`", walk)
    assert len(named) > 40
    assert [name for name in named if not is_there(name)] == []
    assert not is_there("live.LiveDebate.begins")


# Troubleshooting

QUOTED = blocks("docs/troubleshooting.md", "text")
(LOOK,) = blocks("docs/troubleshooting.md", "sh")


@runs(*QUOTED)
async def test_every_symptom_is_quoted_as_it_is_told(
    tmp_path: Path, built_in: BuiltIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
    told = await caused(tmp_path)
    assert [block.text.strip() for block in QUOTED] == [*told.values()]


@runs(LOOK)
def test_where_to_look_first_is_in_the_readme_too() -> None:
    assert LOOK.text in README
