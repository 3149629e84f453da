"""What an Ollama server can tell and do beyond ``/v1``, and a model that lives on one."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

import ollama

from rebuttal.catalog import Endpoint, Model
from rebuttal.errors import ModelError, ModelMissing, ServerFailed
from rebuttal.providers.base import Chunk, Footprint, Limits, Message, Options, Progress
from rebuttal.providers.ollama_connection import connect
from rebuttal.providers.openai_compatible import OpenAICompatible
from rebuttal.providers.upstream import Upstream
from rebuttal.records import Device

ANSWER_WITHIN = 5.0
PULL_WITHIN = 300.0
"""Seconds between two signs of life of a pull; checking the sum of a large file takes long."""
LOAD_WITHIN = 900.0
"""Seconds; a large file on a slow disk takes minutes."""
UNLOAD_WITHIN = 3.0
"""Seconds that we wait to see the memory free."""
LOOK_EVERY = 0.1
GLANCE_WITHIN = 0.5
"""Seconds that a turn may wait for whether its model is in memory."""
STAYS = 60.0
"""Seconds for which the model that spoke last is taken to be in memory still."""
DEFAULT_CONTEXT = 4096
"""Ollama's own, below 24 GiB of GPU memory."""


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model that the server has. ``size`` is bytes on disk.

    Loaded, it takes ``loaded_bytes`` of memory, of which ``gpu_bytes`` are a GPU's; those three are
    None unless it is.
    """

    name: str
    size: int | None = None
    loaded: bool = False
    context: int | None = None
    loaded_bytes: int | None = None
    gpu_bytes: int | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model can: at most ``max_context`` tokens; ``num_ctx`` is what its Modelfile sets."""

    max_context: int | None
    num_ctx: int | None
    capabilities: frozenset[str]


