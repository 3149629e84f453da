"""``rebuttal link``, ``links`` and ``unlink``: read-only links to debates."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any

import typer

from rebuttal.app import DebateApp
from rebuttal.cli.lists import table
from rebuttal.cli.options import DONE
from rebuttal.cli.terminal import stderr, stdout
from rebuttal.errors import InvalidInput, NotFound
from rebuttal.records import Token
from rebuttal.settings import Settings

SHOWN = 12
"""Characters of a link's name."""
FIRST_PORT = 7860

DebateId = Annotated[str, typer.Argument(metavar="ID", help="The debate's id in: rebuttal list")]
AnyDebate = Annotated[
    str | None, typer.Argument(metavar="ID", help="A debate's id in: rebuttal list")
]
Days = Annotated[
    int | None,
    typer.Option(help="How long it works; 0 is for ever.", show_default="as the settings say"),
]
At = Annotated[
    str,
    typer.Option(metavar="ADDRESS", help="Where the page is found.", show_default="as served"),
]
Link = Annotated[
    str,
    typer.Argument(metavar="LINK", help="Its name in: rebuttal links; or the link itself"),
]
Of = Annotated[str | None, typer.Option(metavar="ID", help="The debate, where a visitor began it.")]


async def link(app: DebateApp, debate_id: DebateId, days: Days = None, at: At = "") -> int:
    """Make a link by which anybody can read a debate, also while it is spoken."""
    secret = await app.links.make(debate_id, days)
    (made, *_) = await app.links.of(debate_id)
    out = stdout()
    out.print(f"{(at or served_at(app.settings)).rstrip('/')}/shared#{secret}", soft_wrap=True)
    out.print(f"It works {_until(made)}, and is shown only now.")
    out.print(f"To end it: rebuttal unlink {made.hash[:SHOWN]}")
    return DONE


async def links(app: DebateApp, debate_id: AnyDebate = None) -> int:
    """List links that work: to the operator's debates, or to one debate."""
    there = await (app.links.of(debate_id) if debate_id else app.links.all())
    shown = table("Link", "Debate", "Made", "Works")
    shown.columns[0].no_wrap = shown.columns[1].no_wrap = True
    for one in there:
        made = f"{one.created_at.astimezone():%Y-%m-%d %H:%M}"
        shown.add_row(one.hash[:SHOWN], one.debate_id, made, _until(one))
    stdout().print(shown)
    if not there:
        stderr().print("No link works now.")
    return DONE


async def unlink(app: DebateApp, link: Link, of: Of = None) -> int:
    """End a link. Whoever reads by it is told within seconds."""
    there = await (app.links.of(of) if of else app.links.all())
    await app.links.revoke(_hash(link, there))
    stdout().print("The link has ended.")
    return DONE


def served_at(settings: Settings) -> str:
    """Where the page is probably found."""
    named = [name for name in settings.hosts if not name.startswith("*.")]
    if named:
        return f"https://{named[0]}"
    here = settings.host in ("127.0.0.1", "0.0.0.0", "::", "::1", "localhost")
    host = "localhost" if here else settings.host
    return f"http://{host}:{settings.port or FIRST_PORT}"


def _hash(link: str, there: tuple[Token, ...]) -> str:
    """Of a link that is given by the beginning of its name, or whole. Raises NotFound."""
    secret = link.rpartition("#")[2]
    if re.fullmatch(r"[0-9a-f]{4,64}", secret):
        found = [one.hash for one in there if one.hash.startswith(secret)]
        if len(found) > 1:
            raise InvalidInput(f"{link!r} stands for several links.", "Type more of its name.")
        if not found:
            raise NotFound(f"No link is called {link!r}.", "See: rebuttal links")
        return found[0]
    return hashlib.sha256(secret.encode()).hexdigest()


def _until(link: Token) -> str:
    if link.expires_at is None:
        return "until it is ended"
    return f"until {link.expires_at.astimezone():%Y-%m-%d %H:%M}"


LINKING: dict[str, Any] = {"link": link, "links": links, "unlink": unlink}
"""The commands by name."""
