"""Foreign Markdown -> HTML: cleaned as everywhere, then read by a parser that knows no raw HTML."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from rebuttal.markdown import safe_markdown

HEADING = "h3"
"""Every heading of a speech: the page's own outline stays as it is."""


def words_html(text: str) -> str:
    """``text`` as HTML that only says: no image, no raw HTML, links to web and mail alone."""
    return str(_reader().render(safe_markdown(text)))


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
