"""models.yaml and personas/ -> Catalog: which endpoints, models and personas there are.

Reading is strict. YAML's own idea of types is not used: only ``true``/``false``, plain decimal
numbers and ``null`` are more than text, so that ``no``, ``012`` or ``2026-11-20`` stay what was
typed and then fit their field or are refused with file, line and field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import Field, ValidationError, model_validator

from rebuttal.errors import CatalogError, NotFound
from rebuttal.records import Persona, Record

MAX_FILE_BYTES = 256 * 1024
MAX_PERSONAS = 500

Label = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Json = str | int | float | bool | None | tuple["Json", ...] | dict[str, "Json"]


class Weights(Record):
    """A GGUF file: at a ``path``, in a Python data ``package``, or in a hub ``repo``sitory.

    Where a package and a repository are both named, the package is tried first.
    """

    path: str | None = None
    package: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+==[0-9.]+$")] | None = None
    repo: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")] | None = None
    file: Annotated[str, Field(pattern=r"^[^/\\]+\.gguf$")] | None = None
    sha256: Sha256 | None = None
    size: Annotated[int, Field(gt=0)] | None = None
    """Bytes, shown before a download."""

    @model_validator(mode="after")
    def _is_one_file(self) -> Self:
        if self.path:
            if self.package or self.repo or self.file:
                raise ValueError("a path stands alone, without package, repo or file")
        elif not (self.package or self.repo):
            raise ValueError("needs a path, a package or a repo")
        elif not (self.file and self.sha256 and self.size):
            raise ValueError("a download needs file, sha256 and size")
        return self


class Endpoint(Record):
    """A server that speaks the OpenAI-compatible API, and where it differs from others."""

    name: Label
    api: Literal["embedded", "ollama", "openai"] = "openai"
    address: Annotated[str, Field(pattern=r"^https?://[^\s@]+$")] | None = None
    key: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None
    """The *name* of the environment variable that holds the key."""
    needs_key: bool = True
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    max_temperature: Annotated[float, Field(gt=0, le=2)] = 2.0
    sends_seed: bool = True
    sends_penalties: bool = True
    sends_top_p: bool = True
    sends_stop: bool = True
    max_stops: Annotated[int, Field(ge=0, le=64)] = 4
    lists_models: bool = True
    """Whether what the server reports at ``/models`` is offered beside the models of the file."""
    context: Annotated[int, Field(ge=512)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    extra: dict[str, Json] = Field(default_factory=dict)
    """Sent in every request body as it is: samplers of this server, such as ``dry_multiplier``."""

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if self.api == "embedded" and (self.address or self.key):
            raise ValueError("an embedded endpoint has neither address nor key")
        if self.api != "embedded" and not self.address:
            raise ValueError("address is missing")
        return self


class Model(Record):
    """A model one can seat. ``label`` is its key in models.yaml and its name on the page."""

    label: Label
    endpoint: Label
    model: Annotated[str, Field(min_length=1, max_length=200)]
    """The id that the endpoint knows it by."""
    weights: Weights | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.8
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    max_tokens: Annotated[int, Field(ge=16, le=32768)] = 220
    context: Annotated[int, Field(ge=512)] | None = None
    """Tokens; None asks the server."""
    history: Literal["whole", "last"] = "whole"
    """``whole`` transcript, or the ``last`` turn of the opponents only (tiny models)."""
    reasoning: Literal["none", "minimal", "low", "medium", "high"] | None = None
    extra: dict[str, Json] = Field(default_factory=dict)
    listed: bool = True
    """False for a model that the server reported and the file does not name."""


class Catalog(Record):
    """Everything one can seat. Values keep the order of the files."""

    endpoints: dict[str, Endpoint]
    models: dict[str, Model]
    personas: dict[str, Persona]

    def model(self, label: str) -> Model:
        """The model of that label. Raises NotFound, naming what there is."""
        return _entry(self.models, label, "model")

    def persona(self, key: str) -> Persona:
        """The persona of that key or name. Raises NotFound, naming what there is."""
        by_name = {persona.name.casefold(): persona.key for persona in self.personas.values()}
        return _entry(self.personas, by_name.get(key.casefold(), key), "persona")

    def endpoint_of(self, model: Model) -> Endpoint:
        """Where that model lives."""
        return self.endpoints[model.endpoint]


def load_catalog(models_file: Path, personas_folder: Path) -> Catalog:
    """Read both. Raises CatalogError with file, line and field."""
    content = _read(models_file)
    tree = content.tree
    if not isinstance(tree, dict) or set(tree) - {"endpoints", "models"}:
        unknown = sorted(set(tree) - {"endpoints", "models"}) if isinstance(tree, dict) else []
        where = content.place((unknown[0],)) if unknown else f"{models_file}"
        raise CatalogError(f"{where}: only 'endpoints' and 'models' are known here")
    endpoints = {
        name: content.record(Endpoint, ("endpoints", name), {"name": name})
        for name in content.names("endpoints")
    }
    models = {
        label: content.record(Model, ("models", label), {"label": label})
        for label in content.names("models")
    }
    for label, model in models.items():
        endpoint = endpoints.get(model.endpoint)
        if endpoint is None:
            place = content.place(("models", label, "endpoint"))
            raise CatalogError(
                f"{place}: endpoint: no endpoint is called {model.endpoint!r}",
                f"Known: {', '.join(endpoints) or 'none'}.",
            )
        if (endpoint.api == "embedded") != (model.weights is not None):
            raise CatalogError(
                f"{content.place(('models', label))}: weights: "
                f"needed by embedded models and by no others"
            )
    return Catalog(endpoints=endpoints, models=models, personas=_load_personas(personas_folder))


def _load_personas(folder: Path) -> dict[str, Persona]:
    try:
        files = sorted(folder.glob("*.yaml"))
    except OSError as exc:
        raise CatalogError(f"{folder}: {exc.strerror}") from exc
    if not files:
        raise CatalogError(
            f"{folder}: no persona found", "Each persona is a .yaml file of its own."
        )
    if len(files) > MAX_PERSONAS:
        raise CatalogError(f"{folder}: more than {MAX_PERSONAS} personas")
    personas: dict[str, Persona] = {}
    for file in files:
        persona = _read(file).record(Persona, (), {"key": file.stem})
        namesake = next((p for p in personas.values() if p.name == persona.name), None)
        if namesake:
            raise CatalogError(f"{file}: name: {persona.name!r} is taken by {namesake.key}.yaml")
        personas[persona.key] = persona
    return personas


T = TypeVar("T")
R = TypeVar("R", bound=Record)


def _entry(entries: Mapping[str, T], key: str, noun: str) -> T:
    try:
        return entries[key]
    except KeyError:
        raise NotFound(f"no {noun} is called {key!r}", f"Known: {', '.join(entries)}.") from None


# --- strict YAML ----------------------------------------------------------------------------------

_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)?\.[0-9]+([eE][-+]?[0-9]+)?\Z")
_NULL = {"", "null", "~"}

Path_ = tuple[str | int, ...]


class _Content:
    """What one file says, with the line of every field."""

    def __init__(self, file: Path, root: yaml.Node | None) -> None:
        self.file = file
        self.lines: dict[Path_, int] = {}
        self.tree: Json = self._value(root, ()) if root is not None else {}

    def place(self, path: Path_) -> str:
        """``file, line n`` of the closest known ancestor of ``path``."""
        while path and path not in self.lines:
            path = path[:-1]
        line = self.lines.get(path)
        return f"{self.file}, line {line}" if line else str(self.file)

    def names(self, section: str) -> list[str]:
        """The keys of a section, which must be a mapping of mappings."""
        entries = self._at((section,))
        if not isinstance(entries, dict):
            raise CatalogError(f"{self.place((section,))}: {section}: a mapping is missing here")
        return list(entries)

    def record(self, kind: type[R], path: Path_, given: dict[str, str]) -> R:
        """The entry at ``path`` as a record; ``given`` are its fields that the file may not set."""
        entry = self._at(path)
        if not isinstance(entry, dict):
            raise CatalogError(f"{self.place(path)}: {_dotted(path)}: fields are missing here")
        for name in given:
            if name in entry:
                raise CatalogError(f"{self.place((*path, name))}: {name}: not a field of the file")
        try:
            return kind.model_validate({**entry, **given})
        except ValidationError as exc:
            error = exc.errors(include_url=False, include_input=False)[0]
            field = tuple(part for part in error["loc"])
            words = error["msg"].removeprefix("Value error, ")
            if error["type"] == "extra_forbidden":
                words = f"no such field (known: {', '.join(sorted(kind.model_fields))})"
            name = _dotted((*path, *field)) or _dotted(path) or kind.__name__
            raise CatalogError(f"{self.place((*path, *field))}: {name}: {words}") from None

    def _at(self, path: Path_) -> Json:
        entry = self.tree
        for part in path:
            entry = entry.get(str(part)) if isinstance(entry, dict) else None
        return entry

    def _value(self, node: yaml.Node, path: Path_) -> Json:
        self.lines[path] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return dict(self._fields(node, path))
        if isinstance(node, yaml.SequenceNode):
            return tuple(self._value(child, (*path, i)) for i, child in enumerate(node.value))
        if not isinstance(node, yaml.ScalarNode) or node.tag.startswith("!"):
            raise CatalogError(f"{self.place(path)}: tags such as {node.tag!r} are not used here")
        return _scalar(node)

    def _fields(self, node: yaml.MappingNode, path: Path_) -> Iterator[tuple[str, Json]]:
        seen: set[str] = set()
        for key, child in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
                raise CatalogError(f"{self.file}, line {line}: a key must be plain text")
            name = str(key.value)
            if name in seen:
                raise CatalogError(f"{self.file}, line {line}: {name}: stands here twice")
            seen.add(name)
            value = self._value(child, (*path, name))
            self.lines[(*path, name)] = line
            yield name, value


def _scalar(node: yaml.ScalarNode) -> str | int | float | bool | None:
    text = str(node.value)
    if node.style is not None:
        return text
    if text in _NULL:
        return None
    if text in ("true", "false"):
        return text == "true"
    if _DECIMAL.match(text) and len(text) < 20:
        return int(text)
    return float(text) if _FLOAT.match(text) else text


def _read(file: Path) -> _Content:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE_BYTES + 1)
    except OSError as exc:
        raise CatalogError(f"{file}: {exc.strerror or exc}") from exc
    if len(data) > MAX_FILE_BYTES:
        raise CatalogError(f"{file}: larger than {MAX_FILE_BYTES // 1024} KiB")
    try:
        text = data.decode("utf-8-sig")
        _refuse_aliases(file, text)
        return _Content(file, yaml.compose(text, Loader=yaml.SafeLoader))
    except UnicodeDecodeError as exc:
        raise CatalogError(f"{file}: not UTF-8 text (byte {exc.start})") from exc
    except RecursionError as exc:
        raise CatalogError(f"{file}: nested too deeply") from exc
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise CatalogError(f"{file}{line}: not YAML: {exc.problem or exc.context}") from exc
    except yaml.YAMLError as exc:
        raise CatalogError(f"{file}: not YAML: {exc}") from exc


def _refuse_aliases(file: Path, text: str) -> None:
    documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise CatalogError(f"{file}, line {line}: a second document begins; one file holds one")
        anchored = isinstance(event, yaml.NodeEvent) and event.anchor
        if anchored or isinstance(event, yaml.AliasEvent):
            raise CatalogError(f"{file}, line {line}: anchors and aliases are not used here")


def _dotted(path: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in path)
