"""How long does the page take to be served? Against a bare Gradio page of three tabs.

    python -m benchmarks.start --pairs 5

From the start of the process until ``/`` answers with 200, asked every 10 ms; both sides in turn.
Python's bytecode lies in a folder of our own: ``warm``, where an unmeasured start has written it,
is what a user has from the second start on; ``none`` is Python with PYTHONDONTWRITEBYTECODE=1.
``as-is`` leaves that to the environment.
"""

from __future__ import annotations

import argparse
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Literal, get_args

from benchmarks.figures import add_json, load, ratio, table, write_json
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
POLL_EVERY = 0.01
SERVED_WITHIN = 120.0


def seconds_to_page(command: Sequence[str], port: int, env: dict[str, str]) -> float:
    """From the start of the process until its page has been served once."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not _is_served(port):
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with code {process.returncode}")
            if time.perf_counter() - began > SERVED_WITHIN:
                raise TimeoutError(f"{command[0]} served no page in {SERVED_WITHIN:.0f} s")
            time.sleep(POLL_EVERY)
        return time.perf_counter() - began
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


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


Bytecode = Literal["warm", "none", "as-is"]


def starts(folder: Path, pairs: int, bytecode: Bytecode) -> dict[str, list[float]]:
    """Seconds of every start of both sides, alternating."""
    bare = folder / "bare.py"
    bare.write_text(BARE, "utf-8")
    env = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
    if bytecode != "as-is":
        env["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
        env["PYTHONDONTWRITEBYTECODE"] = "1" if bytecode == "none" else ""

    def page() -> float:
        port = free_port()
        command = (str(HOME / "debate_app.py"), "--port", str(port), "--data", str(folder / "data"))
        return seconds_to_page(command, port, env)

    def bare_page() -> float:
        port = free_port()
        return seconds_to_page((str(bare), str(port)), port, env)

    if bytecode == "warm":
        page(), bare_page()
    measured: dict[str, list[float]] = {"page": [], "bare": []}
    for _ in range(pairs):
        measured["page"].append(page())
        measured["bare"].append(bare_page())
    return measured


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pairs", type=int, default=5, help="starts of each side")
    parser.add_argument(
        "--bytecode", nargs="+", choices=get_args(Bytecode), default=("warm", "none")
    )
    add_json(parser)
    args = parser.parse_args(arguments)
    before = load()
    measured = {}
    for bytecode in args.bytecode:
        with tempfile.TemporaryDirectory() as folder:
            measured[bytecode] = starts(Path(folder), args.pairs, bytecode)
    rows = [
        (
            f"bytecode {bytecode}",
            f"{median(sides['page']):.2f} s",
            f"{median(sides['bare']):.2f} s",
            f"{ratio(sides['page'], sides['bare']):.2f}",
        )
        for bytecode, sides in measured.items()
    ]
    title = f"Process start to page served, medians of {args.pairs} pairs; {before}, then {load()}"
    print(table(title, ("debate_app.py", "bare page", "ratio"), rows))
    write_json(args.json, measured)


if __name__ == "__main__":
    main()
