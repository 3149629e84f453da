"""DebateApp without ``await``: for scripts, and for notebooks whose event loop runs already.

with SyncDebateApp() as app:
    seats = [Seat(persona=key, model="SmolLM2") for key in ("philosopher", "cynic")]
    for events in app.watch(app.start("Is tea better than coffee?", seats, rounds=1)):
        print(events)
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401 - at exit its threads are to end after ours
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from functools import partial, wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from rebuttal.app import DebateApp
from rebuttal.catalog import Catalog
from rebuttal.completions import Completions
from rebuttal.events import DebateEvent
from rebuttal.files import Files
from rebuttal.history import History
from rebuttal.links import Links
from rebuttal.panels import Panels
from rebuttal.providers.base import ChatModel
from rebuttal.records import OPERATOR, Visitor
from rebuttal.settings import Settings, load_settings
from rebuttal.stores.base import DebateStore
from rebuttal.tokens import Tokens

P = ParamSpec("P")
T = TypeVar("T")
Whole = TypeVar("Whole")

LOOK = 0.5
"""Seconds. On Windows a wait without an end cannot be interrupted."""
PATIENCE = 5.0
"""Seconds that an interrupted call has to end in order."""


class _Thread:
    """A thread with an event loop, and the app that lives in it."""

    def __init__(self, make: Callable[[], DebateApp]) -> None:
        self._ready = threading.Event()
        self._closing = threading.Lock()
        self._open = True
        # A thread of the other kind would keep a program from ending that forgets to close.
        self._thread = threading.Thread(target=self._live, name="rebuttal", daemon=True)
        self._thread.start()
        self._ready.wait()
        try:
            self.app = self.run(_called(make))
        except BaseException:
            self._end()
            raise
        # The usual atexit comes when no thread may be asked for anything any more.
        register: Callable[..., object] = threading._register_atexit  # type: ignore[attr-defined]
        register(_close_at_exit, weakref.ref(self))

    def _live(self) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            runner.run(self._until_ended())

    async def _until_ended(self) -> None:
        self._ended = asyncio.Event()
        self._ready.set()
        await self._ended.wait()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` gives or raises; an interrupt cancels it first."""
        if not self._open or threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError(_WITHIN if self._open else "This app is closed.")
        begun, done = list[asyncio.Task[T]](), threading.Event()

        def begin() -> None:
            begun.append(self._loop.create_task(work))
            begun[0].add_done_callback(lambda _: done.set())

        self._loop.call_soon_threadsafe(begin)
        try:
            while not done.wait(LOOK):
                pass
        except BaseException:
            self._loop.call_soon_threadsafe(lambda: begun[0].cancel())
            done.wait(PATIENCE)
            raise
        return begun[0].result()

    def iterate(self, stream: AsyncGenerator[T, None]) -> Generator[T, None, None]:
        """What the stream yields; it is closed when nobody wants more."""
        end = object()

        async def following() -> T | object:
            return await anext(stream, end)

        try:
            while (item := self.run(following())) is not end:
                yield item  # type: ignore[misc]  # all but the end is the stream's
        finally:
            if self._open:
                self.run(stream.aclose())

    def close(self) -> None:
        """Close the app and end the thread; twice is once."""
        with self._closing:
            if not self._open:
                return
            try:
                self.run(self.app.close())
            finally:
                self._end()

    def _end(self) -> None:
        self._open = False
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(PATIENCE)


_WITHIN = "A model cannot wait for the app that waits for it; use DebateApp there."


async def _called(function: Callable[[], T]) -> T:
    return function()


def _close_at_exit(thread: weakref.ref[_Thread]) -> None:
    if there := thread():
        there.close()


class _Front(Generic[Whole]):
    """Stands before the app or a part of it."""

    def __init__(self, thread: _Thread, whole: Whole) -> None:
        self._thread = thread
        self._whole = whole


