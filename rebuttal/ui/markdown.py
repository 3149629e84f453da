"""Foreign text as Markdown that stays text: no raw HTML, no images, no links but web and mail.

A word joiner, which nobody sees, goes into whatever Markdown would take for something else. That
holds wherever a parser finds it, in code or outside, so it does not depend on parsing alike.
"""

from __future__ import annotations

import re
from html import escape

JOINER = "\u2060"

_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_IMAGE = re.compile(r"!\[([^\]\n]*)\]\((https?://([^/\s()]+)[^\s()]*)[^()\n]*\)", re.IGNORECASE)
_IMAGE_MARK = re.compile(r"!(?=\[)")
_FOREIGN_LINK = re.compile(r"\](?=\((?!\s*(?:https?://|mailto:))|:)", re.IGNORECASE)
_FENCE = re.compile(r"^([ \t>]*(?:[-*+]|\d+[.)])?[ \t>]*)(`{3,}|~{3,})[^`\n]*$", re.MULTILINE)


def safe_markdown(text: str) -> str:
    """``text`` for a Markdown component, closed in itself: nothing in it reaches what follows.

    An image becomes a link that names its host; a fence left open is closed.
    """
    text = _TAG.sub("<" + JOINER, text)
    text = _IMAGE.sub(_image_link, text)
    text = _IMAGE_MARK.sub("!" + JOINER, text)
    text = _FOREIGN_LINK.sub("]" + JOINER, text)
    return _close_fence(_FENCE.sub(r"\1\2", text)).strip("\n")


def safe_line(text: str) -> str:
    """``text`` on one line, for use inside a tag of ours."""
    return escape(" ".join(text.split()))


def _image_link(image: re.Match[str]) -> str:
    alt, address, host = image.groups()
    return f"[{alt or 'image'} (an image at {host})]({address})"


def _close_fence(text: str) -> str:
    opened = ""
    for fence in _FENCE.finditer(text):
        mark = fence[2]
        if not opened:
            opened = mark
        elif mark[0] == opened[0] and len(mark) >= len(opened):
            opened = ""
    return f"{text}\n{opened}" if opened else text
