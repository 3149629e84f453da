"""A debate as a document: Markdown, plain text, a page, or JSON that holds everything but whose.

Each format has a file here. What they share is in ``words``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from rebuttal.document import json_of
from rebuttal.export.markdown import markdown_of
from rebuttal.export.plain import plain_of
from rebuttal.export.words import CUTS as CUTS
from rebuttal.records import Debate, Turn

ExportFormat = Literal["md", "txt", "json", "html"]
EXPORT_FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)


def export_debate(debate: Debate, tree: Sequence[Turn], format: ExportFormat) -> str:
    """The debate as text of that format, ending with a newline.

    ``tree`` holds all its turns, every parent before its children. Markdown and plain text tell
    the main line, the page also what else was answered, JSON everything.
    """
    if format == "html":
        from rebuttal.export.page import page_html  # its parser takes 0.1 s to load

        return page_html(debate, tree)
    written = {"md": markdown_of, "txt": plain_of, "json": json_of}
    return written[format](debate, tree)
