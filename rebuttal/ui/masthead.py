"""The top of the page: what this is, for whom, and who is signed in."""

from __future__ import annotations

import os

from rebuttal.markdown import safe_line
from rebuttal.records import Visitor
from rebuttal.settings import Profile

WORDS: dict[Profile, str] = {
    "local": "Language models argue, live, on your own machine.",
    "lan": "Language models argue, live, in your own house.",
    "public": "Language models argue, live, while you watch.",
}
# In a tab of its own: on a Space the page lies in a frame, and that site is shown in none.
SIGN_IN = (
    '<a class="sign-in" href="login/huggingface" target="_blank" rel="noopener">'
    "Sign in with Hugging Face</a>"
)
SIGN_OUT = (
    '<form class="sign-out" method="post" action="logout"><button type="submit">Sign out</button>'
    "</form>"
)


def masthead(profile: Profile, visitor: Visitor | None = None) -> str:
    """The masthead for that visitor; None before anybody is known."""
    return (
        '<header class="masthead"><h1>Rebuttal</h1>'
        f"<p>{WORDS[profile]}</p>{_account(visitor) if visitor else ''}</header>"
    )


def _account(visitor: Visitor) -> str:
    if visitor.name:
        who = f"<span>Signed in as <strong>{safe_line(visitor.name)}</strong></span>"
        return f'<div class="account">{who} {SIGN_OUT}</div>'
    # The variable that a Space with hf_oauth sets; without it there is nobody to sign in with.
    if os.environ.get("OAUTH_CLIENT_ID"):
        return f'<div class="account">{SIGN_IN}</div>'
    return ""
