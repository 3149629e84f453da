"""Who asks: the cookie that tells strangers apart, and what forged ones are worth."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rebuttal.errors import InvalidInput, StoreError
from rebuttal.records import OPERATOR
from rebuttal.settings import Settings, load_settings
from rebuttal.web.secret import load_secret
from rebuttal.web.visitors import LIFE, RENEWED_AFTER, Visitors

HOME_NETWORK = "203.0.113.7"
NOON = 1_800_000_000.0
SPACE = {"SPACE_ID": "me/rebuttal", "SPACE_HOST": "me-rebuttal.hf.space, debate.example"}


def settings(folder: Path, profile: str = "public", **more: object) -> Settings:
    return load_settings(profile=profile, data=folder, **more)


def visitors(
    folder: Path, profile: str = "public", at: float = NOON, env: dict[str, str] | None = None
) -> Visitors:
    return Visitors(settings(folder, profile), environment=env or {}, clock=lambda: at)


def request(
    path: str = "/", method: str = "GET", scheme: str = "http", **headers: str
) -> dict[str, Any]:
    """An ASGI scope; ``sec_fetch_mode="cors"`` is a header."""
    lines = [(k.replace("_", "-").encode(), v.encode("latin-1")) for k, v in headers.items()]
    return {"type": "http", "method": method, "path": path, "scheme": scheme, "headers": lines}


def owner(there: Visitors, **scope: str) -> str | None:
    visitor = there.identify(request(**scope), HOME_NETWORK).visitor
    return visitor.owner if visitor else None


def new_cookie(there: Visitors, **scope: str) -> str:
    """``name=value`` of the cookie that opening the page gives."""
    given = there.identify(request(**scope), HOME_NETWORK).set_cookie
    assert given is not None
    return given.decode().partition(";")[0]


def attributes(there: Visitors, **scope: str) -> list[str]:
    given = there.identify(request(**scope), HOME_NETWORK).set_cookie
    assert given is not None
    return given.decode().split("; ")[1:]


def test_the_person_at_this_machine_is_the_operator_and_gets_no_cookie(tmp_path: Path) -> None:
    identity = visitors(tmp_path, "local").identify(request(), "")
    assert identity.visitor is OPERATOR
    assert identity.set_cookie is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("profile", ["lan", "public"])
def test_a_browser_keeps_its_name_by_its_cookie(tmp_path: Path, profile: str) -> None:
    there = visitors(tmp_path, profile)
    cookie = new_cookie(there)
    first = there.identify(request(cookie=cookie), HOME_NETWORK)
    assert first.visitor is not None
    assert first.visitor.owner.startswith("c:")
    assert first.visitor.network == HOME_NETWORK
    assert not first.visitor.operator
    assert first.set_cookie is None
    again = owner(there, path="/gradio_api/queue/join", method="POST", cookie=cookie)
    assert again == first.visitor.owner


def test_the_name_survives_a_restart(tmp_path: Path) -> None:
    cookie = new_cookie(visitors(tmp_path))
    assert owner(visitors(tmp_path), cookie=cookie) == owner(visitors(tmp_path), cookie=cookie)
    elsewhere = visitors(tmp_path / "other")
    assert owner(elsewhere, cookie=cookie) != owner(visitors(tmp_path), cookie=cookie)


def test_every_browser_gets_another_name_of_128_bits(tmp_path: Path) -> None:
    there = visitors(tmp_path)
    names = {owner(there, cookie=new_cookie(there)) for _ in range(50)}
    assert len(names) == 50
    assert all(name is not None and len(name) == 24 for name in names)


@pytest.mark.parametrize(
    "scope",
    [
        {"path": "/gradio_api/queue/join", "method": "POST"},
        {"path": "/gradio_api/queue/data"},
        {"path": "/config"},
        {"method": "POST"},
        {"method": "HEAD"},
        {"sec_fetch_mode": "no-cors"},
    ],
)
def test_only_opening_the_page_gives_a_cookie(tmp_path: Path, scope: dict[str, str]) -> None:
    identity = visitors(tmp_path).identify(request(**scope), HOME_NETWORK)
    assert (identity.visitor, identity.set_cookie) == (None, None)


def forgeries(cookie: str) -> Iterator[str]:
    """The cookie with one thing changed, in many ways."""
    name, _, value = cookie.partition("=")
    payload, _, signature = value.rpartition(".")
    yield f"{name}="
    yield f"{name}={payload}"
    yield f"{name}={payload}."
    yield f"{name}=.{signature}"
    yield f"{name}={payload}.{signature[::-1]}"
    yield f"{name}={payload[:-4]}AAAA.{signature}"
    yield f"{name}={'A' * 2049}"
    yield f"{name}=\xff\x00"
    yield f"other={value}"
    for at in range(0, len(value) - 1, 5):
        other = "A" if value[at] != "A" else "B"
        yield f"{name}={value[:at]}{other}{value[at + 1 :]}"


def test_a_forged_or_altered_cookie_is_as_good_as_none(tmp_path: Path) -> None:
    there = visitors(tmp_path)
    cookie = new_cookie(there)
    victim = owner(there, cookie=cookie, path="/config")
    assert victim is not None
    tried = list(forgeries(cookie))
    assert len(tried) > 25
    for forged in tried:
        assert owner(there, cookie=forged, path="/config") is None, forged
        assert owner(there, cookie=forged) not in (None, victim), forged


def test_who_knows_the_secret_can_be_anybody_and_nobody_else_can(tmp_path: Path) -> None:
    """The control is the secret: with it in the attacker's hands the same forgery succeeds."""
    victim = visitors(tmp_path / "server")
    stolen = load_secret(settings(tmp_path / "server"))
    told = settings(tmp_path / "attacker", secret=stolen)
    forged = new_cookie(Visitors(told, environment={}, clock=lambda: NOON))
    assert owner(victim, cookie=forged, path="/config") is not None
    guessed = settings(tmp_path / "attacker", secret="x" * 32)
    attacker = Visitors(guessed, environment={}, clock=lambda: NOON)
    name = new_cookie(victim).partition("=")[0]
    forged = f"{name}={new_cookie(attacker).partition('=')[2]}"
    assert owner(victim, cookie=forged, path="/config") is None


