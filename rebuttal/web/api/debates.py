"""Debates: begun, listed, read, heard, named, deleted, taken away."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from starlette.responses import Response, StreamingResponse

from rebuttal.app import DebateApp, ExportFormat
from rebuttal.records import Debate, Id, Search, Visitor
from rebuttal.web.api import events
from rebuttal.web.api.caller import allowed
from rebuttal.web.api.idempotency import Key, repeatable
from rebuttal.web.api.schemas import (
    Begin,
    Begun,
    Change,
    DebatePage,
    Listed,
    Moment,
    Read,
    Standing,
    TurnList,
)
from rebuttal.web.files import KINDS, file_name

Reader = Annotated[Visitor, Depends(allowed("read"))]
Speaker = Annotated[Visitor, Depends(allowed("debate"))]
DebateId = Annotated[Id, Path(description="The debate's id.")]
Cursor = Annotated[
    str | None,
    Query(
        pattern=r"^[01]-[0-9]{1,18}$",
        description="`next` of the part before; none for the first.",
    ),
]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Words = Annotated[
    str,
    Query(
        max_length=400,
        description="Words that all stand in the topic, the title or the turns; of the last one "
        "the beginning is enough.",
    ),
]
After = Annotated[
    Id | None, Query(description="Begin behind this turn, which you have; else at the topic.")
]
ToRest = Annotated[bool, Query(description="End when the debate rests, for whatever reason.")]
LastEventId = Annotated[
    str | None,
    Header(
        max_length=400, description="The `id` of the last event that you heard, to go on there."
    ),
]
FILE: dict[str, Any] = {
    "description": "The debate as a file.",
    "content": {
        kind.decode().split(";")[0]: {"schema": {"type": "string"}}
        for name, kind in KINDS.items()
        if name not in ("zip", "json")
    }
    | {"application/json": {"schema": {"type": "object"}}},
}
STREAM: dict[str, Any] = {
    "description": "Server-sent events, for as long as you listen.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}
LOCATION = {"Location": {"schema": {"type": "string"}, "description": "Where the debate is."}}


def routes(app: DebateApp) -> APIRouter:
    """Below ``/debates``, but for what changes what is said."""
    router = APIRouter(tags=["debates"], route_class=repeatable())
    _lists(router, app)
    _reads(router, app)
    _takes_away(router, app)
    _keeps(router, app)
    return router


def _lists(router: APIRouter, app: DebateApp) -> None:
    @router.post(
        "/debates",
        status_code=201,
        summary="Begin a debate",
        responses={201: {"headers": LOCATION}},
    )
    async def begin(wish: Begin, visitor: Speaker, response: Response, key: Key = None) -> Begun:
        """It runs on its own from here, as long as somebody listens to its events or asks for it
        now and then. With `run` false it is kept, and begins with `POST .../run`.
        """
        debate_id = await app.start(
            wish.topic,
            wish.seats,
            rounds=wish.rounds,
            language=wish.language,
            seed=wish.seed,
            keys=wish.keys,
            run=wish.run,
            visitor=visitor,
        )
        return await begun(app, debate_id, visitor, response)

    @router.get("/debates", summary="List and search debates")
    async def find(
        visitor: Reader,
        text: Words = "",
        model: Annotated[str | None, Query(max_length=300)] = None,
        persona: Annotated[str | None, Query(max_length=100, description="By its key.")] = None,
        since: Annotated[Moment | None, Query(description="Begun then or later.")] = None,
        until: Annotated[Moment | None, Query(description="Begun before.")] = None,
        finished: bool | None = None,
        cursor: Cursor = None,
        limit: Limit = 20,
    ) -> DebatePage:
        """Your debates, pinned ones first, then what was said last. Every filter narrows it."""
        search = Search(
            text=text, model=model, persona=persona, since=since, until=until, finished=finished
        )
        page = await app.history.find(search, cursor, limit, visitor=visitor)
        speaking = app.history.speaking()
        listed = (Listed(**dict(one), running=one.debate.id in speaking) for one in page.found)
        return DebatePage(items=tuple(listed), next=page.more)


def _reads(router: APIRouter, app: DebateApp) -> None:
    @router.get("/debates/{debate_id}", summary="Read a debate")
    async def read(debate_id: DebateId, visitor: Reader) -> Read:
        """The debate with those who sit at its table now. Who asks counts as a watcher for this
        moment, so that a debate goes on as long as somebody asks.
        """
        await app.look_in(debate_id, visitor=visitor)
        debate = await app.debate(debate_id, visitor=visitor)
        return Read(debate=debate, state=await app.state(debate_id, visitor=visitor))

    @router.get("/debates/{debate_id}/origin", summary="Read how a debate began")
    async def origin(debate_id: DebateId, visitor: Reader) -> Debate:
        """The debate with those who sat at its table when it began."""
        return await app.origin(debate_id, visitor=visitor)

    @router.get("/debates/{debate_id}/turns", summary="Read the main line")
    async def turns(debate_id: DebateId, visitor: Reader) -> TurnList:
        """Yours and the debaters' turns from the topic to the last whole one. Counts as a look."""
        await app.look_in(debate_id, visitor=visitor)
        return TurnList(items=await app.transcript(debate_id, visitor=visitor))

    @router.get("/debates/{debate_id}/tree", summary="Read all branches")
    async def tree(debate_id: DebateId, visitor: Reader) -> TurnList:
        """Every turn on every branch, each behind its parent."""
        return TurnList(items=await app.tree(debate_id, visitor=visitor))


