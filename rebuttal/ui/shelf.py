"""What the Models tab shows: endpoints and models as tables, a download as a bar."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from rebuttal.markdown import safe_line
from rebuttal.providers.base import Progress
from rebuttal.records import EndpointState, ModelState

_PLACE = re.compile(r"^'[^']+' at \S+: ")
"""How an endpoint's errors begin; where its name stands beside them, they need not."""


def endpoints_table(endpoints: Iterable[EndpointState], at: datetime) -> str:
    """Where models live, and how it does at that moment; no addresses where none is told."""
    known = list(endpoints)
    rows = [
        [
            f"<strong>{safe_line(endpoint.name)}</strong>",
            f"<code>{safe_line(endpoint.address)}</code>",
            _state(endpoint.usable, _pace(endpoint), _trouble(endpoint, at)),
        ]
        for endpoint in known
    ]
    if any(endpoint.address for endpoint in known):
        return _table("Endpoints", ("Endpoint", "Address", "State"), rows)
    return _table("Endpoints", ("Endpoint", "State"), [[name, state] for name, _, state in rows])


def models_table(models: Iterable[ModelState]) -> str:
    """What one can seat, and what keeps the rest from it."""
    rows = [
        [
            f"<strong>{safe_line(model.label)}</strong>",
            safe_line(", ".join(model.endpoints or (model.endpoint,))),
            size(model.size),
            f"{model.context:,}" if model.context else "",
            _state(model.usable, _readiness(model), _own_reason(model)),
        ]
        for model in models
    ]
    return _table("Models", ("Model", "Endpoint", "Size", "Context", "State"), rows)


def pullable(models: Iterable[ModelState]) -> list[str]:
    """Labels of models whose weights can be fetched."""
    return [model.label for model in models if model.can_pull]


def unloadable(models: Iterable[ModelState]) -> list[str]:
    """Labels of models that hold memory which can be freed."""
    return [model.label for model in models if model.can_unload]


def progress_bar(label: str, progress: Progress) -> str:
    """How far a download is."""
    amount = size(progress.done) if progress.done else ""
    if progress.total:
        amount = f"{amount or '0 MB'} of {size(progress.total)}"
    value = "" if progress.fraction is None else f' value="{progress.fraction:.3f}"'
    words = " · ".join(filter(None, [progress.text, amount]))
    return (
        f'<p class="status busy"><span class="doing">{safe_line(label)}</span>'
        f'<progress max="1"{value}></progress> <span class="facts">{safe_line(words)}</span></p>'
    )


def short_reason(reason: str) -> str:
    """Why not, in a few words: without the address and without the advice."""
    words = re.split(r"[;.](?:\s|$)|\s{2,}", _PLACE.sub("", reason.strip()), maxsplit=1)[0]
    words = "not running" if words == "connection refused" else words
    return words if len(words) <= 60 else words[:59].rstrip() + "…"


def size(count: int | None) -> str:
    """Bytes in words; empty where unknown."""
    if count is None:
        return ""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _pace(endpoint: EndpointState) -> str:
    """What it does now."""
    if not endpoint.busy:
        return "ready"
    return f"ready, {_counted(endpoint.busy, 'request')} in progress"


def _trouble(endpoint: EndpointState, at: datetime) -> str:
    """What keeps it from answering, and for how long it is left alone; empty where nothing does."""
    why = _PLACE.sub("", endpoint.reason)
    if endpoint.rests_until is None:
        return why
    seconds = max(1, round((endpoint.rests_until - at).total_seconds()))
    failed = _counted(endpoint.failures, "failure")
    return f"rests for {_span(seconds)} after {failed}: {why}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _span(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"


def _own_reason(model: ModelState) -> str:
    """A trouble of the whole endpoint is explained once, in the endpoints' table."""
    if model.endpoints and model.usable and model.reason:
        return f"{_readiness(model)}, {model.reason}"
    return short_reason(model.reason) if _PLACE.match(model.reason) else model.reason


def _readiness(model: ModelState) -> str:
    return "loaded" if model.loaded else "ready"


def _state(usable: bool, word: str, reason: str) -> str:
    words = safe_line(reason) if reason else word
    return f'<span class="state {"ready" if usable else "away"}">{words}</span>'


def _table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{column}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="shelf"><table><caption>{caption}</caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )
