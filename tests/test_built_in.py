"""The built-in model at an address of its own, for programs with their own client."""

from __future__ import annotations

import asyncio

import openai
import pytest

from rebuttal import BuiltIn
from rebuttal.errors import NotFound
from tests.built_in import BuiltIn as Weights


def test_any_openai_client_speaks_with_it_until_it_is_closed(built_in: Weights) -> None:
    with (
        BuiltIn() as model,
        openai.OpenAI(base_url=model.address, api_key=model.key, max_retries=0) as client,
    ):
        asked: list[openai.types.chat.ChatCompletionMessageParam]
        asked = [{"role": "user", "content": "Say yes."}]
        answer = client.chat.completions.create(model=model.model, messages=asked, max_tokens=8)
        assert answer.choices[0].message.content
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="another").models.list()
        model.close()
        with pytest.raises(openai.APIConnectionError):
            client.models.list()


async def test_it_starts_where_an_event_loop_runs_already(built_in: Weights) -> None:
    assert asyncio.get_running_loop()
    with BuiltIn() as model:
        assert model.address.endswith("/v1")


def test_a_label_without_weights_is_refused_with_those_that_have_some() -> None:
    with pytest.raises(NotFound, match="no embedded model 'GPT'") as refused:
        BuiltIn("GPT")
    assert "SmolLM2" in refused.value.hint
