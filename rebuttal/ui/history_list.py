"""Debates that were found -> the list of the History tab.

All of it is HTML of ours around words of others, which ``safe_line`` has made harmless. A button's
``value`` is what page.js orders when it is pressed. Classes are those of history.css.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from rebuttal.markdown import safe_line
from rebuttal.records import Debate, Found, Visitor
from rebuttal.ui.marked import marked_line
from rebuttal.ui.render import voices

BROWSER = "c:"
"""How the owner of a debate begins who is known by a cookie alone."""
LONGEST_TITLE = 240
"""Characters of a topic that stand in the list."""
DOWNLOADS = {"md": "Markdown", "txt": "Text", "json": "JSON", "html": "Web page"}


@dataclass(frozen=True, slots=True)
class Shown:
    """What the list shows beside the debates themselves."""

    text: str = ""
    """The words that were looked for."""
    narrowed: bool = False
    """Whether anything was looked for at all."""
    speaking: Collection[str] = ()
    """Ids of the debates that speak now."""
    more: str | None = None
    depth: int = 0
    """Pages before this one."""
    owners: bool = False


def history_list(found: Sequence[Found], shown: Shown) -> str:
    """A page of the list, or words where there is nothing."""
    if not found:
        return f'<div class="kept-list">{_nothing(shown)}</div>{_pages(shown)}'
    rows = "".join(_row(one, shown) for one in found)
    return f'<ol class="kept-list">{rows}</ol>{_pages(shown)}'


def name_of(debate: Debate) -> str:
    """What it is called, else its topic."""
    name = " ".join((debate.title or debate.topic).split())
    return name if len(name) <= LONGEST_TITLE else name[: LONGEST_TITLE - 1].rstrip() + "…"


def moment(at: datetime, look: str = "day") -> str:
    """A time that page.js tells on the reader's own clock."""
    at = at.astimezone(UTC)
    words = f"{at.day} {at:%b %Y, %H:%M} UTC" if look == "day" else f"{at.day} {at:%b %Y}"
    return f'<time class="{look}" datetime="{at.isoformat(timespec="seconds")}">{words}</time>'


def act(order: str, words: str, name: str = "", look: str = "") -> str:
    """A button that gives an order; ``name`` says, to those who listen, to what."""
    unseen = f'<span class="unseen"> {name}</span>' if name else ""
    kind = f"act {look}".strip()
    value = escape(order, quote=True)
    return f'<button type="button" class="{kind}" value="{value}">{words}{unseen}</button>'


def told(words: str, *ways: str) -> str:
    """What has just been done, with the buttons that lead on."""
    return f'<div class="telling"><p>{words}</p>{"".join(ways)}</div>'


def deleted(what: str | int, mark: str) -> str:
    """That a debate of this name is gone, or so many of them, and the way back."""
    if isinstance(what, str):
        words = f"Deleted: <em>{safe_line(what)}</em>"
    else:
        words = "1 debate deleted." if what == 1 else f"{what:,} debates deleted."
    return told(words, act(f"undo {mark}", "Undo", look="undo"))


def ask_all(owners: bool) -> str:
    """Whether everything shall go."""
    all_ = "all your debates" if owners else "all debates of this Rebuttal"
    return told(
        f"Delete {all_}, the pinned ones too?",
        act("delete-all", "Delete all", look="delete"),
        act("leave", "Keep them"),
    )


def foot(kept: bool, visitor: Visitor) -> str:
    """What one can do with the history as a whole; ``kept``: whether there is any."""
    ways = [
        '<label class="import">Import a debate or a history<input class="unseen" type="file" '
        'accept=".json,.zip"></label>'
    ]
    if kept:
        ways.append('<a class="file" href="history.zip">Download everything</a>')
    if visitor.owner.startswith(BROWSER):
        ways.append(act("session", "Keep this history", look="share"))
    if kept:
        ways.append(act("ask", "Delete all", look="delete"))
    return f'<div class="whole">{"".join(ways)}</div>'


