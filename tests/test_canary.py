"""Keys are placed in every input, upstreams echo them, and then they are nowhere to be found."""

from __future__ import annotations

import base64
import itertools
import json
import logging
import os
import re
import socket
import subprocess
import sys
import traceback
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import keyring
import pytest
from keyrings.alt.file import PlaintextKeyring

from rebuttal.app import DebateApp
from rebuttal.errors import RebuttalError
from rebuttal.events import DebateFinished, DebatePaused
from rebuttal.providers.base import Chunk, Message, Options
from rebuttal.records import OPERATOR, Seat, Visitor
from rebuttal.redaction import install
from rebuttal.settings import known_secrets, load_settings, read_key
from rebuttal.ui import build_ui
from tests.hostile_server import Upstream
from tests.test_hostile_errors import REFUSALS

ROOT = Path(__file__).parent.parent
CANARIES = {
    name: f"canary-{name}-{number * 7919:08d}-Qz"
    for number, name in enumerate(
        ("environment", "dotenv", "keyring", "own", "database", "secret", "users", "token"), 1
    )
}
PLACES = (".env", "users.yaml", "keyring_pass.cfg")
"""Where canaries were put on purpose."""

ENDPOINTS = {"Env": "ENV_KEY", "Dotenv": "DOTENV_KEY", "Ring": "RING_KEY"}


@dataclass
class Hunt:
    """Everything that came out, by where it did."""

    seen: dict[str, bytes] = field(default_factory=dict)

    def add(self, where: str, what: object) -> None:
        """Keep an output."""
        data = what if isinstance(what, bytes) else str(what).encode("utf-8", "replace")
        self.seen[where] = self.seen.get(where, b"") + data

    def add_files(self, folder: Path) -> None:
        """Keep every file that the app has written."""
        for file in folder.rglob("*"):
            if file.is_file() and file.name not in PLACES:
                self.add(f"file {file.relative_to(folder)}", file.read_bytes())

    def finds(self) -> list[str]:
        """Where a canary is: as it was, in hex, or within something in base 64."""
        return [
            f"{name} in {where}"
            for where, data in self.seen.items()
            for name, canary in CANARIES.items()
            if any(form in data for form in _forms(canary))
        ]


def _forms(canary: str) -> set[bytes]:
    coded = {base64.b64encode((" " * pad + canary).encode())[4:-4] for pad in range(3)}
    return {
        canary.encode(),
        canary.encode().hex().encode(),
        *coded,
    }


@pytest.fixture
def echo() -> Iterator[Upstream]:
    """An upstream that echoes keys in its errors, in another way each time."""
    ways = itertools.cycle(REFUSALS.values())
    with Upstream(refusal=lambda headers: next(ways)(headers)) as upstream:
        yield upstream


@pytest.fixture
def inputs(tmp_path: Path, echo: Upstream) -> Mapping[str, str]:
    """The environment of a process in ``tmp_path``, with a canary in every input."""
    places = "".join(
        f'  {name}: {{address: "{echo.address}", key: {key}}}\n' for name, key in ENDPOINTS.items()
    )
    models = "".join(
        f"  {name} M: {{endpoint: {name}, model: m, price: {{input: 0, output: 0}}}}\n"
        for name in ENDPOINTS
    )
    (tmp_path / "models.yaml").write_text(f"endpoints:\n{places}models:\n{models}")
    (tmp_path / ".env").write_text(f"DOTENV_KEY={CANARIES['dotenv']}\n")
    environment = {
        **{name: value for name, value in os.environ.items() if "REBUTTAL" not in name},
        "PYTHONPATH": str(ROOT),
        "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring",
        "XDG_DATA_HOME": str(tmp_path / "ring"),
        "ENV_KEY": CANARIES["environment"],
        "HF_TOKEN": CANARIES["token"],
        "REBUTTAL_SECRET": CANARIES["secret"].ljust(40, "x"),
        "REBUTTAL_DATA": str(tmp_path / "data"),
        "REBUTTAL_MODELS": str(tmp_path / "models.yaml"),
        "REBUTTAL_OFFLINE": "1",
    }
    place = "import keyring; keyring.set_password('rebuttal', 'RING_KEY', {!r})"
    subprocess.run(
        [sys.executable, "-c", place.format(CANARIES["keyring"])], env=environment, check=True
    )
    return environment


