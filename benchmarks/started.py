"""Programs from their start: until their page is served, and until a first debate speaks."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

import httpx
from httpx_sse import connect_sse

from rebuttal.settings import HOME

BARE = """\
import sys

import gradio as gr


def answer(message, history):
    return [*history, {"role": "user", "content": message}]


with gr.Blocks() as demo:
    for name in ("Chat", "Exchange", "Debate"):
        with gr.Tab(name):
            chatbot = gr.Chatbot()
            message = gr.Textbox()
            gr.Button("Send").click(answer, [message, chatbot], chatbot)
demo.launch(server_port=int(sys.argv[1]), quiet=True)
"""
"""A page of Gradio's as one writes it first."""
POLL_EVERY = 0.01
SERVED_WITHIN = 120.0
SEAT, MODEL = "cynic", "SmolLM2"
TOPIC = "Is tea better than coffee?"

Bytecode = Literal["warm", "none", "as-is"]


def environment(folder: Path, bytecode: Bytecode) -> dict[str, str]:
    """What a program finds, with Python's bytecode in that folder, or without any."""
    env = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
    if bytecode != "as-is":
        env["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
        env["PYTHONDONTWRITEBYTECODE"] = "1" if bytecode == "none" else ""
    return env


def our_page(folder: Path, port: int) -> tuple[str, ...]:
    """The words behind ``python`` that serve ours there."""
    return str(HOME / "debate_app.py"), "--port", str(port), "--data", str(folder / "data")


def bare_page(folder: Path, port: int) -> tuple[str, ...]:
    """The words that serve a bare one."""
    script = folder / "bare.py"
    script.write_text(BARE, "utf-8")
    return str(script), str(port)


@contextmanager
def served(
    command: Sequence[str], port: int, env: dict[str, str], stderr: IO[bytes] | None = None
) -> Iterator[float]:
    """Run a program as long as the block; seconds from its start until ``/`` answered with 200."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=stderr or subprocess.DEVNULL,
    )
    try:
        while not _is_served(port):
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with code {process.returncode}")
            if time.perf_counter() - began > SERVED_WITHIN:
                raise TimeoutError(f"{command[0]} served no page in {SERVED_WITHIN:.0f} s")
            time.sleep(POLL_EVERY)
        yield time.perf_counter() - began
    finally:
        process.kill()
        process.wait()


def _is_served(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def seconds_to_words(port: int) -> float:
    """From asking our page's server for a first debate until its first words came."""
    wish = {"topic": TOPIC, "seats": [{"persona": SEAT, "model": MODEL}], "rounds": 1}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1/", timeout=SERVED_WITHIN) as client:
        began = time.perf_counter()
        begun = client.post("debates", json=wish).raise_for_status().json()
        with connect_sse(client, "GET", f"debates/{begun['id']}/events") as source:
            for event in source.iter_sse():
                if event.event == "turn_delta" and event.json()["text"]:
                    return time.perf_counter() - began
    raise RuntimeError("the first debate said nothing")


def seconds_to_terminal_words(folder: Path, env: dict[str, str]) -> float:
    """From the start of ``rebuttal debate`` until its first words came."""
    words = ["debate", TOPIC, "--seat", f"{SEAT}:{MODEL}", "--rounds", "1", "--json"]
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "rebuttal", *words, "--data", str(folder / "data")],
        cwd=HOME,
        env=env,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        for line in process.stdout:
            event = json.loads(line)
            if event["kind"] == "turn_delta" and event["text"]:
                taken = time.perf_counter() - began
                process.kill()
                return taken
    raise RuntimeError("the terminal said nothing")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