def test_a_cookie_of_another_profile_is_nothing(tmp_path: Path) -> None:
    lan, public = visitors(tmp_path, "lan"), visitors(tmp_path, "public")
    names = [new_cookie(there).partition("=")[0] for there in (lan, public)]
    value = new_cookie(lan).partition("=")[2]
    assert owner(lan, cookie=f"{names[0]}={value}", path="/config") is not None
    assert owner(public, cookie=f"{names[1]}={value}", path="/config") is None
    assert owner(public, cookie=f"{names[0]}={value}", path="/config") is None


def test_a_cookie_counts_for_a_year_and_is_renewed_when_the_page_is_opened(tmp_path: Path) -> None:
    cookie = new_cookie(visitors(tmp_path))
    name = owner(visitors(tmp_path), cookie=cookie)
    later = visitors(tmp_path, at=NOON + RENEWED_AFTER + 1)
    renewed = new_cookie(later, cookie=cookie)
    assert later.identify(request(path="/config", cookie=cookie), "").set_cookie is None
    old = visitors(tmp_path, at=NOON + LIFE)
    assert owner(old, cookie=cookie, path="/config") is None
    assert owner(old, cookie=renewed, path="/config") == name


def test_the_cookie_is_hidden_from_scripts_and_from_other_sites(tmp_path: Path) -> None:
    there = visitors(tmp_path)
    plain = [f"Max-Age={LIFE}", "Path=/", "HttpOnly", "SameSite=Lax"]
    assert attributes(there) == plain
    assert attributes(there, scheme="https") == [*plain, "Secure"]
    assert new_cookie(there, scheme="https").startswith("__Host-rebuttal-")


def test_a_space_may_show_us_in_its_frame(tmp_path: Path) -> None:
    there = visitors(tmp_path, env=SPACE)
    for host in ("me-rebuttal.hf.space", "Debate.example"):
        # The proxy of Spaces ends https before us.
        said = attributes(there, host=host)
        assert said[-3:] == ["SameSite=None", "Secure", "Partitioned"]
        assert new_cookie(there, host=host).startswith("__Host-")
    assert attributes(there, host="127.0.0.1:7860")[-1] == "SameSite=Lax"


def test_over_https_a_cookie_that_plain_http_could_have_set_does_not_count(tmp_path: Path) -> None:
    there = visitors(tmp_path)
    cookie = new_cookie(there)
    assert owner(there, cookie=cookie, path="/config") is not None
    assert owner(there, cookie=cookie, path="/config", scheme="https") is None


def test_the_first_cookie_that_holds_counts_and_a_heap_of_them_is_not_read(tmp_path: Path) -> None:
    there = visitors(tmp_path)
    cookie = new_cookie(there)
    name = cookie.partition("=")[0]
    assert owner(there, cookie=f"a=b; {name}=old;{cookie}; c=d", path="/config") is not None
    assert owner(there, cookie=f"{name}=x; " * 4 + cookie, path="/config") is None
    assert owner(there, cookie=f"a={'b' * 8192}; {cookie}", path="/config") is None


def test_the_secret_is_the_owners_alone_and_one_for_all_who_start_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: load_secret(settings(folder)), range(16)))
    assert len(found) == 1
    assert len(found.pop()) >= 43
    if os.name != "nt":
        assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600


def test_a_set_secret_is_used_and_leaves_no_file(tmp_path: Path) -> None:
    assert load_secret(settings(tmp_path, secret="s" * 32)) == "s" * 32
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InvalidInput, match="secret"):
        settings(tmp_path, secret="short")


@pytest.mark.parametrize("data", [b"", b"short\n", b"\xff" * 64])
def test_a_damaged_secret_is_told_and_not_signed_with(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "secret").write_bytes(data)
    with pytest.raises(StoreError, match="'secret' in the data folder") as caught:
        load_secret(settings(tmp_path))
    assert str(tmp_path) not in str(caught.value)
