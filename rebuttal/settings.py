"""Environment, .env and command line -> Settings: what the person who runs Rebuttal decides.

A profile says who comes in: ``local`` the person at this machine, ``lan`` the people of a house,
``public`` strangers. Settings in ``BY_PROFILE`` have a default for each.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from dotenv import dotenv_values
from platformdirs import user_cache_path, user_data_path
from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from rebuttal.errors import InvalidInput
from rebuttal.redaction import learn

_PACKAGE = Path(__file__).resolve().parent
HOME = _PACKAGE if (_PACKAGE / "models.yaml").is_file() else _PACKAGE.parent
"""Where models.yaml and personas/ lie: beside the package in a checkout, in it once installed."""

OPTIONS = ("profile", "host", "port", "share", "auth", "models", "personas", "data")
"""The settings that are also options of the command line."""

Profile = Literal["local", "lan", "public"]
PROFILES: tuple[Profile, ...] = get_args(Profile)

BY_PROFILE: dict[str, tuple[Any, Any, Any]] = {
    # Who sees and may do what.
    "owners": (False, True, True),
    "manage_models": (True, False, False),
    "any_model": (True, True, False),
    "show_addresses": (True, True, False),
    "own_keys": (False, False, True),
    # How much at once.
    "max_rounds": (10, 10, 5),
    "max_turns": (2000, 1000, 200),
    "running": (50, 30, 8),
    "waiting": (50, 50, 40),
    "running_per_visitor": (None, 4, 2),
    "running_per_network": (None, None, 6),
    "first_token_within": (120, 120, 45),
    "turn_within": (300, 300, 60),
    # What is kept, and what comes in.
    "keep_days": (None, None, 30),
    "link_days": (None, 30, 30),
    "max_import_kib": (65_536, 20_480, 1024),
    # Requests a minute, and event streams at once.
    "requests_per_visitor": (None, 1200, 600),
    "requests_per_network": (None, None, 2400),
    "requests": (None, None, 24_000),
    "new_visitors_per_network": (None, 300, 60),
    "max_body_kib": (256, 256, 256),
    "connections_per_network": (1000, 400, 100),
    "sessions_per_visitor": (None, 50, 20),
    "sessions_per_network": (500, 250, 60),
    "sessions": (1500, 1500, 1500),
    "streams_per_visitor": (None, 16, 10),
    "streams_per_network": (None, 200, 40),
    "streams": (1000, 1000, 800),
    # Budgets.
    "tokens_per_debate": (None, None, 40_000),
    "tokens_per_visitor": (None, None, 200_000),
    "tokens_per_network": (None, None, 500_000),
    "tokens_per_day": (None, None, 5_000_000),
    "money_per_debate": (None, None, 0.05),
    "money_per_visitor": (None, None, 0.2),
    "money_per_network": (None, None, 0.5),
    "money_per_day": (None, None, 2.0),
}
"""The defaults of settings that depend on the profile, in the order of ``PROFILES``."""

Seconds = Annotated[float, Field(gt=0)]
UserPath = Annotated[Path, AfterValidator(Path.expanduser)]
Count = Annotated[int, Field(ge=1)] | None
Money = Annotated[float, Field(ge=0)] | None
Names = Annotated[tuple[str, ...], NoDecode]
"""In a variable: separated by commas."""


class Settings(BaseSettings):
    """Each field is also the variable ``REBUTTAL_<FIELD>``, in the environment or in ``.env``."""

    model_config = SettingsConfigDict(
        env_prefix="REBUTTAL_",
        env_file=".env",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        env_parse_none_str="none",
    )

    profile: Profile = Field(
        "local",
        description="Who comes in: local, lan or public. Without it: public with --share and on "
        "Spaces, lan where --host lets other machines in, else local.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for every network.")
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        None, description="Port of the page. Without it: 7860, or the next free one."
    )
    share: bool = Field(False, description="Also open a public link through Gradio's tunnel.")
    models: UserPath = Field(HOME / "models.yaml", description="File of endpoints and models.")
    personas: UserPath = Field(
        HOME / "personas", description="Folder of personas, one YAML file each."
    )
    data: UserPath = Field(
        user_data_path("rebuttal", appauthor=False), description="Folder for the stored debates."
    )
    cache: UserPath = Field(
        user_cache_path("rebuttal", appauthor=False), description="Folder for fetched weights."
    )
    database: str | None = Field(
        None,
        description="Where debates are kept: a postgresql:// or redis:// address; else SQLite.",
        repr=False,  # it holds a password
    )
    redis: str | None = Field(
        None,
        description="A redis:// address that carries live debates between several processes.",
        repr=False,
    )
    redis_keep_hours: Annotated[float, Field(gt=0)] = Field(
        168, description="Hours after its last turn that a debate is kept where Redis is the store."
    )
    redis_keep_turns: Annotated[int, Field(ge=10)] = Field(
        400, description="Turns of one debate that are kept where Redis is the store."
    )
    keep_days: Count = Field(..., description="Days after its last turn that a debate is kept.")
    link_days: Count = Field(
        ..., description="Days that a read-only link to a debate works, unless less is asked for."
    )
    max_import_kib: Annotated[int, Field(ge=16, le=1_048_576)] = Field(
        ..., description="What one import may carry, unpacked, in KiB."
    )
    style: UserPath | None = Field(
        None, description="A CSS file behind the page's own, for other colours and fonts."
    )
    weights: UserPath | None = Field(None, description="The GGUF file of the built-in model.")
    offline: bool = Field(False, description="Never fetch weights.")
    auth: UserPath | None = Field(
        None, description="File of users who may sign in; without it nobody has to."
    )
    hosts: Names = Field(
        (), description="Names this server is reached by, beside its own; *.NAME for all below."
    )
    proxies: Names = Field(
        (),
        description="Addresses or networks of the proxies in front, whose X-Forwarded headers "
        "are believed.",
    )
    framed_by: Names = Field((), description="Origins of pages that may show this one in a frame.")
    mcp: bool = Field(False, description="Serve programs that speak MCP, at /mcp.")
    secret: str | None = Field(
        None,
        description="Signs the visitors' cookies; several processes need the same. Without it: a "
        "random one, kept in the data folder.",
        repr=False,
        min_length=32,
    )
    owners: bool = Field(
        ..., description="A debate belongs to the visitor who began it, and is closed to others."
    )
    manage_models: bool = Field(
        ..., description="Visitors may pull and unload models and reload the catalog."
    )
    any_model: bool = Field(
        ..., description="Visitors may seat models that servers report beyond models.yaml."
    )
    show_addresses: bool = Field(..., description="Visitors see the addresses of endpoints.")
    own_keys: bool = Field(..., description="Visitors may bring a key of their own for one debate.")
    max_rounds: Annotated[int, Field(ge=1, le=1000)] = Field(
        ..., description="Most rounds one start or follow-up may ask for."
    )
    max_turns: Annotated[int, Field(ge=2, le=100_000)] = Field(
        ..., description="Most turns of one debate, those of the user included."
    )
    running: Annotated[int, Field(ge=1)] = Field(
        ..., description="Debates that speak at once; further ones wait in line."
    )
    waiting: Annotated[int, Field(ge=0)] = Field(
        ..., description="Debates that may wait in line; further starts are refused."
    )
    running_per_visitor: Count = Field(
        ..., description="Debates of one visitor that speak or wait at once."
    )
    running_per_network: Count = Field(
        ..., description="Debates from one network address that speak or wait at once."
    )
    requests_per_visitor: Count = Field(..., description="Requests of one visitor a minute.")
    requests_per_network: Count = Field(
        ..., description="Requests from one network address a minute."
    )
    requests: Count = Field(
        ..., description="Requests of all together a minute; who asks little is still served."
    )
    new_visitors_per_network: Count = Field(
        ..., description="Browsers without a cookie that one network address may bring a minute."
    )
    max_body_kib: Annotated[int, Field(ge=16, le=16_384)] = Field(
        ..., description="What one request may carry, in KiB."
    )
    connections_per_network: Count = Field(
        ..., description="Connections from one network address at once; not counted behind proxies."
    )
    sessions_per_visitor: Count = Field(
        ..., description="Tabs of one visitor that follow a debate at once."
    )
    sessions_per_network: Count = Field(
        ..., description="Tabs from one network address that follow a debate at once."
    )
    sessions: Annotated[int, Field(ge=1, le=1900)] = Field(
        ..., description="Tabs that follow a debate at once."
    )
    streams_per_visitor: Count = Field(..., description="Event streams of one visitor at once.")
    streams_per_network: Count = Field(
        ..., description="Event streams to one network address at once."
    )
    streams: Annotated[int, Field(ge=1, le=1500)] = Field(..., description="Event streams at once.")
    currency: str = Field("USD", description="The currency of prices in models.yaml and budgets.")
    tokens_per_debate: Count = Field(..., description="Tokens that one debate may cost.")
    tokens_per_visitor: Count = Field(..., description="Tokens that one visitor may cost a day.")
    tokens_per_network: Count = Field(
        ..., description="Tokens that one network address may cost a day."
    )
    tokens_per_day: Count = Field(..., description="Tokens that all may cost a day.")
    money_per_debate: Money = Field(
        ..., description="Money that one debate may cost, in the currency."
    )
    money_per_visitor: Money = Field(
        ..., description="Money that one visitor may cost a day, in the currency."
    )
    money_per_network: Money = Field(
        ..., description="Money that one network address may cost a day, in the currency."
    )
    money_per_day: Money = Field(..., description="Money that all may cost a day, in the currency.")
    memory_mib: Annotated[int, Field(ge=128)] | None = Field(
        None,
        description="Memory for embedded models together, in MiB. Without it: half the machine.",
    )
    unload_after: Seconds = Field(600, description="Idle seconds after which a model is unloaded.")
    unwatched_after: Seconds = Field(
        60, description="Seconds without a watcher after which a debate pauses."
    )
    place_for: Seconds = Field(
        20,
        description="Seconds after which a debate hands its place on, at the end of a turn, if "
        "others wait.",
    )
    first_token_within: Seconds = Field(
        ..., description="Seconds until a turn's first token must have come."
    )
    silence_within: Seconds = Field(
        30, description="Seconds of silence between two tokens after which a turn ends."
    )
    turn_within: Seconds = Field(..., description="Seconds after which a turn ends.")
    max_turn_chars: Annotated[int, Field(ge=100)] = Field(
        8000, description="Characters after which a turn is cut."
    )

    @property
    def debates_file(self) -> Path:
        """Where debates are kept, unless in a database that is named."""
        return self.data / "debates.sqlite"

    @field_validator("hosts", "proxies", "framed_by", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @model_validator(mode="before")
    @classmethod
    def _fill_in_by_profile(cls, values: dict[str, Any]) -> dict[str, Any]:
        profile = values.get("profile") or _usual_profile(values)
        if profile not in PROFILES:
            return values  # refused by the field itself
        defaults = {name: by[PROFILES.index(profile)] for name, by in BY_PROFILE.items()}
        if values.get("auth"):
            defaults["owners"] = True  # people with names of their own have debates of their own
        return {**defaults, **values, "profile": profile}

    @model_validator(mode="after")
    def _a_share_link_is_public(self) -> Settings:
        if self.share and self.profile != "public":
            raise ValueError(f"a share link lets strangers in; {self.profile!r} is not for them")
        return self


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment and .env; ``overrides`` that are not None win.

    Raises InvalidInput naming the variable.
    """
    unknown = set(overrides) - set(Settings.model_fields)
    if unknown:
        raise TypeError(f"no such setting: {', '.join(sorted(unknown))}")
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as exc:
        error = exc.errors(include_url=False, include_input=False)[0]
        name = str(error["loc"][0]) if error["loc"] else "profile"
        option = f"--{name} or " if name in OPTIONS else ""
        hint = f"Set with {option}REBUTTAL_{name.upper()}."
        raise InvalidInput(f"{name}: {error['msg'].removeprefix('Value error, ')}", hint) from None
    except (UnicodeDecodeError, OSError) as exc:
        raise _unreadable(exc) from None


