"""Are the debates worth reading? Plays topics with pairs of personas and counts what goes wrong.

    python -m benchmarks.quality --model SmolLM2 --debates 40 --views ours string roles

``ours`` is what the app does. ``string`` is the loop most tutorials use: one growing, unlabelled
user string. ``roles`` gives each seat its own turns as the assistant's and nothing more. All three
use the same model, personas, topics, temperature and token limit; the samplers of the endpoint
belong to ``ours``, the others send what a plain client sends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

from rebuttal.catalog import Model, load_catalog
from rebuttal.events import TurnDiscarded, TurnFinished
from rebuttal.models import Models
from rebuttal.orchestrator import run_debate
from rebuttal.prompts import default_stances
from rebuttal.providers.base import ChatModel, Message, Options
from rebuttal.records import USER, Debate, Debater, Turn, new_id, now
from rebuttal.settings import load_settings
from rebuttal.speech import NEAR_COPY, concedes, count_sentences

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
_WORD = re.compile(r"[a-z]{4,}")
_PLAIN = {"should", "does", "more", "than", "will", "make", "ever", "this", "that", "with", "what"}


@dataclass
class Score:
    """What was counted over the turns of one view."""

    turns: int = 0
    near_copies: int = 0
    labels: int = 0
    for_another: int = 0
    empty: int = 0
    cut: int = 0
    conceding: int = 0
    sentences_off: int = 0
    off_topic: int = 0
    asked_again: int = 0
    sentences: int = 0
    words: int = 0
    distinct_3grams: float = 0.0
    seconds: float = 0.0
    texts: list[list[str]] = field(default_factory=list)

    def count(self, topic: str, names: tuple[str, str], turns: list[tuple[str, str, str]]) -> None:
        """Add one debate; a turn is (name, text, finish)."""
        stems = {word[:5] for word in _WORD.findall(topic.casefold()) if word not in _PLAIN}
        said: list[str] = []
        for name, text, finish in turns:
            other = names[1] if name == names[0] else names[0]
            self.turns += 1
            self.near_copies += any(
                SequenceMatcher(None, text, old, autojunk=False).ratio() > NEAR_COPY for old in said
            )
            self.labels += bool(re.search(rf"(?:^|\n)\W*(?:{name}|{other})\W*[:：]", text))
            self.for_another += bool(
                re.search(rf"\n\W*{other}\W*[:：]|\[{other}\]|\bAs {other}\b", text)
            )
            self.empty += not text.strip()
            self.cut += finish in ("length", "limit", "timeout", "lost")
            self.conceding += concedes(text)
            count = count_sentences(text)
            self.sentences += count
            self.sentences_off += not 1 <= count <= 4
            known = stems | {word[:5] for old in said[:2] for word in _WORD.findall(old.casefold())}
            self.off_topic += not known & {word[:5] for word in _WORD.findall(text.casefold())}
            said.append(text)
        words = [word for text in said for word in text.casefold().split()]
        grams = list(zip(words, words[1:], words[2:], strict=False))
        self.words += len(words)
        self.distinct_3grams += len(Counter(grams)) / max(len(grams), 1)
        self.texts.append([f"{name}: {text}" for name, text, _ in turns])


def _debate(number: int, rounds: int, model: str, models: Models) -> Debate:
    topic = TOPICS[number % len(TOPICS)]
    pair = PAIRS[(number + number // len(TOPICS)) % len(PAIRS)]
    stances = default_stances(topic, 2)
    personas = [models.catalog.persona(key) for key in pair]
    return Debate(
        id=new_id(),
        topic=topic,
        debaters=tuple(
            Debater(seat=f"seat{i + 1}", name=p.name, persona=p, model=model, stance=stances[i])
            for i, p in enumerate(personas)
        ),
        rounds=rounds,
        tip="opening",
        seed=1000 * number,
        created_at=now(),
    )


async def _ours(debate: Debate, models: Models, score: Score) -> list[tuple[str, str, str]]:
    opening = Turn(
        id="opening",
        parent_id=None,
        speaker=USER,
        text=debate.topic,
        rounds=debate.rounds,
        created_at=debate.created_at,
    )
    said: list[tuple[str, str, str]] = []
    async with aclosing(run_debate(debate, [opening], models.get)) as events:
        async for event in events:
            score.asked_again += isinstance(event, TurnDiscarded)
            if isinstance(event, TurnFinished):
                debater = debate.debater(event.turn.speaker)
                assert debater is not None
                said.append((debater.name, event.turn.text, event.turn.finish))
    return said


async def _plain(
    debate: Debate, chat: ChatModel, model: Model, view: Callable[..., list[Message]]
) -> list[tuple[str, str, str]]:
    said: list[tuple[str, str, str]] = []
    for number in range(debate.rounds * 2):
        debater = debate.debaters[number % 2]
        options = Options(
            temperature=debater.persona.temperature or model.temperature,
            top_p=model.top_p,
            max_tokens=model.max_tokens,
            seed=(debate.seed or 0) + number,
            extra={"dry_multiplier": 0.0, "repeat_penalty": 1.0},
        )
        text, finish = "", "stop"
        async with aclosing(chat.stream(view(debate, debater, said), options)) as chunks:
            async for chunk in chunks:
                text += chunk.text
                finish = chunk.finish or finish
        said.append((debater.name, text.strip(), finish))
    return said


def string_view(
    debate: Debate, debater: Debater, said: list[tuple[str, str, str]]
) -> list[Message]:
    """One growing user string, unlabelled: a speaker cannot tell its own words."""
    system = f"{debater.persona.instructions}\nKeep it to 2-3 sentences."
    context = "\n".join([debate.topic, *(text for _, text, _ in said)])
    return [Message("system", system), Message("user", context)]


def roles_view(debate: Debate, debater: Debater, said: list[tuple[str, str, str]]) -> list[Message]:
    """Roles by seat, no stance, no reminder."""
    messages = [Message("system", f"{debater.persona.instructions}\nKeep it to 2-3 sentences.")]
    heard = debate.topic
    for name, text, _ in said:
        if name == debater.name:
            messages += [Message("user", heard or "Go on."), Message("assistant", text or "...")]
            heard = ""
        else:
            heard = f"{heard}\n{text}".strip()
    return [*messages, Message("user", heard or "Go on.")]


async def play(view: str, args: argparse.Namespace, models: Models) -> Score:
    """All debates of one view, a few at a time."""
    score, places = Score(), asyncio.Semaphore(args.parallel)
    chat, model = models.get(args.model)

    async def one(number: int) -> None:
        async with places:
            debate = _debate(number, args.rounds, args.model, models)
            if view == "ours":
                turns = await _ours(debate, models, score)
            else:
                builder = string_view if view == "string" else roles_view
                turns = await _plain(debate, chat, model, builder)
            names = (debate.debaters[0].name, debate.debaters[1].name)
            score.count(debate.topic, names, turns)

    began = time.monotonic()
    await asyncio.gather(*(one(number) for number in range(args.debates)))
    score.seconds = time.monotonic() - began
    return score


def table(model: str, scores: dict[str, Score]) -> str:
    """One line per figure, one column per view."""
    rows = [("turns", "{0.turns}")]
    counted = (
        "near_copies labels for_another empty cut conceding sentences_off off_topic asked_again"
    )
    rows += [(name, f"{{0.{name}}}") for name in counted.split()]
    lines = [f"{model:22}" + "".join(f"{view:>10}" for view in scores)]
    for name, form in rows:
        lines.append(f"{name:22}" + "".join(f"{form.format(s):>10}" for s in scores.values()))
    debates = {view: max(len(s.texts), 1) for view, s in scores.items()}
    lines.append(
        f"{'sentences per turn':22}"
        + "".join(f"{s.sentences / max(s.turns, 1):>10.2f}" for s in scores.values())
    )
    lines.append(
        f"{'words per turn':22}"
        + "".join(f"{s.words / max(s.turns, 1):>10.1f}" for s in scores.values())
    )
    lines.append(
        f"{'distinct 3-grams':22}"
        + "".join(f"{s.distinct_3grams / debates[v]:>10.3f}" for v, s in scores.items())
    )
    lines.append(f"{'seconds':22}" + "".join(f"{s.seconds:>10.0f}" for s in scores.values()))
    return "\n".join(lines)


async def _main(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as data:
        settings = load_settings(models=args.models, data=Path(data))
        catalog = load_catalog(settings.models, settings.personas)
        models = Models(settings, catalog)
        try:
            scores = {view: await play(view, args, models) for view in args.views}
        finally:
            await models.close()
    print(table(args.model, scores))
    if args.json:
        figures = {view: vars(score) for view, score in scores.items()}
        args.json.write_text(json.dumps(figures, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="SmolLM2", help="label in models.yaml")
    parser.add_argument("--models", type=Path, help="another models.yaml")
    parser.add_argument("--debates", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parallel", type=int, default=4, help="debates at once")
    parser.add_argument("--views", nargs="+", default=["ours", "string", "roles"])
    parser.add_argument("--json", type=Path, help="write figures and texts here")
    sys.exit(asyncio.run(_main(parser.parse_args())))
