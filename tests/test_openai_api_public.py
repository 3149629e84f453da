"""The openai package against a Rebuttal for strangers: tokens, powers, budgets, places, rates."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionUserMessageParam

from rebuttal.app import DebateApp
from rebuttal.records import Power, Visitor
from rebuttal.settings import load_settings
from rebuttal.tokens import hash_of
from tests.page_app import SPEECHES
from tests.served import Served, serving

QUESTION: ChatCompletionUserMessageParam = {"role": "user", "content": "Should cats vote?"}
PANEL = {
    "seats": [{"persona": "cynic", "model": "Quick"}],
    "rounds": 1,
    "chair": {"persona": "pragmatist", "model": "Quick"},
}
LIMITS = (
    "profile=public",
    "tokens_per_visitor=3000",
    "running_per_visitor=1",
    "requests_per_visitor=40",
)
POWERS: dict[str, tuple[Power, ...]] = {
    **dict.fromkeys(("ann", "bob", "eve", "una"), ("read", "debate")),
    "tim": ("read",),
}


@dataclass(frozen=True)
class House:
    """A running Rebuttal, and the tokens of people there."""

    address: str
    folder: Path
    tokens: dict[str, str]
    open: ExitStack

    def client(self, name: str) -> OpenAI:
        """What somebody would use, or whoever has that token."""
        key = self.tokens.get(name, name)
        client = OpenAI(base_url=f"{self.address}v1", api_key=key, max_retries=0)
        return self.open.enter_context(client)


async def made(folder: Path) -> dict[str, str]:
    """A token for everybody."""
    settings = load_settings(profile="public", data=folder, cache=folder, offline=True)
    async with DebateApp(settings) as app:
        owners = {name: f"c:{name:A<22}" for name in POWERS}
        return {
            name: await app.tokens.make("test", powers, visitor=Visitor(owner=owners[name]))
            for name, powers in POWERS.items()
        }


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    tokens = asyncio.run(made(folder))
    serves: Served
    with serving(folder, "-m", "tests.api_app", str(folder), *LIMITS) as serves, ExitStack() as all:
        yield House(serves.address, folder, tokens, all)


@pytest.mark.parametrize("key", ["sk-anything", "rebuttal-wrong", "bad token"])
def test_without_a_token_that_works_nothing_is_told(house: House, key: str) -> None:
    client = house.client(key)
    with pytest.raises(openai.AuthenticationError, match="rebuttal token make NAME") as caught:
        client.models.list()
    assert caught.value.code == "invalid_api_key"
    with pytest.raises(openai.AuthenticationError):
        client.chat.completions.create(model="Quick", messages=[QUESTION])


def test_a_token_that_may_read_lets_no_model_speak(house: House) -> None:
    client = house.client("tim")
    assert "Quick" in {model.id for model in client.models.list()}
    with pytest.raises(openai.PermissionDeniedError, match="lacks the power 'debate'"):
        client.chat.completions.create(model="Quick", messages=[QUESTION])


def test_a_panel_is_asked_by_those_whose_it_is(house: House) -> None:
    held = {"authorization": f"Bearer {house.tokens['ann']}"}
    saved = httpx.put(f"{house.address}api/v1/panels/anns", json=PANEL, headers=held)
    assert saved.status_code < 300, saved.text
    answer = house.client("ann").chat.completions.create(model="panel-anns", messages=[QUESTION])
    assert answer.choices[0].message.content in SPEECHES
    bob = house.client("bob")
    assert "panel-anns" not in {model.id for model in bob.models.list()}
    with pytest.raises(openai.NotFoundError, match="no panel is called 'anns'"):
        bob.chat.completions.create(model="panel-anns", messages=[QUESTION])


def test_the_budget_of_whoever_made_the_token_counts(house: House) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        house.client("ann").chat.completions.create(
            model="Quick", messages=[QUESTION], max_tokens=3900
        )
    assert caught.value.code == caught.value.type == "insufficient_quota"
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_so_do_the_places(house: House) -> None:
    client = house.client("bob")
    with client.chat.completions.create(
        model="Endless", messages=[QUESTION], stream=True
    ) as endless:
        next(iter(endless))
        with pytest.raises(openai.RateLimitError, match="no more can be at once") as caught:
            client.chat.completions.create(model="Quick", messages=[QUESTION])
    assert caught.value.code == "rate_limit_exceeded"
    headers = caught.value.response.headers
    assert headers["x-should-retry"] == "true"
    assert int(headers["retry-after"]) > 0


def test_a_token_that_is_revoked_ends_what_is_being_said(house: House) -> None:
    async def revoke() -> None:
        settings = load_settings(profile="public", data=house.folder, cache=house.folder)
        async with DebateApp(settings) as app:
            await app.tokens.revoke(hash_of(house.tokens["una"]))

    with house.client("una").chat.completions.create(
        model="Endless", messages=[QUESTION], stream=True
    ) as endless:
        next(iter(endless))
        asyncio.run(revoke())
        with pytest.raises(openai.APIError, match="This token does not work") as caught:
            list(endless)
    assert caught.value.code == "invalid_api_key"


def test_and_the_requests_of_a_minute(house: House) -> None:
    client = house.client("eve")

    def ask_on() -> None:
        for _ in range(200):
            client.models.list()

    with pytest.raises(openai.RateLimitError) as caught:
        ask_on()
    assert caught.value.code == "rate_limit_exceeded"
    assert set(caught.value.response.json()["error"]) == {"message", "type", "param", "code"}
