"""Chat with one model, for people who want just that."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from rebuttal.app import DebateApp
from rebuttal.records import Id
from rebuttal.web.api.chat_schemas import (
    Choice,
    Conversation,
    ConversationToBe,
    Listener,
    Said,
    Say,
    Switch,
)
from rebuttal.web.api.conversation import Conversations, usual_model, usual_persona
from rebuttal.web.api.debates import Reader, Speaker
from rebuttal.web.api.pieces import answered, described

ConversationId = Annotated[Id, Path(description="The conversation's id; it is a debate's as well.")]


def routes(app: DebateApp) -> APIRouter:
    """Below ``/chat``. A conversation is a debate of one seat, kept and found like any other."""
    router = APIRouter(tags=["chat"])
    conversations = Conversations(app)

    @router.post(
        "/chat", summary="Say something", response_model=Said, responses=described("The answer.")
    )
    async def say(wish: Say, visitor: Speaker, request: Request) -> Response:
        """To a model, in a conversation or as the beginning of one. Who leaves before the answer
        is there stops it; what was said is kept. While another answer is given there, it is
        refused with 409. In pieces: `begun`, `waiting`, `delta`, `discarded`, and at last `done`
        with the whole answer as it is kept, or `error`.
        """
        return await answered(request, conversations.ask(wish, visitor), stream=wish.stream)

    @router.post("/chat/new", status_code=201, summary="Begin a conversation")
    async def promise(visitor: Speaker, wish: ConversationToBe | None = None) -> Listener:
        """The id of a conversation that begins with its first message. Until then it is kept
        nowhere, and the id is good for an hour, at this server alone.
        """
        return conversations.promise(wish or ConversationToBe(), visitor)

    @router.get("/chat/models", summary="List whom to talk to")
    async def choice(visitor: Reader) -> Choice:
        """Models and personas, and who answers where none is named."""
        return Choice(
            items=await app.models(visitor=visitor),
            personas=tuple(app.catalog.personas.values()),
            model=usual_model(app.catalog),
            persona=usual_persona(app.catalog),
        )

    @router.post("/chat/switch-model", summary="Go on with another model")
    async def switch(wish: Switch, visitor: Speaker) -> Listener:
        """Who answers from here on; it knows what was said before."""
        return await conversations.switch(wish, visitor)

    @router.get("/chat/conversation/{conversation_id}", summary="Read a conversation")
    async def read(conversation_id: ConversationId, visitor: Reader) -> Conversation:
        """What was said in it, in order. What is asked of debates can be asked of it too."""
        return await conversations.read(conversation_id, visitor)

    return router