KEYRING = "rebuttal"
"""The service under which keys stand in the system's keyring, by the names of their variables."""


def read_key(variable: str) -> str | None:
    """The key of that name from the environment, else .env, else the system's keyring.

    Trimmed, None where empty. It is kept out of the logs from now on. Raises InvalidInput where
    .env cannot be read.
    """
    key = os.environ.get(variable, "").strip()
    key = key or (_dotenv().get(variable) or "").strip() or _from_keyring(variable)
    learn(key)
    return key or None


def known_secrets() -> list[str]:
    """Values in the environment and .env that are secrets, by their names."""
    try:
        named = {**_dotenv(), **os.environ}
    except InvalidInput:
        named = dict(os.environ)
    secrets = [value for name, value in named.items() if value and _SECRET.search(name)]
    for variable in ("REBUTTAL_DATABASE", "REBUTTAL_REDIS"):
        with suppress(ValueError):
            secrets.append(urlsplit(named.get(variable) or "").password or "")
    return secrets


_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW", re.IGNORECASE)


def _dotenv() -> dict[str, str | None]:
    try:
        # A $ in a key is a $: nothing is put in its place.
        return dotenv_values(".env", interpolate=False)
    except (UnicodeDecodeError, OSError) as exc:
        raise _unreadable(exc) from None


def _from_keyring(variable: str) -> str:
    """Empty where the package is missing, or the system has no keyring or keeps it closed."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return ""
    with suppress(KeyringError, OSError):
        return (keyring.get_password(KEYRING, variable) or "").strip()
    return ""


def _usual_profile(values: dict[str, Any]) -> Profile:
    share = str(values.get("share", "")).casefold()
    if share in ("1", "true", "yes", "on", "t", "y") or "SPACE_ID" in os.environ:
        return "public"
    host = str(values.get("host") or "127.0.0.1").strip("[]")
    try:
        here = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        here = False
    return "local" if here else "lan"


def _unreadable(exc: UnicodeDecodeError | OSError) -> InvalidInput:
    reason = "not UTF-8 text" if isinstance(exc, UnicodeDecodeError) else exc.strerror
    return InvalidInput(f".env: {reason}", "Save it as UTF-8, or allow reading it.")
