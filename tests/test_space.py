"""A Hugging Face Space: what the README tells it, and a start under its variables."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from debate_app import space_settings
from rebuttal.catalog import load_catalog
from rebuttal.settings import HOME
from tests.built_in import BuiltIn
from tests.visit import Visit

HOST = "somebody-rebuttal.hf.space"
SPACE = {
    "SYSTEM": "spaces",
    "SPACE_ID": "somebody/rebuttal",
    "SPACE_HOST": HOST,
    "SPACE_AUTHOR_NAME": "somebody",
    "SPACE_REPO_NAME": "rebuttal",
    "OAUTH_CLIENT_ID": "c1",
    "OAUTH_CLIENT_SECRET": "s1",
    "OAUTH_SCOPES": "openid profile inference-api",
    "OPENID_PROVIDER_URL": "http://127.0.0.1:1",
    # Nothing outside can be reached.
    "HF_ENDPOINT": "http://127.0.0.1:1",
    "PIP_NO_INDEX": "1",
}
AS_FROM_OUTSIDE = {"host": HOST, "x-forwarded-for": "198.51.100.7", "x-forwarded-proto": "https"}
SPARE_LIBRARY = '''\
"""Reports a function for the card when a page is launched, as the library of that name does."""
import gradio as gr
from pathlib import Path

functions, launch = [], gr.Blocks.launch

def GPU(function):
    functions.append(function.__name__)
    return function

def gradio_auto_wrap(function):
    return function

def launched(*given, **named):
    Path(__file__).with_name("reported").write_text(" ".join(functions))
    return launch(*given, **named)

gr.Blocks.launch = launched
'''

Files = dict[Path, tuple[int, int]]


@dataclass
class Space:
    """A running copy of the repository, with a home of its own."""

    folder: Path
    port: int
    process: subprocess.Popen[str]
    before: Files

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it said."""
        return (self.folder / "log.txt").read_text("utf-8")

    def visit(self) -> Visit:
        """Somebody from outside."""
        return Visit(self.address, headers=AS_FROM_OUTSIDE)


def files(folder: Path) -> Files:
    """Everything below a folder, with its size and when it was written."""
    return {
        path: (found.st_mtime_ns, 0 if path.is_dir() else found.st_size)
        for path in folder.rglob("*")
        if (found := path.lstat())
    }


def free_port(wished: int) -> int:
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", wished))
        except OSError:
            probe.bind(("0.0.0.0", 0))
        return int(probe.getsockname()[1])


def put_checkout(folder: Path) -> None:
    """What a Space has of the repository."""
    for name in ("rebuttal", "personas"):
        left = shutil.ignore_patterns("__pycache__")
        shutil.copytree(HOME / name, folder / name, ignore=left)
    for name in ("debate_app.py", "models.yaml", "README.md", "requirements.txt"):
        shutil.copy(HOME / name, folder / name)


def put_weights(home: Path, built_in: BuiltIn) -> None:
    """The weights where a Space keeps what the README has it fetch while it is built."""
    weights = built_in.model.weights
    assert weights
    assert weights.repo
    file = built_in.weights.find(weights)
    assert file
    repo = f"models--{weights.repo.replace('/', '--')}"
    fetched = home / ".cache" / "huggingface" / "hub" / repo / "snapshots" / "c0ffee"
    fetched.mkdir(parents=True)
    (fetched / str(weights.file)).symlink_to(file)


def start(folder: Path, extra: Mapping[str, str]) -> Space:
    """Start the copy in ``folder`` and wait until its page answers."""
    port = free_port(7860)
    variables = {
        **SPACE,
        **extra,
        **({} if port == 7860 else {"REBUTTAL_PORT": str(port)}),
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "temporary"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    before = files(folder)
    with (folder.parent / f"{folder.name}.txt").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "debate_app.py"],
            cwd=folder / "app",
            env=variables,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
    (folder / "log.txt").symlink_to(folder.parent / f"{folder.name}.txt")
    space = Space(folder, port, process, before)
    until = time.monotonic() + 90
    while "Rebuttal is at" not in space.log:
        assert process.poll() is None, space.log
        assert time.monotonic() < until, space.log
        time.sleep(0.1)
    return space


def end(space: Space) -> int:
    """End it as the platform does. Returns the exit status."""
    space.process.send_signal(signal.SIGTERM)
    try:
        return space.process.wait(20)
    finally:
        space.process.kill()
        space.process.wait()


