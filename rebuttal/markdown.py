"""Foreign Markdown that stays words, wherever it is shown: on the page, in a file, to a judge.

What is left of it: emphasis, lists, tables, quotes, code, and links to web and mail. What goes: raw
HTML, images (each becomes a link that names its host), other links, definitions that would hold for
the whole document, diagrams, boxes to tick.

A word joiner, which nobody sees, takes the power of a sign wherever a parser would find it, in code
or outside, so that nothing depends on parsing alike. Only a block of code that no two parsers see
differently stays as it was, to the letter: fenced at the left margin, with a fence of ours that is
longer than every fence within.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape, unescape
from urllib.parse import urlsplit

from rebuttal.material import clean, one_line

JOINER = "\u2060"


def safe_markdown(text: str) -> str:
    """``text`` as Markdown that is closed in itself: nothing in it reaches what follows.

    A beginning of a text is as safe as the whole. Cleaning twice is cleaning once. Work is
    proportional to the text.
    """
    text = clean(text).replace("\u2028", "\n").replace("\u2029", "\n")
    return "\n".join(_lines(text)).strip("\n")


def quoted(text: str) -> str:
    """``text`` as a block quote, which none of its lines can leave."""
    return "\n".join(f"> {line}".rstrip() for line in safe_markdown(text).split("\n"))


def markdown_line(text: str, limit: int = 300) -> str:
    """``text`` as plain words inside a line of Markdown."""
    # A reader that makes links of bare addresses takes a backslash for a part of one.
    return _PUNCTUATION.sub(r"\\\1", _defused(one_line(text, limit)))


def safe_line(text: str) -> str:
    """``text`` on one line for the inside of a tag of ours, parsed as Markdown too or not."""
    line = _SCHEME.sub(_joined, escape(" ".join(clean(text).split())))
    return _SIGN.sub(lambda sign: f"&#{ord(sign[0])};", line.replace("$$", f"${JOINER}$"))


_PUNCTUATION = re.compile(r"([\\`*_\[\]<>|#~&!$])")
_SIGN = re.compile(r"[\\`*_\[\]|~!]")

# --- blocks ---------------------------------------------------------------------------------------

_FENCE = re.compile(
    r"(?P<indent> {0,3})(?:(?:[-*+]|\d{1,9}[.)])[ \t]++)*+(?P<mark>`{3,}+(?!.*`)|~{3,}+)"
)
_INNER_FENCE = re.compile(r"^([ \t>*+\-0-9.)]*+(?:`{3,}+(?!.*`)|~{3,}+)).*", re.MULTILINE)


def _lines(text: str) -> Iterator[str]:
    """The text's lines, code at the left margin as it is and the rest without its stings."""
    rest: list[str] = []
    lines = iter(text.split("\n"))
    for line in lines:
        opened = _FENCE.match(line)
        if opened is None:
            rest.append(line)
            continue
        before = _defused_lines(rest)
        # Behind an empty line a fence begins a block in whatever stood above.
        yield from (before, "") if before and not before.endswith("\n") else (before,)
        yield from _code(lines, opened["mark"], len(opened["indent"]))
        rest = []
    yield _defused_lines(rest)


def _code(lines: Iterator[str], mark: str, indent: int) -> Iterator[str]:
    """The block of code that ``mark`` opened, at the left margin; one left open is closed."""
    code: list[str] = []
    for line in lines:
        stripped = line.strip(" \t")
        closes = len(stripped) >= len(mark) and not stripped.strip(mark[0])
        if closes and len(line) - len(line.lstrip(" ")) <= indent + 3:
            break
        margin = len(line) - len(line.lstrip(" "))
        code.append(line[min(margin, indent) :])
    runs = (len(run[0]) for line in code for run in re.finditer("`{3,}", line))
    fence = "`" * max(3, 1 + max(runs, default=0))
    yield from (fence, *code, fence)


def _defused_lines(lines: list[str]) -> str:
    return _defused(_INNER_FENCE.sub(r"\1", "\n".join(lines)))


# --- signs ----------------------------------------------------------------------------------------

_AUTOLINK = r"<(?:https?://|mailto:)[^\s<>\"'`\\]{1,2000}+>"
_TAG = re.compile(rf"(?!{_AUTOLINK})<(?=[A-Za-z/!?])", re.IGNORECASE)
_IMAGE = re.compile(
    r"!\[([^\[\]\n]{0,300})\]\(([ \t]{0,9}+https?://[^\s()<>]{1,2000}+)[^()\n]{0,300}+\)",
    re.IGNORECASE,
)
_IMAGE_MARK = re.compile(r"!(?=\[)")
_FOREIGN_LINK = re.compile(r"\](?=\((?!\s{0,9}(?:https?://|mailto:))|:)", re.IGNORECASE)
_TICK_BOX = re.compile(r"^[ \t>]*+[-*+0-9][ \t>*+\-0-9.)]*+\[(?=[ \txX]\](?:\s|$))", re.MULTILINE)
_SCHEME = re.compile(r"\b(?:ftps?|xmpp)(?=:)|(?<![:/])/(?=/[^\s/]*(?:[.\[]|localhost))", re.I)
_ENTITY = re.compile(r"&#(?:x([0-9a-f]{1,8})|([0-9]{1,9}));?", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_HOST = re.compile(r"[\w.:\-]+")


def _defused(text: str) -> str:
    text = _ENTITY.sub(_harmless, text)
    text = _TAG.sub("<" + JOINER, text)
    text = _IMAGE.sub(_image_link, text)
    text = _IMAGE_MARK.sub(_joined, text)
    text = _FOREIGN_LINK.sub(_joined, text)
    text = _TICK_BOX.sub(_joined, text)
    return _SCHEME.sub(_joined, text)


def _joined(found: re.Match[str]) -> str:
    return found[0] + JOINER


def _harmless(entity: re.Match[str]) -> str:
    """The entity, unless it stands for a sign that no text of ours may hold."""
    code = int(entity[1], 16) if entity[1] else int(entity[2])
    known = code <= 0x10FFFF and clean(chr(code)) == chr(code)
    return entity[0] if known else "\ufffd"


def _image_link(image: re.Match[str]) -> str:
    alt, address = image[1], image[2].strip()
    try:
        # What a browser would make of it once the escapes of Markdown are gone.
        shown = _ESCAPED.sub(r"\1", unescape(address)).replace("\\", "/")
        host = urlsplit(shown).hostname or ""
    except ValueError:
        host = ""
    if not _HOST.fullmatch(host):
        return f"!{JOINER}{image[0][1:]}"
    return f"[{alt or 'image'} (an image at {host})]({address})"
