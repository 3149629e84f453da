"""A link that is opened at another process than the one that runs its debate."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from rebuttal.app import DebateApp
from rebuttal.events import DebatePaused
from rebuttal.links import Links
from rebuttal.settings import load_settings
from rebuttal.web.feed import Feed, Piece
from tests.neighbour import neighbour

pytestmark = [pytest.mark.redis, pytest.mark.postgres]


async def test_a_link_is_read_and_ended_at_any_process(
    tmp_path: Path, empty_postgres: str, empty_redis: str
) -> None:
    addresses = {"database": empty_postgres, "redis": empty_redis}
    settings = load_settings(data=tmp_path, cache=tmp_path, offline=True, **addresses)
    async with (
        neighbour(tmp_path / "a", addresses, 60, UNWATCHED_AFTER="1.5") as one,
        DebateApp(settings) as here,
    ):
        debate_id = await one.start(2)
        secret = await here.links.make(debate_id)
        guest = await here.links.guest(secret)
        feed = Feed(*await here.links.read(guest))
        told: list[Piece] = feed.whole()
        async with aclosing(here.watch(debate_id, feed.last, visitor=guest)) as batches:
            async with asyncio.timeout(20):
                async for batch in batches:
                    told += [piece for event in batch for piece in feed.take(event) or []]
                    if any(isinstance(event, DebatePaused) for event in batch):
                        break
        words = [piece for piece in told if piece["kind"] == "words"]
        assert len(words) > 5, "it was read word by word"
        # Nobody but a reader looked on.
        assert told[-1]["words"] == "Paused: whoever runs it is not looking."
        elsewhere = Links(here.links._access)
        await elsewhere.revoke((await here.links.of(debate_id))[0].hash)
        await asyncio.sleep(2.1)
        with pytest.raises(Exception, match="This link does not work"):
            await here.links.guest(secret)
