"""The interface as one FastAPI application."""

from __future__ import annotations

from fastapi import FastAPI

from rebuttal.app import DebateApp
from rebuttal.web.asgi import App


def build_openai(app: DebateApp) -> App:
    """Everything below ``/v1``."""
    return FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
