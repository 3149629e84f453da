"""The built-in model for tests: the shipped catalog's entry, with its weights on this machine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from rebuttal.catalog import Endpoint, Model, load_catalog
from rebuttal.providers.weights import WeightsCache
from rebuttal.settings import load_settings


@dataclass(frozen=True)
class BuiltIn:
    """What an Engine and its model are made of."""

    weights: WeightsCache
    endpoint: Endpoint
    model: Model


@pytest.fixture(scope="session")
def built_in() -> BuiltIn:
    """SmolLM2, fetched once into the app's own cache (REBUTTAL_CACHE moves it)."""
    settings = load_settings()
    catalog = load_catalog(settings.models, settings.personas)
    model = next(model for model in catalog.models.values() if model.weights)
    weights = WeightsCache(settings.cache, override=settings.weights)
    assert model.weights

    async def fetch() -> None:
        assert model.weights
        async for _ in weights.fetch(model.weights):
            pass

    asyncio.run(fetch())
    return BuiltIn(weights, catalog.endpoint_of(model), model)
