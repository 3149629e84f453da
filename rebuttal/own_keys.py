"""Keys that visitors brought for one debate: in memory alone, and not for long."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping

from rebuttal.catalog import Catalog
from rebuttal.errors import InvalidInput, NotFound

KEPT_FOR = 3600.0
"""Seconds after its last use for which a key is remembered."""
MOST_KEPT = 1000
"""Debates; with more, the one whose keys rested longest forgets them."""

_KEY = re.compile(r"[!-~]{1,4096}")
"""A typed key is shorter; a token of Hugging Face's sign-in carries a signed text of its own."""


class OwnKeys:
    """Keys by debate and endpoint. For one event loop; nothing here is ever written anywhere."""

    def __init__(self, kept_for: float = KEPT_FOR) -> None:
        self._kept_for = kept_for
        self._keys: dict[str, dict[str, str]] = {}
        self._ends: dict[str, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def keep(self, debate_id: str, keys: Mapping[str, str]) -> None:
        """Beside what is known of that debate, or in its place."""
        self._keys[debate_id] = self._keys.pop(debate_id, {}) | dict(keys)
        self._rest(debate_id)
        while len(self._keys) > MOST_KEPT:
            self.forget(next(iter(self._keys)))

    def find(self, debate_id: str, endpoint: str) -> str | None:
        """The key, if it is still here; it is kept for longer now that it is used."""
        if debate_id not in self._keys:
            return None
        self._keys[debate_id] = self._keys.pop(debate_id)
        self._rest(debate_id)
        return self._keys[debate_id].get(endpoint)

    def withdraw(self, endpoints: Collection[str]) -> None:
        """Forget the keys for these: they were given for another address."""
        for debate_id, keys in list(self._keys.items()):
            self._keys[debate_id] = {n: key for n, key in keys.items() if n not in endpoints}

    def forget(self, debate_id: str) -> None:
        """They are gone."""
        self._keys.pop(debate_id, None)
        if end := self._ends.pop(debate_id, None):
            end.cancel()

    def close(self) -> None:
        """Forget them all."""
        for debate_id in list(self._keys):
            self.forget(debate_id)

    def _rest(self, debate_id: str) -> None:
        if end := self._ends.pop(debate_id, None):
            end.cancel()
        loop = asyncio.get_running_loop()
        self._ends[debate_id] = loop.call_later(self._kept_for, self.forget, debate_id)


def check_own_keys(keys: Mapping[str, str], catalog: Catalog) -> None:
    """Raises NotFound or InvalidInput, never with a key in the words."""
    for name, key in keys.items():
        endpoint = catalog.endpoints.get(name)
        if endpoint is None or endpoint.key is None:
            takers = [one.name for one in catalog.endpoints.values() if one.key]
            raise NotFound(
                f"no endpoint that takes a key is called {name[:80]!r}",
                f"Known: {', '.join(takers) or 'none'}.",
            )
        if not _KEY.fullmatch(key):
            raise InvalidInput(
                f"The key for {name} is empty, too long, or holds what no key holds.",
                "Copy it again, without spaces and line breaks.",
            )
