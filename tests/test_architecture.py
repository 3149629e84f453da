"""Floors and homes: who may import whom, and where each outside library lives.

The plan is read from the source, imports inside functions included, so a lazy import is no way
around it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

FLOORS = {
    8: ("debate_app",),
    7: ("rebuttal", "rebuttal.__main__"),
    6: ("rebuttal.ui", "rebuttal.web", "rebuttal.cli", "rebuttal.mcp", "rebuttal.sync"),
    5: (
        "rebuttal.app",
        "rebuttal.built_in",
        "rebuttal.links",
        "rebuttal.files",
        "rebuttal.history",
        "rebuttal.models",
        "rebuttal.servers",
        "rebuttal.states",
        "rebuttal.opening",
        "rebuttal.speakers",
        "rebuttal.starts",
        "rebuttal.works",
        "rebuttal.tokens",
        "rebuttal.memory",
        "rebuttal.panels",
        "rebuttal.completions",
        "rebuttal.remote",
        "rebuttal.serving",
    ),
    4: (
        "rebuttal.live",
        "rebuttal.speaking",
        "rebuttal.transcript",
        "rebuttal.live_debates",
        "rebuttal.hall",
        "rebuttal.orchestrator",
        "rebuttal.metered",
        "rebuttal.budget",
        "rebuttal.rights",
        "rebuttal.access",
    ),
    3: (
        "rebuttal.prompts",
        "rebuttal.views",
        "rebuttal.dialogue",
        "rebuttal.speech",
        "rebuttal.broadcast",
        "rebuttal.news",
        "rebuttal.orders",
        "rebuttal.export",
        "rebuttal.intake",
        "rebuttal.wish",
        "rebuttal.seats",
        "rebuttal.tariff",
        "rebuttal.places",
        "rebuttal.requests",
        "rebuttal.own_keys",
        "rebuttal.halt",
        "rebuttal.providers",
        "rebuttal.stores",
        "rebuttal.users",
    ),
    2: (
        "rebuttal.events",
        "rebuttal.branches",
        "rebuttal.bus",
        "rebuttal.catalog",
        "rebuttal.strict_yaml",
        "rebuttal.settings",
        "rebuttal.private_file",
        "rebuttal.document",
        "rebuttal.providers.base",
        "rebuttal.stores.base",
    ),
    1: (
        "rebuttal.records",
        "rebuttal.errors",
        "rebuttal.material",
        "rebuttal.markdown",
        "rebuttal.redaction",
        "rebuttal.line",
        "rebuttal.words",
        "rebuttal.colour",
        "rebuttal.languages",
        "rebuttal.version",
    ),
}
"""A room is a module or a package; the longest name that fits is a module's room."""

