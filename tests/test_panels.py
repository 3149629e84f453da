"""Panels: saved by name, seen by whoever may ask them, deleted by whose they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from rebuttal.app import DebateApp
from rebuttal.errors import BudgetSpent, Busy, InvalidInput, NotAllowed, NotFound
from rebuttal.panels import MOST_PANELS
from rebuttal.providers.scripted import ScriptedModel
from rebuttal.records import OPERATOR, Panel, Seat, Visitor
from tests.paying import public_app
from tests.test_owners import OWNER, STRANGER

CHAIR = Seat(persona="rational", model="Scripted")
GUEST = Visitor(owner="guest", reads="x" * 22)


def a_panel(name: str = "three", **fields: Any) -> Panel:
    given = {"seats": (Seat(persona="cynic", model="Scripted"), CHAIR), "chair": CHAIR}
    return Panel.model_validate({"name": name, **given, **fields})


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[DebateApp]:
    """As strangers find it, without budgets."""
    async with public_app(tmp_path, ScriptedModel(["Yes."], repeat=True)) as there:
        yield there


async def names(app: DebateApp, visitor: Visitor) -> list[str]:
    return [panel.name for panel in await app.panels.all(visitor=visitor)]


async def test_everybody_has_their_own_and_the_houses_and_their_own_comes_first(
    app: DebateApp,
) -> None:
    await app.panels.save(a_panel("house"))
    await app.panels.save(a_panel("both", rounds=1))
    for visitor, rounds in ((OWNER, 2), (STRANGER, 3)):
        await app.panels.save(a_panel("both", rounds=rounds), visitor=visitor)
    await app.panels.save(a_panel("mine"), visitor=OWNER)
    assert await names(app, OWNER) == ["both", "house", "mine"]
    assert await names(app, STRANGER) == ["both", "house"]
    assert (await app.panels.get("both", visitor=OWNER)).rounds == 2
    assert (await app.panels.get("both")).rounds == 1
    with pytest.raises(NotFound, match="Known: both, house"):
        await app.panels.get("mine", visitor=STRANGER)


async def test_nobody_deletes_what_is_not_theirs(app: DebateApp) -> None:
    await app.panels.save(a_panel("house"))
    await app.panels.save(a_panel("mine"), visitor=OWNER)
    for visitor, name in ((OWNER, "house"), (STRANGER, "mine"), (GUEST, "mine"), (OPERATOR, "x")):
        with pytest.raises(NotFound):
            await app.panels.delete(name, visitor=visitor)
    await app.panels.delete("mine", visitor=OWNER)
    assert await names(app, OWNER) == ["house"]


async def test_a_guest_with_a_link_sees_and_keeps_none(app: DebateApp) -> None:
    await app.panels.save(a_panel("house"))
    for nobody in (GUEST, Visitor(owner="")):
        with pytest.raises(NotAllowed):
            await app.panels.save(a_panel(), visitor=nobody)
    assert await names(app, GUEST) == []
    with pytest.raises(NotFound):
        await app.panels.get("house", visitor=GUEST)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"chair": Seat(persona="nobody", model="Scripted")}, NotFound),
        ({"chair": Seat(persona="cynic", model="None such")}, NotFound),
        ({"seats": (CHAIR, Seat(persona="cynic", model="Free/anything"))}, NotFound),
        ({"seats": (Seat(persona="cynic", model="Priced"),)}, NotAllowed),
        ({"rounds": 6}, InvalidInput),
        ({"language": " "}, InvalidInput),
        ({"name": "Not A Name"}, InvalidInput),
        ({"chair": CHAIR.model_copy(update={"stance": "s" * 501})}, InvalidInput),
    ],
)
async def test_what_could_not_be_asked_is_not_kept(
    app: DebateApp, wrong: dict[str, Any], said: type[Exception]
) -> None:
    with pytest.raises(said):
        await app.panels.save(a_panel().model_copy(update=wrong), visitor=OWNER)
    assert await names(app, OWNER) == []


async def test_it_is_kept_with_the_catalogs_names_and_cleaned_words(app: DebateApp) -> None:
    seat = Seat(persona="Cynic", model="Scripted", stance=" for\x1b ", instructions=" ")
    await app.panels.save(a_panel(seats=(seat,), language=" English "), visitor=OWNER)
    kept = await app.panels.get("three", visitor=OWNER)
    assert kept.seats == (Seat(persona="cynic", model="Scripted", stance="for"),)
    assert kept.language == "English"


async def test_somebody_has_only_so_many(app: DebateApp) -> None:
    for number in range(MOST_PANELS):
        await app.panels.save(a_panel(f"p{number}"), visitor=OWNER)
    with pytest.raises(Busy, match=str(MOST_PANELS)):
        await app.panels.save(a_panel("more"), visitor=OWNER)
    await app.panels.save(a_panel("p0", rounds=4), visitor=OWNER)
    await app.panels.save(a_panel("more"), visitor=STRANGER)
    await app.panels.delete("p1", visitor=OWNER)
    await app.panels.save(a_panel("more"), visitor=OWNER)


@pytest.mark.parametrize("limits", [{}, {"tokens_per_visitor": 9000}], ids=["free", "counted"])
async def test_what_a_panel_says_counts_because_it_is_kept(
    tmp_path: Path, limits: dict[str, Any]
) -> None:
    model = ScriptedModel(["Yes."], repeat=True)
    long = Seat(persona="cynic", model="Scripted", instructions="Say it again. " * 280)
    panel = a_panel(seats=(long, long, long))
    async with public_app(tmp_path, model, **limits) as app:
        kept = 0
        for _ in range(5):
            try:
                await app.panels.save(panel, visitor=OWNER)
                kept += 1
            except BudgetSpent:
                break
        assert (kept == 5) is not bool(limits)
        await app.panels.save(panel, visitor=OPERATOR)
