"""A WebSocket: debates begun, heard and steered over one connection."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Annotated, Literal

from fastapi import APIRouter, WebSocket
from pydantic import Field, TypeAdapter, ValidationError
from starlette.websockets import WebSocketDisconnect

from rebuttal.app import DebateApp
from rebuttal.errors import Busy, InvalidInput, RebuttalError
from rebuttal.records import Id, Power, Visitor
from rebuttal.web.api.caller import checked
from rebuttal.web.api.events import LOOK_EVERY, admitted, still
from rebuttal.web.api.position import Follower, Position
from rebuttal.web.api.schemas import Asked, Begin, Keys, Text
from rebuttal.web.asgi import Refused
from rebuttal.web.problems import as_json, problem_of

log = logging.getLogger(__name__)

MOST = 16
"""Debates that one connection hears at once."""


class Start(Begin):
    """Begin a debate and hear it. Twice with the same ``request`` is once."""

    do: Literal["start"]
    request: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class Watch(Asked):
    """Hear a debate; ``id`` is that of the last event heard, to go on there."""

    do: Literal["watch"]
    debate: Id
    id: Annotated[str, Field(max_length=400)] | None = None
    after: Id | None = None


class Unwatch(Asked):
    """Hear it no more."""

    do: Literal["unwatch"]
    debate: Id


class SayLive(Asked):
    """A follow-up that buys rounds, or with none a note."""

    do: Literal["say"]
    debate: Id
    text: Text = ""
    rounds: Annotated[int, Field(ge=0, le=1000)] = 0


class Steer(Asked):
    """Stop, pause, or go on."""

    do: Literal["stop", "pause", "resume"]
    debate: Id
    keys: Keys | None = None


Order = Annotated[Start | Watch | Unwatch | SayLive | Steer, Field(discriminator="do")]
ORDER: TypeAdapter[Order] = TypeAdapter(Order)
POWERS: dict[str, Power] = {"watch": "read", "unwatch": "read"}
"""What an order takes; else ``debate``."""


def routes(app: DebateApp) -> APIRouter:
    """``/live``."""
    router = APIRouter()

    @router.websocket("/live")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        try:
            checked(socket, "read")
        except RebuttalError as error:
            await socket.send_text(as_json({"error": problem_of(error).value}).decode("ascii"))
            await socket.close(1008)
            return
        await Line(app, socket).serve()

    return router


class Line:
    """One connection: what is asked over it, and what is told."""

    def __init__(self, app: DebateApp, socket: WebSocket) -> None:
        self._app = app
        self._socket = socket
        self._visitor: Visitor = socket.scope["rebuttal.visitor"]
        self._count: Callable[[], None] = socket.scope.get("rebuttal.count", lambda: None)
        self._heard: dict[str, asyncio.Task[None]] = {}
        self._sending = asyncio.Lock()

    async def serve(self) -> None:
        """Until it is closed."""
        try:
            while (message := await self._socket.receive())["type"] != "websocket.disconnect":
                if not await self._is_admitted():
                    return
                await self._take(message.get("text"))
        except (WebSocketDisconnect, RuntimeError, OSError) as gone:
            log.debug("a socket has gone: %s", gone)
        finally:
            for task in self._heard.values():
                task.cancel()
            if self._heard:
                await asyncio.wait(self._heard.values())

    async def _is_admitted(self) -> bool:
        """Whether what they came with still opens anything; else the line ends."""
        try:
            await admitted(self._socket)
        except RebuttalError as error:
            await self._tell({"error": problem_of(error).value})
            await self._socket.close(1008)
            return False
        return True

    async def _take(self, text: str | None) -> None:
        """Do what one message asks, and say what became of it."""
        about: dict[str, object] = {}
        try:
            self._count()
            order = read(text)
            about = {"do": order.do}
            if not isinstance(order, Start):
                about["debate"] = order.debate
            checked(self._socket, POWERS.get(order.do, "debate"))
            debate_id = await self._do(order)
        except (RebuttalError, Refused) as error:
            await self._tell({"error": problem_of(error).value, **about})
            return
        await self._tell({"done": order.do, "debate": debate_id})

    async def _do(self, order: Order) -> str:
        app, visitor = self._app, self._visitor
        if isinstance(order, Start):
            return await self._start(order)
        debate_id = order.debate
        if isinstance(order, Watch):
            start = Position.read(order.id) if order.id else Position(order.after or "")
            await app.state(debate_id, visitor=visitor)
            self._listen(debate_id, start)
        elif isinstance(order, Unwatch):
            if task := self._heard.pop(debate_id, None):
                task.cancel()
        elif isinstance(order, SayLive):
            await app.say(debate_id, order.text, order.rounds, visitor=visitor)
        elif order.do == "resume":
            await app.resume(debate_id, keys=order.keys, visitor=visitor)
        elif order.do == "stop":
            await app.stop(debate_id, visitor=visitor)
        else:
            await app.pause(debate_id, visitor=visitor)
        return debate_id

    async def _start(self, order: Start) -> str:
        self._check_room()
        debate_id = await self._app.start(
            order.topic,
            order.seats,
            rounds=order.rounds,
            language=order.language,
            seed=order.seed,
            request=order.request and f"live {order.request}"[:200],
            keys=order.keys,
            run=order.run,
            visitor=self._visitor,
        )
        self._listen(debate_id, Position())
        return debate_id

    def _check_room(self) -> None:
        self._heard = {key: task for key, task in self._heard.items() if not task.done()}
        if len(self._heard) >= MOST:
            raise Busy(f"{MOST} debates are heard over this connection.", "Unwatch one.", 0)

    def _listen(self, debate_id: str, start: Position) -> None:
        """Tell of it from there on, and no longer from where it was told before."""
        if before := self._heard.pop(debate_id, None):
            before.cancel()
        self._check_room()
        self._heard[debate_id] = asyncio.create_task(self._say_on(debate_id, start))

    async def _say_on(self, debate_id: str, start: Position) -> None:
        try:
            await self._hear(debate_id, start)
        except (RebuttalError, Refused) as error:
            await self._tell({"error": problem_of(error).value, "debate": debate_id})
        except (WebSocketDisconnect, RuntimeError, OSError):
            return  # whoever reads the socket finds out by itself

    async def _hear(self, debate_id: str, start: Position) -> None:
        app, visitor = self._app, self._visitor
        check, follower = still(app, debate_id, self._socket), Follower(start)
        watchers, looked = -1, time.monotonic()
        watching = app.watch(debate_id, start.last or None, visitor=visitor)
        async with aclosing(watching) as batches:
            async for batch in batches:
                for place, event in follower.take(batch):
                    said = event.model_dump(mode="json")
                    await self._tell({"event": said, "id": str(place), "debate": debate_id})
                count = await app.watchers(debate_id, visitor=visitor)
                if count != watchers:
                    watchers = count
                    await self._tell({"watchers": count, "debate": debate_id})
                if time.monotonic() - looked > LOOK_EVERY:
                    await check()
                    looked = time.monotonic()

    async def _tell(self, said: dict[str, object]) -> None:
        async with self._sending:
            await self._socket.send_text(as_json(said).decode("ascii"))


def read(text: str | None) -> Order:
    """What a message asks. Raises InvalidInput."""
    if text is None:
        raise InvalidInput("Messages are text: JSON.")
    try:
        return ORDER.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"])[:120]
        words = f"{field}: {first['msg']}" if field else str(first["msg"])
        raise InvalidInput(words, "What can be asked is in the description.") from None
