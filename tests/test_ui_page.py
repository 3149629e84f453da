"""How the page is put together, read from its own description, and how it is served."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rebuttal.app import DebateApp
from rebuttal.errors import InvalidInput
from rebuttal.serving import free_port
from rebuttal.settings import load_settings
from rebuttal.ui import build_ui, theme
from rebuttal.ui.theme import STYLES
from tests.served import serving

FIELDS = {"checkboxgroup", "textbox", "dropdown", "slider", "checkbox", "number", "radio"}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("page")

    async def described() -> dict[str, Any]:
        # Outside of a loop Gradio makes loops of its own and never closes them.
        demo = build_ui(DebateApp(load_settings(data=folder, cache=folder)))
        return dict(demo.get_config_file())

    return asyncio.run(described())


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def components(config: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [c["props"] for c in config["components"] if c["type"] == kind]


def listeners(config: dict[str, Any], output: str) -> list[dict[str, Any]]:
    """Events that change a component of that class."""
    ids = {
        c["id"] for c in config["components"] if output in (c["props"].get("elem_classes") or [])
    }
    return [event for event in config["dependencies"] if ids & set(event["outputs"])]


def test_no_event_is_offered_to_other_programs(config: dict[str, Any]) -> None:
    assert {event["api_visibility"] for event in config["dependencies"]} == {"private"}


def test_no_component_keeps_a_progress_that_gradio_would_copy_with_every_word(
    config: dict[str, Any],
) -> None:
    asking = [event for event in config["dependencies"] if event["backend_fn"]]
    assert len(asking) > 50
    assert all(event["show_progress_on"] == [] for event in asking)


def test_no_style_behind_has_is_for_any_element() -> None:
    # A browser would work out the style of every turn anew with each word of the live one.
    behind = re.compile(r":has\((?:[^()]|\([^()]*\))*\)\)?(?:\s*[>+~]\s*|\s+)([^\s,{>]+)")
    assert behind.findall(".a:has(.b) > :last-child { color: red }") == [":last-child"]
    for name in STYLES:
        style = (Path(theme.__file__).parent / name).read_text("utf-8")
        assert not [one for one in behind.findall(style) if one.startswith((":", "*"))]


def test_nothing_on_the_page_holds_a_connection_while_idle(config: dict[str, Any]) -> None:
    kinds = {component["type"] for component in config["components"]}
    assert not kinds & {"state", "timer", "browserstate", "chatbot", "html"}


def test_no_event_carries_script_so_that_a_policy_without_eval_is_enough(
    config: dict[str, Any],
) -> None:
    assert not [event for event in config["dependencies"] if event["js"]]


def test_no_event_takes_a_value_that_a_browser_could_forge_into_a_page(
    config: dict[str, Any],
) -> None:
    kinds = {component["id"]: component["type"] for component in config["components"]}
    taken = {kinds[i] for event in config["dependencies"] for i in event["inputs"]}
    assert taken <= FIELDS


def test_a_typed_key_is_hidden_and_only_strangers_are_asked_for_one(
    config: dict[str, Any],
) -> None:
    keys = [props for props in components(config, "textbox") if props["label"] == "Key"]
    assert {props["type"] for props in keys} == {"password"}
    folded = [p for p in components(config, "accordion") if "key" in p["label"]]
    assert len(folded) == 7
    assert not any(props["visible"] for props in folded)


def test_every_field_has_a_label(config: dict[str, Any]) -> None:
    for kind in FIELDS:
        assert all(props["label"] for props in components(config, kind)), kind
    assert (
        len(components(config, "dropdown")) == 2 * (1 + 2 + 6) + 3 * 3 + 2 + 3 + 2 * 6 + 2 + 2 + 3
    )


def test_rounds_go_from_one_to_ten_and_begin_with_three(config: dict[str, Any]) -> None:
    rounds = [props for props in components(config, "slider") if props["label"] == "Rounds"]
    assert [(r["minimum"], r["maximum"], r["value"], r["visible"]) for r in rounds] == [
        (1, 10, 1, False),
        (1, 10, 1, False),
        (1, 10, 3, True),
        (1, 10, 1, True),
    ]


def test_the_streaming_listener_has_only_outputs_that_change(config: dict[str, Any]) -> None:
    streaming = [e for e in listeners(config, "live") if e["types"]["generator"]]
    assert len(streaming) == 3
    assert all(len(event["outputs"]) == 2 and event["queue"] for event in streaming)
    settling = [e for e in listeners(config, "settled") if e["types"]["generator"]]
    assert not {e["id"] for e in settling} & {e["id"] for e in streaming}


def test_everything_that_is_answered_at_once_stays_out_of_the_queue(
    config: dict[str, Any],
) -> None:
    queued = [e for e in config["dependencies"] if e["queue"] and e["backend_fn"]]
    assert all(event["types"]["generator"] for event in queued)


def test_a_port_that_was_asked_for_and_is_taken_is_an_error_in_words(taken: int) -> None:
    with pytest.raises(InvalidInput, match=f"Port {taken} is taken"):
        free_port("127.0.0.1", taken)


def test_without_a_wish_the_next_free_port_is_taken() -> None:
    port = free_port("127.0.0.1", None)
    assert 7860 <= port < 7960
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        assert free_port("127.0.0.1", None) > port


def test_a_served_page_answers_and_ends_when_told(tmp_path: Path) -> None:
    with serving(tmp_path) as page:
        with urllib.request.urlopen(page.address) as answer:
            assert "Rebuttal" in answer.read().decode()
        assert page.end() == 0
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(page.address)


def test_a_taken_port_ends_the_process_with_a_message(tmp_path: Path, taken: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.page_app", str(tmp_path), str(taken)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode != 0
    assert f"Port {taken} is taken." in ended.stderr