def call(hunt: Hunt, folder: Path, environment: Mapping[str, str], *words: str, **more: str) -> str:
    """Run a command of the terminal, and keep what it printed. Returns its stdout."""
    done = subprocess.run(
        [sys.executable, "-m", "rebuttal", *words],
        cwd=folder,
        env={**environment, **more},
        input=f"{CANARIES['users']}\n{CANARIES['users']}\n",
        capture_output=True,
        text=True,
    )
    hunt.add(f"terminal {words[:2]}", done.stdout + done.stderr)
    return done.stdout


def test_a_planted_canary_is_found(tmp_path: Path) -> None:
    for name, form in enumerate(_forms(CANARIES["own"])):
        hunt = Hunt()
        (tmp_path / f"planted{name}").write_bytes(b"\x00 so: " + form + b"!")
        hunt.add_files(tmp_path)
        assert {*hunt.finds()} == {f"own in file planted{n}" for n in range(name + 1)}
    assert Hunt({"log": b"nothing here"}).finds() == []


def test_no_canary_comes_out_of_the_terminal_or_the_page(
    tmp_path: Path, inputs: Mapping[str, str], echo: Upstream
) -> None:
    hunt = Hunt()
    for one, other in itertools.pairwise((*ENDPOINTS, "Env")):
        seats = ("--seat", f"cynic:{one} M", "--seat", f"rational:{other} M")
        call(hunt, tmp_path, inputs, "debate", "Tea?", *seats, "--rounds", "1")
        call(hunt, tmp_path, inputs, "debate", "Tea?", *seats, "--json")
    call(hunt, tmp_path, inputs, "models")
    call(hunt, tmp_path, inputs, "models", "--json")
    listed = call(hunt, tmp_path, inputs, "list")
    begun = re.findall(r"^([\w-]{22}) ", listed, re.MULTILINE)
    assert len(begun) == 6
    for format in ("md", "txt", "json"):
        assert "Tea?" in call(hunt, tmp_path, inputs, "show", begun[0], "--format", format)
    broken = f"postgresql://me:{CANARIES['database']}@127.0.0.1:1/none"
    call(hunt, tmp_path, inputs, "list", REBUTTAL_DATABASE=broken)
    call(hunt, tmp_path, inputs, "user", "add", "ann", REBUTTAL_AUTH=str(tmp_path / "users.yaml"))
    for name in ("environment", "dotenv", "keyring"):
        assert f"Bearer {CANARIES[name]}" in echo.keys

    more = ("--auth", str(tmp_path / "users.yaml"))
    for words in ((), ("--profile", "public"), more):
        visit(hunt, tmp_path, inputs, words, begun[0])
    hunt.add_files(tmp_path)
    assert any(where.endswith(".sqlite") for where in hunt.seen)
    assert (tmp_path / "users.yaml").exists()
    assert hunt.finds() == []