NEIGHBOURS = {
    ("rebuttal.live", "rebuttal.speaking"),
    ("rebuttal.speaking", "rebuttal.orchestrator"),
    ("rebuttal.speaking", "rebuttal.hall"),
    ("rebuttal.speaking", "rebuttal.transcript"),
    ("rebuttal.live_debates", "rebuttal.live"),
    ("rebuttal.live_debates", "rebuttal.hall"),
    ("rebuttal.hall", "rebuttal.orchestrator"),
    ("rebuttal.metered", "rebuttal.budget"),
    ("rebuttal.tariff", "rebuttal.views"),
    ("rebuttal.views", "rebuttal.prompts"),
    ("rebuttal.dialogue", "rebuttal.prompts"),
    ("rebuttal.intake", "rebuttal.wish"),
    ("rebuttal.wish", "rebuttal.seats"),
    ("rebuttal.seats", "rebuttal.prompts"),
    ("rebuttal.app", "rebuttal.works"),
    ("rebuttal.works", "rebuttal.models"),
    ("rebuttal.works", "rebuttal.opening"),
    ("rebuttal.works", "rebuttal.speakers"),
    ("rebuttal.works", "rebuttal.starts"),
    ("rebuttal.serving", "rebuttal.app"),
    ("rebuttal.app", "rebuttal.files"),
    ("rebuttal.app", "rebuttal.opening"),
    ("rebuttal.starts", "rebuttal.models"),
    ("rebuttal.models", "rebuttal.memory"),
    ("rebuttal.starts", "rebuttal.speakers"),
    ("rebuttal.app", "rebuttal.links"),
    ("rebuttal.app", "rebuttal.tokens"),
    ("rebuttal.app", "rebuttal.panels"),
    ("rebuttal.panels", "rebuttal.speakers"),
    ("rebuttal.app", "rebuttal.completions"),
    ("rebuttal.completions", "rebuttal.speakers"),
    ("rebuttal.app", "rebuttal.history"),
    ("rebuttal.speakers", "rebuttal.models"),
    ("rebuttal.models", "rebuttal.servers"),
    ("rebuttal.models", "rebuttal.states"),
    ("rebuttal.states", "rebuttal.servers"),
    ("rebuttal.catalog", "rebuttal.strict_yaml"),
    ("rebuttal.markdown", "rebuttal.material"),
    ("rebuttal.redaction", "rebuttal.material"),
    ("rebuttal.line", "rebuttal.records"),
    ("rebuttal.access", "rebuttal.hall"),
    ("rebuttal.access", "rebuttal.live"),
    ("rebuttal.access", "rebuttal.rights"),
}
"""Who may look into a room of its own floor."""

HOMES = {
    "gradio": ("rebuttal.ui", "debate_app"),
    "spaces": ("debate_app",),
    "fastapi": ("rebuttal.ui", "rebuttal.web"),
    "starlette": ("rebuttal.ui", "rebuttal.web"),
    "uvicorn": ("rebuttal.ui", "rebuttal.web"),
    "h11": ("rebuttal.web.connections",),
    "sqlalchemy": ("rebuttal.stores.sql", "rebuttal.stores.migrations"),
    "alembic": ("rebuttal.stores.sql", "rebuttal.stores.migrations"),
    "redis": ("rebuttal.stores.redis",),
    "openai": ("rebuttal.providers.openai",),
    "httpx2": ("rebuttal.providers.openai",),
    "ollama": ("rebuttal.providers.ollama",),
    "httpx": ("rebuttal.providers.ollama", "rebuttal.web.hugging_face", "rebuttal.remote"),
    "httpx_sse": ("rebuttal.remote",),
    "mcp": ("rebuttal.mcp",),
    "anyio": ("rebuttal.mcp",),
    "xllamacpp": ("rebuttal.providers.llama_cpp",),
    "psutil": ("rebuttal.providers",),
    "huggingface_hub": ("rebuttal.providers.weights",),
    "filelock": ("rebuttal.providers.weights", "rebuttal.private_file"),
    "itsdangerous": ("rebuttal.web.cookie",),
    "markdown_it": ("rebuttal.export", "rebuttal.cli.chatting"),
    "argon2": ("rebuttal.users",),
    "yaml": ("rebuttal.strict_yaml",),
    "typer": ("rebuttal.cli", "rebuttal.__main__"),
    "rich": ("rebuttal.cli", "rebuttal.__main__"),
    "prompt_toolkit": ("rebuttal.cli",),
    "pydantic": ("rebuttal",),
    "pydantic_settings": ("rebuttal.settings",),
    "dotenv": ("rebuttal.settings",),
    "platformdirs": ("rebuttal.settings",),
    "keyring": ("rebuttal.settings",),
}
"""A home is a room, or the first part of the names of several files (``openai_compatible``)."""

HEAVY = (
    *("gradio", "fastapi", "starlette", "sqlalchemy", "alembic", "openai", "ollama", "xllamacpp"),
    *("huggingface_hub", "yaml", "typer", "rich", "numpy", "pandas", "redis", "markdown_it"),
    "prompt_toolkit",
)


