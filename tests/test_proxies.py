"""The configurations of docs/deploy.md in real proxies: words as they come, and who asked."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.served import serving
from tests.snippets import blocks, runs
from tests.visit import Visit

NAME = "debates.example"
FLOOD = 800
"""Requests that are more than the limit below lets through."""
LIMITS = {"REBUTTAL_REQUESTS_PER_NETWORK": "150", "REBUTTAL_STREAMS_PER_VISITOR": "1"}
NGINX = """\
daemon off;
user root;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""
CADDY = """\
{{
    admin off
    http_port {plain}
    https_port {port}
    local_certs
    skip_install_trust
    storage file_system {folder}/kept
}}
"""

pytestmark = [
    pytest.mark.proxy,
    pytest.mark.skipif(
        not (shutil.which("nginx") and shutil.which("caddy") and shutil.which("openssl")),
        reason="nginx, Caddy or openssl is missing: apt-get install nginx caddy openssl",
    ),
]


NGINX_SITE, STICKY = blocks("docs/deploy.md", "nginx")
(CADDY_SITE,) = blocks("docs/deploy.md", "caddy")
_, SETTINGS, _, _ = blocks("docs/deploy.md", "dotenv")


def settings_of_the_page() -> dict[str, str]:
    """The variables that the page gives a server."""
    return dict(line.split("=", 1) for line in SETTINGS.lines[1:])


@dataclass
class Proxy:
    """A proxy in front of the page."""

    port: int
    plain: int
    page: int

    def visit(self, source: str = "127.0.0.1") -> Visit:
        """Somebody who opens the page by its name, from that address of this machine."""
        headers = {"host": f"{NAME}:{self.port}", "origin": f"https://{NAME}:{self.port}"}
        return NamedVisit(f"https://127.0.0.1:{self.port}", source=source, headers=headers)

    def asks(self, source: str, times: int = 1, pretend: bool = False) -> int:
        """The status of so many requests from that address, or of the first that is refused."""
        transport = httpx.HTTPTransport(local_address=source, verify=False)
        with httpx.Client(transport=transport, event_hooks={"request": [by_name]}) as client:
            for number in range(times):
                headers = {"host": NAME}
                if pretend:
                    headers["x-forwarded-for"] = f"198.51.{number // 250}.{number % 250}"
                answer = client.get(f"https://127.0.0.1:{self.port}/healthz", headers=headers)
                if answer.status_code != 200:
                    break
        return answer.status_code


class NamedVisit(Visit):
    """Names the server while the connection is encrypted, as a browser does."""

    def greet(self, client: httpx.Client) -> None:
        client.event_hooks = {"request": [by_name]}


def by_name(request: httpx.Request) -> None:
    request.extensions = {**request.extensions, "sni_hostname": NAME}


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(folder: Path, command: list[str], port: int) -> Iterator[None]:
    """A proxy's program, from when it listens."""
    with (folder / "log.txt").open("w") as log:
        where = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "PATH": "/usr/bin:/usr/sbin"}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=where, cwd=folder)
        try:
            until = time.monotonic() + 20
            while not listens(port):
                assert process.poll() is None, (folder / "log.txt").read_text()
                assert time.monotonic() < until, (folder / "log.txt").read_text()
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def nginx(
    folder: Path, page: int, left_out: str = "nothing", upstream: str = ""
) -> Iterator[Proxy]:
    folder.mkdir()
    port, plain = free_ports(2)
    certificate = folder / "fullchain.pem"
    key = folder / "privkey.pem"
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    to = ["-subj", f"/CN={NAME}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*new, *to], check=True, capture_output=True)
    site = NGINX_SITE.text.replace("/etc/letsencrypt/live/debates.example", str(folder))
    site = site.replace("127.0.0.1:7860", f"127.0.0.1:{page}")
    site = site.replace("listen 443", f"listen {port}").replace("listen 80", f"listen {plain}")
    site = re.sub(rf".*{left_out}.*\n", "", site)
    if upstream:
        site = re.sub(r"upstream rebuttal {.*?\n}\n", lambda _: upstream, site, flags=re.DOTALL)
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
    with running(folder, ["nginx", "-c", str(folder / "nginx.conf")], port):
        yield Proxy(port, plain, page)


@contextmanager
def caddy(folder: Path, page: int) -> Iterator[Proxy]:
    folder.mkdir()
    port, plain = free_ports(2)
    site = CADDY_SITE.text.replace("127.0.0.1:7860", f"127.0.0.1:{page}")
    around = CADDY.format(port=port, plain=plain, folder=folder)
    (folder / "Caddyfile").write_text(around + site)
    with running(folder, ["caddy", "run", "--config", str(folder / "Caddyfile")], port):
        yield Proxy(port, plain, page)


@contextmanager
def both(folder: Path, environment: dict[str, str]) -> Iterator[dict[str, Proxy]]:
    """The page with both proxies in front, each in a folder of its own."""
    (port,) = free_ports(1)
    with ExitStack() as stack:
        command = ("-m", "tests.page_app", str(folder), str(port))
        stack.enter_context(serving(folder, *command, environment=environment))
        yield {
            "nginx": stack.enter_context(nginx(folder / "nginx", port)),
            "caddy": stack.enter_context(caddy(folder / "caddy", port)),
        }


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Proxy]]:
    folder = tmp_path_factory.mktemp("behind")
    with both(folder, {**LIMITS, **settings_of_the_page()}) as proxies:
        yield proxies


