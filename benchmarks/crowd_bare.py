"""A debate as a Gradio page of its own, as one writes it from the documentation.

    python -m benchmarks.crowd_bare ADDRESS [PLACES]

With no number of places all settings are Gradio's. With one, the page has all that is known to
help: limits raised to it, updates merged to ten a second by a task that reads ahead, the turn being
spoken in a component of its own, values in the form in which they are sent.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr
import openai

MODEL = "paced"
TURNS = 200
EVERY = 0.1
Messages = list[dict[str, Any]]


def plain_page(address: str) -> gr.Blocks:
    """A chatbot that grows by every token."""

    def debate(topic: str) -> Iterator[Messages]:
        client = openai.OpenAI(base_url=address, api_key="none")
        said: Messages = [{"role": "user", "content": topic}]
        for _ in range(TURNS):
            asked: Any = list(said)
            stream = client.chat.completions.create(model=MODEL, messages=asked, stream=True)
            said.append({"role": "assistant", "content": ""})
            for chunk in stream:
                if chunk.choices and chunk.choices[0].delta.content:
                    said[-1]["content"] += chunk.choices[0].delta.content
                    yield said

    with gr.Blocks() as demo:
        topic = gr.Textbox()
        chatbot = gr.Chatbot()
        topic.submit(debate, topic, chatbot)
    return demo


class Pump:
    """Reads a debate ahead and gives away what has come, ten times a second."""

    def __init__(self, client: openai.AsyncOpenAI, topic: str) -> None:
        self.said: Messages = [_wire("user", topic)]
        self.live = ""
        self.over = False
        self._client = client

    async def run(self) -> None:
        """Until the debate is over."""
        for _ in range(TURNS):
            asked: Any = [
                {"role": one["role"], "content": one["content"][0]["text"]} for one in self.said
            ]
            stream = await self._client.chat.completions.create(
                model=MODEL, messages=asked, stream=True
            )
            async with stream:
                async for chunk in stream:
                    if chunk.choices and chunk.choices[0].delta.content:
                        self.live += chunk.choices[0].delta.content
            self.said.append(_wire("assistant", self.live))
            self.live = ""
        self.over = True


def tuned_page(address: str) -> gr.Blocks:
    """A settled transcript, and the turn being spoken."""
    client = openai.AsyncOpenAI(base_url=address, api_key="none")

    async def debate(topic: str) -> AsyncIterator[dict[Any, Any]]:
        pump = Pump(client, topic)
        pumping = asyncio.create_task(pump.run())
        try:
            settled = 0
            while not pump.over:
                await asyncio.sleep(EVERY)
                changed: dict[Any, Any] = {live: [_wire("assistant", pump.live)]}
                if len(pump.said) > settled:
                    settled = len(pump.said)
                    changed[transcript] = pump.said
                yield changed
        finally:
            pumping.cancel()
            with suppress(asyncio.CancelledError):
                await pumping

    with gr.Blocks() as demo:
        topic = gr.Textbox()
        transcript = gr.Chatbot()
        live = gr.Chatbot()
        topic.submit(debate, topic, [live, transcript], concurrency_limit=None, postprocess=False)
    return demo


def _wire(role: str, text: str) -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    return {"role": role, "metadata": None, "content": content, "options": None}


def main(address: str, places: str = "") -> None:
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = "1000" if places else "1"
    options = {"max_threads": int(places)} if places else {}
    if places:
        # Gradio asks for it at every update, and only whether it is there.
        sys.modules["matplotlib"] = None  # type: ignore[assignment]
    demo = (tuned_page if places else plain_page)(address)
    _, served, _ = demo.launch(prevent_thread_lock=True, quiet=True, **options)
    print(served.rstrip("/"), flush=True)
    demo.block_thread()


if __name__ == "__main__":
    main(*sys.argv[1:])
