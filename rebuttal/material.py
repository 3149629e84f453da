"""Foreign text is material: the one place where it is cleaned before anything shows or keeps it.

Foreign is whatever a model, a file, an upstream error or another person's browser says. Cleaning
leaves the words alone and takes away what would act on a terminal, a page or a database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_DROPPED = [
    *range(0x01, 0x09),  # C0 without tab and newline
    0x0B,
    0x0C,
    *range(0x0E, 0x20),
    *range(0x7F, 0xA0),  # DEL and C1
    *range(0x202A, 0x202F),  # bidi embeddings and overrides
    *range(0x2066, 0x206A),  # bidi isolates
]
_SURROGATES = range(0xD800, 0xE000)
_TABLE: dict[int, str | None] = {
    **dict.fromkeys(_DROPPED, None),
    **dict.fromkeys((0x00, *_SURROGATES), "\ufffd"),
}

_SUSPECT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_OPENER = re.compile(r"[\x1b\x90\x98\x9b\x9d-\x9f]")

_STRING_OPENERS = "P]X^_"
_C1 = {"\x9b": "control", "\x90": "string", "\x98": "string"} | dict.fromkeys(
    "\x9d\x9e\x9f", "string"
)
_AFTER = {
    "escape": re.compile(r"[\x20-\x2f]*"),
    "control": re.compile(r"[\x20-\x3f]*"),
    "string": re.compile(r"[^\x07\x1b\x9c\n]*"),
}


class Cleaner:
    """Cleans a text that arrives in pieces; an escape sequence may be cut anywhere.

    The pieces it returns, joined, are what ``clean`` makes of the whole. Work is proportional to
    the piece, however long a sequence stays open.
    """

    def __init__(self) -> None:
        self._open = ""
        self._after_return = False

    def feed(self, piece: str) -> str:
        """The clean part of ``piece``; empty while it lies inside an escape sequence."""
        if not piece:
            return ""
        if not (self._open or self._after_return or _SUSPECT.search(piece)):
            return piece
        return self._newlines("".join(self._plain(piece)))

    def _plain(self, piece: str) -> Iterable[str]:
        at = 0
        while at < len(piece):
            if self._open:
                at = self._skip(piece, at)
                continue
            opener = _OPENER.search(piece, at)
            yield piece[at : opener.start() if opener else len(piece)]
            if opener is None:
                return
            self._open = _C1.get(opener[0], "escape")
            at = opener.end()

    def _skip(self, piece: str, at: int) -> int:
        """Where the open sequence ends or the piece does; a broken sequence eats no more text."""
        inside = _AFTER[self._open].match(piece, at)
        at = inside.end() if inside else at
        if at == len(piece):
            return at
        kind, self._open = self._open, ""
        char = piece[at]
        if kind == "string":
            if char == "\x1b":
                self._open = "escape"  # of ESC \, which ends a string
            return at if char == "\n" else at + 1
        if kind == "escape" and char in "[" + _STRING_OPENERS:
            self._open = "control" if char == "[" else "string"
            return at + 1
        return at + 1 if "\x30" <= char <= "\x7e" else at

    def _newlines(self, text: str) -> str:
        if not text:
            return ""
        if self._after_return and text[0] == "\n":
            text = text[1:]
            self._after_return = False
            if not text:
                return ""
        self._after_return = text[-1] == "\r"
        return text.replace("\r\n", "\n").replace("\r", "\n").translate(_TABLE)


def clean(text: str) -> str:
    """``text`` without control characters, escape sequences and bidi overrides.

    NUL and lone surrogates, which databases refuse, become U+FFFD; every line ends with ``\\n``.
    """
    return Cleaner().feed(text)


def one_line(text: str, limit: int = 200) -> str:
    """Clean, on one line, and at most ``limit`` characters with the ellipsis: for error texts."""
    words = " ".join(clean(text[: limit * 8]).split())
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


_KEYS = re.compile(
    r"""
      \b(?:sk|pk|rk|gsk|xai|hf|ghp|gho|github_pat|glpat|r8|nvapi|pplx|csk|fw|xox[a-z])
      [-_][\w-]{8,}                                             # keys that say so themselves
    | \brebuttal-[\w-]{43}                                      # tokens of ours
    | \b(?:AIza[\w-]{20,} | AKIA[A-Z0-9]{12,} | eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?)
    | (?i:(?<=bearer\s))\s*[^\s"',;]{6,} | (?<=Basic\s)[\w+/=]{8,}
    | (?<=://)[^\s/@]+(?=@)                                    # user:password in an address
    | (?<=/shared\#)[\w-]{20,} | (?i:(?<=\bsid=))[\w%-]{20,}    # addresses that open something
    | (?i:(?<=key=)|(?<=token=)|(?<=secret=)|(?<=password=))[^\s&"',;]+
    | (?i:(?<=key":\s")|(?<=key":")|(?<=key':\s')|(?<=key:\s)|(?<=key',\sb'))[^\s&"',;]{6,}
    | (?i:(?<=secret":\s")|(?<=token":\s")|(?<=password":\s"))[^\s&"',;]+
    """,
    re.VERBOSE,
)


def redact(text: str, keys: Iterable[str] = ()) -> str:
    """``text`` with each of ``keys``, and whatever looks like a key, replaced by ``[key]``."""
    for key in sorted({key.strip() for key in keys if key.strip()}, key=len, reverse=True):
        text = text.replace(key, "[key]")
    return _KEYS.sub("[key]", text)


_URL = re.compile(r"\b[a-z][a-z+]{1,20}://[^\s'\"<>,;]+", re.IGNORECASE)
_PLACE = re.compile(
    r"""
      (?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\w.]*\w)
    | \[(?=[0-9a-f]*:)[0-9a-f:.]{2,45}\](?::\d{1,5})?
    | (?<![\w:.])(?=[0-9a-f:]*::|(?:[0-9a-f]{1,4}:){7})[0-9a-f:]{3,45}(?![\w:])
    | \b(?:localhost|[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}):\d{2,5}\b
    | \b[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.(?:internal|local|localdomain|lan|corp|intranet|arpa)\b
    | (?<![\w/:.])/(?:[^\s/'"<>:;,()]{1,255}/){1,32}+[^\s/'"<>:;,()]{0,255}   # a file
    | \b[a-z]:\\[^\s'"<>;,]{1,999}
    """,
    re.VERBOSE | re.IGNORECASE,
)


def without_addresses(text: str, names: Mapping[str, str]) -> str:
    """``text`` with each address that ``names`` knows as its name; others, and files, left out."""

    def named(found: re.Match[str]) -> str:
        address = found[0].rstrip(":.)")
        return names.get(address, "[address]") + found[0][len(address) :]

    return _PLACE.sub("[address]", _URL.sub(named, text))


_UNSEEN = r"[\u00ad\u200b-\u200d\u2060\ufeff]"
_MARKS = (
    # <|im_start|>, <start_of_turn>, </s>, <<SYS>>, <think>, <｜User｜>; also as a tokenizer may see
    # them that drops what is unseen and narrows what is wide
    (re.compile(rf"[<\uff1c](?={_UNSEEN}*+[|\uff5c/\uff0f<\uff1cA-Za-z])"), "\u2039"),
    # [INST], [/INST], [|user|], [SYSTEM_PROMPT], [gMASK]
    (re.compile(r"\[(/?[A-Z][A-Z_]{2,30}|gMASK|\|[^\[\]|\n]{0,30}\|)\]"), r"(\1)"),
    # ]~b] and [e~[
    (re.compile(r"\]~|(?<=[a-z])~\["), lambda mark: mark[0].replace("~", "-")),
)
_BEHIND_TAG = r"(?=\W{0,6}[:\uff1a\ufe55\u2236\ua789])"  # colons, and what looks like one
_TAG = re.compile(rf"[\[\uff3b]([^\[\]\uff3b\uff3d]*+)[\]\uff3d]{_BEHIND_TAG}")
_TAG_END = re.compile(rf"[\]\uff3d]{_BEHIND_TAG}")
_ROLE = re.compile(r"#{1,6}\s*+(?=(?:system|user|assistant|human|instruction|response)\b)", re.I)


def without_marks(text: str) -> str:
    """``text`` without the signs by which chat templates mark where a message begins and ends."""
    for mark, instead in _MARKS:
        text = mark.sub(instead, text)
    return text


def as_heard(text: str) -> str:
    """``text`` as one line that can stand behind a ``[Name]:`` tag of ours and forge none."""
    line = _TAG.sub(r"(\1)", " ".join(without_marks(text).split()))
    return _ROLE.sub("", _TAG_END.sub(")", line))
