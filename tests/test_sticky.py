"""Two pages behind the sticky nginx of docs/deploy.md: one debate, seen and kept through both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import test_proxies as proxies
from tests.served import Served, serving
from tests.snippets import runs

pytestmark = [*proxies.pytestmark, pytest.mark.redis, pytest.mark.postgres]

SECRET = "0123456789abcdef" * 4
WHERE = "add_header X-Where $upstream_addr always;\n"


@dataclass
class House:
    """The proxy, and the two pages by their ports."""

    proxy: proxies.Proxy
    pages: dict[int, Served]

    def visit(self, port: int, cookie: str | None = None) -> proxies.NamedVisit:
        """Somebody whose browser the proxy sends to that page; ``cookie``: as whom."""
        visit = self.proxy.visit()
        assert isinstance(visit, proxies.NamedVisit)
        who = cookie or visit._web.headers["cookie"]
        for number in range(100):
            visit._web.headers["cookie"] = f"{who}; rebuttal_process={number}"
            if visit.get("/healthz").headers["x-where"].endswith(str(port)):
                return visit
        raise AssertionError("the proxy sends nobody there")


@pytest.fixture
def house(tmp_path: Path, empty_postgres: str, empty_redis: str) -> Iterator[House]:
    ports = proxies.free_ports(2)
    environment = {
        **proxies.settings_of_the_page(),
        "REBUTTAL_DATABASE": empty_postgres,
        "REBUTTAL_REDIS": empty_redis,
        "REBUTTAL_SECRET": SECRET,
    }
    with ExitStack() as stack:
        pages = {}
        for port in ports:
            folder = tmp_path / str(port)
            folder.mkdir()
            command = ("-m", "tests.page_app", str(folder), str(port))
            pages[port] = stack.enter_context(serving(folder, *command, environment=environment))
        sticky = proxies.STICKY.text
        for old, new in zip(("7861", "7862"), map(str, ports), strict=True):
            sticky = sticky.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
        proxy = stack.enter_context(proxies.nginx(tmp_path / "nginx", 0, upstream=WHERE + sticky))
        yield House(proxy, pages)


@runs(proxies.STICKY)
def test_a_browser_is_given_a_process_and_stays_there(house: House) -> None:
    visit = house.proxy.visit()
    page = visit.get("/")
    given = re.search(r"rebuttal_process=(\w+)", page.headers["set-cookie"])
    assert given
    assert visit.cookie
    visit._web.headers["cookie"] += f"; {given[0]}"
    places = {visit.get("/healthz").headers["x-where"] for _ in range(10)}
    assert places == {page.headers["x-where"]}
    visit.close()


def test_begun_at_one_page_it_is_read_at_the_other_and_outlives_its_own(house: House) -> None:
    first, second = house.pages
    starter = house.visit(first)
    who = starter._web.headers["cookie"].partition(";")[0]
    debate_id = starter.begin("Slow", "Slow", rounds=2)
    reader = house.visit(second, who)
    heard = reader.watch(debate_id, 1.5)
    moments = {round(moment, 1) for moment, line in heard if "process_generating" in line}
    assert len(moments) > 4
    stranger = house.visit(second)
    assert any("Speech" in line for _, line in heard)
    assert not any("Speech" in line for _, line in stranger.watch(debate_id, 1.0))
    house.pages[first].process.kill()
    assert starter.get("/healthz").headers["x-where"].endswith(str(second))
    heard = starter.watch(debate_id, 40)
    assert '"process_completed"' in heard[-1][1]
    said = reader.exported(debate_id)
    assert said.count("Speech") >= 4
    for visit in (starter, reader, stranger):
        visit.close()
