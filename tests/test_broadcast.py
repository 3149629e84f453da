"""Many watchers of one debate share the work of a few."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress

import pytest

from rebuttal.broadcast import MERGE_EVERY, Broadcast
from rebuttal.events import TurnDelta, TurnFinished, TurnStarted
from rebuttal.records import Turn, now

WATCHERS = 60
SECONDS = 1.2


async def updates(full_pace: int) -> tuple[int, list[str]]:
    """How many batches all watchers got while words came in, and what each has heard."""
    broadcast = Broadcast(lambda: None, full_pace)
    batches, heard = 0, [""] * WATCHERS

    async def watch(number: int) -> None:
        nonlocal batches
        async with aclosing(broadcast.watch((), None)) as news:
            async for batch in news:
                batches += 1
                heard[number] += "".join(e.text for e in batch if isinstance(e, TurnDelta))

    watching = [asyncio.create_task(watch(number)) for number in range(WATCHERS)]
    for number in range(round(SECONDS / 0.02)):
        broadcast.publish(TurnDelta(seat="one", text=f"{number} "))
        await asyncio.sleep(0.02)
    counted = batches
    await asyncio.sleep(1.2)
    for task in watching:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert broadcast.watchers == 0
    return counted, heard


@pytest.mark.parametrize(("full_pace", "few"), [(1000, False), (6, True)])
async def test_a_crowd_at_one_debate_is_told_less_often_and_misses_nothing(
    full_pace: int, few: bool
) -> None:
    counted, heard = await updates(full_pace)
    most = WATCHERS + 6 * SECONDS / MERGE_EVERY * 1.3  # each at once, then as few are told
    assert (counted <= most) is few
    said = "".join(f"{number} " for number in range(round(SECONDS / 0.02)))
    assert heard == [said] * WATCHERS


@pytest.mark.parametrize("moments", range(4))
async def test_who_leaves_just_as_news_come_is_gone(moments: int) -> None:
    broadcast = Broadcast(lambda: None, 6)

    async def watch() -> None:
        async with aclosing(broadcast.watch((), None)) as news:
            async for _ in news:
                pass

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.05)
    broadcast.publish(TurnDelta(seat="one", text="word"))
    for _ in range(moments):
        await asyncio.sleep(0)
    watching.cancel()
    await asyncio.wait([watching], timeout=0.2)
    assert watching.cancelled()
    assert broadcast.watchers == 0


async def test_who_wants_no_words_is_woken_by_turns_alone() -> None:
    broadcast = Broadcast(lambda: None, full_pace=6)
    said = Turn(id="t1", parent_id="t0", speaker="one", text="Tea.", created_at=now())
    begun = TurnStarted(seat="one", turn_id="t1", round=1, rounds=1, prompt_tokens=9, context=99)
    batches: list[list[str]] = []

    async def watch() -> None:
        nonlocal batches
        async with aclosing(broadcast.watch([], None, words=False)) as news:
            async for batch in news:
                batches += [[event.kind for event in batch]]

    broadcast.publish(begun)
    watching = asyncio.create_task(watch())
    for _ in range(20):
        broadcast.publish(TurnDelta(seat="one", text="Tea "))
        await asyncio.sleep(0.01)
    told = len(batches)
    broadcast.publish(TurnFinished(turn=said))
    await asyncio.sleep(MERGE_EVERY * 2)
    watching.cancel()
    await asyncio.wait([watching])
    assert told == 1
    assert batches[0] == ["turn_started"]
    assert ["turn_finished"] in batches
    assert not any("turn_delta" in batch for batch in batches)
