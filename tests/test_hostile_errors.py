"""What a hostile upstream answers reaches nobody as it was: page, terminal, log and visitors."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from io import StringIO
from pathlib import Path

import openai
import pytest

from rebuttal.app import DebateApp
from rebuttal.cli.terminal import say_problem
from rebuttal.events import DebatePaused
from rebuttal.material import clean, without_addresses
from rebuttal.records import OPERATOR, Seat, Visitor
from rebuttal.redaction import install
from rebuttal.settings import load_settings
from rebuttal.ui.transcript import Transcript
from tests.debates import debate
from tests.hostile import SPY
from tests.hostile_server import Refusal, Upstream

KEY = "canary-Ab12Cd34Ef56"
VARIABLE = "REBUTTAL_TEST_HOSTILE_KEY"
STINGS = (
    f"<img src={SPY}/1 onerror=alert(1)><form action={SPY}><script>alert(1)</script>"
    f"![p]({SPY}/2) [x](javascript:alert(1)) \x1b]0;owned\x07\x1b[2J\x9b31m \u202e\r\n\n## Cynic\n"
    "$$\\href{javascript:1}{x}$$ \x00 http://10.0.0.5:8080/v1 db.internal.test:5432 10.1.2.3"
)


def _key(headers: Mapping[str, str]) -> str:
    return next(value for name, value in headers.items() if name.lower() == "authorization")


def _json(status: int, headers: Mapping[str, str]) -> tuple[int, str, bytes]:
    words = f"{STINGS} Incorrect key {_key(headers)} for https://me:{_key(headers)[7:]}@10.0.0.5/x"
    return status, "application/json", json.dumps({"error": {"message": words}}).encode()


def _text(status: int, kind: str, words: Callable[[str], str]) -> Refusal:
    return lambda headers: (status, kind, words(_key(headers)).encode("utf-8", "replace"))


REFUSALS: dict[str, Refusal] = {
    **{str(status): partial(_json, status) for status in (400, 401, 402, 404, 413, 429, 500)},
    "error inside 200": partial(_json, 200),
    "the headers": lambda h: (403, "text/plain", f"{h!r} {STINGS}".encode("utf-8", "replace")),
    "no JSON": _text(500, "application/json", lambda key: f"{{{key} {STINGS}"),
    "a page": _text(502, "text/html", lambda key: f"<html><body>{STINGS} {key}</body></html>"),
    "a page with 200": _text(200, "text/html", lambda key: f"<html>{STINGS} {key}</html>"),
    "text with 200": _text(200, "text/plain", lambda key: f"{key} {STINGS}"),
    "10 MB": _text(400, "text/plain", lambda key: f"{key[7:]} {STINGS} " * 40_000),
    "10 MB on one line": _text(400, "text/plain", lambda key: key[7:] * 500_000),
    "half a key": _text(200, "text/plain", lambda key: "x" * 68 + f" {key[7:]} and more"),
    "half a key behind blanks": _text(400, "text/plain", lambda key: "x" + " " * 1985 + key[7:]),
    "a key in signs": _text(400, "text/plain", lambda key: "\x1b[0m".join(key[7:])),
    "no text": lambda h: (400, "text/plain", b"\xff\xfe" + _key(h).encode() + b"\xff"),
    "nested": lambda h: (400, "application/json", json.dumps([{"error": {"x": h}}]).encode()),
}
OURS = {"div", "/div", "strong", "/strong", "span", "/span"}
"""The elements of an error on the page."""


@pytest.fixture
def log() -> Iterator[StringIO]:
    written, make, stderr = StringIO(), logging.getLogRecordFactory(), sys.stderr
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)
    logging.setLogRecordFactory(make)
    sys.stderr = stderr


async def refused(folder: Path, upstream: Upstream, profile: str, visitor: Visitor) -> DebatePaused:
    """How a debate through that upstream came to rest, as told to ``visitor``."""
    models = folder / "models.yaml"
    models.write_text(
        f"endpoints:\n  House:\n    address: {upstream.address}\n    key: {VARIABLE}\n"
        "    lists_models: false\nmodels:\n"
        "  M: {endpoint: House, model: m, price: {input: 0, output: 0}}\n"
    )
    settings = load_settings(
        profile=profile, data=folder, cache=folder, models=models, offline=True
    )
    async with DebateApp(settings) as app:
        seats = [Seat(persona="cynic", model="M"), Seat(persona="rational", model="M")]
        begun = await app.start("Tea?", seats, rounds=1, visitor=visitor)
        async for batch in app.watch(begun, visitor=visitor):
            for event in batch:
                if isinstance(event, DebatePaused):
                    return event
    raise AssertionError("it never rested")


@pytest.mark.parametrize("kind", ["400", "401", "500"])
async def test_the_client_library_alone_tells_everything(kind: str) -> None:
    with Upstream(refusal=REFUSALS[kind]) as upstream:
        client = openai.AsyncOpenAI(api_key=KEY, base_url=upstream.address, max_retries=0)
        async with client:
            with pytest.raises(openai.APIStatusError) as caught:
                await client.models.list()
    assert KEY in str(caught.value)
    assert "<script>" in str(caught.value)


@pytest.mark.parametrize("kind", REFUSALS)
async def test_an_error_is_one_short_line_without_key_or_sting(
    kind: str,
    tmp_path: Path,
    log: StringIO,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    install()
    with Upstream(refusal=REFUSALS[kind]) as upstream:
        told = await refused(tmp_path, upstream, "local", OPERATOR)
    assert upstream.keys[-1] == f"Bearer {KEY}"
    words = f"{told.message} {told.hint}"
    assert told.message.startswith(f"'m' at {upstream.address}: ")
    assert KEY[:9] not in words
    assert len(told.message) < 400
    assert clean(words) == words
    assert "\n" not in words

    transcript = Transcript(debate())
    transcript.take(told)
    shown = transcript.markdown()
    assert {*re.findall(r"<(/?\w+)", shown)} <= {
        "div",
        "/div",
        "strong",
        "/strong",
        "span",
        "/span",
    }
    assert not re.search(r"[!\[\]`*_\\]", shown.replace("!--", ""))

    say_problem(told.message, told.hint)
    printed = capsys.readouterr().err
    assert re.sub(r"\x1b\[[\d;]*m|\n", "", printed).isprintable()
    assert KEY not in printed + log.getvalue()


@pytest.mark.parametrize(
    "kind",
    ["400", "401", "the headers", "text with 200", "half a key", "half a key behind blanks"],
)
async def test_a_stranger_is_told_the_name_and_no_address(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    with Upstream(refusal=REFUSALS[kind]) as upstream:
        told = await refused(tmp_path, upstream, "public", Visitor(owner="c:stranger"))
    words = f"{told.message} {told.hint}"
    assert told.message.startswith("'m' at House: ")
    for place in ("127.0.0.1", str(upstream.port), "10.0.0.5", "10.1.2.3", "5432", "8080", KEY[:9]):
        assert place not in words


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("'x' at http://a.test:1/v1: refused.", "'x' at Here: refused."),
        ("'x' at http://a.test:11/v1: refused.", "'x' at [address]: refused."),
        ("no route to 10.0.0.5:80 or [fe80::1]:8080", "no route to [address] or [address]"),
        ("see postgresql://u:p@db/x, or localhost:5432", "see [address], or [address]"),
        ("fe80::1, llm.default.svc.cluster.local or nas.lan", "[address], [address] or [address]"),
        ("no /srv/ollama/models/x, see C:\\Users\\ann\\x", "no [address], see [address]"),
        ("org/model at 10 tokens/s and/or std::bad", "org/model at 10 tokens/s and/or std::bad"),
        (
            "models.yaml: version 1.2.3, llama3.2:1b at 12:30",
            "models.yaml: version 1.2.3, llama3.2:1b at 12:30",
        ),
    ],
)
def test_addresses_are_left_out_and_nothing_else(told: str, shown: str) -> None:
    assert without_addresses(told, {"http://a.test:1/v1": "Here"}) == shown


async def test_a_server_may_report_any_name_and_only_those_that_can_be_shown_are_offered(
    tmp_path: Path,
) -> None:
    catalog = tmp_path / "models.yaml"
    names = ["plain", "\u202egnp.exe", "a\u2066b", "c\x9b31m", "d\x1b[2J", "e\nf", "<img src=x>"]
    with Upstream(names=names) as upstream:
        catalog.write_text(
            f"endpoints:\n  House: {{address: '{upstream.address}', needs_key: false}}\n"
            "models:\n  One: {endpoint: House, model: one}\n"
        )
        async with DebateApp(load_settings(models=catalog, data=tmp_path)) as app:
            offered = [state.label for state in await app.models()]
    assert offered == ["One", "House/plain", "House/<img src=x>"]
