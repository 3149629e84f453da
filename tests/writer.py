"""Keeps debates and turns for ever and says so after each: python -m tests.writer ADDRESS."""

from __future__ import annotations

import asyncio
import sys

from rebuttal.records import new_id
from rebuttal.stores.sql import SqlStore
from tests.stores import a_debate, a_turn


async def write(store: SqlStore, length: int) -> None:
    """One debate of that length after the other, each with branches."""
    while True:
        debate, tip = new_id(), new_id()
        await store.add_debate(a_debate(debate, tip=tip), a_turn(tip, None))
        print("kept", debate, tip, flush=True)
        for number in range(length):
            turn = new_id()
            await store.add_turn(debate, a_turn(turn, tip, text=f"{number} " * 500))
            tip = turn
            print("kept", debate, tip, flush=True)
            if number % 10 == 9:
                back = (await store.get_turns(debate))[-3].id
                await store.move_tip(debate, back, expected=tip)
                tip = back


async def main(address: str) -> None:
    """Until it is killed."""
    store = SqlStore.open(address)
    await asyncio.gather(write(store, 5), write(store, 40))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
