"""Words of Markdown, with emphasis, code and links, as styled text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it.token import Token
from rich.text import Text

from rebuttal.cli.chatting.lines import settable

STYLES = {"strong": "bold", "em": "italic", "s": "strike", "link": "underline"}
CODE = "cyan"

_OPENERS = re.compile(r"\*(?=\S)|(?<!\w)_(?=\S)|~~(?=\S)|[`\[]|&#?\w*\Z|^.*\|", re.MULTILINE)
"""Signs that may yet turn out to be markup, and a line that may be the head of a table."""


class Said:
    """What stands in one paragraph, heading, item or cell.

    Links show where they lead, and lead nowhere by themselves. ``ticks`` keeps the signs around
    code, where a terminal has no colour to tell it by.
    """

    def __init__(self, tokens: Sequence[Token], ticks: bool = False) -> None:
        self._ticks = ticks
        self._open: list[tuple[str, int]] = []
        self._target = ""
        self._shadow: list[str] = []
        self._markup_at = 0
        """Where the latest markup begins, of which more may follow."""
        self.text = Text()
        for token in tokens:
            if not self._open:
                self._markup_at = len(self.text)
            self._take(token)
            if token.type == "text" and not self._open:
                self._markup_at = len(self.text)
        self.text.rstrip()

    @property
    def undecided(self) -> int:
        """Up to which character no more text can change what is said here.

        One more sign can undo the markup that the text ends with.
        """
        found = _OPENERS.search("".join(self._shadow))
        return min(found.start() if found else len(self.text), self._markup_at)

    def _take(self, token: Token) -> None:
        match token.type:
            case "softbreak" | "hardbreak":
                self._add("\n")
            case "code_inline":
                tick = "`" if self._ticks else ""
                self._add(f"{tick}{token.content}{tick}", CODE, decided=True)
            case "image":
                shown = " ".join(filter(None, ["image:", token.content]))
                self._add(f"[{shown}] ({token.attrGet('src') or ''})", decided=True)
            case "link_open":
                self._target = str(token.attrGet("href") or "")
                self._open.append((STYLES["link"], len(self.text)))
            case "link_close":
                self._end_link()
            case _ if token.nesting == 1:
                style = STYLES.get(token.type.removesuffix("_open"), "")
                self._open.append((style, len(self.text)))
            case _ if token.nesting == -1:
                self._open.pop()
            case _:
                self._add(token.content)

    def _add(self, said: str, style: str = "", decided: bool = False) -> None:
        said = settable(said)
        styles = [*(style for style, _ in self._open), style]
        self.text.append(said, " ".join(filter(None, styles)))
        self._shadow.append("x" * len(said) if decided else said)

    def _end_link(self) -> None:
        _, start = self._open.pop()
        if self._target.removeprefix("mailto:") != self.text.plain[start:]:
            self._add(f" ({self._target})", decided=True)
