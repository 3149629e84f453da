"""Dockerfile and compose.yaml keep their promises: read from the files, no daemon is needed."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from rebuttal.catalog import load_catalog
from rebuttal.cli.commands import page, terminal
from rebuttal.settings import HOME, Settings, load_settings
from tests.snippets import Block, blocks, runs

DOCKERFILE = (HOME / "Dockerfile").read_text("utf-8")
COMPOSE = (HOME / "compose.yaml").read_text("utf-8")
IGNORED = (HOME / ".dockerignore").read_text("utf-8").splitlines()
SECRET = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)$")
IMAGE = re.compile(r"([a-z0-9]+/)?[a-z0-9]+:[0-9][a-z0-9.-]*")
"""A name and the tag of a version, without a registry's host."""


def instructions(text: str) -> list[tuple[str, str]]:
    """A Dockerfile's instructions and their arguments, of its last stage and those before."""
    whole = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.M))
    parts = [line.partition(" ") for line in whole.splitlines() if line.strip()]
    return [(name, rest.strip()) for name, _, rest in parts]


def last(text: str, name: str) -> str:
    """The argument of the instruction that counts; empty where there is none."""
    stage = text[text.rindex("\nFROM ") :]
    return next((rest for found, rest in reversed(instructions(stage)) if found == name), "")


def environment(text: str) -> dict[str, str]:
    """The variables that a Dockerfile's last stage sets."""
    return dict(pair.split("=", 1) for pair in last(text, "ENV").split())


def copied(text: str) -> list[str]:
    """What is taken from the checkout."""
    return [
        source
        for name, rest in instructions(text)
        if name == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    ]


def offences_of_image(text: str, ignored: list[str]) -> list[str]:
    """What a Dockerfile does that ours must not."""
    found = instructions(text)
    images = [rest.split()[0] for name, rest in found if name == "FROM"]
    offences = [f"image {image}" for image in images if not IMAGE.fullmatch(image)]
    offences += [] if re.fullmatch(r"[1-9]\d+:[1-9]\d+", last(text, "USER")) else ["runs as root"]
    for name in ("ENTRYPOINT", "HEALTHCHECK"):
        form = last(text, name).rpartition("CMD ")[2]
        offences += [] if form.startswith('["') else [f"{name} needs a shell"]
    if "'http://127.0.0.1:7860/healthz'" not in last(text, "HEALTHCHECK"):
        offences.append("the health check asks elsewhere")
    install = next((rest for name, rest in found if name == "RUN" and "requirements" in rest), "")
    for option in ("--require-hashes", "--only-binary"):
        offences += [] if option in install else [f"installs without {option}"]
    offences += [f"{name} is no file" for name in copied(text) if not (HOME / name).exists()]
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    if ignored[1] != "*" or allowed != {*copied(text)}:
        offences.append("more or less is sent to the builder than is copied")
    offences += [f"{name} in the image" for name in environment(text) if SECRET.search(name)]
    if re.search(r"\b(gcc|g\+\+|build-essential|make|cmake)\b", text):
        offences.append("a compiler")
    return offences


def test_the_image_keeps_its_promises() -> None:
    assert offences_of_image(DOCKERFILE, IGNORED) == []


@pytest.mark.parametrize(
    ("there", "planted", "offence"),
    [
        ("USER 10001:10001", "", "runs as root"),
        ("USER 10001:10001", "USER 0:0", "runs as root"),
        ("ENTRYPOINT [", "ENTRYPOINT python debate_app.py [", "ENTRYPOINT needs a shell"),
        ("healthz", "health", "the health check asks elsewhere"),
        ('"--require-hashes", ', "", "installs without --require-hashes"),
        ("FROM python:3.12", "FROM ghcr.io/python:3.12", "image ghcr.io"),
        ("FROM python:3.12-slim-bookworm\n", "FROM python:latest\n", "image python:latest"),
        ("COPY personas personas", "COPY .env personas ./", "more or less is sent"),
        ("PYTHONUNBUFFERED=1", "OPENAI_API_KEY=x", "OPENAI_API_KEY in the image"),
        ("libgomp1", "libgomp1 gcc", "a compiler"),
    ],
)
def test_a_planted_offence_in_the_image_is_found(there: str, planted: str, offence: str) -> None:
    assert there in DOCKERFILE
    found = offences_of_image(DOCKERFILE.replace(there, planted), IGNORED)
    assert any(line.startswith(offence) for line in found)


