"""Strangers with budgets, and a catalog whose models cost money."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rebuttal.app import DebateApp
from rebuttal.providers.base import ChatModel
from rebuttal.records import Seat, Visitor
from rebuttal.settings import BY_PROFILE, Settings

ANN = Visitor(owner="c:ann", network="203.0.113.7")
BOB = Visitor(owner="c:bob", network="203.0.113.7")
EVE = Visitor(owner="c:eve", network="2001:db8::")

CATALOG = """\
endpoints:
  Free: {{address: "http://localhost:9/v1", needs_key: false, lists_models: false}}
  Paid: {{address: "{address}", key: REBUTTAL_TEST_KEY, lists_models: false}}
models:
  Scripted: {{endpoint: Free, model: scripted, max_tokens: 100}}
  Priced: {{endpoint: Paid, model: priced, max_tokens: 100, price: {{input: 1.0, output: 4.0}}}}
  Unpriced: {{endpoint: Paid, model: unpriced, max_tokens: 100}}
"""

NO_BUDGET: Mapping[str, Any] = {
    name: None for name in BY_PROFILE if name.startswith(("tokens_", "money_"))
}
"""Overrides that take every budget away."""
NO_CAPS: Mapping[str, Any] = {
    "running": 2000,
    "running_per_visitor": None,
    "running_per_network": None,
}


def seats(*labels: str) -> list[Seat]:
    """A seat for each model."""
    return [Seat(persona="cynic", model=label) for label in labels]


@asynccontextmanager
async def public_app(
    folder: Path,
    model: ChatModel | None = None,
    address: str = "http://localhost:9/v1",
    **settings: Any,
) -> AsyncIterator[DebateApp]:
    """An app for strangers. ``model`` speaks for Scripted and Priced; no budget but those given."""
    models = folder / "models.yaml"
    models.write_text(CATALOG.format(address=address), "utf-8")
    given = dict.fromkeys(("Scripted", "Priced"), model) if model else {}
    chosen: dict[str, Any] = {
        "profile": "public",
        "data": folder,
        "cache": folder,
        "models": models,
        "offline": True,
        **NO_BUDGET,
        **settings,
    }
    async with DebateApp(Settings(**chosen), chat_models=given) as app:
        yield app
