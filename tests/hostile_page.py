"""A page on which everything foreign is hostile: python -m tests.hostile_page FOLDER SERVER SPY.

SERVER is the address of a server that reports models, SPY what the attacks aim at. A fourth word
``raw`` serves the same sayings without the cleaner instead.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from rebuttal.app import DebateApp
from rebuttal.errors import ServerFailed
from rebuttal.providers.scripted import Line, ScriptedModel
from rebuttal.records import USER, Debate, Debater, Persona, Turn
from rebuttal.settings import load_settings
from rebuttal.stores.sql import SqlStore
from rebuttal.ui.server import Page, run_page
from tests.hostile import sayings

DEBATE = "hostile"
CATALOG = """\
endpoints:
  "<img src=x onerror=alert(1)>": {{address: "{server}", needs_key: false}}
models:
  Sly:
    endpoint: "<img src=x onerror=alert(1)>"
    model: "<img src={spy}/m>"
    context: 90000
"""
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def words(saying: str) -> str:
    """The saying as a record can hold it."""
    return saying.encode(errors="replace").decode().replace("\0", "")


def table(spy: str) -> tuple[Debate, list[Turn]]:
    """A debate whose every field is hostile, and a turn for each saying."""
    said = [words(saying) for saying in sayings(spy)]
    everything = " ".join(said)
    short = [f"<img src={spy}/a>", f"![]({spy}/b)"]
    debaters = tuple(
        Debater(
            seat=f"seat{number}",
            name=name,
            persona=Persona(
                key="cynic", name=name, instructions=everything[:4000], emoji="<b>&#60;"
            ),
            model="Sly",
            stance=f"{everything} $$\\href{{javascript:alert(1)}}{{x}}$$",
        )
        for number, name in enumerate(short)
    )
    turns = [Turn(id="t0", parent_id=None, speaker=USER, text="?", rounds=60, created_at=NOON)]
    for number, text in enumerate(said, 1):
        speaker = USER if number % 5 == 0 else f"seat{number % 2}"
        turns.append(
            Turn(
                id=f"t{number}",
                parent_id=f"t{number - 1}",
                speaker=speaker,
                text=text,
                model=text[:80],
                created_at=NOON,
            )
        )
    debate = Debate(
        id=DEBATE,
        topic=everything,
        debaters=debaters,
        rounds=60,
        language=short[0],
        tip=turns[-1].id,
        created_at=NOON,
    )
    return debate, turns


async def keep(folder: Path, spy: str) -> None:
    """Put the debate into the store."""
    store = SqlStore.open(f"sqlite:///{folder / 'debates.sqlite'}")
    debate, turns = table(spy)
    await store.add_debate(debate.model_copy(update={"tip": "t0"}), turns[0])
    for turn in turns[1:]:
        await store.add_turn(DEBATE, turn)
    await store.close()


def lines(spy: str) -> list[str | Line | ServerFailed]:
    """What is said live: twelve speeches that hold every attack, then hostile trouble."""
    said = sayings(spy)
    parts = ["\n\n".join(said[at::12]) for at in range(12)]
    trouble = " ".join(said)
    return [
        *(Line(part, waiting=trouble, reasoning=part) for part in parts),
        ServerFailed(trouble, trouble),
    ]


def serve(folder: Path, server: str, spy: str) -> None:
    """The app's own page, until SIGTERM; without the guard, whose policy would help the cleaner."""
    (folder / "models.yaml").write_text(CATALOG.format(server=server, spy=spy))
    asyncio.run(keep(folder, spy))
    settings = load_settings(data=folder, models=folder / "models.yaml", offline=True)
    model = ScriptedModel(lines(spy), repeat=True, delay=0.002)
    run_page(Page(settings, DebateApp(settings, chat_models={"Sly": model})))


def serve_raw(spy: str) -> None:
    """Each saying in a Markdown component as it is, until the process is ended."""
    import gradio as gr

    with gr.Blocks() as demo:
        for saying in sayings(spy):
            gr.Markdown(words(saying))
    demo.queue()
    _, address, _ = demo.launch(prevent_thread_lock=True, quiet=True)
    print(f"Raw is at {address} ", flush=True)
    demo.block_thread()


if __name__ == "__main__":
    if sys.argv[4:] == ["raw"]:
        serve_raw(sys.argv[3])
    else:
        serve(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