@dataclass(frozen=True)
class Import:
    """One import of ``target`` (a module's dotted name) by ``module``."""

    module: str
    target: str
    line: int


def modules(root: Path) -> dict[str, Path]:
    """Every module of ours under ``root``, by dotted name."""
    files = [*root.glob("debate_app.py"), *(root / "rebuttal").rglob("*.py")]
    return {
        ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file
        for file in files
        if "__pycache__" not in file.parts
    }


def imports(root: Path) -> list[Import]:
    """Every import in every module, wherever in the file it stands."""
    known = modules(root)
    return [found for name, file in known.items() for found in _imports_of(name, file, known)]


def _imports_of(name: str, file: Path, known: dict[str, Path]) -> Iterator[Import]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{name}:{node.lineno}: a relative import"
            assert node.level == 0, f"{name}:{node.lineno}: a relative import"
            for alias in node.names:
                deeper = f"{node.module}.{alias.name}"
                yield Import(name, deeper if deeper in known else node.module, node.lineno)


def room_of(module: str) -> tuple[int, str] | None:
    """Floor and room of a module of ours; None for one that the plan does not know."""
    fitting = [
        (len(room), floor, room)
        for floor, rooms in FLOORS.items()
        for room in rooms
        if module == room or (module.startswith(f"{room}.") and room != "rebuttal")
    ]
    return max(fitting)[1:] if fitting else None


def broken_floors(root: Path) -> list[str]:
    """What an import does that the plan forbids, a line each."""
    offences = [f"{name}: has no floor" for name in modules(root) if room_of(name) is None]
    for found in imports(root):
        here, there = room_of(found.module), room_of(found.target)
        if here is None or there is None or here[1] == there[1]:
            continue
        if there[0] < here[0] and not _too_concrete(here[0], there[1]):
            continue
        if (here[1], there[1]) not in NEIGHBOURS:
            offences.append(f"{found.module}:{found.line}: may not import {found.target}")
    return offences


def _too_concrete(floor: int, room: str) -> bool:
    """Whether a floor that must not choose reaches for a concrete provider or store."""
    return floor != 5 and room in ("rebuttal.providers", "rebuttal.stores")


def strangers(root: Path) -> list[str]:
    """Imports of outside libraries away from their home, or of libraries without one."""
    offences = []
    for found in imports(root):
        library = found.target.split(".")[0]
        if library in sys.stdlib_module_names or library in ("rebuttal", "debate_app"):
            continue
        if not any(found.module.startswith(home) for home in HOMES.get(library, ())):
            offences.append(f"{found.module}:{found.line}: {library} does not live here")
    return offences


def cycles(root: Path) -> list[str]:
    """A ring of modules that import each other, if there is one."""
    graph: dict[str, set[str]] = {name: set() for name in modules(root)}
    for found in imports(root):
        if found.target in graph and found.target != found.module:
            graph[found.module].add(found.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [" -> ".join(error.args[1])]
    return []


def module_state(root: Path) -> list[str]:
    """Names at module level that can change: ``global`` and mutable values that are no constant."""
    offences = []
    for name, file in modules(root).items():
        tree = ast.parse(file.read_text("utf-8"))
        offences += [
            f"{name}:{node.lineno}: global"
            for node in ast.walk(tree)
            if isinstance(node, ast.Global)
        ]
        for node in tree.body:
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            target = node.target if isinstance(node, ast.AnnAssign) else target
            value = getattr(node, "value", None)
            if not isinstance(target, ast.Name) or target.id.isupper() or target.id == "__all__":
                continue
            if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp):
                offences.append(f"{name}:{node.lineno}: {target.id} is mutable")
    return offences


def test_no_room_imports_upwards_or_sideways() -> None:
    assert broken_floors(ROOT) == []


def test_every_outside_library_stays_in_its_home() -> None:
    assert strangers(ROOT) == []


