"""The notebooks run as they are, say the same at their ends, and tell nothing about a machine."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from docs.notebooks import METADATA, NOTEBOOKS, executed, leaks
from rebuttal.settings import HOME
from tests.served import serving
from tests.snippets import blocks, runs

FILES = sorted(NOTEBOOKS.glob("*.ipynb"))
(LEARN,) = (block for block in blocks("README.md", "sh") if block.says("jupyter"))
MOST = 100_000
"""Bytes of a picture, and of everything that one notebook prints."""


def read(file: Path) -> NotebookNode:
    notebook: NotebookNode = nbformat.read(file, 4)  # type: ignore[no-untyped-call]
    return notebook


def cell(notebook: NotebookNode, name: str) -> NotebookNode:
    found: NotebookNode
    (found,) = (one for one in notebook.cells if one.id == name)
    return found


def python_in(text: str) -> list[str]:
    """The Python in a Markdown text."""
    return re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)


def with_answers(notebook: NotebookNode) -> NotebookNode:
    """The notebook, with the answers to its exercises as cells at its end."""
    text = cell(notebook, "exercises").source
    answers = re.findall(
        r"^<details><summary>Answer</summary>\n(.*?)^</details>", text, re.M | re.S
    )
    code = [code for answer in answers for code in python_in(answer)]
    assert len(code) == len(answers) == text.count("\n**") >= 3
    notebook.cells += [new_code_cell(one) for one in code]  # type: ignore[no-untyped-call]
    return notebook


def printed(notebook: NotebookNode) -> str:
    return "".join(
        output.get("text", "")
        for one in notebook.cells
        for output in one.get("outputs", [])
        if output.get("name") != "stderr"
    )


@pytest.fixture
def _any_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another than the notebooks', and one that nobody has."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("NOTEBOOK_PORT", str(free.getsockname()[1]))


@pytest.mark.usefixtures("built_in", "_any_port")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_notebook_and_the_answers_to_its_exercises_run(file: Path) -> None:
    kept = {one.id: one for one in read(file).cells}
    for one in executed(with_answers(read(file))).cells:
        if one.cell_type == "code" and one.id in kept:
            now, then = (
                {output.output_type for output in each.outputs} for each in (one, kept[one.id])
            )
            assert now == then, f"{one.id}: python -m docs.notebooks {file.stem}"


def test_one_cell_makes_it_another_endpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "taken from the environment")
    notebook = read(FILES[0])
    ollama, other = python_in(cell(notebook, "other-models").source)
    said: dict[str, str] = {}
    exec(other, said)
    assert said["KEY"] == "taken from the environment"
    assert said["ADDRESS"].startswith("https://")
    with serving(tmp_path, "-m", "tests.api_app", str(tmp_path)) as page:
        there = ollama.replace("http://localhost:11434/", page.address)
        cell(notebook, "the-model")["source"] = there.replace('"llama3.2"', '"Quick"')
        assert printed(executed(notebook)).count("Speech") > 10


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_kept_is_whole_and_tells_nothing_of_a_machine(file: Path) -> None:
    notebook = read(file)
    assert notebook.metadata == METADATA
    assert [*leaks(notebook)] == []
    number = 0
    for one in notebook.cells:
        assert one.metadata == {}
        assert re.fullmatch(r"[a-z0-9-]+", one.id)
        if one.cell_type == "code":
            number += 1
            assert one.execution_count == number
            assert bool(one.outputs) == prints(one.source), one.id
    outputs = [output for one in notebook.cells for output in one.get("outputs", [])]
    assert {output.get("name", "stdout") for output in outputs} == {"stdout"}
    assert not [output for output in outputs if "<iframe" in str(output)]
    assert len(json.dumps(outputs)) < 2 * MOST


def prints(source: str) -> bool:
    """Whether this cell shows something."""
    return bool(re.search(r"(?<![\w.])(?:print|display|Markdown|say|plt\.show)\(", source))


@pytest.mark.parametrize(
    "text", ["/home/ann/x", "C:\\Users", "http://10.0.0.3:1/", "hf_abcdefghijklmnopqrst"]
)
def test_a_notebook_that_tells_too_much_is_found(text: str) -> None:
    notebook = read(FILES[0])
    notebook.cells[-1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]
    assert len([*leaks(notebook)]) == 1


def test_each_ends_with_the_same_table_of_concepts() -> None:
    (table, *others) = ("\n".join(re.findall(r"^\|.*", last.source, re.M)) for last in ends())
    assert {*others} == {table}
    rows = table.splitlines()[2:]
    for column, file in enumerate(FILES, 2):
        assert file.name in cell(read(file), "concepts").source
        assert sum(row.split("|")[column].strip() == "●" for row in rows) >= 4


def ends() -> Iterator[NotebookNode]:
    for file in FILES:
        *_, exercises, last = read(file).cells
        assert (exercises.id, last.id) == ("exercises", "concepts")
        yield last


def test_links_and_pictures_are_there_and_small() -> None:
    texts = [
        one.source for file in FILES for one in read(file).cells if one.cell_type == "markdown"
    ]
    links = {link for text in texts for link in re.findall(r"\]\(([^)]+)\)", text)}
    files = {NOTEBOOKS / link for link in links if "://" not in link}
    assert [file for file in files if not file.exists()] == []
    pictures = {file for file in files if file.suffix == ".png"}
    assert pictures == {*NOTEBOOKS.glob("pictures/*")}
    assert all(file.stat().st_size <= MOST for file in pictures)


@runs(LEARN)
def test_the_command_of_the_readme_opens_them() -> None:
    install, _, opening = LEARN.text.partition(" && ")
    assert install == '.venv/bin/python -m pip install -e ".[notebooks]"'
    program, *arguments = opening.split()
    assert program == ".venv/bin/jupyter"
    options = ["--no-browser", "--port=0", "--IdentityProvider.token=learn", "--allow-root"]
    opened = subprocess.Popen(
        [sys.executable, "-m", "jupyter", *arguments, *options],
        cwd=HOME,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert opened.stderr
        address = next(
            found for line in opened.stderr if (found := re.search(r"http://\S+:\d+/", line))
        )
        # It says where it will listen a moment before it does.
        with httpx.Client(base_url=address[0], transport=httpx.HTTPTransport(retries=5)) as client:
            answer = client.get("api/contents/", headers={"Authorization": "token learn"})
        names = {entry["name"] for entry in answer.json()["content"]}
    finally:
        opened.kill()
        opened.communicate()
    assert {file.name for file in FILES} <= names
