"""How a debate is shown to its models, and what comes of it: our views beside the plain loops.

    python -m benchmarks.pattern --play SmolLM2=10 1.5B=2 Ollama=6

``ours`` is what the app does. ``string`` is the loop most tutorials use: one growing, unlabelled
user string. ``roles`` gives each seat its own turns as the assistant's and nothing more. All three
use the same model, personas, topics, seeds, temperature and token limit; the samplers of the
endpoint belong to ``ours``, the others send what a plain client sends. One debate after the other
is played in all three, in turn, with nothing beside it.

Behind ``--play`` stand labels of models.yaml with a number of debates, and two more: ``1.5B`` is
the file that REBUTTAL_TEST_GGUF names, ``Ollama`` a server of its own with its defaults (one slot)
and SmolLM2's weights, where the program ``ollama`` is on the path. What is not there is left out.
On two quiet cores a debate of three rounds in three views should take about 30 s on SmolLM2,
embedded or in Ollama, and 5 minutes with 1.5B: 20 to 25 minutes as it stands above.

*Evaluated* are prompt tokens that the server had to read: llama.cpp's ``prompt_n``; for Ollama what
its own log says was not in the memory of its slot, as its interfaces count whole prompts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import pattern_ollama
from benchmarks.figures import add_json, load, table, write_json
from benchmarks.pattern_score import COUNTED, Score
from benchmarks.pattern_views import VIEWS, play
from rebuttal.built_in import fetched
from rebuttal.catalog import Catalog, Model, Weights, load_catalog
from rebuttal.models import Models
from rebuttal.prompts import default_stances
from rebuttal.providers.base import ChatModel, Message, Options
from rebuttal.records import Debate, Debater, new_id, now
from rebuttal.settings import Settings, load_settings

TOPICS = (
    "Should homework be abolished?",
    "Cats or dogs?",
    "Does social media do more harm than good?",
    "Should cities ban private cars?",
    "Is it ever right to lie?",
    "Should voting be compulsory?",
    "Will artificial intelligence make us less creative?",
    "Should we colonise Mars?",
    "Is nuclear power the answer to climate change?",
    "Should zoos be closed?",
)
PAIRS = (
    ("philosopher", "cynic"),
    ("rational", "adversary"),
    ("snarky", "polite"),
    ("scientist", "idealist"),
)
SMALL = "SmolLM2"
LARGER = "1.5B"
OLLAMA = "Ollama"
GGUF = "REBUTTAL_TEST_GGUF"
Scores = dict[str, Score]
Evaluated = Callable[[], int]
"""Prompt tokens since it was last asked, where the answers do not tell."""


def debate_of(number: int, rounds: int, label: str, catalog: Catalog) -> Debate:
    """The debate of that number, always the same."""
    topic = TOPICS[number % len(TOPICS)]
    pair = PAIRS[(number + number // len(TOPICS)) % len(PAIRS)]
    stances = default_stances(topic, 2)
    personas = [catalog.persona(key) for key in pair]
    return Debate(
        id=new_id(),
        topic=topic,
        debaters=tuple(
            Debater(seat=f"seat{i + 1}", name=p.name, persona=p, model=label, stance=stances[i])
            for i, p in enumerate(personas)
        ),
        rounds=rounds,
        tip="opening",
        seed=1000 * number,
        created_at=now(),
    )


async def play_all(
    args: argparse.Namespace, label: str, debates: int, models: Models, evaluated: Evaluated | None
) -> Scores:
    """So many debates, each in every view; the view that begins is another each time."""
    scores = {view: Score() for view in args.views}
    chat, model = models.get(label)
    await _warm(chat)
    if evaluated:
        evaluated()
    for number in range(debates):
        at = number % len(args.views)
        for view in (*args.views[at:], *args.views[:at]):
            debate = debate_of(number, args.rounds, label, models.catalog)
            await play(view, debate, chat, model, scores[view])
            if evaluated:
                scores[view].cost.evaluated += evaluated()
        print(f"{label}: {number + 1} of {debates}; {load()}", file=sys.stderr, flush=True)
    return scores


async def _warm(chat: ChatModel) -> None:
    """Have it loaded before anything is measured."""
    async with aclosing(chat.stream([Message("user", "Hi")], Options(max_tokens=2))) as chunks:
        async for _ in chunks:
            pass


@contextmanager
def stage(label: str, settings: Settings) -> Iterator[tuple[Catalog, Evaluated | None] | None]:
    """A catalog with that model in it, and everything running that it needs; or None."""
    catalog = load_catalog(settings.models, settings.personas)
    if label == LARGER and LARGER not in catalog.models:
        file = os.environ.get(GGUF, "")
        yield (_with(catalog, _larger(file)), None) if file else None
    elif label == OLLAMA and OLLAMA not in catalog.models:
        if not pattern_ollama.is_there():
            yield None
            return
        small = catalog.model(SMALL)
        weights = asyncio.run(fetched(settings, small))
        with (
            tempfile.TemporaryDirectory() as folder,
            pattern_ollama.serving(weights, Path(folder)) as server,
        ):
            own = {"label": OLLAMA, "endpoint": OLLAMA, "model": pattern_ollama.MODEL}
            moved = small.model_copy(update={**own, "weights": None, "context": None})
            there = catalog.endpoints[OLLAMA].model_copy(update={"address": server.address})
            endpoints = {**catalog.endpoints, OLLAMA: there}
            catalog = _with(catalog, moved).model_copy(update={"endpoints": endpoints})
            yield catalog, server.evaluated
    else:
        yield catalog, None


def _with(catalog: Catalog, model: Model) -> Catalog:
    return catalog.model_copy(update={"models": {**catalog.models, model.label: model}})


def _larger(file: str) -> Model:
    return Model(
        label=LARGER,
        endpoint="Built-in",
        model="larger",
        max_tokens=160,
        temperature=0.7,
        context=8192,
        weights=Weights(path=file),
    )


def lines(scores: Scores) -> list[tuple[str, ...]]:
    """A row for each figure, a column for each view."""
    views = list(scores.values())
    rows: list[tuple[str, ...]] = [("turns", *(str(one.turns) for one in views))]
    rows += [(name.replace("_", " "), *(str(getattr(v, name)) for v in views)) for name in COUNTED]
    for name, figure in (
        ("sentences a turn", _per("sentences", "turns", 2)),
        ("words a turn", _per("words", "turns", 1)),
        ("distinct 3-grams", lambda score: f"{score.distinct_3grams / len(score.texts):.3f}"),
        ("prompt tokens a turn", _per_cost("prompt", 0)),
        ("evaluated a turn", _per_cost("evaluated", 0)),
        ("generated a turn", _per_cost("generated", 0)),
        ("seconds until the first word, a turn", _per_cost("reading", 2)),
        ("seconds a turn", _per_cost("seconds", 2)),
        ("seconds a debate", lambda score: f"{score.cost.seconds / len(score.texts):.1f}"),
        ("ms for a generated token", _pace),
    ):
        rows.append((name, *(figure(one) for one in views)))
    return rows


def _per(what: str, by: str, digits: int) -> Callable[[Score], str]:
    return lambda score: f"{getattr(score, what) / max(getattr(score, by), 1):.{digits}f}"


def _per_cost(what: str, digits: int) -> Callable[[Score], str]:
    return lambda score: f"{getattr(score.cost, what) / max(score.turns, 1):.{digits}f}"


def _pace(score: Score) -> str:
    return f"{1000 * score.cost.speaking / max(score.cost.generated, 1):.1f}"


def measure(args: argparse.Namespace) -> dict[str, Scores]:
    """Every model that is there."""
    measured: dict[str, Scores] = {}
    for word in args.play:
        label, _, debates = word.rpartition("=")
        with tempfile.TemporaryDirectory() as data:
            settings = load_settings(models=args.models, data=Path(data))
            with stage(label, settings) as found:
                if found is None:
                    print(f"{label} is not here.", file=sys.stderr)
                    continue
                catalog, evaluated = found
                playing = _playing(args, label, int(debates), settings, catalog, evaluated)
                measured[label] = asyncio.run(playing)
    return measured


async def _playing(
    args: argparse.Namespace,
    label: str,
    debates: int,
    settings: Settings,
    catalog: Catalog,
    evaluated: Evaluated | None,
) -> Scores:
    models = Models(settings, catalog)
    try:
        return await play_all(args, label, debates, models, evaluated)
    finally:
        await models.close()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--play",
        nargs="+",
        metavar="LABEL=DEBATES",
        default=[f"{SMALL}=10", f"{LARGER}=2", f"{OLLAMA}=6"],
    )
    parser.add_argument("--models", type=Path, help="another models.yaml")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--views", nargs="+", default=[*VIEWS], choices=VIEWS)
    parser.add_argument("--texts", type=Path, metavar="FILE", help="also write what was said here")
    add_json(parser)
    args = parser.parse_args(arguments)
    before = load()
    measured = measure(args)
    for label, scores in measured.items():
        title = f"{label}, {args.rounds} rounds; {before}, then {load()}"
        print(f"{table(title, [*scores], lines(scores))}\n")
    if args.texts:
        texts = {label: {v: s.texts for v, s in all_.items()} for label, all_ in measured.items()}
        args.texts.write_text(json.dumps(texts, indent=1, ensure_ascii=False), "utf-8")
    write_json(args.json, {label: _figures(scores) for label, scores in measured.items()})


def _figures(scores: Scores) -> dict[str, Any]:
    kept = {view: asdict(score) for view, score in scores.items()}
    for one in kept.values():
        one["debates"] = len(one.pop("texts"))
    return kept


if __name__ == "__main__":
    main()
