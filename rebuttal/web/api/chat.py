"""Chat with one model, for people who want just that."""

from __future__ import annotations

from fastapi import APIRouter

from rebuttal.app import DebateApp


def routes(app: DebateApp) -> APIRouter:
    """Below ``/chat``, and what belongs to models."""
    return APIRouter(tags=["chat"])