def _row(found: Found, shown: Shown) -> str:
    debate = found.debate
    name = marked_line(name_of(debate), shown.text)
    topic = ""
    if debate.title:
        cut = name_of(debate.model_copy(update={"title": None}))
        topic = f'<p class="topic">{marked_line(cut, shown.text)}</p>'
    excerpt, shown_already = "", f"{debate.title or ''} {debate.topic[:LONGEST_TITLE]}"
    if found.excerpt.strip("…") not in " ".join(shown_already.split()):
        excerpt = f'<p class="excerpt">{marked_line(found.excerpt, shown.text)}</p>'
    pin = '<span class="pin">Pinned</span> ' if debate.pinned else ""
    return (
        f'<li class="kept{" pinned" if debate.pinned else ""}">'
        f'<div class="about"><h3>{pin}<a class="open" href="?debate={debate.id}">{name}</a></h3>'
        f"{topic}{excerpt}{_table(debate)}{_facts(found, shown)}</div>{_acts(debate)}</li>"
    )


def _table(debate: Debate) -> str:
    """Who sat, each in the ink of the stage."""
    seats = "".join(
        f'<span class="sat" style="{voice.style}"><span class="face">{voice.emoji}</span> '
        f'<span class="name">{voice.name}</span></span> '
        for voice in voices(debate).values()
    )
    return f'<p class="table">{seats}</p>'


def _facts(found: Found, shown: Shown) -> str:
    debate = found.debate
    models = dict.fromkeys(debater.model for debater in debate.debaters)
    said = found.turns - 1  # the topic is the first of them
    turns = "1 turn" if said == 1 else f"{said:,} turns"
    facts = [
        _state(debate, shown),
        moment(debate.created_at),
        turns,
        safe_line(", ".join(models)),
        *_origin(debate),
    ]
    return f'<p class="facts">{" · ".join(facts)}</p>'


def _state(debate: Debate, shown: Shown) -> str:
    if debate.id in shown.speaking:
        return '<span class="state speaking">speaking now</span>'
    state = "finished" if debate.finished else "interrupted"
    return f'<span class="state {state}">{state}</span>'


def _origin(debate: Debate) -> list[str]:
    """Where it comes from, if it was not begun here."""
    origin = []
    if debate.imported_at:
        origin.append(f"imported {moment(debate.imported_at, 'date')}")
    if debate.forked_from:
        origin.append("continued from a link")
    if debate.rerun_of:
        origin.append(f'<a class="open" href="?debate={debate.rerun_of}">re-run of another</a>')
    return origin


def _acts(debate: Debate) -> str:
    """What can be done with it, folded away behind one button."""
    name, id_ = safe_line(name_of(debate)), debate.id
    pin = ("unpin", "Unpin") if debate.pinned else ("pin", "Pin")
    files = "".join(
        f'<a class="file" href="debates/{id_}.{format}">{kind}</a>'
        for format, kind in DOWNLOADS.items()
    )
    return (
        '<details class="deeds"><summary><span class="dots">More</span>'
        f'<span class="unseen"> on {name}</span></summary><div class="menu">'
        f"{act(f'rename {id_}', 'Rename', look='rename')}{act(f'{pin[0]} {id_}', pin[1])}"
        f"{act(f'share {id_}', 'Share…', look='share')}"
        f"{act(f'compare {id_}', 'Compare…', look='compare')}"
        f'<span class="files">Download {files}</span>'
        f"{act(f'delete {id_}', 'Delete', look='delete')}</div></details>"
    )


def _pages(shown: Shown) -> str:
    """The way to later and earlier debates."""
    ways = []
    if shown.depth > 1:
        ways.append(act("newest", "Newest"))
    if shown.depth:
        ways.append(act("newer", "← Newer"))
    if shown.more:
        ways.append(act(f"older {shown.more}", "Older →"))
    return f'<div class="pages">{"".join(ways)}</div>' if ways else ""


def _nothing(shown: Shown) -> str:
    if shown.narrowed:
        return (
            '<p class="empty"><strong>Nothing found.</strong> Every word has to stand in a debate; '
            "try fewer words, or only the beginning of one. The filters narrow, too.</p>"
        )
    if shown.depth:
        return '<p class="empty"><strong>That was all.</strong></p>'
    whose = "Your debates" if shown.owners else "Debates"
    return (
        f'<p class="empty"><strong>Nothing here yet.</strong> {whose} are kept here as soon as '
        "they begin: sit somebody down at Chat, Exchange or Debate.</p>"
    )
