"""Environment, .env and command line -> Settings: what the person who runs Rebuttal decides."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from dotenv import dotenv_values
from platformdirs import user_cache_path, user_data_path
from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from rebuttal.errors import InvalidInput

HOME = Path(__file__).resolve().parent.parent
"""The checkout (or the installed package's parent): models.yaml and personas/ lie here."""

OPTIONS = ("host", "port", "share", "models", "personas", "data")
"""The settings that are also options of the command line."""

Seconds = Annotated[float, Field(gt=0)]
UserPath = Annotated[Path, AfterValidator(Path.expanduser)]


class Settings(BaseSettings):
    """Each field is also the variable ``REBUTTAL_<FIELD>``, in the environment or in ``.env``."""

    model_config = SettingsConfigDict(
        env_prefix="REBUTTAL_", env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True
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
        description="Where debates are kept: a postgresql:// address instead of SQLite.",
        repr=False,  # it holds a password
    )
    weights: UserPath | None = Field(None, description="The GGUF file of the built-in model.")
    offline: bool = Field(False, description="Never fetch weights.")
    max_rounds: Annotated[int, Field(ge=1, le=1000)] = Field(
        10, description="Most rounds one start or follow-up may ask for."
    )
    memory_mib: Annotated[int, Field(ge=128)] | None = Field(
        None,
        description="Memory for embedded models together, in MiB. Without it: half the machine.",
    )
    unload_after: Seconds = Field(600, description="Idle seconds after which a model is unloaded.")
    unwatched_after: Seconds = Field(
        60, description="Seconds without a watcher after which a debate pauses."
    )
    first_token_within: Seconds = Field(120, description="Deadline for a turn's first token.")
    silence_within: Seconds = Field(30, description="Longest silence between two tokens.")
    turn_within: Seconds = Field(300, description="Deadline for a whole turn.")
    max_turn_chars: Annotated[int, Field(ge=100)] = Field(
        8000, description="Characters after which a turn is cut."
    )


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
        name = str(error["loc"][0])
        option = f"--{name} or " if name in OPTIONS else ""
        hint = f"Set with {option}REBUTTAL_{name.upper()}."
        raise InvalidInput(f"{name}: {error['msg']}", hint) from None
    except (UnicodeDecodeError, OSError) as exc:
        raise _unreadable(exc) from None


def read_key(variable: str) -> str | None:
    """The key of that name from the environment, else from .env; trimmed, None where empty.

    Raises InvalidInput where .env cannot be read.
    """
    key = os.environ.get(variable, "").strip()
    try:
        # A $ in a key is a $: nothing is put in its place.
        key = key or (dotenv_values(".env", interpolate=False).get(variable) or "").strip()
    except (UnicodeDecodeError, OSError) as exc:
        raise _unreadable(exc) from None
    return key or None


def _unreadable(exc: UnicodeDecodeError | OSError) -> InvalidInput:
    reason = "not UTF-8 text" if isinstance(exc, UnicodeDecodeError) else exc.strerror
    return InvalidInput(f".env: {reason}", "Save it as UTF-8, or allow reading it.")