class OllamaServer:
    """An Ollama server. Every method raises a ModelError that says what to do."""

    def __init__(self, endpoint: Endpoint, key: str | None = None) -> None:
        self._endpoint = endpoint
        self._key = key
        self._infos: dict[str, ModelInfo] = {}
        self._aliases: dict[tuple[str, int], str] = {}
        self._aliasing = asyncio.Lock()
        self.spoke_last: tuple[str, float] = ("", 0.0)
        """The model that spoke last, and when: a monotonic time."""

    async def installed(self) -> list[InstalledModel]:
        """What the server has, and what of it is in memory. Our aliases go by their model."""
        async with connect(self._upstream(), ANSWER_WITHIN) as client:
            listed, running = await asyncio.gather(client.list(), client.ps())
        aliases = {full_name(alias): base for (base, _), alias in self._aliases.items()}
        loaded = {aliases.get(_name(one), _name(one)): one for one in running.models}
        found = []
        for one in listed.models:
            name = one.model or ""
            here = loaded.get(full_name(name))
            if name and full_name(name) not in aliases:
                found.append(
                    InstalledModel(
                        name,
                        one.size,
                        here is not None,
                        here.context_length if here else None,
                        here.size if here else None,
                        here.size_vram if here else None,
                        one.digest,
                    )
                )
        return found

    async def show(self, name: str) -> ModelInfo:
        """What the model can; asked once. Raises ModelMissing."""
        known = self._infos.get(full_name(name))
        if known is None:
            async with connect(self._upstream(name), ANSWER_WITHIN) as client:
                known = _info(await client.show(name))
            self._infos[full_name(name)] = known
        return known

    async def context(self, name: str) -> int:
        """Tokens that a request to the model gets: allocated now, else what loading would give."""
        running = (await self._running()).get(full_name(name))
        allocated = running.context_length if running else None
        info = await self.show(name)
        set_here = os.environ.get("OLLAMA_CONTEXT_LENGTH", "")
        default = int(set_here) if set_here.isdecimal() and int(set_here) else DEFAULT_CONTEXT
        tokens = allocated or info.num_ctx or default
        return min(tokens, info.max_context or tokens)

    async def is_loaded(self, name: str) -> bool:
        """Whether the model is in memory, as far as a glance tells."""
        return full_name(name) in await self._running(GLANCE_WITHIN)

    async def alias(self, name: str, tokens: int) -> str:
        """A name by which the model is loaded with a context of ``tokens``, made once.

        ``/v1`` cannot ask for a context. The alias shares the model's file; it takes no space.
        """
        base = full_name(name)
        async with self._aliasing:
            if (base, tokens) not in self._aliases:
                self._aliases[base, tokens] = await self._make_alias(name, tokens)
            return self._aliases[base, tokens]

    def known_alias(self, name: str, tokens: int) -> str | None:
        """What ``alias`` has returned before."""
        return self._aliases.get((full_name(name), tokens))

    async def _make_alias(self, name: str, tokens: int) -> str:
        size = f"{tokens // 1024}k" if tokens % 1024 == 0 else str(tokens)
        for alias in (f"{name}-{size}", f"{name}-{size}-rebuttal"):
            try:
                found = await self.show(alias)
            except ModelMissing:
                async with connect(self._upstream(name), PULL_WITHIN) as client:
                    await client.create(model=alias, from_=name, parameters={"num_ctx": tokens})
                return alias
            if found.num_ctx == tokens:
                return alias
        raise ServerFailed(
            f"{alias!r} is another model already", f"Remove it with: ollama rm {alias}"
        )

    def forget(self, name: str) -> None:
        """Know nothing of the model and its aliases any more: it was pulled anew, or is gone."""
        base = full_name(name)
        for key in [
            key for key in self._aliases if base in (key[0], full_name(self._aliases[key]))
        ]:
            self._infos.pop(full_name(self._aliases.pop(key)), None)
        self._infos.pop(base, None)

    async def pull(self, name: str) -> AsyncGenerator[Progress, None]:
        """Have the server fetch the model. Leaving early ends it; a later pull goes on there."""
        layers: dict[str, tuple[int, int]] = {}
        status = ""
        async with connect(self._upstream(name), PULL_WITHIN) as client:
            steps = await client.pull(name, stream=True)
            async for step in steps:
                status = step.status or ""
                if step.digest and step.total:
                    layers[step.digest] = (step.completed or 0, step.total)
                yield _pulling(name, status, layers)
        if status != "success":
            raise ServerFailed(
                self._upstream(name).says("the pull ended early"), "Pull again; it goes on there."
            )
        self.forget(name)

    async def load(self, name: str) -> None:
        """Have it in memory, for as long as the server keeps what nobody asks."""
        async with connect(self._upstream(name), LOAD_WITHIN) as client:
            await client.generate(model=name)

    async def unload(self, name: str) -> None:
        """Free the memory that the model holds, under whichever of its names."""
        base = full_name(name)
        names = {
            base,
            *(full_name(alias) for (of, _), alias in self._aliases.items() if of == base),
        }
        running = await self._running()
        async with connect(self._upstream(name), ANSWER_WITHIN) as client:
            for one in names & running.keys():
                await client.generate(model=running[one].model or one, keep_alive=0)
        self.spoke_last = ("", 0.0)
        # The server says yes at once and frees it soon after, or once it has ended what it answers.
        with suppress(TimeoutError):
            async with asyncio.timeout(UNLOAD_WITHIN):
                while names & (await self._running()).keys():  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_EVERY)

    async def _running(
        self, within: float = ANSWER_WITHIN
    ) -> dict[str, ollama.ProcessResponse.Model]:
        """Models in memory, by full name."""
        async with connect(self._upstream(), within) as client:
            running = await client.ps()
        return {_name(one): one for one in running.models}

    def _upstream(self, name: str | None = None) -> Upstream:
        endpoint = self._endpoint
        address = endpoint.address or ""
        return Upstream(name or endpoint.name, address, endpoint.api, self._key, endpoint.key)


