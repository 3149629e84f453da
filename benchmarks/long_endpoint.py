"""An endpoint in moods: it speaks well most of the time, and fails in every way by chance."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field

from tests.fault_reply import Reply
from tests.fault_server import FAULTS, FaultServer

FAILURES = (
    "reset_at_once",
    "one_token_then_reset",
    "one_token_then_hang_up",
    "one_token_then_end",
    "accept_then_silence",
    "headers_then_silence",
    "one_token_then_silence",
    "one_token_then_pings",
    "pings_forever",
    "slow_for_ever",
    "thinks_for_ever",
    "endless_stream",
    "endless_thought",
    "endless_line_after_a_token",
    "asks_to_wait_an_hour",
    "always_failing",
    "bad_gateway",
    "endless_error",
    "unauthorised",
    "no_such_model",
    "overflow_of_openai",
    "html",
    "json_error",
    "json_error_after_a_token",
    "zero_chunks",
    "empty_body",
    "not_http",
    "compressed",
    "bad_json_after_a_token",
    "bad_utf8",
    "chunk_is_a_list",
    "odd_shapes",
    "finish_then_silence",
    "finish_reason_error",
    "only_thought",
    "length",
)
WORDS = (
    *("bread", "rain", "river", "stone", "lamp", "train", "paper"),
    *("garden", "bridge", "winter", "letter", "window", "market", "engine"),
    *("cellar", "harbour", "meadow", "copper", "ladder", "mirror", "needle"),
    *("orchard", "pepper", "quarry", "ribbon", "saddle"),
)


@dataclass
class Moody(FaultServer):
    """Fails a ``share`` of its answers, and now and then is gone for some seconds."""

    chance: random.Random = field(default_factory=random.Random)
    share: float = 0.25
    played: Counter[str] = field(default_factory=Counter)

    def play(self, reply: Reply) -> Coroutine[None, None, None]:
        """See FaultServer; what was asked is forgotten, or it would fill the memory in an hour."""
        self.requests.clear()
        if reply.request.path.endswith("/models"):
            return FAULTS["good"](reply)
        if self.chance.random() < self.share:
            failure = self.chance.choice(FAILURES)
            self.played[failure] += 1
            return FAULTS[failure](reply)
        self.played["good"] += 1
        return speak(reply, self.chance.choice((0.002, 0.01, 0.03)), self.chance)

    async def come_and_go(self, every: float, gone: float) -> None:
        """Refuse everybody from time to time, cutting whoever hears it; until cancelled."""
        while True:
            await asyncio.sleep(self.chance.uniform(0.5, 1.5) * every)
            self.played["refuse"] += 1
            await self.die()
            await asyncio.sleep(gone)
            await self.come_back()


async def speak(reply: Reply, every: float, chance: random.Random) -> None:
    """Three sentences that were not said before, a word every so many seconds."""
    await reply.head()
    for _ in range(3):
        said = " ".join(chance.choices(WORDS, k=12))
        for word in f"{said.capitalize()}.".split():
            await asyncio.sleep(every)
            await reply.token(f"{word} ")
    await reply.finish()
