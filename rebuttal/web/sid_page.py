"""The pages that ask whether to open a history in this browser, or say that there is none."""

from __future__ import annotations

from html import escape

from rebuttal.web.sign_in_page import plain_page

_LOST = """<p>This browser has debates of its own. It will show those of the address instead. To
find them again, first make an address for them, under History.</p>"""


def choice_page(has_debates: bool, signed_in: str = "") -> str:
    """The question; ``has_debates``: this browser would lose sight of some of its own.

    ``signed_in`` is who has signed in here, and will not be any more.
    """
    if signed_in:
        lost = f"<p>You are signed in as <strong>{escape(signed_in)}</strong>; this ends it.</p>"
    else:
        lost = _LOST if has_debates else ""
    return plain_page(
        "Open this history here?",
        f"""<p>This address opens a history of debates. What you begin in this browser from then on
belongs to it too, and is seen by everybody who has the address.</p>
{lost}
<p>Open it only if it is your own, or of somebody you trust.</p>
<form method="post" action="/session"><button>Open it in this browser</button></form>
<p><a href="/">Not now</a></p>""",
    )


def wrong_page() -> str:
    """An address that opens nothing."""
    return plain_page(
        "No history here",
        """<p>This address opens no history, or not any more: it was renewed or ended, or a part of
it is missing.</p>
<p><a href="/">To the debates of this browser</a></p>""",
    )
