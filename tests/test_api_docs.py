"""The interface's own documents: its page, the files that it loads, and docs/http.md as it is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage

from rebuttal.web.api.description import operations
from rebuttal.web.problems import EXPLAINED, TITLES
from tests.desk import Desk
from tests.listening import calling, served
from tests.served import Served, serving
from tests.snippets import Block, blocks, each_of, runs
from tests.stores import ROOT

TEXT = (ROOT / "docs" / "http.md").read_text("utf-8")
SERVE, TOKEN, *SHELL = blocks("docs/http.md", "sh")
(PROGRAM,) = blocks("docs/http.md", "python")
(PROBLEM,) = blocks("docs/http.md", "json")


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("documents")) as running:
        yield running


@runs(SERVE, TOKEN)
def test_it_is_served_alone_and_a_token_is_made(desk: Desk) -> None:
    with desk.serving(SERVE.text):
        assert httpx.get(f"{desk.address}/healthz", timeout=60).json()["status"] == "ok"
    assert desk.sh(TOKEN).startswith("rebuttal-")


@each_of(SHELL)
def test_the_commands_of_the_document_do_what_it_says(
    there: Served, tmp_path: Path, block: Block
) -> None:
    for program in ("curl", "jq"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program} here")
    where = {**os.environ, "REBUTTAL": there.address.rstrip("/")}
    done = subprocess.run(
        ["sh", "-e", "-c", block.text],
        cwd=tmp_path,
        env=where,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "problems/" not in done.stdout
    if block.says("ID="):
        events = (tmp_path / "events.txt").read_text()
        assert "event: debate_finished" in done.stdout
        assert "And dogs?" in events
        assert "seat2: Speech" in done.stdout
        assert '"title":"Cats"' in done.stdout


@runs(PROGRAM)
def test_its_program_in_python_hears_a_debate(there: Served, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.text],
        cwd=tmp_path,
        env={**os.environ, "REBUTTAL": there.address.rstrip("/")},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "debate_finished" in done.stdout
    assert "watchers" in done.stdout


@runs(PROBLEM)
def test_its_problem_is_one(there: Served) -> None:
    with calling(there) as program:
        assert program.web.get("/debates/x").json() == json.loads(PROBLEM.text)


def test_every_route_that_it_names_is_there(there: Served) -> None:
    with calling(there) as program:
        paths = {path for _, path, _ in operations(program.get("/openapi.json"))}
    known = {part for path in paths for part in path.split("/")}
    named = set(re.findall(r"`(?:[A-Z]+ )?/([a-z-]+)[`/]", TEXT)) - {"v1", "api"}
    assert len(named) > 15
    assert named <= known | {"live"}


def test_every_kind_of_problem_is_explained(there: Served) -> None:
    assert list(EXPLAINED) == list(TITLES)
    with calling(there) as program:
        for kind in TITLES:
            answer = program.web.get(f"/problems/{kind}")
            assert answer.status_code == 303
            assert answer.headers["location"] == f"/api/v1/docs#problem-{kind}"


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_shows_the_description_and_tries_it(
    browser: Browser, there: Served, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 850})
    said: list[str] = []
    foreign: list[str] = []

    def note(message: ConsoleMessage) -> None:
        said.append(message.text)

    page.on("console", note)
    page.on("request", lambda asked: foreign.append(asked.url))
    try:
        page.goto(f"{there.address}api/v1/docs#problem-busy")
        page.wait_for_selector("details")
        with calling(there) as program:
            count = len(list(operations(program.get("/openapi.json"))))
        assert page.locator("details").count() == count
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        route = page.locator("details", has=page.get_by_text("Begin a debate", exact=True))
        route.locator("summary").click()
        route.get_by_role("button", name="Send").click()
        route.get_by_text("201").first.wait_for()
        assert '"state": "running"' in route.locator(".answer pre").inner_text()
        assert page.locator("#problem-busy").count() == 1
        assert said == []
        assert all(url.startswith((there.address, "data:")) for url in foreign)
    finally:
        page.close()


# --- without the page -----------------------------------------------------------------------------


def test_without_the_page_there_is_everything_else_and_no_gradio(tmp_path: Path) -> None:
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('gradio' in sys.modules, file=sys.stderr, flush=True))\n"
        "from rebuttal.__main__ import main\n"
        "main(['serve', '--no-ui'], 'rebuttal')\n"
    )
    errors = tmp_path / "errors.txt"
    environment = {"REBUTTAL_DATA": str(tmp_path), "REBUTTAL_CACHE": str(tmp_path)}
    command = f'exec {sys.executable} -c "$CODE" 2>{errors}'
    wrapped = f"import os; os.execvp('sh', ['sh', '-c', {command!r}])"
    with serving(tmp_path, "-c", wrapped, environment={**environment, "CODE": code}) as alone:
        assert httpx.get(f"{alone.address}healthz").json()["status"] == "ok"
        assert httpx.get(f"{alone.address}api/v1/health").json()["status"] == "ok"
        assert httpx.get(f"{alone.address}api/v1/personas").status_code == 200
        assert httpx.get(f"{alone.address}v1/models").status_code == 200
        answer = httpx.get(alone.address)
        assert (answer.status_code, "/api/v1/docs" in answer.text) == (404, True)
        assert alone.end() == 0
    assert errors.read_text().strip() == "False"


def test_its_port_is_chosen_and_refused_as_the_pages_is(tmp_path: Path) -> None:
    environment = {**os.environ, "REBUTTAL_DATA": str(tmp_path), "REBUTTAL_CACHE": str(tmp_path)}
    with served(tmp_path) as there:
        port = there.address.rstrip("/").rpartition(":")[2]
        done = subprocess.run(
            [sys.executable, "-m", "rebuttal", "serve", "--no-ui", "--port", port],
            capture_output=True,
            encoding="utf-8",
            env=environment,
            timeout=60,
        )
    assert done.returncode == 1
    assert f"Port {port} is taken." in done.stderr
