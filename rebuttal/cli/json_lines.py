"""Events as lines of JSON, for programs: one event a line, in ASCII."""

from __future__ import annotations

import json
import sys

from rebuttal.events import DebateEvent, TurnFinished
from rebuttal.records import Debate


class JsonLines:
    """Writes a debate's events to stdout, each as soon as it comes."""

    def begin(self, debate: Debate) -> None:
        """The first line names the debate and its seats."""
        seats = [
            {
                "seat": debater.seat,
                "name": debater.name,
                "persona": debater.persona.key,
                "model": debater.model,
                "stance": debater.stance,
            }
            for debater in debate.debaters
        ]
        self._write(
            {"kind": "debate_started", "debate": debate.id, "topic": debate.topic, "seats": seats}
        )

    def show(self, event: DebateEvent) -> None:
        """One line."""
        self._write(as_fields(event))

    def end(self) -> None:
        """Nothing is open between two lines."""

    def _write(self, fields: dict[str, object]) -> None:
        sys.stdout.write(json.dumps(fields, separators=(",", ":")) + "\n")
        sys.stdout.flush()


def as_fields(event: DebateEvent) -> dict[str, object]:
    """The event as plain values; a finished turn's fields stand beside its ``kind``."""
    if not isinstance(event, TurnFinished):
        return event.model_dump(mode="json")
    turn = event.turn.model_dump(mode="json")
    seat, turn_id = turn.pop("speaker"), turn.pop("id")
    return {"kind": event.kind, "seat": seat, "turn_id": turn_id, **turn}
