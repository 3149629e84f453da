"""For programs, on the Models tab: where they find Rebuttal, and the tokens that let them in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.errors import RebuttalError
from rebuttal.markdown import safe_line
from rebuttal.records import Token, Visitor
from rebuttal.settings import Settings
from rebuttal.tokens import LONGEST_NAME
from rebuttal.ui.entries import Nothing
from rebuttal.ui.history_list import moment
from rebuttal.ui.notice import QUICK, Updates, explained, notice
from rebuttal.ui.program_entries import NewToken, Revoke
from rebuttal.ui.render import refusal, remark

POWERS = {
    "read": "Read debates",
    "debate": "Debate and change debates",
    "models": "Load and unload models",
}
LASTING = (("until it is revoked", 0), ("for a week", 7), ("for 30 days", 30), ("for a year", 365))


@dataclass(frozen=True, slots=True)
class Programs:
    """The section's components."""

    name: gr.Textbox
    powers: gr.CheckboxGroup
    days: gr.Dropdown
    make: gr.Button
    notice: gr.Markdown
    fresh: gr.Markdown
    tokens: gr.Markdown
    order: gr.Textbox
    """What was pressed; programs.js writes it here."""


def build_programs(app: DebateApp) -> Programs:
    """The section, without the tokens: they are looked up when the tab is opened."""
    powers = [(words, key) for key, words in POWERS.items()]
    if not app.settings.manage_models:
        powers = powers[:2]
    with gr.Column(elem_classes="programs"):
        gr.Markdown(about(app.settings), container=False)
        with gr.Row(elem_classes="token-row"):
            name = gr.Textbox(
                label="A token for", placeholder="Which program?", max_length=LONGEST_NAME
            )
            days = gr.Dropdown([*LASTING], value=0, label="Works", filterable=False)
        with gr.Row(elem_classes="token-row"):
            allowed = gr.CheckboxGroup(powers, value=["read", "debate"], label="It may")
            make = gr.Button("Make a token", size="sm", elem_classes="make")
        problem = notice()
        fresh = gr.Markdown(container=False, elem_classes="fresh-token")
        tokens = gr.Markdown(container=False)
        order = gr.Textbox(visible="hidden", label="revoke", elem_classes="token-order")
    return Programs(name, allowed, days, make, problem, fresh, tokens, order)


def wire_programs(app: DebateApp, tab: gr.Tab, here: Programs) -> None:
    """The section's events."""

    async def listed(visitor: Visitor) -> Updates:
        return {here.tokens: token_list(await app.tokens.all(visitor=visitor), visitor)}

    async def look(asked: Nothing, visitor: Visitor) -> Updates:
        try:
            return {here.fresh: "", **await listed(visitor)}
        except RebuttalError as error:
            return {here.fresh: "", here.tokens: refusal(error)}

    async def make(asked: NewToken, visitor: Visitor) -> Updates:
        days = asked.days or None
        secret = await app.tokens.make(asked.name, asked.powers, days, visitor=visitor)
        return {here.name: "", here.fresh: fresh_token(secret), **await listed(visitor)}

    async def revoke(asked: Revoke, visitor: Visitor) -> Updates:
        await app.tokens.revoke(asked.order.what, visitor=visitor)
        return {here.fresh: "", **await listed(visitor)}

    shown = [here.notice, here.fresh, here.tokens]
    tab.select(explained(app, here.notice, Nothing, look), None, shown, **QUICK)
    made = explained(app, here.notice, NewToken, make)
    asked = [here.name, here.powers, here.days]
    gr.on([here.make.click, here.name.submit], made, asked, [*shown, here.name], **QUICK)
    revoked = explained(app, here.notice, Revoke, revoke)
    here.order.change(revoked, here.order, shown, trigger_mode="multiple", **QUICK)


def about(settings: Settings) -> str:
    """Where programs find what, and as whom they come."""
    if settings.profile == "local" and settings.auth is None:
        who = "Here they need no token: where a program wants a key, any will do."
    else:
        who = "A program comes with a token of yours, and is then you: it sees your debates, and "
        who += "what it does counts as yours."
    return (
        '<div class="about-programs"><h2>For programs</h2>'
        '<p>Programs that speak to OpenAI find Rebuttal at <code class="base">/v1</code>: every '
        "model is there, every persona through it, and every panel. Everything else that this page "
        'does is at <code class="base">/api/v1</code> '
        '(<a href="api/v1/docs" target="_blank" rel="noopener">described here</a>).</p>'
        f"<p>{who}</p></div>"
    )


def fresh_token(secret: str) -> str:
    """The secret; programs.js copies it."""
    return (
        '<div class="fresh"><p>Here it is. It is shown only now.</p>'
        f'<code class="secret">{safe_line(secret)}</code>'
        '<button type="button" class="take">Copy</button></div>'
    )


def token_list(tokens: Sequence[Token], visitor: Visitor) -> str:
    """Those that work, each with the way to revoke it."""
    rows = "".join(
        f"<li><span><strong>{safe_line(token.name)}</strong> {_facts(token, visitor)}</span>"
        f'<button type="button" class="let-go" value="revoke {token.hash}">Revoke'
        f'<span class="unseen"> {safe_line(token.name)}</span></button></li>'
        for token in tokens
    )
    return f'<ul class="kept-things">{rows}</ul>' if rows else remark("No token works now.")


def _facts(token: Token, visitor: Visitor) -> str:
    whose = "" if token.owner == visitor.owner else "a visitor's; "
    until = f", works until {moment(token.expires_at, 'date')}" if token.expires_at else ""
    may = ", ".join(token.powers)
    return f'<span class="facts">{whose}may {may}; made {moment(token.created_at)}{until}</span>'