@pytest.fixture(scope="module")
def not_told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Proxy]]:
    """The same, of a page that was not told who its proxies are."""
    settings = {**settings_of_the_page(), "REBUTTAL_PROXIES": ""}
    with both(tmp_path_factory.mktemp("not-told"), {**LIMITS, **settings}) as proxies:
        yield proxies


@runs(NGINX_SITE, CADDY_SITE, SETTINGS)
@pytest.mark.parametrize("name", ["nginx", "caddy"])
def test_words_come_as_they_are_said(behind: dict[str, Proxy], name: str) -> None:
    visitor = behind[name].visit(f"127.0.0.{9 if name == 'nginx' else 13}")
    heard = visitor.watch(visitor.begin("Slow", "Slow", rounds=1))
    visitor.close()
    assert '"process_completed"' in heard[-1][1]
    moments = {round(moment, 1) for moment, line in heard if "process_generating" in line}
    assert len(moments) > 8
    assert min(moments) < max(moments) / 3


@pytest.mark.parametrize("name", ["nginx", "caddy"])
def test_a_closed_tab_is_noticed_behind_the_proxy(behind: dict[str, Proxy], name: str) -> None:
    visitor = behind[name].visit(f"127.0.0.{10 if name == 'nginx' else 11}")
    debate = visitor.begin("Endless", "Endless")
    for _ in range(3):  # one stream is all that a visitor has here
        heard = visitor.watch(debate, 1.0)
        assert any("process_generating" in line for _, line in heard), heard
        time.sleep(1)
    visitor.close()


@pytest.mark.parametrize("name", ["nginx", "caddy"])
def test_limits_count_who_asked_and_not_the_proxy(
    behind: dict[str, Proxy], not_told: dict[str, Proxy], name: str
) -> None:
    flood, bystander = ("127.0.0.2", "127.0.0.3") if name == "nginx" else ("127.0.0.4", "127.0.0.5")
    for proxy, answer in ((not_told[name], 429), (behind[name], 200)):
        assert proxy.asks(flood, FLOOD) == 429
        assert proxy.asks(bystander) == answer


@pytest.mark.parametrize("name", ["nginx", "caddy"])
def test_nobody_names_an_address_of_their_own(behind: dict[str, Proxy], name: str) -> None:
    source = "127.0.0.6" if name == "nginx" else "127.0.0.7"
    assert behind[name].asks(source, FLOOD, pretend=True) == 429


def test_behind_a_proxy_that_passes_on_what_it_hears_anybody_can(
    behind: dict[str, Proxy], tmp_path: Path
) -> None:
    page = behind["nginx"].page
    with nginx(tmp_path / "careless", page, left_out="X-Forwarded-For") as careless:
        assert careless.asks("127.0.0.12", FLOOD, pretend=True) == 200


@pytest.mark.parametrize("name", ["nginx", "caddy"])
def test_plain_http_leads_to_https_and_cookies_stay_there(
    behind: dict[str, Proxy], name: str
) -> None:
    proxy = behind[name]
    plain = httpx.get(f"http://127.0.0.1:{proxy.plain}/", headers={"host": NAME})
    assert plain.status_code in (301, 308)
    assert plain.headers["location"].startswith(f"https://{NAME}")
    visitor = proxy.visit(f"127.0.0.{8 if name == 'nginx' else 14}")
    assert visitor.cookie.startswith("__Host-rebuttal")
    assert "Secure" in visitor.cookie
    assert "max-age" in visitor.get("/").headers["strict-transport-security"]
    visitor.close()
