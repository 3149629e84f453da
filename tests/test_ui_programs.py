"""Tokens and panels on the page: what the lists say, what events take, and how it goes by hand."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from rebuttal.app import DebateApp
from rebuttal.catalog import load_catalog
from rebuttal.errors import InvalidInput, NotAllowed
from rebuttal.records import OPERATOR, Panel, Seat, Token, Visitor
from rebuttal.settings import HOME, load_settings
from rebuttal.ui.entries import House
from rebuttal.ui.panels import panel_list
from rebuttal.ui.program_entries import Forget, NewToken, Revoke, SavePanel
from rebuttal.ui.programs import about, token_list
from tests.chromium import NEEDS_CHROMIUM, browser
from tests.debates import NOON
from tests.page_app import CATALOG
from tests.served import Served, serving
from tests.test_ui_entries import SEAT

__all__ = ["browser"]

CATALOG_HERE = load_catalog(HOME / "models.yaml", HOME / "personas")
HASH = "0f" * 32
MARKUP = '<img src=x onerror="alert(1)"> **bold** [a](javascript:b)'


@pytest.fixture(scope="module")
def public() -> House:
    return House(CATALOG_HERE, load_settings(profile="public"))


def a_token(**fields: Any) -> Token:
    given = {"hash": HASH, "kind": "program", "owner": "c:ann", "name": "editor"}
    return Token.model_validate({**given, "powers": ("read",), "created_at": NOON, **fields})


def test_a_list_of_tokens_holds_no_markup_of_a_name() -> None:
    told = token_list([a_token(name=MARKUP)], Visitor(owner="c:ann"))
    assert "<img" not in told
    assert "javascript:" not in re.sub(r"&#?\w+;", "", told) or "<a" not in told
    assert f'value="revoke {HASH}"' in told
    assert "a visitor" not in told
    assert "a visitor’s" in token_list([a_token()], OPERATOR).replace("'", "’")
    assert "No token works now." in token_list([], OPERATOR)


def test_only_ones_own_panels_have_a_way_to_delete_them() -> None:
    seat = Seat(persona="cynic", model="m")
    own, house = (Panel(name=name, seats=(seat,), chair=seat) for name in ("own", "house"))
    told = panel_list([house, own], [own], CATALOG_HERE)
    assert 'value="forget own"' in told
    assert 'value="forget house"' not in told
    assert "Cynic; 2 rounds; Cynic sums up" in told
    gone = seat.model_copy(update={"persona": MARKUP})
    assert "<img" not in panel_list([own.model_copy(update={"chair": gone})], [], CATALOG_HERE)


def test_whether_a_token_is_needed_is_said(tmp_path: Path) -> None:
    assert "need no token" in about(load_settings(profile="local"))
    for settings in (load_settings(profile="lan"), load_settings(auth=tmp_path / "users")):
        assert "comes with a token of yours" in about(settings)


@pytest.mark.parametrize(
    "sent",
    [
        ["n" * 61, ["read"], 0],
        ["x", "read", 0],
        ["x", ["all"], 0],
        ["x", ["read"] * 4, 0],
        ["x", [["read"]], 0],
        ["x", ["read"], 1],
        ["x", ["read"], True],
        ["x", ["read"], None],
        [None, None, None],
        ["x", ["read"]],
    ],
)
def test_a_token_is_asked_for_in_one_shape(public: House, sent: list[object]) -> None:
    assert NewToken.read(["x", ["read", "debate"], 30], {}, public).days == 30
    with pytest.raises(InvalidInput):
        NewToken.read(sent, {}, public)


@pytest.mark.parametrize(
    "order", ["", None, 1, f"revoke {HASH}", "1 revoke x", f"1 forget {HASH}", f"1 revoke {HASH} x"]
)
def test_an_order_that_is_none_revokes_nothing(public: House, order: object) -> None:
    assert Revoke.read([f"7 revoke {HASH}"], {}, public).order.what == HASH
    with pytest.raises(InvalidInput):
        Revoke.read([order], {}, public)


def test_a_panel_is_read_with_its_table(public: House) -> None:
    sent = ["", 2, " Three  Voices", "cynic", "SmolLM2", 3, "English", *SEAT, *SEAT]
    asked = SavePanel.read(sent, {}, public)
    assert (asked.panel, asked.chair, len(asked.taken)) == ("three-voices", "cynic", 2)
    for place, wrong in ((3, "nobody"), (4, "Ollama/any"), (5, 6), (2, "n" * 65), (2, ["x"])):
        with pytest.raises(InvalidInput):
            SavePanel.read([*sent[:place], wrong, *sent[place + 1 :]], {}, public)
    assert Forget.read(["1 forget a.b_c-1"], {}, public).order.what == "a.b_c-1"


# --- by hand --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    with serving(folder) as page:
        yield page


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    opened.goto(served.address)
    yield opened
    context.close()


def lets_in(folder: Path, secret: str) -> bool:
    """Whether a program with that secret may read and look after models, and nothing else."""
    with ThreadPoolExecutor(1) as beside:  # the browser has a loop running here
        return beside.submit(asyncio.run, _lets_in(folder, secret)).result()


async def _lets_in(folder: Path, secret: str) -> bool:
    models = folder / "models.yaml"
    models.write_text(CATALOG)
    async with DebateApp(load_settings(data=folder, models=models, offline=True)) as app:
        try:
            return (await app.tokens.visitor(secret)).powers == ("read", "models")
        except NotAllowed:
            return False


@pytest.mark.browser
@pytest.mark.skipif(*NEEDS_CHROMIUM[1].args, **NEEDS_CHROMIUM[1].kwargs)
def test_a_token_is_made_copied_shown_once_and_revoked(
    page: Page, served: Served, folder: Path
) -> None:
    page.get_by_role("tab", name="Models").click()
    section = page.locator(".programs")
    expect(section.get_by_text("No token works now.")).to_be_visible()
    expect(section.locator("code.base").first).to_have_text(f"{served.address}v1")
    section.get_by_role("button", name="Make a token").click()
    expect(section.get_by_text("The name is empty.")).to_be_visible()
    section.get_by_label("A token for").fill("my editor")
    section.get_by_label("Debate and change debates").uncheck()
    section.get_by_label("Load and unload models").check()
    section.get_by_role("button", name="Make a token").click()
    secret = section.locator(".secret").inner_text()
    section.get_by_role("button", name="Copy").click()
    expect(section.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    expect(section.locator("li")).to_have_text(re.compile("^my editor may read, models; made"))
    assert lets_in(folder, secret)
    page.get_by_role("tab", name="Debate").click()
    page.get_by_role("tab", name="Models").click()
    expect(section.locator(".secret")).to_have_count(0)
    assert secret not in page.content()
    section.get_by_role("button", name="Revoke my editor").click()
    expect(section.get_by_text("No token works now.")).to_be_visible()
    assert not lets_in(folder, secret)


@pytest.mark.browser
@pytest.mark.skipif(*NEEDS_CHROMIUM[1].args, **NEEDS_CHROMIUM[1].kwargs)
def test_a_table_is_kept_as_a_panel_listed_and_deleted(page: Page) -> None:
    page.get_by_role("tab", name="Debate").click()
    page.get_by_role("button", name="Keep this table as a panel").click()
    box = page.locator(".panel-box")
    box.get_by_label("The panel's name").fill("no/name")
    box.get_by_role("button", name="Save the panel").click()
    expect(box.get_by_text("is no name for a panel.")).to_be_visible()
    box.get_by_label("The panel's name").fill("Three Voices")
    box.get_by_role("button", name="Save the panel").click()
    expect(box.get_by_text("Programs ask it as the model panel-three-voices.")).to_be_visible()
    row = box.locator("li")
    expect(row).to_contain_text("three-voices Philosopher, Cynic; 3 rounds; Rational sums up")
    page.reload()
    page.get_by_role("tab", name="Debate").click()
    page.get_by_role("button", name="Keep this table as a panel").click()
    expect(row).to_contain_text("three-voices")
    box.get_by_role("button", name="Delete three-voices").click()
    expect(row).to_have_count(0)