def test_the_image_serves_strangers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in environment(DOCKERFILE).items():
        if name.startswith("REBUTTAL_"):
            assert name.removeprefix("REBUTTAL_").lower() in Settings.model_fields
            monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.profile, settings.port, settings.offline) == ("public", 7860, True)
    assert last(DOCKERFILE, "EXPOSE") == "7860"
    assert str(settings.data) == last(DOCKERFILE, "VOLUME")


def offences_of_services(text: str) -> list[str]:
    """What a compose file does that ours must not."""
    compose = yaml.safe_load(text)
    offences = []
    for name, service in compose["services"].items():
        offences += [f"{name}: {offence}" for offence in _offences_of_service(name, service)]
    if not compose["networks"]["database"].get("internal"):
        offences.append("the database reaches the internet")
    return offences


def _offences_of_service(name: str, service: dict[str, Any]) -> list[str]:
    offences = []
    if service.get("read_only") is not True:
        offences.append("writes to its image")
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add") or service.get("privileged"):
        offences.append("keeps capabilities")
    if service.get("security_opt") != ["no-new-privileges:true"]:
        offences.append("may gain privileges")
    ports = service.get("ports", [])
    if any(not port.startswith("127.0.0.1:") for port in ports) or (ports and name != "app"):
        offences.append("is reached from elsewhere")
    if service.get("network_mode", "service:app") != "service:app":
        offences.append("is in the machine's network")
    if any(volume.startswith(("/", ".", "~")) for volume in service.get("volumes", [])):
        offences.append("sees the machine's files")
    if name != "app" and (not IMAGE.fullmatch(service["image"]) or "healthcheck" not in service):
        offences.append("has no version, or nothing asks whether it is well")
    for variable, value in service["environment"].items():
        secret = SECRET.search(variable) or variable == "REBUTTAL_DATABASE"
        if secret and not re.search(r"\$\{[A-Z_]+:\?", value):
            offences.append(f"{variable} stands in the file")
    return offences


def test_the_services_keep_their_promises() -> None:
    assert offences_of_services(COMPOSE) == []


@pytest.mark.parametrize(
    ("there", "planted", "offence"),
    [
        ("read_only: true", "read_only: false", "app: writes"),
        ("cap_drop: [ALL]", "cap_drop: []", "postgres: keeps"),
        ("cap_drop: [ALL]", "cap_drop: [ALL]\n  privileged: true", "ollama: keeps"),
        ('["no-new-privileges:true"]', "[]", "app: may gain"),
        ("127.0.0.1:7860:7860", "7860:7860", "app: is reached"),
        ("service:app", "host", "ollama: is in the machine's"),
        ("data:/data", "/:/data", "app: sees"),
        ("postgres:17-bookworm", "postgres", "postgres: has no version"),
        ("${REBUTTAL_SECRET:?write it into .env}", "sesame", "app: REBUTTAL_SECRET stands"),
        (":${DATABASE_PASSWORD:?write it into .env}@", ":sesame@", "app: REBUTTAL_DATABASE stands"),
        ("internal: true", "internal: false", "the database reaches"),
    ],
)
def test_a_planted_offence_in_the_services_is_found(there: str, planted: str, offence: str) -> None:
    assert there in COMPOSE
    found = offences_of_services(COMPOSE.replace(there, planted))
    assert any(line.startswith(offence) for line in found)


def test_the_services_find_each_other() -> None:
    app = yaml.safe_load(COMPOSE)["services"]["app"]
    for name in app["environment"]:
        assert name.removeprefix("REBUTTAL_").lower() in Settings.model_fields
    networks = yaml.safe_load(COMPOSE)["networks"]
    (front,) = networks["front"]["ipam"]["config"]
    assert app["environment"]["REBUTTAL_PROXIES"] == front["gateway"]
    assert "@postgres:5432/" in app["environment"]["REBUTTAL_DATABASE"]


