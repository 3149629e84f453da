"""What was wrong with the values of an event, in words that name the field."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from rebuttal.errors import InvalidInput

RELOAD = "Reload the page and try again."

NAMES = {
    "debate": "The address",
    "topic": "The topic",
    "note": "The note",
    "rounds": "Rounds",
    "language": "The language",
    "request": "The form's mark",
    "seats": "The number of seats",
    "places": "The seats",
    "persona": "The persona",
    "model": "The model",
    "stance": "The stance",
    "instructions": "The instructions",
    "temperature": "The temperature",
    "endpoint": "The endpoint",
    "key": "The key",
    "ticket": "The debate's ticket",
    "streaming": "Word by word",
    "text": "What is looked for",
    "state": "The state",
    "since": "From",
    "until": "To",
    "zone": "The clock",
    "order": "The order",
    "trail": "The page",
    "days": "The time",
    "measure": "What is counted",
    "by": "For whom",
    "name": "The name",
    "powers": "What it may do",
    "panel": "The panel's name",
    "chair": "Who sums up",
    "chair_model": "The model of who sums up",
}
"""How a field is called on the page."""

KINDS = {
    "string_type": "is not text",
    "int_type": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "finite_number": "should be a number",
    "bool_type": "should be on or off",
    "string_pattern_mismatch": "is not one of this page",
}
FORGED = ("_type", "_mismatch")
"""How the kinds of errors end that a person cannot make with the page itself."""


def in_words(exc: ValidationError) -> InvalidInput:
    """The first thing that is wrong, without repeating what was sent."""
    error = exc.errors(include_url=False)[0]
    path = [part for part in error["loc"] if part != "places" or len(error["loc"]) == 1]
    where = ""
    if path and isinstance(path[0], int):
        where = f"Seat {path.pop(0) + 1}: "  # type: ignore[operator]
    name = NAMES.get(str(path[0]), str(path[0])) if path else ""
    if where:
        name = name.lower()
    hint = RELOAD if error["type"].endswith(FORGED) and path != ["key"] else ""
    return InvalidInput(f"{where}{_sentence(name, error)}.", hint)


def _sentence(name: str, error: Any) -> str:
    kind = str(error["type"])
    if kind == "value_error":
        said = str(error["ctx"]["error"])
        return f"{name}: {said}" if name else said
    if kind == "string_too_long":
        most, long = error["ctx"]["max_length"], len(error["input"])
        return f"{name} has {long} characters; {most} are allowed"
    if kind == "string_pattern_mismatch" and name == NAMES["key"]:
        return "The key has characters that no key has"
    return f"{name} {KINDS.get(kind) or str(error['msg']).removeprefix('Input ')}"