def _waits(
    method: Callable[Concatenate[Whole, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[_Front[Whole], P], T]:
    """The method, waited for."""

    @wraps(method)
    def wait(front: _Front[Whole], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return front._thread.run(method(front._whole, *args, **kwargs))

    return wait


def _calls(
    method: Callable[Concatenate[Whole, P], T],
) -> Callable[Concatenate[_Front[Whole], P], T]:
    """The method, which waits for nothing, called where the app lives."""

    @wraps(method)
    def call(front: _Front[Whole], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return front._thread.run(_called(partial(method, front._whole, *args, **kwargs)))

    return call


def _yields(
    method: Callable[Concatenate[Whole, P], AsyncGenerator[T, None]],
) -> Callable[Concatenate[_Front[Whole], P], Generator[T, None, None]]:
    """The method's stream as an iterator."""

    @wraps(method)
    def follow(
        front: _Front[Whole], /, *args: P.args, **kwargs: P.kwargs
    ) -> Generator[T, None, None]:
        yield from front._thread.iterate(method(front._whole, *args, **kwargs))

    return follow


class SyncHistory(_Front[History]):
    """See ``DebateApp.history``."""

    find = _waits(History.find)
    speaking = _calls(History.speaking)
    rename = _waits(History.rename)
    pin = _waits(History.pin)
    delete = _waits(History.delete)
    delete_all = _waits(History.delete_all)
    undelete = _waits(History.undelete)
    doomed = _waits(History.doomed)
    purge = _waits(History.purge)
    back_up = _waits(History.back_up)
    restore = _waits(History.restore)
    tallies = _waits(History.tallies)


class SyncLinks(_Front[Links]):
    """See ``DebateApp.links``."""

    make = _waits(Links.make)
    of = _waits(Links.of)
    all = _waits(Links.all)
    revoke = _waits(Links.revoke)
    guest = _waits(Links.guest)
    read = _waits(Links.read)
    fork = _waits(Links.fork)


class SyncFiles(_Front[Files]):
    """See ``DebateApp.files``."""

    export = _waits(Files.export)
    export_all = _yields(Files.export_all)
    import_ = _waits(Files.import_)


class SyncTokens(_Front[Tokens]):
    """See ``DebateApp.tokens``."""

    make = _waits(Tokens.make)
    all = _waits(Tokens.all)
    revoke = _waits(Tokens.revoke)


class SyncPanels(_Front[Panels]):
    """See ``DebateApp.panels``."""

    save = _waits(Panels.save)
    all = _waits(Panels.all)
    get = _waits(Panels.get)
    delete = _waits(Panels.delete)
    own = _waits(Panels.own)
    ask = _yields(Panels.ask)


class SyncCompletions(_Front[Completions]):
    """See ``DebateApp.completions``."""

    options = _calls(Completions.options)
    stream = _yields(Completions.stream)
    answer = _waits(Completions.answer)


class SyncDebateApp(_Front[DebateApp]):
    """DebateApp in a thread of its own: its methods wait, its streams are iterators.

    Open from the beginning until ``close``, or the end of a ``with``; then, and at the latest with
    the program, debates that run are stopped and what was said is kept. Ctrl-C ends the call that
    waits. Settings are those of ``load_settings()`` where none are given.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        store: DebateStore | None = None,
        chat_models: dict[str, ChatModel] | None = None,
    ) -> None:
        chosen = settings or load_settings()
        thread = _Thread(partial(DebateApp, chosen, store=store, chat_models=chat_models))
        super().__init__(thread, thread.app)
        self.settings = chosen
        self.history = SyncHistory(thread, thread.app.history)
        self.links = SyncLinks(thread, thread.app.links)
        self.files = SyncFiles(thread, thread.app.files)
        self.tokens = SyncTokens(thread, thread.app.tokens)
        self.panels = SyncPanels(thread, thread.app.panels)
        self.completions = SyncCompletions(thread, thread.app.completions)

    def __enter__(self) -> SyncDebateApp:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop every debate, unload every model, close the store. Twice is once."""
        self._thread.close()

    @property
    def catalog(self) -> Catalog:
        """Endpoints, models and personas now in force."""
        return self._whole.catalog

    @property
    def catalog_problem(self) -> str:
        """Why the last reload was refused, or empty."""
        return self._whole.catalog_problem

    @property
    def storage_problem(self) -> str:
        """What is to be known about how debates are kept now, in a sentence; or empty."""
        return self._whole.storage_problem

    def watch(
        self, debate_id: str, after: str | None = None, *, visitor: Visitor = OPERATOR
    ) -> Generator[list[DebateEvent], None, None]:
        """See ``DebateApp.watch``. Ctrl-C meanwhile stops the debate and keeps what was said."""
        try:
            yield from self._thread.iterate(self._whole.watch(debate_id, after, visitor=visitor))
        except KeyboardInterrupt:
            self.stop(debate_id, visitor=visitor)
            raise

    start = _waits(DebateApp.start)
    say = _waits(DebateApp.say)
    stop = _waits(DebateApp.stop)
    pause = _waits(DebateApp.pause)
    resume = _waits(DebateApp.resume)
    watchers = _waits(DebateApp.watchers)
    look_in = _waits(DebateApp.look_in)
    debate = _waits(DebateApp.debate)
    origin = _waits(DebateApp.origin)
    state = _waits(DebateApp.state)
    transcript = _waits(DebateApp.transcript)
    debates = _waits(DebateApp.debates)
    export = _waits(DebateApp.export)
    tree = _waits(DebateApp.tree)
    regenerate = _waits(DebateApp.regenerate)
    branch = _waits(DebateApp.branch)
    edit = _waits(DebateApp.edit)
    choose = _waits(DebateApp.choose)
    prune = _waits(DebateApp.prune)
    rerun = _waits(DebateApp.rerun)
    compare = _waits(DebateApp.compare)
    halt = _waits(DebateApp.halt)
    go_on = _waits(DebateApp.go_on)
    budget = _waits(DebateApp.budget)
    models = _waits(DebateApp.models)
    endpoints = _waits(DebateApp.endpoints)
    pull = _yields(DebateApp.pull)
    load = _yields(DebateApp.load)
    unload = _waits(DebateApp.unload)
    model_info = _waits(DebateApp.model_info)
    reload_catalog = _calls(DebateApp.reload_catalog)