def prepared(folder: Path, built_in: BuiltIn) -> Path:
    for name in ("app", "home", "temporary"):
        (folder / name).mkdir(parents=True)
    put_checkout(folder / "app")
    put_weights(folder / "home", built_in)
    return folder


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory, built_in: BuiltIn) -> Iterator[Space]:
    running = start(prepared(tmp_path_factory.mktemp("space") / "container", built_in), {})
    yield running
    assert end(running) == 0, running.log


def test_the_readme_tells_a_space_what_it_needs() -> None:
    matter = yaml.safe_load((HOME / "README.md").read_text("utf-8").split("---\n")[1])
    assert (matter["sdk"], matter["app_file"]) == ("gradio", "debate_app.py")
    assert matter["python_version"] == "3.12"
    assert matter["hf_oauth"] is True
    assert matter["hf_oauth_scopes"] == ["inference-api"]
    assert len(matter["short_description"]) <= 60
    catalog = load_catalog(HOME / "models.yaml", HOME / "personas")
    weights = [model.weights for model in catalog.models.values() if model.weights]
    assert matter["preload_from_hub"] == [f"{found.repo} {found.file}" for found in weights]


def test_it_serves_strangers_where_the_platform_looks(space: Space) -> None:
    assert re.search(r"Rebuttal is at .*profile public", space.log)
    assert httpx.get(f"{space.address}/healthz").json()["status"] == "ok"
    visitor = space.visit()
    assert "frame-ancestors 'self' https://huggingface.co" in str(visitor.get("/").headers)
    assert visitor.get("/gradio_api/info").status_code == 404
    elsewhere = httpx.get(space.address, headers={"host": "rebound.example"})
    assert elsewhere.status_code == 421
    visitor.close()


def test_the_first_debate_needs_no_server_and_no_network(space: Space) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 11434)) == 0:
            pytest.skip("an Ollama server runs on this machine")
    visitor = space.visit()
    debate = visitor.begin("SmolLM2", "SmolLM2", topic="Is tea better than coffee?", rounds=1)
    heard = visitor.watch(debate, 120)
    assert '"process_completed"' in heard[-1][1]
    said = visitor.exported(debate)
    assert said.count("speaker") == 3, said
    visitor.close()


def test_nothing_is_written_beside_its_data(space: Space) -> None:
    visitor = space.visit()
    visitor.begin("SmolLM2", "SmolLM2", topic="Is rain better than sun?", rounds=1)
    visitor.close()
    now = files(space.folder)
    home = space.folder / "home"
    ours = (home / ".local" / "share" / "rebuttal", home / ".cache" / "rebuttal")
    written = {path for path, state in now.items() if space.before.get(path) != state}
    assert any(path.name == "debates.sqlite" for path in written)
    expected = {above for folder in ours for above in folder.parents} | {space.folder / "log.txt"}
    expected.add(space.folder / "temporary")  # Python itself tries whether it can write there
    beside = written - expected
    assert {path for path in beside if not any(path.is_relative_to(o) for o in ours)} == set()
    assert not space.before.keys() - now.keys()


def test_with_a_card_it_is_started_too(tmp_path: Path, built_in: BuiltIn) -> None:
    folder = prepared(tmp_path / "container", built_in)
    (folder / "app" / "spaces.py").write_text(SPARE_LIBRARY)
    running = start(folder, {"SPACES_ZERO_GPU": "true"})
    try:
        assert (folder / "app" / "reported").read_text().split() != []
        visitor = running.visit()
        assert visitor.get("/").status_code == 200
        visitor.close()
    finally:
        assert end(running) == 0, running.log


def test_its_disk_that_lasts_is_used(tmp_path: Path) -> None:
    assert space_settings({}, tmp_path) == {
        "REBUTTAL_HOST": "0.0.0.0",
        "REBUTTAL_PORT": "7860",
        "REBUTTAL_DATA": str(tmp_path / "rebuttal"),
        "REBUTTAL_CACHE": str(tmp_path / "rebuttal" / "cache"),
    }
    assert [*space_settings({}, tmp_path / "none")] == ["REBUTTAL_HOST", "REBUTTAL_PORT"]


def test_what_its_owner_has_set_stays(tmp_path: Path) -> None:
    chosen = {"REBUTTAL_PORT": "7861", "REBUTTAL_DATA": "/elsewhere", "REBUTTAL_HOST": ""}
    assert {*space_settings(chosen, tmp_path)} == {"REBUTTAL_HOST", "REBUTTAL_CACHE"}
