"""The same debate in three ways: as the app shows it to its models, and as plain loops do."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from benchmarks.pattern_score import Cost, Said, Score
from rebuttal.catalog import Model
from rebuttal.events import TurnDiscarded, TurnFinished
from rebuttal.orchestrator import run_debate
from rebuttal.providers.base import ChatModel, Chunk, Message, Options
from rebuttal.records import USER, Debate, Debater, Finish, Turn, Usage

VIEWS = ("ours", "string", "roles")


class Metered:
    """A ChatModel that passes everything on to another one and adds up what it took."""

    def __init__(self, chat: ChatModel, cost: Cost) -> None:
        self._chat = chat
        self._cost = cost

    async def context(self) -> int:
        """The other one's."""
        return await self._chat.context()

    async def stream(
        self, messages: Sequence[Message], options: Options
    ) -> AsyncGenerator[Chunk, None]:
        """See ChatModel. Where the server says no number, pieces are taken for tokens."""
        cost, usage, pieces = self._cost, Usage(), 0
        began, first = time.monotonic(), 0.0
        try:
            async with aclosing(self._chat.stream(messages, options)) as chunks:
                async for chunk in chunks:
                    if chunk.text:
                        pieces += 1
                        first = first or time.monotonic()
                    usage = chunk.usage or usage
                    yield chunk
        finally:
            now = time.monotonic()
            cost.requests += 1
            cost.prompt += usage.prompt_tokens or 0
            cost.evaluated += usage.evaluated_tokens or 0
            cost.generated += usage.completion_tokens or pieces
            cost.reading += (first or now) - began
            cost.speaking += now - (first or now)


async def play(view: str, debate: Debate, chat: ChatModel, model: Model, score: Score) -> None:
    """One debate, counted."""
    metered = Metered(chat, score.cost)
    began = time.monotonic()
    if view == "ours":
        turns = await _ours(debate, metered, model, score)
    else:
        turns = await _plain(debate, metered, model, PLAIN[view])
    score.cost.seconds += time.monotonic() - began
    score.count(debate.topic, (debate.debaters[0].name, debate.debaters[1].name), turns)


async def _ours(debate: Debate, chat: ChatModel, model: Model, score: Score) -> list[Said]:
    opening = Turn(
        id="opening",
        parent_id=None,
        speaker=USER,
        text=debate.topic,
        rounds=debate.rounds,
        created_at=debate.created_at,
    )
    said: list[Said] = []
    async with aclosing(run_debate(debate, [opening], lambda _: (chat, model))) as events:
        async for event in events:
            score.asked_again += isinstance(event, TurnDiscarded)
            if isinstance(event, TurnFinished):
                debater = debate.debater(event.turn.speaker)
                assert debater is not None
                said.append(Said(debater.name, event.turn.text, event.turn.finish))
    return said


View = Callable[[Debate, Debater, Sequence[Said]], list[Message]]


async def _plain(debate: Debate, chat: ChatModel, model: Model, view: View) -> list[Said]:
    said: list[Said] = []
    for number in range(debate.rounds * 2):
        debater = debate.debaters[number % 2]
        options = replace(_plain_options(debater, model), seed=(debate.seed or 0) + number)
        text = ""
        finish: Finish = "stop"
        async with aclosing(chat.stream(view(debate, debater, said), options)) as chunks:
            async for chunk in chunks:
                text += chunk.text
                finish = chunk.finish or finish
        said.append(Said(debater.name, text.strip(), finish))
    return said


def _plain_options(debater: Debater, model: Model) -> Options:
    """What a plain client sends: none of the endpoint's samplers."""
    return Options(
        temperature=debater.persona.temperature or model.temperature,
        top_p=model.top_p,
        max_tokens=model.max_tokens,
        presence_penalty=0.0,
        frequency_penalty=0.0,
        extra={"dry_multiplier": 0.0, "repeat_penalty": 1.0},
    )


def string_view(debate: Debate, debater: Debater, said: Sequence[Said]) -> list[Message]:
    """One growing user string, unlabelled: a speaker cannot tell its own words."""
    context = "\n".join([debate.topic, *(turn.text for turn in said)])
    return [Message("system", _plain_system(debater)), Message("user", context)]


def roles_view(debate: Debate, debater: Debater, said: Sequence[Said]) -> list[Message]:
    """Roles by seat, no stance, no reminder."""
    messages = [Message("system", _plain_system(debater))]
    heard = debate.topic
    for turn in said:
        if turn.name == debater.name:
            own = Message("assistant", turn.text or "...")
            messages += [Message("user", heard or "Go on."), own]
            heard = ""
        else:
            heard = f"{heard}\n{turn.text}".strip()
    return [*messages, Message("user", heard or "Go on.")]


def _plain_system(debater: Debater) -> str:
    return f"{debater.persona.instructions}\nKeep it to 2-3 sentences."


PLAIN: dict[str, View] = {"string": string_view, "roles": roles_view}
