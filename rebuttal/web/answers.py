"""Answers of the sign-in pages, and where they may lead."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.responses import HTMLResponse, RedirectResponse, Response

NEXT = re.compile(r"/(?![/\\])[A-Za-z0-9._~!$&'()*+,;=:@/?%-]{0,300}")


def page(
    html: str, status: int = 200, retry_after: int = 0, cookies: Sequence[bytes] = ()
) -> Response:
    """One of our pages, kept by no cache."""
    response = HTMLResponse(html, status, {"Cache-Control": "no-store"})
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return _with(response, cookies)


def went(where: str, *cookies: bytes) -> Response:
    """On to another page of ours, with these cookies."""
    response = RedirectResponse(where, 303, {"Cache-Control": "no-store"})
    return _with(response, cookies)


def safe_next(wanted: str) -> str:
    """The page to return to: a path of this site, else the first one."""
    inner = wanted.startswith(("/login", "/logout"))
    return wanted if NEXT.fullmatch(wanted) and not inner else "/"


def _with(response: Response, cookies: Sequence[bytes]) -> Response:
    response.raw_headers += [(b"set-cookie", cookie) for cookie in cookies]
    return response
