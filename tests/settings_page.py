"""What docs/settings.md has to say of a setting, as a row of its tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rebuttal.settings import BY_PROFILE, HOME, OPTIONS, PROFILES, Settings

PAGE = HOME / "docs" / "settings.md"
BY_SURROUNDINGS = {"data": "this user's folder for data", "cache": "this user's folder for caches"}
"""Defaults that differ from machine to machine."""


def rows() -> Iterator[str]:
    """Every setting's row: with three defaults where they depend on the profile, else with one."""
    for name, field in Settings.model_fields.items():
        option = f"`--{name}`" if name in OPTIONS else ""
        cells = (f"`REBUTTAL_{name.upper()}`", option, str(field.description), *_defaults(name))
        yield "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"


def rows_on_the_page() -> list[str]:
    """The rows that the page has."""
    return [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `REB")]


def _defaults(name: str) -> tuple[str, ...]:
    if name == "profile":
        return tuple(f"`{profile}`" for profile in PROFILES)
    if name in BY_PROFILE:
        return tuple(f"`{_text(default)}`" for default in BY_PROFILE[name])
    if name in BY_SURROUNDINGS:
        return (BY_SURROUNDINGS[name],)
    default = Settings.model_fields[name].default
    return ("" if default in (None, ()) else f"`{_text(default)}`",)


def _text(default: Any) -> str:
    """A default as it would stand in a variable."""
    if isinstance(default, Path):
        return default.relative_to(HOME).as_posix()
    if default is None or isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)