def test_no_modules_import_each_other_in_a_ring() -> None:
    assert cycles(ROOT) == []


def test_no_module_holds_state() -> None:
    assert module_state(ROOT) == []


@pytest.mark.parametrize("module", ["rebuttal", "rebuttal.app", "rebuttal.records"])
def test_importing_loads_no_heavy_library(module: str) -> None:
    allowed = ("yaml",) if module == "rebuttal.app" else ()
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert loaded & {*HEAVY} <= {*allowed}
    assert "rebuttal" in loaded


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("rebuttal/records.py", "import rebuttal.errors", "may not import rebuttal.errors"),
        ("rebuttal/events.py", "from rebuttal import prompts", "may not import rebuttal.prompts"),
        ("rebuttal/prompts.py", "import rebuttal.export", "may not import rebuttal.export"),
        ("rebuttal/live.py", "from rebuttal.stores import sql", "may not import rebuttal.stores"),
        ("rebuttal/cli/a.py", "import rebuttal.ui.page", "may not import rebuttal.ui.page"),
        ("rebuttal/ui/page.py", "import rebuttal.stores.sql", "may not import rebuttal.stores.sql"),
        ("rebuttal/ui/page.py", "import rebuttal.__main__", "may not import rebuttal.__main__"),
        ("rebuttal/app.py", "def f():\n    import rebuttal.cli.a", "may not import rebuttal.cli.a"),
        ("rebuttal/helpers.py", "", "has no floor"),
        ("rebuttal/live.py", "def f():\n    import openai.types", "openai does not live here"),
        ("rebuttal/ui/page.py", "import typer", "typer does not live here"),
        ("rebuttal/cli/a.py", "import somelib", "somelib does not live here"),
        ("rebuttal/app.py", "seen = []", "seen is mutable"),
        ("rebuttal/app.py", "def f():\n    global x", "global"),
        ("rebuttal/providers/ollama.py", "import rebuttal.providers.openai_compatible", " -> "),
    ],
)
def test_a_planted_offence_is_found(tmp_path: Path, file: str, line: str, said: str) -> None:
    tree = {
        "debate_app.py": "import rebuttal.__main__, rebuttal.ui.page",
        "rebuttal/__init__.py": "",
        "rebuttal/__main__.py": "import typer, rebuttal.cli.a, rebuttal.ui.page",
        "rebuttal/cli/a.py": "import rich, rebuttal.app",
        "rebuttal/ui/page.py": "import gradio, rebuttal.app",
        "rebuttal/app.py": "import rebuttal.live, rebuttal.stores.sql",
        "rebuttal/live.py": "from rebuttal.speaking import x\nimport rebuttal.stores.base",
        "rebuttal/speaking.py": "import rebuttal.orchestrator",
        "rebuttal/orchestrator.py": "import rebuttal.prompts, rebuttal.events",
        "rebuttal/prompts.py": "import rebuttal.providers.base",
        "rebuttal/export.py": "import rebuttal.records",
        "rebuttal/providers/base.py": "import rebuttal.errors",
        "rebuttal/providers/ollama.py": "import ollama, rebuttal.providers.base",
        "rebuttal/providers/openai_compatible.py": "import openai, rebuttal.providers.ollama",
        "rebuttal/stores/base.py": "import rebuttal.records",
        "rebuttal/stores/sql.py": "import sqlalchemy, rebuttal.stores.base",
        "rebuttal/events.py": "import rebuttal.records",
        "rebuttal/records.py": "import pydantic",
        "rebuttal/errors.py": "FIRST = []",
    }
    for name, text in tree.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n", "utf-8")

    def offences() -> list[str]:
        checks = (broken_floors, strangers, cycles, module_state)
        return [offence for check in checks for offence in check(tmp_path)]

    assert offences() == []
    (tmp_path / file).write_text(tree.get(file, "") + "\n" + line + "\n", "utf-8")
    assert any(said in offence for offence in offences())