def test_one_version_of_python_and_of_gradio_everywhere() -> None:
    matter = yaml.safe_load((HOME / "README.md").read_text("utf-8").split("---\n")[1])
    lock = (HOME / "requirements.lock").read_text("utf-8")
    stages = re.findall(r"^FROM python:([\d.]+)-", DOCKERFILE, re.M)
    assert {*stages} == {matter["python_version"]}
    assert re.findall(r"^gradio==(\S+)", lock, re.M) == [matter["sdk_version"]]


PUSH, COMPOSED, BUILT, INSTALLED, STARTED = blocks("docs/deploy.md", "sh")
COMPOSE_ENV, _, REDIS_ENV, EVERY_ENV = blocks("docs/deploy.md", "dotenv")


def commands_of(*given: Block) -> list[list[str]]:
    """The words of each command of a page, with lines that go on put together."""
    whole = [block.text.replace("\\\n", " ") for block in given]
    return [shlex.split(line) for text in whole for line in text.splitlines()]


@runs(COMPOSED)
def test_the_services_of_the_page_are_there_and_so_are_the_commands() -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    typed = terminal(lambda settings: None)
    known = {one.name or getattr(one.callback, "__name__", "") for one in typed.registered_commands}
    for docker, compose, *words in commands_of(COMPOSED):
        assert (docker, compose) == ("docker", "compose")
        if words[0] == "exec":
            assert words[1] in services
            inside = words[2:]
            assert inside[:2] == ["ollama", "pull"] or inside[:3] == ["python", "-m", "rebuttal"]
            assert inside[1] == "pull" or inside[3] in known


@runs(BUILT)
def test_the_image_alone_runs_as_strictly_as_among_services() -> None:
    build, run = commands_of(BUILT)
    assert build[-2:] == ["rebuttal", "."]
    assert run[-1] == build[build.index("-t") + 1]
    assert {"--read-only", "--cap-drop", "ALL", "no-new-privileges"} <= {*run}
    assert run[run.index("-v") + 1].endswith(f":{last(DOCKERFILE, 'VOLUME')}")
    assert run[run.index("-p") + 1] == f"127.0.0.1:7860:{last(DOCKERFILE, 'EXPOSE')}"


@runs(PUSH, INSTALLED, STARTED)
def test_a_server_installs_the_lock_with_the_python_of_the_image() -> None:
    make, install, start = commands_of(INSTALLED)
    assert make[0] == f"python{last(DOCKERFILE, 'FROM').partition(':')[2].partition('-')[0]}"
    assert install[-2:] == ["-r", "requirements.lock"]
    assert {"--require-hashes", "--only-binary"} <= {*install}
    assert start[1] == "debate_app.py"
    for _, *options in commands_of(STARTED):
        served: list[Settings] = []
        with pytest.raises(SystemExit) as ended:
            page(served.append)(args=options[1:], prog_name=options[0])
        assert ended.value.code == 0
        assert [str(settings.port) for settings in served] == [options[-1]]
    assert commands_of(PUSH)[1][-2:] == ["space", "main"]


@runs(COMPOSE_ENV, REDIS_ENV, EVERY_ENV)
def test_the_variables_of_the_page_are_settings_or_are_asked_for() -> None:
    catalog = load_catalog(HOME / "models.yaml", HOME / "personas")
    asked = {*re.findall(r"\$\{(\w+)", COMPOSE)}
    asked |= {endpoint.key for endpoint in catalog.endpoints.values() if endpoint.key}
    for block in (COMPOSE_ENV, REDIS_ENV, EVERY_ENV):
        for line in block.lines:
            name, _, value = line.partition("#")[0].partition("=")
            ours = name.removeprefix("REBUTTAL_").lower()
            assert not name or (value and (ours in Settings.model_fields or name in asked)), line


def test_the_start_is_a_list_of_words() -> None:
    assert json.loads(last(DOCKERFILE, "ENTRYPOINT")) == ["python", "debate_app.py"]
