"""The bytes of a document -> what it says, cleaned, in the shape of version 2."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import BaseModel, ValidationError

from rebuttal.document import VERSION, Document
from rebuttal.errors import InvalidInput
from rebuttal.material import clean, one_line

OLD = 1
"""The version before: the main line alone, with endpoints' names and real ids."""
_HINT = "Import what Rebuttal has exported: a debate as JSON, or a zip of a history."
_NOT_KEPT = ("own_keys", "forked_from", "finished")
"""What a debate of the old version had beyond the present one."""


class _Versioned(BaseModel):
    rebuttal: int


def read_document(data: bytes) -> Document:
    """What the document says, with its texts cleaned as everything foreign is.

    Raises InvalidInput naming the field.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        version = _Versioned.model_validate_json(data).rebuttal
        if version not in (OLD, VERSION):
            raise InvalidInput(
                f"The document has version {one_line(str(version), 20)}; {VERSION} is read here.",
                "A newer Rebuttal wrote it: update this one.",
            )
        if version == OLD or _SUSPECT.search(data):
            data = _rewritten(data, version)
        return Document.model_validate_json(data)
    except ValidationError as exc:
        raise _explained(exc) from None
    except (ValueError, RecursionError):
        raise InvalidInput("The file is not JSON.", _HINT) from None


# What may come out of a JSON text that is not clean, written out or escaped; too much is no harm.
_SUSPECT = re.compile(
    rb"\\u(?:00|20[26]|[dD][89a-fA-F])|\\[rbf]|\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]"
)


def _rewritten(data: bytes, version: int) -> bytes:
    """The same in the present version, with clean texts."""
    whole = _cleaned(json.loads(data))
    if version == OLD and isinstance(whole.get("debate"), dict):
        whole["rebuttal"] = VERSION
        for field in _NOT_KEPT:
            whole["debate"].pop(field, None)
    return json.dumps(whole, ensure_ascii=False).encode()


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return clean(value)
        case dict():
            return {clean(key): _cleaned(part) for key, part in value.items()}
        case list():
            return [_cleaned(part) for part in value]
        case _:
            return value


def _explained(exc: ValidationError) -> InvalidInput:
    problem = exc.errors(include_url=False, include_input=False, include_context=False)[0]
    field = one_line(".".join(map(str, problem["loc"])), 120)
    message = one_line(problem["msg"].removeprefix("Value error, "), 300)
    if problem["type"] == "json_invalid":
        reason = message.removeprefix("Invalid JSON: ")
        return InvalidInput(f"The file is not JSON: {reason}.", _HINT)
    if field in ("", "rebuttal"):
        return InvalidInput("The document is no debate of Rebuttal's.", _HINT)
    return InvalidInput(f"{field}: {message}")