def _takes_away(router: APIRouter, app: DebateApp) -> None:
    @router.get(
        "/debates/{debate_id}/events",
        summary="Listen to a debate",
        response_class=StreamingResponse,
        responses={200: STREAM},
    )
    async def listen(
        debate_id: DebateId,
        visitor: Reader,
        request: Request,
        after: After = None,
        to_rest: ToRest = False,
        last_event_id: LastEventId = None,
    ) -> StreamingResponse:
        """What has been said, then what follows, as it happens, as server-sent events: `event` is
        the kind, `data` the event, `id` the place. Who comes back with `Last-Event-ID` gets what
        they missed and nothing twice, also after a restart of the server. After `debate_rewound`
        forget the turns that you have and read the main line. While you listen the debate goes on.
        """
        start = events.place(last_event_id, after)
        return await events.stream(app, debate_id, visitor, request, start, to_rest)

    @router.get(
        "/debates/{debate_id}/export",
        summary="Take a debate away",
        response_class=Response,
        responses={200: FILE},
    )
    async def export(debate_id: DebateId, visitor: Reader, format: ExportFormat = "md") -> Response:
        """The whole debate as Markdown, plain text, JSON, or a page of its own."""
        debate = await app.debate(debate_id, visitor=visitor)
        text = await app.export(debate_id, format, visitor=visitor)
        named = {"content-disposition": f'attachment; filename="{file_name(debate, format)}"'}
        return Response(text, headers=named, media_type=KINDS[format].decode())


def _keeps(router: APIRouter, app: DebateApp) -> None:
    @router.patch("/debates/{debate_id}", summary="Name or pin a debate")
    async def change(debate_id: DebateId, wish: Change, visitor: Speaker) -> Debate:
        """An empty title gives the topic back."""
        if wish.title is not None:
            await app.history.rename(debate_id, wish.title, visitor=visitor)
        if wish.pinned is not None:
            await app.history.pin(debate_id, wish.pinned, visitor=visitor)
        return await app.debate(debate_id, visitor=visitor)

    @router.delete("/debates/{debate_id}", status_code=204, summary="Delete a debate")
    async def delete(debate_id: DebateId, visitor: Speaker) -> None:
        """One that runs is stopped first. For ten minutes it can be brought back."""
        await app.history.delete([debate_id], visitor=visitor)

    @router.post("/debates/{debate_id}/undelete", summary="Bring a deleted debate back")
    async def undelete(debate_id: DebateId, visitor: Speaker, key: Key = None) -> Standing:
        """For ten minutes after it was deleted."""
        await app.history.undelete([debate_id], visitor=visitor)
        return await standing(app, debate_id, visitor)


async def standing(app: DebateApp, debate_id: str, visitor: Visitor) -> Standing:
    """How it stands now."""
    debate = await app.debate(debate_id, visitor=visitor)
    state = await app.state(debate_id, visitor=visitor)
    return Standing(id=debate_id, state=state, tip=debate.tip)


async def begun(app: DebateApp, debate_id: str, visitor: Visitor, response: Response) -> Begun:
    """A debate that has just begun, and where it is."""
    response.headers["location"] = f"/api/v1/debates/{debate_id}"
    debate = await app.debate(debate_id, visitor=visitor)
    state = await app.state(debate_id, visitor=visitor)
    return Begun(id=debate_id, state=state, debate=debate)
