"""Tables of what there is: models, personas, debates."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rebuttal.material import one_line
from rebuttal.records import Debate, DebateState, ModelState, Persona

_STATE = {"loaded": "green", "ready": "green", "not now": "yellow"}


def print_models(models: Iterable[ModelState], out: Console) -> None:
    """Each model with its state and, where it cannot be used now, why."""
    shown = table("Model", "Endpoint", "State", "")
    for model in models:
        state = "loaded" if model.loaded else "ready" if model.usable else "not now"
        sizes = [_bytes(model.size), f"{model.context} tokens" if model.context else ""]
        facts = ", ".join(filter(None, sizes))
        shown.add_row(
            one_line(model.label),
            one_line(", ".join(model.endpoints or (model.endpoint,))),
            Text(state, style=_STATE[state]),
            one_line(". ".join(filter(None, [model.reason, facts])), 400),
        )
    out.print(shown)


def print_personas(personas: Iterable[Persona], out: Console) -> None:
    """Each persona with the key that seats it."""
    shown = table("Persona", "Name", "")
    for persona in personas:
        name = Text(one_line(persona.name), style=persona.colour or "")
        about = persona.description or persona.instructions
        shown.add_row(persona.key, name, one_line(about, 200))
    out.print(shown)


def print_debates(debates: Iterable[tuple[Debate, DebateState, str]], out: Console) -> None:
    """Each debate with its id, in this order, and with an excerpt where there is one."""
    shown = table("Id", "Begun", "State", "Topic")
    shown.columns[0].no_wrap = True
    for debate, state, excerpt in debates:
        begun = f"{debate.created_at.astimezone():%Y-%m-%d %H:%M}"
        name = ("* " if debate.pinned else "") + one_line(debate.title or debate.topic)
        shown.add_row(debate.id, begun, state, name)
        if excerpt:
            shown.add_row("", "", "", Text(one_line(excerpt), style="dim"))
    out.print(shown)


def table(*headings: str) -> Table:
    """Plain columns under these headings."""
    shown = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for heading in headings:
        shown.add_column(heading, overflow="fold")
    return shown


def _bytes(size: int | None) -> str:
    if size is None:
        return ""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
