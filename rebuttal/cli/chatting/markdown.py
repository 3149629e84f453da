"""Markdown -> leaves. Of what a model writes nothing is left out, and nothing of it acts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.text import Text

from rebuttal.cli.chatting.leaves import Cells, Code, Leaf, Place, Rule, Words
from rebuttal.cli.chatting.lines import settable
from rebuttal.cli.chatting.said import Said

MOST_SIGNS = 1000
"""Signs of Markdown in one block that is still read as such."""
_SIGNS = re.compile(r"[\[\]*_~`!<|\\>]")
_CODE = re.compile(r"^```[^`\n]*\n.*?(?:^```[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)

HEADINGS = {"h1": "bold underline", "h2": "bold", "h3": "bold"}


@dataclass(frozen=True)
class Look:
    """What a terminal can show."""

    ascii: bool = False
    colour: bool = True

    @property
    def bullet(self) -> str:
        return "* " if self.ascii else "• "

    @property
    def bar(self) -> str:
        return "| " if self.ascii else "▌ "


@dataclass(frozen=True)
class Reading:
    """The leaves of a text, and the line of it on which the last of its outermost blocks begins."""

    leaves: tuple[Leaf, ...] = ()
    last_block: int = -1
    last_block_at: int = 0

    @property
    def final(self) -> int:
        """How many leaves stay as they are, whatever further lines say."""
        return max(self.earlier, len(self.leaves) - 1, 0)

    @property
    def earlier(self) -> int:
        """How many leaves stand before the last block."""
        return sum(leaf.place.block < self.last_block for leaf in self.leaves)


def read(text: str, look: Look) -> Reading:
    """``text`` is Markdown in whole lines, but for its last one, which may yet grow."""
    tokens = _parser().parse(text)
    starts = [token.map[0] for token in tokens if token.level == 0 and token.map]
    if not starts:
        return Reading()
    return Reading(tuple(_Gathering(tokens, look).leaves()), len(starts) - 1, starts[-1])


def takes_long(text: str) -> bool:
    """Whether the parser's work, which grows with the square of the signs, would be seen."""
    return len(_SIGNS.findall(_CODE.sub("", text))) > MOST_SIGNS


def as_it_is(text: str) -> Reading:
    """Without a look at what it may mean."""
    plain = Text(settable(text.strip("\n")))
    return Reading((Words(Place(0), plain, undecided=len(plain)),) if plain else (), 0)


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    # A line that would make a heading of those before it, or a link of words long shown.
    return parser.disable(["lheading", "reference"])


@dataclass
class _Around:
    """A quote or an item that leaves stand in."""

    first: str
    rest: str
    is_item: bool


class _Gathering:
    """Walks through the tokens of a text."""

    def __init__(self, tokens: list[Token], look: Look) -> None:
        self._tokens = iter(tokens)
        self._look = look
        self._around: list[_Around] = []
        self._block = -1
        self._style = ""

    def leaves(self) -> Iterator[Leaf]:
        for token in self._tokens:
            if token.level == 0 and token.nesting >= 0:
                self._block += 1
                self._begins = True
            match token.type:
                case "blockquote_open":
                    self._around.append(_Around(self._look.bar, self._look.bar, is_item=False))
                case "list_item_open":
                    self._around.append(self._item(token))
                case "list_item_close" if self._around[-1].first != self._around[-1].rest:
                    yield Words(self._place(), Text(), 0)
                    self._around.pop()
                case "blockquote_close" | "list_item_close":
                    self._around.pop()
                case "heading_open" | "heading_close":
                    self._style = HEADINGS.get(token.tag, "bold") if token.nesting == 1 else ""
                case "inline":
                    yield self._words(token)
                case "fence" | "code_block":
                    yield self._code(token)
                case "hr":
                    yield Rule(self._place())
                case "table_open":
                    yield Cells(self._place(), tuple(self._rows()))

    def _item(self, token: Token) -> _Around:
        bullet = f"{token.info}{token.markup} " if token.info else self._look.bullet
        return _Around(bullet, " " * len(bullet), is_item=True)

    def _place(self) -> Place:
        """Of the next leaf. The bullets that it takes are not shown again."""
        begins_item = any(around.first != around.rest for around in self._around)
        first = "".join(around.first for around in self._around)
        for around in self._around:
            around.first = around.rest
        rest = "".join(around.rest for around in self._around)
        gap = None if begins_item else rest.rstrip()
        gap, self._begins = "" if self._begins else gap, False
        return Place(self._block, first, rest, gap)

    def _words(self, token: Token) -> Words:
        said = self._said(token)
        said.text.stylize_before(self._style)
        return Words(self._place(), said.text, said.undecided)

    def _code(self, token: Token) -> Code:
        language = token.info.split()[0] if token.info.split() else ""
        language = language if self._look.colour and language.isascii() else ""
        return Code(self._place(), settable(token.content).removesuffix("\n"), language)

    def _rows(self) -> Iterator[tuple[Text, ...]]:
        cells: list[Text] = []
        for token in self._tokens:
            match token.type:
                case "inline":
                    cells.append(self._said(token).text)
                case "tr_close":
                    yield tuple(cells)
                    cells = []
                case "table_close":
                    return

    def _said(self, token: Token) -> Said:
        return Said(token.children or (), ticks=not self._look.colour)
