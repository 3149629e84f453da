"""A Gradio page as most tutorials write it: one chatbot, one generator, no more.

    python -m benchmarks.bare_page ADDRESS MESSAGES.json

Prints its address. ``?turns=100&every=0.1`` opens it with the first so many messages of the file
and has it yield at most ten times a second; without ``every`` it yields with every token.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import openai

Messages = list[dict[str, str]]


def run(address: str, file: Path) -> None:
    """Serve the page until the process is ended."""
    kept: Messages = json.loads(file.read_text("utf-8"))
    client = openai.OpenAI(base_url=address, api_key="none")

    def show(request: gr.Request) -> tuple[Messages, float]:
        query = request.query_params
        return kept[: int(query["turns"])], float(query.get("every", 0))

    def speak(history: Messages, every: float) -> Iterator[Messages]:
        asked: Any = [{"role": "user", "content": "Go on."}]
        answer = {"role": "assistant", "content": ""}
        yielded = 0.0
        for chunk in client.chat.completions.create(model="paced", messages=asked, stream=True):
            answer["content"] += (chunk.choices[0].delta.content or "") if chunk.choices else ""
            if time.monotonic() - yielded >= every:
                yielded = time.monotonic()
                yield [*history, answer]
        yield [*history, answer]

    with gr.Blocks() as demo:
        chatbot = gr.Chatbot()
        every = gr.Number(visible=False)
        gr.Button("Go on").click(speak, [chatbot, every], chatbot)
        demo.load(show, None, [chatbot, every])
    _, local, _ = demo.launch(quiet=True, prevent_thread_lock=True)
    print(local, flush=True)
    demo.block_thread()


def main(arguments: Sequence[str]) -> None:
    address, file = arguments
    run(address, Path(file))


if __name__ == "__main__":
    main(sys.argv[1:])
