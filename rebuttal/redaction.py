"""No key in a log or a traceback, whoever writes it.

A filter on a logger sees only what is logged at that very logger, so the records themselves are
redacted as they are made, with their arguments and tracebacks; and whatever is printed on stderr
passes through one stream.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, TextIO, cast
from urllib.parse import quote

from rebuttal.material import redact

SHORTEST = 8
"""Characters of a key that is looked for; shorter ones, such as ``none``, are also words."""


class Redaction:
    """Makes log records without keys: those it was told of, and whatever looks like one."""

    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self._make = make
        self._keys: frozenset[str] = frozenset()

    def learn(self, keys: Iterable[str]) -> None:
        """Look for these from now on, also as they stand in an address."""
        known = {key.strip() for key in keys}
        for key in (key for key in known if len(key) >= SHORTEST):
            self._keys |= {key, quote(key, safe="")}

    def redact(self, text: str) -> str:
        """The text without them."""
        return redact(text, self._keys)

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        record.msg = self._shown(record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(map(self._shown, record.args))
        elif isinstance(record.args, dict):
            record.args = {name: self._shown(value) for name, value in record.args.items()}
        if record.exc_info and record.exc_info[0]:
            record.exc_text = self.redact(_printed(record.exc_info))
            record.exc_info = None
        if record.stack_info:
            record.stack_info = self.redact(record.stack_info)
        if record.name != "uvicorn.access":  # whose formatter wants each argument
            self._close(record)
        return record

    def _close(self, record: logging.LogRecord) -> None:
        """Redact what only message and arguments together show to be a key."""
        try:
            said = record.getMessage()
        except (TypeError, ValueError, KeyError):
            return  # the handler complains of it
        shown = self.redact(said)
        if shown != said:
            record.msg, record.args = shown, ()

    def _shown(self, value: object) -> Any:
        """The value, or its redacted words where they hold a key."""
        if value is None or isinstance(value, int | float):
            return value
        words = str(value)
        shown = self.redact(words)
        return value if shown == words else shown


class _Stream:
    """A text stream from which keys are gone; otherwise the one it writes to."""

    def __init__(self, stream: TextIO, redaction: Redaction) -> None:
        self._stream = stream
        self._redaction = redaction

    def write(self, text: str) -> int:
        self._stream.write(self._redaction.redact(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def install(keys: Iterable[str] = ()) -> Redaction:
    """Redact this process's logs and stderr from now on; a second call only learns more keys."""
    made = logging.getLogRecordFactory()
    if not isinstance(made, Redaction):
        made = Redaction(made)
        logging.setLogRecordFactory(made)
        sys.stderr = cast(TextIO, _Stream(sys.stderr, made))
    made.learn(keys)
    return made


def learn(*keys: str) -> None:
    """Keep these out of this process's logs, where they are redacted at all."""
    made = logging.getLogRecordFactory()
    if isinstance(made, Redaction):
        made.learn(keys)


def _printed(
    exc_info: tuple[type[BaseException] | None, BaseException | None, TracebackType | None],
) -> str:
    return "".join(traceback.format_exception(*exc_info)).rstrip("\n")
