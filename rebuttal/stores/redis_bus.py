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
    is then the store, which takes only one behind each tip.
    """

    def __init__(self, address: RedisAddress) -> None:
        self.problem = ""
        self.name = new_id()
        self._redis: Any = address.connect()
        self._server = address.name
        self._member: Member | None = None
        self._stands_by = False
        self._closed = False
        self._claims: dict[str, _Lease] = {}
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

    def stand_down(self) -> None:
        """Take over nothing more, because this process ends."""
        self._stands_by = False

    async def claim(self, debate_id: str) -> Claim | None:
        """See Bus."""
        granted: list[str] | None = None
        if not self.problem:
            granted = await self._script(scripts.CLAIM, self.name, debate_id)
        if granted == []:
            return None
        if granted:
            lease = _Lease(self, debate_id, int(granted[0]), untouched=granted[1] == self.name)
        else:
            lease = _Lease(self, debate_id, int(time.time() * 1000), untouched=False)
        self._claims[debate_id] = lease
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

    async def script_for(self, lease: _Lease, script: str, *arguments: str) -> Any:
        """Run one that goes no further without that lease, which is lost then. None: away."""
        if self.problem or self._claims.get(lease.debate_id) is not lease:
            return None
        found = await self._script(script, lease.words, lease.debate_id, *arguments)
        if found == 0 and script != scripts.HAND_OVER:
            self._lose(lease.debate_id)
        return found

    def has(self, lease: _Lease) -> bool:
        """Whether it is not known to be lost."""
        return self._claims.get(lease.debate_id) is lease

    def let_go(self, lease: _Lease) -> None:
        """It is given back."""
        if self.has(lease):
            self._unclaim(lease.debate_id)

    def said(self, debate_id: str, at: str) -> None:
        """What this process has told itself up to there it need not hear."""
        if debate_id in self._followed:
            self._followed[debate_id] = at

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
        began, claims = time.monotonic(), dict(self._claims)
        held = [word for one in claims.values() for word in (one.words, one.debate_id)]
        lists = (held, list(self._member.watched), list(self._followed))
        counted = [word for each in lists for word in (str(len(each)), *each)]
        stands_by = "1" if self._stands_by else "0"
        answer = await self._script(scripts.BEAT, self.name, stands_by, *counted)
        if answer is None:
            return
        lost, elsewhere, unknown, unheld, orphans, running = answer
        if self.problem:
            self._come_back()
        for debate_id, lease in claims.items():
            if debate_id not in lost:
                lease.until = began + LEASE
        for debate_id in lost:
            if self._claims.get(debate_id) is claims[debate_id]:
                self._lose(debate_id)
        self._member.look_around(elsewhere, unheld, running)
        for debate_id in unknown:
            if known := self._claims.get(debate_id):
                await known.run_again()
        for debate_id, note in _pairs(orphans):
            self._begin(self._member.take_over(debate_id, note))

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
        words: str | None = await self._try(self._redis.get(_key("lease", debate_id)), None)
        return words.split()[0] if words else None

    async def _send(self, process: str, message: dict[str, str]) -> None:
        if not self.problem:
            sent = self._redis.xadd(_key("inbox", process), message, maxlen=INBOX)
            await self._try(sent, None)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _lose(self, debate_id: str) -> None:
        assert self._member
        if debate_id in self._claims:
            self._unclaim(debate_id)
            self._member.lose(debate_id)

    def _unclaim(self, debate_id: str) -> None:
        """Others may speak now: hear them."""
        del self._claims[debate_id]
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
        self.problem = ""
        if self._member:
            self._member.back()


class _Lease:
    """A claim, for as long as Redis says so."""

    is_heard = True

    def __init__(self, bus: RedisBus, debate_id: str, number: int, *, untouched: bool) -> None:
        self.debate_id = debate_id
        self.number = number
        self.untouched = untouched
        self.words = f"{bus.name} {number}"
        self.until = time.monotonic() + LEASE - BEAT
        self._bus = bus
        self._note: str | None = None
        self._whole = ("0", "0")
        """Ids of the last two whole entries; whoever reads slowly may still need the earlier."""

    @property
    def exclusive(self) -> bool:
        """See Claim."""
        return not self._bus.problem and self._bus.has(self)

    async def holds(self) -> bool:
        """See Claim. A process that was stopped for long asks before it believes."""
        if self._bus.has(self) and time.monotonic() >= self.until:
            await self._bus.script_for(self, scripts.KEEP)
        return self._bus.has(self)

    async def run(self, note: str) -> None:
        """See Claim."""
        self._note = note
        await self.run_again()

    async def run_again(self) -> None:
        """Say once more that it runs."""
        if self._note is not None:
            await self._bus.script_for(self, scripts.RUN, self._note)

    async def post(self, entry: str, *, whole: bool) -> bool:
        """See Claim."""
        at = await self._bus.script_for(self, scripts.POST, entry, self._whole[0])
        if at:
            self._bus.said(self.debate_id, at)
        if at and whole:
            self._whole = self._whole[1], at
        return bool(at)

    async def release(self) -> None:
        """See Claim."""
        await self._bus.script_for(self, scripts.RELEASE)
        self._bus.let_go(self)

    def abandon(self) -> None:
        """See Claim. It expires."""
        self._bus.let_go(self)

    async def hand_over(self) -> bool:
        """See Claim."""
        handed = await self._bus.script_for(self, scripts.HAND_OVER)
        if handed:
            self._bus.let_go(self)
            self._bus.stand_down()
        return bool(handed)


def _key(kind: str, name: str) -> str:
    return f"{PREFIX}{kind}:{name}"


def _pairs(flat: Collection[str]) -> Iterator[tuple[str, str]]:
    words = iter(flat)
    return zip(words, words, strict=True)
