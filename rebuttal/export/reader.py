"""Foreign Markdown -> HTML: cleaned as everywhere, then read by a parser that knows no raw HTML."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from html import escape
from sys import getsizeof
from threading import Lock
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from rebuttal.markdown import safe_markdown
from rebuttal.material import clean

HEADING = "h3"
"""Every heading of a speech: the page's own outline stays as it is."""


MOST_SIGNS = 2000
MOST_CELLS = 5000
"""Signs of Markdown and cells of tables in one text; with more it is shown as it was typed.

The parser's work grows with their square: 8,000 signs took it up to 6 s.
"""
_SIGNS = re.compile(r"[\[\]*_~`!<|\\>]")


KEPT_BYTES = 32 * 2**20
"""Of HTML that is kept, since whoever reads a debate asks for what others have read."""


def words_html(text: str) -> str:
    """``text`` as HTML that only says: no image, no raw HTML, links to web and mail alone.

    The same text is rendered once as long as it is among the latest; safe to call from any thread.
    """
    return _kept.html(text)


def rendered(text: str) -> str:
    """The same, rendered anew and not kept: for words that will be others in a moment."""
    words = safe_markdown(text)
    if _takes_long(words):
        return f"<p>{escape(clean(text)).replace(chr(10), '<br>')}</p>\n"
    return str(_reader().render(words))


class Kept:
    """HTML by the text that it was rendered from; the one asked for longest ago goes first."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._most = most
        self._bytes = 0
        self._html: OrderedDict[bytes, str] = OrderedDict()
        self._lock = Lock()

    def html(self, text: str) -> str:
        """As kept, or rendered now."""
        key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        with self._lock:
            html = self._html.pop(key, None)
            if html is not None:
                self._html[key] = html
                return html
        html = rendered(text)
        with self._lock:
            self._bytes += 0 if key in self._html else getsizeof(html)
            self._html[key] = html
            while self._bytes > self._most:
                self._bytes -= getsizeof(self._html.popitem(last=False)[1])
        return html


_kept = Kept()


def _takes_long(words: str) -> bool:
    lines = words.split("\n")
    cells = len(lines) * max(line.count("|") for line in lines)
    return cells > MOST_CELLS or len(_SIGNS.findall(words)) > MOST_SIGNS


class _Reader(MarkdownIt):
    def validateLink(self, url: str) -> bool:
        try:
            return urlsplit(url).scheme.lower() in ("http", "https", "mailto")
        except ValueError:
            return False


@cache
def _reader() -> MarkdownIt:
    reader = _Reader("commonmark", {"html": False, "linkify": False, "typographer": False})
    reader.enable(["table", "strikethrough"]).disable(["image", "html_block", "html_inline"])
    for rule in ("heading_open", "heading_close"):
        reader.add_render_rule(rule, _heading)
    reader.add_render_rule("link_open", _link)
    return reader


def _heading(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
) -> str:
    tokens[at].tag = HEADING
    return renderer.renderToken(tokens, at, options, env)


def _link(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
) -> str:
    tokens[at].attrSet("rel", "noopener noreferrer nofollow")
    return renderer.renderToken(tokens, at, options, env)