class OllamaModel:
    """A ChatModel on an Ollama server; what ``/v1`` cannot say goes through ``server``.

    Where the catalog wants more context than the server would give, an alias has it.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        model: Model,
        key: str | None,
        limits: Limits,
        server: OllamaServer,
    ) -> None:
        self._endpoint = endpoint
        self._model = model
        self._key = key
        self._limits = limits
        self._server = server

    async def context(self) -> int:
        """Tokens of one request: what the catalog asks for, as far as the model goes."""
        name, wanted = self._model.model, self._model.context
        if wanted is None:
            return await self._server.context(name)
        return min(wanted, (await self._server.show(name)).max_context or wanted)

    async def stream(
        self, messages: Sequence[Message], options: Options
    ) -> AsyncGenerator[Chunk, None]:
        """Speak; see ChatModel. That the model must be loaded first comes as ``waiting``."""
        name, server = await self._named(), self._server
        last, at = server.spoke_last
        if last != name or time.monotonic() - at > STAYS:
            # The request itself tells better what is wrong with the server.
            with suppress(ModelError):
                if not await server.is_loaded(name):
                    yield Chunk(waiting=f"loading {self._model.label}")
        speaker = OpenAICompatible(
            self._endpoint,
            self._model.model_copy(update={"model": name}),
            self._key,
            self._limits,
        )
        try:
            async with aclosing(speaker.stream(messages, options)) as chunks:
                async for chunk in chunks:
                    if chunk.text:
                        server.spoke_last = (name, time.monotonic())
                    yield chunk
        except ModelMissing:
            server.forget(name)
            raise

    async def load(self) -> AsyncGenerator[Progress, None]:
        """Be in memory, with the context that a turn will want. Raises a ModelError."""
        yield Progress(f"loading {self._model.label}")
        await self._server.load(await self._named())
        yield Progress(f"{self._model.label} is in memory")

    async def footprint(self) -> Footprint:
        """As its server tells. Raises a ModelError."""
        name = self._model.model
        found, info = await asyncio.gather(self._server.installed(), self._server.show(name))
        here = next((one for one in found if full_name(one.name) == full_name(name)), None)
        if here is None or not here.loaded:
            return Footprint(max_context=info.max_context)
        device = _device(here.loaded_bytes, here.gpu_bytes)
        return Footprint(device, here.loaded_bytes, here.gpu_bytes, info.max_context)

    async def _named(self) -> str:
        """The name to ask for, so that the context the catalog wants is there."""
        name, server = self._model.model, self._server
        if self._model.context is None:
            return name
        tokens = await self.context()
        alias = server.known_alias(name, tokens)
        if alias or tokens <= await server.context(name):
            return alias or name
        return await server.alias(name, tokens)


def _device(memory: int | None, of_gpu: int | None) -> Device | None:
    if memory is None or of_gpu is None:
        return None
    if not of_gpu:
        return "CPU"
    return "GPU" if of_gpu >= memory else "CPU and GPU"


def full_name(name: str) -> str:
    """One spelling for each model: ``Mistral`` is ``mistral:latest``."""
    tagged = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    return tagged.casefold()


def _name(running: ollama.ProcessResponse.Model) -> str:
    return full_name(running.model or running.name or "")


def _info(shown: ollama.ShowResponse) -> ModelInfo:
    about = shown.modelinfo or {}
    lengths = [value for key, value in about.items() if key.endswith(".context_length")]
    set_there = [line.split() for line in (shown.parameters or "").splitlines()]
    num_ctx = [words[1] for words in set_there if words[:1] == ["num_ctx"] and len(words) > 1]
    return ModelInfo(
        max_context=next((length for length in lengths if isinstance(length, int)), None),
        num_ctx=next((int(number) for number in num_ctx if number.isdecimal()), None),
        capabilities=frozenset(shown.capabilities or ()),
    )


def _pulling(name: str, status: str, layers: dict[str, tuple[int, int]]) -> Progress:
    done = sum(layer[0] for layer in layers.values())
    total = sum(layer[1] for layer in layers.values())
    if not total:
        return Progress(f"pulling {name}: {status}")
    if status == "success":
        return Progress(f"{name} is here", total, total)
    if not status.startswith("pulling"):
        return Progress(f"pulling {name}: {status}", done, total)
    return Progress(f"pulling {name}: {done / 1e6:.0f} of {total / 1e6:.0f} MB", done, total)
