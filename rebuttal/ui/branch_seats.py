"""What the form of another table says -> the seats to ask the app for."""

from __future__ import annotations

from collections.abc import Sequence

from rebuttal.catalog import Catalog
from rebuttal.records import Debater, Seat
from rebuttal.ui.branch_entries import Chair


def is_changed(chair: Chair, one: Debater) -> bool:
    """Whether the chair is for somebody else than who sits there. An empty stance is as before."""
    stance = chair.stance.strip()
    same = (chair.persona, chair.model) == (one.persona.key, one.model)
    return not same or (bool(stance) and stance != (one.stance or ""))


def seat_of(catalog: Catalog, chair: Chair, one: Debater | None) -> Seat:
    """What to ask the app for; a persona in words of its own keeps them."""
    instructions = temperature = None
    if one and chair.persona == one.persona.key:
        known = catalog.personas.get(chair.persona)
        own = known is None or known.instructions != one.persona.instructions
        instructions = one.persona.instructions if own else None
        temperature = one.temperature
    return Seat(
        persona=chair.persona,
        model=chair.model,
        stance=chair.stance.strip() or None,
        instructions=instructions,
        temperature=temperature,
    )


def table_of(
    catalog: Catalog, chairs: Sequence[Chair], present: Sequence[Debater]
) -> tuple[list[Seat], bool]:
    """The seats that the form shows, and whether they are another table than the present one."""
    here: list[Debater | None] = [*present, *[None] * len(chairs)]
    pairs = list(zip(chairs, here, strict=False))
    other = len(chairs) != len(present) or any(is_changed(c, one) for c, one in pairs if one)
    return [seat_of(catalog, chair, one) for chair, one in pairs], other


def changed_seats(
    catalog: Catalog, chairs: Sequence[Chair], table: Sequence[Debater]
) -> dict[str, Seat]:
    """Those at the table that another run shall have otherwise, by seat."""
    return {
        one.seat: seat_of(catalog, chair, one)
        for chair, one in zip(chairs, table, strict=False)
        if is_changed(chair, one)
    }