def visit(
    hunt: Hunt, folder: Path, environment: Mapping[str, str], words: Sequence[str], debate: str
) -> None:
    """Serve the page as a process, ask for whatever it tells, and keep that and what it printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "printed").open("ab+") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "rebuttal", "serve", "--port", str(port), *words],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=printed,
        )
        assert process.stdout
        first = process.stdout.readline()
        hunt.add("the page's stdout", first)
        try:
            for path in PATHS:
                hunt.add(f"page {path}", fetch(f"http://127.0.0.1:{port}{path.format(debate)}"))
        finally:
            process.terminate()
            hunt.add("the page's stdout", process.stdout.read())
            process.wait(20)
            process.stdout.close()
    assert b"http://" in first


PATHS = (
    *("/", "/?debate={}", "/config", "/gradio_api/info", "/gradio_api/openapi.json", "/healthz"),
    *("/gradio_api/startup-events", "/gradio_api/app_id", "/monitoring", "/login", "/theme.css"),
    *("/gradio_api/file=.env", "/file=.env", "/.env", "/gradio_api/file=users.yaml", "/docs"),
)


def fetch(address: str) -> bytes:
    """The answer's headers and body, whatever its status."""
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return bytes(str(answer.headers).encode() + answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return bytes(str(refused.headers).encode() + refused.read())


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What this process logs, down to every detail; redacted from ``install`` on."""
    written, make, stderr = StringIO(), logging.getLogRecordFactory(), sys.stderr
    handler, root = logging.StreamHandler(written), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    logging.setLogRecordFactory(make)
    sys.stderr = stderr
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture
def here(
    tmp_path: Path, inputs: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """This process with those inputs."""
    monkeypatch.chdir(tmp_path)
    for name, value in inputs.items():
        monkeypatch.setenv(name, value)
    ring, files = keyring.get_keyring(), PlaintextKeyring()
    files.file_path = str(next(tmp_path.rglob("keyring_pass.cfg")))
    keyring.set_keyring(files)
    yield
    keyring.set_keyring(ring)


class Bug:
    """A model whose library breaks with a key in its words."""

    async def context(self) -> int:
        return 4096

    async def stream(
        self, messages: Sequence[Message], options: Options
    ) -> AsyncGenerator[Chunk, None]:
        raise ValueError(f"no header: Bearer {read_key('ENV_KEY')}")
        yield Chunk()


@pytest.mark.parametrize(("redacted", "finds"), [(False, ["environment in log"]), (True, [])])
async def test_a_bug_with_a_key_in_its_words_is_logged_without_it(
    here: None, log: StringIO, redacted: bool, finds: list[str]
) -> None:
    if redacted:
        install(known_secrets())
    async with DebateApp(load_settings(), chat_models={"Env M": Bug()}) as app:
        begun = await app.start("Tea?", [Seat(persona="cynic", model="Env M")], rounds=1)
        assert "Rebuttal itself broke." in await told(app, begun, OPERATOR)
    assert "ValueError: no header: Bearer" in log.getvalue()
    assert Hunt({"log": log.getvalue().encode()}).finds() == finds


async def test_no_canary_comes_out_of_the_app(
    tmp_path: Path, here: None, log: StringIO, echo: Upstream
) -> None:
    install(known_secrets())
    hunt, ann = Hunt(), Visitor(owner="c:ann")
    async with DebateApp(load_settings(profile="public")) as app:
        for visitor, keys in ((ann, {"Env": CANARIES["own"]}), (OPERATOR, None), (ann, None)):
            seats = [
                Seat(persona=persona, model=f"{name} M")
                for persona, name in zip(("cynic", "rational", "polite"), ENDPOINTS, strict=True)
            ]
            for turn in (seats, seats[1:], seats[2:]):
                begun = await app.start("Tea?", turn, rounds=1, keys=keys, visitor=visitor)
                hunt.add("event", await told(app, begun, visitor))
                for format in ("md", "txt", "json"):
                    hunt.add("export", await app.export(begun, format, visitor=visitor))
                hunt.add("record", repr(await app.debate(begun, visitor=visitor)))
                keys = None
        hunt.add("models", [m.model_dump_json() for m in await app.models()])
        hunt.add("endpoints", [e.model_dump_json() for e in await app.endpoints()])
        hunt.add("endpoints", [e.model_dump_json() for e in await app.endpoints(visitor=ann)])
        hunt.add("config", json.dumps(build_ui(app).get_config_file(), default=str))
        hunt.add("settings", repr(app.settings) + str(app.settings))
        for wrong in ({"Nowhere": CANARIES["own"]}, {"Env": f"{CANARIES['own']} \n"}):
            try:
                await app.start("Tea?", seats, keys=wrong, visitor=ann)
            except RebuttalError as error:
                hunt.add("traceback", "".join(traceback.format_exception(error)))
    assert f"Bearer {CANARIES['own']}" in echo.keys
    hunt.add("log", log.getvalue())
    hunt.add_files(tmp_path)
    assert len(log.getvalue()) > 10_000
    assert "traceback" in hunt.seen
    assert hunt.finds() == []


async def told(app: DebateApp, debate_id: str, visitor: Visitor) -> str:
    """Every event until the debate rests."""
    seen = []
    async with aclosing(app.watch(debate_id, visitor=visitor)) as batches:
        async for batch in batches:
            seen += [event.model_dump_json() for event in batch]
            if any(isinstance(event, DebatePaused | DebateFinished) for event in batch):
                break
    return "\n".join(seen)
