"""Who sits down: seats that a person asks for, and debaters that a debate knows -> a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rebuttal.catalog import Catalog
from rebuttal.errors import NotFound
from rebuttal.material import clean
from rebuttal.prompts import default_stances
from rebuttal.records import Debater, Persona, Seat


@dataclass(frozen=True)
class Seating:
    """``label_of`` gives the label of a model that may be seated, and raises where it may not."""

    catalog: Catalog
    label_of: Callable[[str], str]

    def table(self, topic: str, seats: Sequence[Seat]) -> tuple[Debater, ...]:
        """A new table. Raises NotFound."""
        stances = default_stances(topic, len(seats))
        personas = [self._persona(seat) for seat in seats]
        names = [persona.name for persona in personas]
        return tuple(
            Debater(
                seat=f"seat{number + 1}",
                name=name if names.count(name) == 1 else f"{name} {names[:number].count(name) + 1}",
                persona=personas[number],
                model=self.label_of(seat.model),
                stance=_stance(seat) or stances[number],
                temperature=seat.temperature,
                max_tokens=seat.max_tokens,
            )
            for number, (seat, name) in enumerate(zip(seats, names, strict=True))
        )

    def changed_table(
        self,
        topic: str,
        present: Sequence[Debater],
        known: Mapping[str, Debater],
        seats: Sequence[Seat],
    ) -> tuple[Debater, ...]:
        """Other debaters from here on. Raises NotFound.

        Who sits already keeps the seat, also with another model, stance or instructions. Another
        persona gets a seat and a name that nobody of those ``known`` has, and, where no stance is
        given, the stance of whose place it takes.
        """
        here, defaults = list(present), default_stances(topic, len(seats))
        known, table = dict(known), list[Debater]()
        for number, seat in enumerate(seats):
            persona = self._persona(seat)
            same = _same(here, persona)
            if same:
                here.remove(same)
                change = {"persona": persona, "stance": _stance(seat) or same.stance}
                one = same.model_copy(update=change)
            else:
                before = present[number].stance if number < len(present) else defaults[number]
                one = _newcomer(persona, _stance(seat) or before, known)
            asked = {
                "model": self.label_of(seat.model),
                "temperature": seat.temperature,
                "max_tokens": seat.max_tokens,
            }
            one = one.model_copy(update={**asked, "sampling": None, "digest": None})
            known[one.seat] = one
            table.append(one)
        return tuple(table)

    def same_table(
        self, old: str, new: str, table: Sequence[Debater], changes: Mapping[str, Seat]
    ) -> tuple[Debater, ...]:
        """The table for another run, ``changes`` by seat, with the topic ``old`` or a ``new`` one.

        Raises NotFound, also for a seat that is not at the table.
        """
        if unknown := set(changes) - {one.seat for one in table}:
            raise NotFound(f"the debate has no seat {sorted(unknown)[0]!r}")
        was, will = default_stances(old, len(table)), default_stances(new, len(table))
        again = []
        for number, one in enumerate(table):
            stance = will[number] if one.stance == was[number] else one.stance
            one = one.model_copy(update={"stance": stance, "digest": None})
            if seat := changes.get(one.seat):
                one = self._replaced(one, seat)
            again.append(one.model_copy(update={"model": self.label_of(one.model)}))
        return tuple(_apart(again))

    def _replaced(self, one: Debater, seat: Seat) -> Debater:
        persona = self._persona(seat)
        name = one.name if persona.name == one.persona.name else persona.name
        return Debater(
            seat=one.seat,
            name=name,
            persona=persona,
            model=seat.model,
            stance=_stance(seat) or one.stance,
            temperature=seat.temperature,
            max_tokens=seat.max_tokens,
        )

    def _persona(self, seat: Seat) -> Persona:
        persona = self.catalog.persona(seat.persona)
        instructions = clean(seat.instructions or "").strip()
        return (
            persona.model_copy(update={"instructions": instructions}) if instructions else persona
        )


def _stance(seat: Seat) -> str:
    return clean(seat.stance or "").strip()


def _same(here: Sequence[Debater], persona: Persona) -> Debater | None:
    """Who of these is that persona: best with the same instructions."""
    alike = [one for one in here if one.persona.key == persona.key]
    return next((one for one in alike if one.persona == persona), alike[0] if alike else None)


def _newcomer(persona: Persona, stance: str | None, known: Mapping[str, Debater]) -> Debater:
    numbers = [int(found[1]) for key in known if (found := re.fullmatch(r"seat(\d{1,6})", key))]
    seat = f"seat{max([len(known), *numbers]) + 1}"
    name = _free(persona.name, {one.name for one in known.values()})
    return Debater(seat=seat, name=name, persona=persona, model="", stance=stance)


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} {number}"
    return free


def _apart(table: Sequence[Debater]) -> list[Debater]:
    """No two of one name."""
    apart = list[Debater]()
    for one in table:
        name = _free(one.name, {other.name for other in apart})
        apart.append(one.model_copy(update={"name": name}))
    return apart
