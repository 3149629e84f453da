"""What every refusal of a store must be, whatever caused it."""

from __future__ import annotations

import tempfile

import pytest

from rebuttal.errors import StoreError
from rebuttal.stores.sql import SqlStore
from tests.postgres import PASSWORD
from tests.stores import a_turn, ids


async def refused(store: SqlStore, debate: str = "d", text: str = "x") -> StoreError:
    """The error of a turn that cannot be kept, after a look at what it must not give away."""
    tip = (await store.get_debate(debate)).tip
    with pytest.raises(StoreError) as caught:
        await store.add_turn(debate, a_turn("refused", tip, text=text))
    return spoken_well(caught.value)


def spoken_well(error: StoreError) -> StoreError:
    """``error``, if it says what to do and keeps secrets and folders to itself."""
    assert error.message
    assert error.hint
    for secret in (PASSWORD, "Traceback", "sqlalche", "INSERT", "UPDATE", tempfile.gettempdir()):
        assert secret not in str(error)
    return error


async def goes_on(store: SqlStore, kept: list[str], debate: str = "d") -> None:
    """Everything kept is there, the refused turn is not, and the next one is kept."""
    assert await ids(store, debate) == kept
    assert len(await store.get_tree(debate)) == len(kept)
    await store.add_turn(debate, a_turn("after", kept[-1]))
    assert await ids(store, debate) == [*kept, "after"]
