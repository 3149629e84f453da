"""Secrets in addresses, on a slip over the page: links to a debate, and one's own history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.errors import RebuttalError
from rebuttal.markdown import safe_line
from rebuttal.records import Debate, Token, Visitor
from rebuttal.settings import Settings
from rebuttal.ui.history_entries import Share
from rebuttal.ui.history_list import act, moment, name_of
from rebuttal.ui.notice import QUICK, Updates, explained
from rebuttal.ui.render import refusal

DAYS = (1, 7, 30)


@dataclass(frozen=True, slots=True)
class Slip:
    """What lies over the page while it has words; page.js moves to it and closes it."""

    panel: gr.Markdown
    order: gr.Textbox
    """What was pressed; page.js writes it here."""


def build_slip() -> Slip:
    """The slip, still away."""
    panel = gr.Markdown(elem_classes="slip", container=False)
    return Slip(panel, gr.Textbox(visible="hidden", label="share", elem_classes="share-order"))


def wire_slip(app: DebateApp, slip: Slip) -> None:
    """One event for everything on it."""

    async def share(asked: Share, visitor: Visitor) -> Updates:
        return {slip.panel: await _shown(app, asked, visitor)}

    shared = explained(app, slip.panel, Share, share)
    slip.order.change(shared, slip.order, slip.panel, trigger_mode="multiple", **QUICK)


async def _shown(app: DebateApp, asked: Share, visitor: Visitor) -> str:
    """What the slip says once it is done."""
    wish = asked.order
    if wish.act == "close":
        return ""
    problem, fresh = "", ""
    try:
        fresh = await _done(app, asked, visitor)
    except RebuttalError as error:
        problem = refusal(error)
    if wish.debate is None:
        since = await app.links.session_since(visitor=visitor)
        return session_slip(since, fresh, problem)
    links = await app.links.of(wish.debate, visitor=visitor)
    debate = await app.debate(wish.debate, visitor=visitor)
    return link_slip(debate, links, lasting(app.settings, visitor), fresh, problem)


async def _done(app: DebateApp, asked: Share, visitor: Visitor) -> str:
    """Do it; the address that it made, which is told only now."""
    wish = asked.order
    if wish.act == "link" and wish.debate:
        secret = await app.links.make(wish.debate, wish.days, visitor=visitor)
        return f"shared#{secret}"
    if wish.act == "revoke" and wish.hash:
        await app.links.revoke(wish.hash, visitor=visitor)
    elif wish.act == "renew":
        return f"?sid={await app.links.session(visitor=visitor)}"
    elif wish.act == "end":
        await app.links.end_session(visitor=visitor)
    return ""


def lasting(settings: Settings, visitor: Visitor) -> list[int]:
    """Days that a link may be made for; 0 is for ever."""
    most = None if visitor.operator else settings.link_days
    days = [day for day in DAYS if most is None or day <= most]
    return [*days, 0] if most is None else days or [most]


def link_slip(
    debate: Debate, links: Sequence[Token], days: Sequence[int], fresh: str, problem: str
) -> str:
    """Links to one debate: what they give, those there are, and new ones."""
    id_ = debate.id
    makes = "".join(act(f"link {id_} {day}", _lasts(day), look="share make") for day in days)
    rows = "".join(
        f"<li><span>Made {moment(link.created_at)}{_ends(link.expires_at)}</span>"
        f"{act(f'revoke {id_} {link.hash}', 'End it', look='share')}</li>"
        for link in links
    )
    there = f'<ul class="links">{rows}</ul>' if rows else ""
    return _slip(
        f"Share “{safe_line(name_of(debate))}”",
        "Whoever has a link reads along, also while the debate goes on, and sees nothing else of "
        "yours. They may take a copy into a history of their own.",
        f'{problem}{_fresh(fresh)}<p class="makes">New link {makes}</p>{there}',
    )


def session_slip(since: datetime | None, fresh: str, problem: str) -> str:
    """The address that is one's own history."""
    if since:
        state = f"<p>There is an address, made {moment(since)}. It is told only once.</p>"
        ways = act("renew", "Make another; the old one ends", look="share make")
        ways += act("end", "End it", look="share")
    else:
        state, ways = "", act("renew", "Make the address", look="share make")
    return _slip(
        "Keep this history",
        "Your debates belong to a cookie of this browser. With an address of their own they open "
        "in any browser, also when the cookie is gone. Keep it like a password: it is all that is "
        "asked for.",
        f'{problem}{_fresh(fresh)}{"" if fresh else state}<p class="makes">{ways}</p>',
    )


def _slip(title: str, words: str, body: str) -> str:
    close = act("close", "Close", look="share close")
    return f'<div class="paper"><h2>{title}</h2><p>{words}</p>{body}{close}</div>'


def _fresh(address: str) -> str:
    """The new address; page.js makes it whole and copies it."""
    if not address:
        return ""
    return (
        '<div class="fresh"><p>Here it is. It is shown only now.</p>'
        f'<a class="secret" href="{address}">{address}</a>'
        '<button type="button" class="take">Copy</button></div>'
    )


def _lasts(days: int) -> str:
    return {0: "for ever", 1: "for a day"}.get(days, f"for {days} days")


def _ends(at: datetime | None) -> str:
    return f", ends {moment(at)}" if at else ", works until it is ended"
