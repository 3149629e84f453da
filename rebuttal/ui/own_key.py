"""A visitor's own key, for one debate and one endpoint."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.material import without_addresses
from rebuttal.records import Visitor
from rebuttal.settings import Settings
from rebuttal.ui.entries import ChosenEndpoint, WithKey
from rebuttal.ui.notice import QUICK, Updates, explained
from rebuttal.ui.render import remark


@dataclass(frozen=True, slots=True)
class KeyFields:
    """Where a key is typed. Hidden where the settings take none."""

    box: gr.Accordion
    endpoint: gr.Dropdown
    key: gr.Textbox
    promise: gr.Markdown


def build_key_fields(app: DebateApp, title: str, visible: bool) -> KeyFields:
    """The fields, folded away under that title."""
    names = receivers(app)
    first = next(iter(names), None)
    with gr.Accordion(
        title,
        open=False,
        elem_classes="fine-print own-key",
        visible=visible and app.settings.own_keys and bool(names),
    ) as box:
        with gr.Row(elem_classes="key-row"):
            endpoint = gr.Dropdown(list(names), value=first, label="Key for", filterable=True)
            key = gr.Textbox(
                label="Key",
                type="password",
                max_lines=1,
                html_attributes=gr.InputHTMLAttributes(autocomplete="off", spellcheck=False),
            )
        promise = gr.Markdown(promised(names.get(first or "")), container=False)
    return KeyFields(box, endpoint, key, promise)


def wire_key_fields(app: DebateApp, fields: KeyFields, where: gr.Markdown) -> None:
    """Another endpoint, another host that the key goes to."""

    async def choose(asked: ChosenEndpoint, visitor: Visitor) -> Updates:
        return {fields.promise: promised(receivers(app).get(asked.endpoint))}

    chosen = explained(app, where, ChosenEndpoint, choose)
    fields.endpoint.input(chosen, fields.endpoint, [where, fields.promise], **QUICK)


def keys_at(settings: Settings, asked: WithKey, endpoints: Collection[str]) -> dict[str, str]:
    """The visitor's keys for those endpoints alone: what nobody needs is not kept."""
    if not settings.own_keys:
        return {}
    return {endpoint: key for endpoint, key in asked.keys.items() if endpoint in endpoints}


def receivers(app: DebateApp) -> dict[str, str]:
    """The endpoints that take a key, each with the host that would get it.

    A host of the operator's own network goes by its endpoint's name where addresses are not shown.
    """
    found = {}
    for endpoint in app.catalog.endpoints.values():
        if endpoint.key and endpoint.address:
            host = urlsplit(endpoint.address).hostname or ""
            named = app.settings.show_addresses or _is_public(host)
            found[endpoint.name] = host if named else endpoint.name
    return found


def _is_public(host: str) -> bool:
    """Whether it is a name that everybody could know."""
    return "." in host and without_addresses(host, {}) == host


def promised(receiver: str | None) -> str:
    """What happens to a key."""
    if not receiver:
        return remark("Choose whose key it is.")
    return remark(f"Kept in memory for this debate only, and sent to {receiver} and nowhere else.")
