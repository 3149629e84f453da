"""The bus over Redis: leases that expire, a stream of news for each debate, an inbox each."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Collection, Coroutine, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from rebuttal.bus import Claim, Member
from rebuttal.errors import Busy, StoreError
from rebuttal.records import new_id
from rebuttal.stores import redis_bus_scripts as scripts
from rebuttal.stores.redis_bus_scripts import LEASE, PREFIX
from rebuttal.stores.redis_connection import RedisAddress, spoken
from rebuttal.stores.redis_lease import Lease

log = logging.getLogger(__name__)

BEAT = 1.0
"""Seconds between two signs of life."""
ANSWER_WITHIN = 15.0
BLOCK = 1000
"""Milliseconds that one read waits for news."""
INBOX = 1000

T = TypeVar("T")


class RedisBus:
    """For one event loop. Whatever fails here is told by ``problem`` and the log, never raised.

    While Redis is away every claim is granted: what keeps two processes from saying the same turn
    is then the store, which takes only one behind each tip. When it is back, a lease is asked for
    each; whoever comes second loses the debate.
    """

    def __init__(self, address: RedisAddress) -> None:
        self.problem = ""
        self.name = new_id()
        self._redis: Any = address.connect()
        self._server = address.name
        self._member: Member | None = None
        self._stands_by = False
        self._closed = False
        self._claims: dict[str, Lease] = {}
        self._rested: set[str] = set()
        """Debates that were let go of while Redis could not be told."""
        self._orphans_from = 0.0
        self._followed: dict[str, str] = {}
        self._read_inbox = "0"
        self._answers: dict[str, asyncio.Future[str]] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def open(cls, address: str) -> RedisBus:
        """Nothing is connected yet. Raises InvalidInput for what is no address of Redis."""
        return cls(RedisAddress(address))

    async def join(self, member: Member) -> None:
        """See Bus."""
        self._member = member
        await self._beat()
        self._loops = [
            asyncio.create_task(self._keep_beating(), name="bus: beat"),
            asyncio.create_task(self._keep_reading(), name="bus: read"),
        ]

    def stand_by(self) -> None:
        """See Bus."""
        self._stands_by = True

    async def claim(self, debate_id: str) -> Claim | None:
        """See Bus."""
        lease = Lease(self, debate_id)
        if not self.problem and not await self._grant(lease):
            return None
        self._claims[debate_id] = lease
        self._rested.discard(debate_id)
        return lease

    async def ask(self, debate_id: str, order: str) -> str | None:
        """See Bus."""
        holder = None if self.problem else await self._holder(debate_id)
        if holder is None or holder == self.name:
            return None
        ask_id = new_id()
        answer = self._answers[ask_id] = asyncio.get_running_loop().create_future()
        message = {"ask": ask_id, "from": self.name, "debate": debate_id, "order": order}
        try:
            await self._send(holder, message)
            return await self._answer(answer, debate_id, holder)
        finally:
            del self._answers[ask_id]

    async def follow(self, debate_id: str) -> None:
        """See Bus."""
        self._followed[debate_id] = "0"
        if self.problem:
            return
        news: list[Any] = await self._try(self._redis.xrange(_key("news", debate_id)), [])
        for at, entry in news:
            self._followed[debate_id] = at
            self._hear(debate_id, entry["entry"])
        self._wake()

    def unfollow(self, debate_id: str) -> None:
        """See Bus."""
        self._followed.pop(debate_id, None)

    async def forget(self, debate_id: str, entry: str) -> None:
        """See Bus."""
        self._claims.pop(debate_id, None)
        if not self.problem:
            await self._script(scripts.FORGET, debate_id, self.name, entry)

    async def close(self) -> None:
        """See Bus."""
        self._closed = True
        going = {*self._loops, *self._tasks}
        while going:
            for task in going:
                task.cancel()  # more than once: the client of Redis may take it for a timeout
            _, going = await asyncio.wait(going, timeout=BEAT)
        if not self.problem:
            with suppress(StoreError):
                async with spoken(self._server):
                    await self._redis.zrem(f"{PREFIX}processes", self.name)
                    await self._redis.delete(_key("inbox", self.name))
        await self._redis.aclose()

    # --- for leases -------------------------------------------------------------------------------

    async def script_for(self, lease: Lease, script: str, *arguments: str) -> Any:
        """See Lessor."""
        if self.problem or not lease.granted or not self.has(lease):
            return None
        found = await self._script(script, self.name, lease.debate_id, *arguments)
        if found == 0 and script != scripts.HAND_OVER:
            self._lose(lease)
        return found

    def has(self, lease: Lease) -> bool:
        """See Lessor."""
        return self._claims.get(lease.debate_id) is lease

    def let_go(self, lease: Lease, *, told: bool = True) -> None:
        """See Lessor."""
        if self.has(lease):
            self._unclaim(lease)
            if not told:
                self._rested.add(lease.debate_id)

    def said(self, debate_id: str, at: str) -> None:
        """See Lessor."""
        if debate_id in self._followed:
            self._followed[debate_id] = at

    def stand_down(self) -> None:
        """See Lessor."""
        self._stands_by = False

    # --- inside -----------------------------------------------------------------------------------

    async def _keep_beating(self) -> None:
        while not self._closed:
            await asyncio.sleep(BEAT)
            try:
                await self._beat()
            except Exception:
                # The boundary of the task: without it a bug would lose every debate.
                log.exception("a sign of life failed")

    async def _beat(self) -> None:
        """One sign of life; what is answered is passed on."""
        assert self._member
        began = time.monotonic()
        held = {key: lease for key, lease in self._claims.items() if lease.granted}
        lists = (list(held), list(self._member.watched), list(self._followed))
        counted = [word for each in lists for word in (str(len(each)), *each)]
        stands_by = "1" if self._stands_by else "0"
        answer = await self._script(scripts.BEAT, self.name, stands_by, *counted)
        if answer is None:
            return
        lost, elsewhere, unknown, unheld, orphans, running = answer
        for debate_id, lease in held.items():
            if debate_id in lost:
                self._lose(lease)
            else:
                lease.until = began + LEASE
        if not await self._are_others_heard():
            return
        self._member.look_around(elsewhere, unheld, running)
        for debate_id in unknown:
            await held[debate_id].run_again()
        if began >= self._orphans_from:
            for debate_id, note in _pairs(orphans):
                self._begin(self._member.take_over(debate_id, note))

    async def _are_others_heard(self) -> bool:
        """Redis answers: tell it what it was not told, and the debates if this is news."""
        was_away, self.problem = bool(self.problem), ""
        await self._make_good()
        if was_away and not self.problem:
            self._come_back()
        return not self.problem

    async def _make_good(self) -> None:
        """Ask for what this process has without a lease, and give back what it let go of."""
        for lease in [one for one in self._claims.values() if not one.granted]:
            if await self._grant(lease):
                await lease.run_again()
            else:
                self._lose(lease)
        for debate_id in tuple(self._rested):
            if await self._script(scripts.RELEASE, self.name, debate_id) is not None:
                self._rested.discard(debate_id)

    async def _grant(self, lease: Lease) -> bool:
        """Have Redis write it down, if it answers; False where another process has the debate."""
        granted: list[str] | None = await self._script(scripts.CLAIM, self.name, lease.debate_id)
        if granted:
            number, had_it_last = granted
            lease.grant(int(number), untouched=had_it_last == self.name)
        return granted != []

    async def _keep_reading(self) -> None:
        while not self._closed:
            try:
                await asyncio.sleep(BEAT / 4 if self.problem else 0)
                await self._read()
            except Exception:
                log.exception("news were lost")
                await asyncio.sleep(BEAT)

    async def _read(self) -> None:
        """Wait for news and messages, for a while."""
        if self.problem:
            return
        others = (one for one in self._followed.items() if one[0] not in self._claims)
        asked, inbox = dict(others), _key("inbox", self.name)
        streams = {_key("news", debate_id): at for debate_id, at in asked.items()}
        # The inbox last: whoever gets an answer has heard what was said before it.
        read = self._redis.xread({**streams, inbox: self._read_inbox}, count=500, block=BLOCK)
        found: list[Any] = await self._try(read, [])
        for key, entries in found:
            for at, entry in entries:
                if key == inbox:
                    self._read_inbox = at
                    self._open(entry)
                else:
                    self._take(key.removeprefix(_key("news", "")), asked, at, entry)

    def _take(self, debate_id: str, asked: dict[str, str], at: str, entry: dict[str, str]) -> None:
        """News, unless the debate was unfollowed or read from its beginning again meanwhile."""
        if self._followed.get(debate_id) == asked[debate_id]:
            self._followed[debate_id] = asked[debate_id] = at
            if entry["from"] != self.name:
                self._hear(debate_id, entry["entry"])

    def _hear(self, debate_id: str, entry: str) -> None:
        assert self._member
        self._member.hear(debate_id, entry)

    def _open(self, message: dict[str, str]) -> None:
        """Read what lay in the inbox."""
        if "order" in message:
            self._begin(self._obey(message))
            return
        answer = self._answers.get(message.get("answers", ""))
        if answer and not answer.done():
            answer.set_result(message["answer"])

    async def _obey(self, message: dict[str, str]) -> None:
        assert self._member
        answer = await self._member.obey(message["debate"], message["order"])
        await self._send(message["from"], {"answers": message["ask"], "answer": answer})

    async def _answer(self, answer: asyncio.Future[str], debate_id: str, holder: str) -> str | None:
        """Wait for it, as long as the holder is alive."""
        deadline = time.monotonic() + ANSWER_WITHIN
        gone = False
        while time.monotonic() < deadline and not self.problem:
            await asyncio.wait([answer], timeout=BEAT / 2)
            if answer.done():
                return answer.result()
            if gone:
                return None
            gone = await self._holder(debate_id) != holder
        raise Busy(
            "The process that runs this debate does not answer.", "Try again in a moment.", BEAT
        )

    async def _holder(self, debate_id: str) -> str | None:
        holder: str | None = await self._try(self._redis.get(_key("lease", debate_id)), None)
        return holder

    async def _send(self, process: str, message: dict[str, str]) -> None:
        if not self.problem:
            sent = self._redis.xadd(_key("inbox", process), message, maxlen=INBOX)
            await self._try(sent, None)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _lose(self, lease: Lease) -> None:
        assert self._member
        if self.has(lease):
            self._unclaim(lease)
            self._member.lose(lease.debate_id)

    def _unclaim(self, lease: Lease) -> None:
        """Others may speak now: hear them."""
        del self._claims[lease.debate_id]
        self._wake()

    def _wake(self) -> None:
        """Have the read in progress begin anew, since it should listen to more."""
        self._begin(self._send(self.name, {"wake": ""}))

    async def _script(self, script: str, *arguments: str) -> Any:
        """What it returns; None where Redis is away."""
        run = self._redis.register_script(script)
        return await self._try(run(args=list(arguments)), None)

    async def _try(self, asked: Awaitable[T] | Any, otherwise: T) -> T:
        try:
            async with spoken(self._server):
                found: T = await asked
                return found
        except StoreError as error:
            self._go_away(error)
            return otherwise

    def _go_away(self, error: StoreError) -> None:
        if not self.problem:
            log.warning("processes no longer hear each other: %s", error)
            self.problem = (
                f"{error.message} It carries debates between several processes: until it is back "
                "each goes on alone."
            )
            if self._member:
                self._member.away()

    def _come_back(self) -> None:
        log.warning("processes hear each other again")
        # Whoever ran a debate meanwhile has as long to say so.
        self._orphans_from = time.monotonic() + LEASE
        if self._member:
            self._member.back()


def _key(kind: str, name: str) -> str:
    return f"{PREFIX}{kind}:{name}"


def _pairs(flat: Collection[str]) -> Iterator[tuple[str, str]]:
    words = iter(flat)
    return zip(words, words, strict=True)
