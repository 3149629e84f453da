"""Embedded models, with the real engine and the real built-in model."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from rebuttal.catalog import Model, Weights
from rebuttal.errors import ContextOverflow, InvalidInput, ModelError, ServerFailed, WeightsError
from rebuttal.providers.base import Chunk, Limits, Message, Options
from rebuttal.providers.llama_cpp import Engine
from rebuttal.providers.llama_cpp_model import EmbeddedModel
from rebuttal.providers.llama_cpp_place import SLOTS
from rebuttal.providers.weights import WeightsCache
from tests.built_in import BuiltIn

PROMPT = (Message("system", "You are a cynic."), Message("user", "Is tea better than coffee?"))
SHORT = Options(max_tokens=16, seed=1, temperature=0.7)
LONG = Options(max_tokens=400, seed=1, temperature=0.7, extra={"ignore_eos": True})


@pytest.fixture
async def engine(built_in: BuiltIn) -> AsyncIterator[Engine]:
    engine = new_engine(built_in)
    yield engine
    await engine.close()
    assert servers() == []


def new_engine(
    built_in: BuiltIn, memory_mib: int | None = None, unload_after: float = 600
) -> Engine:
    return Engine(built_in.weights, Limits(), memory_mib=memory_mib, unload_after=unload_after)


def small(built_in: BuiltIn, label: str = "Small", path: Path | None = None) -> Model:
    """The built-in model with a small context; at ``path``, a model of its own."""
    changes: dict[str, object] = {"label": label, "context": 512}
    if path:
        found = built_in.weights.find(weights_of(built_in.model))
        assert found
        shutil.copyfile(found, path)
        changes["weights"] = Weights(path=str(path))
    return built_in.model.model_copy(update=changes)


def weights_of(model: Model) -> Weights:
    assert model.weights
    return model.weights


def speaker(engine: Engine, built_in: BuiltIn, model: Model | None = None) -> EmbeddedModel:
    chosen = engine.chat_model(built_in.endpoint, model or small(built_in))
    assert isinstance(chosen, EmbeddedModel)
    return chosen


async def hear(
    model: EmbeddedModel, options: Options = SHORT, messages: Sequence[Message] = PROMPT
) -> list[Chunk]:
    async with aclosing(model.stream(messages, options)) as stream:
        return [chunk async for chunk in stream]


async def until_text(stream: AsyncGenerator[Chunk, None]) -> list[str]:
    """What was waited for until the first word."""
    waiting = []
    async for chunk in stream:
        if chunk.text:
            break
        waiting.append(chunk.waiting)
    return waiting


async def until_loaded(engine: Engine, label: str, within: float = 20) -> None:
    async with asyncio.timeout(within):
        while label not in engine.loaded():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def servers() -> list[psutil.Process]:
    """The llama.cpp servers that this process runs."""
    found = []
    for child in psutil.Process().children():
        try:
            if any("llama_cpp_server" in part for part in child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


# Speaking


async def test_a_turn_is_spoken_and_counted_and_nothing_else_is_printed(
    engine: Engine, built_in: BuiltIn, capfd: pytest.CaptureFixture[str]
) -> None:
    model = speaker(engine, built_in)
    first, second = await hear(model), await hear(model)
    assert [chunk.waiting for chunk in first if chunk.waiting] == ["loading Small"]
    assert [chunk.waiting for chunk in second if chunk.waiting] == []
    assert "".join(chunk.text for chunk in first).strip()
    last = first[-1]
    assert last.finish in ("stop", "length")
    assert last.usage
    assert last.usage.prompt_tokens == last.usage.evaluated_tokens
    assert capfd.readouterr() == ("", "")


async def test_the_context_is_known_before_loading_and_is_what_the_server_gives(
    engine: Engine, built_in: BuiltIn
) -> None:
    model = speaker(engine, built_in, small(built_in).model_copy(update={"context": 1000}))
    before = await model.context()
    await hear(model)
    assert before == await model.context() == engine.loaded()["Small"].context == 1024
    with pytest.raises(ContextOverflow) as caught:
        await hear(model, messages=[Message("user", "tea " * 1100)])
    assert caught.value.allowed == 1024


async def test_without_a_wish_the_context_is_the_models_own_up_to_a_bound(
    engine: Engine, built_in: BuiltIn
) -> None:
    model = built_in.model.model_copy(update={"context": None})
    assert await speaker(engine, built_in, model).context() == 8192
    huge = built_in.model.model_copy(update={"context": 100_000})
    assert await speaker(engine, built_in, huge).context() == 8192


async def test_only_who_has_the_key_is_answered(engine: Engine, built_in: BuiltIn) -> None:
    await hear(speaker(engine, built_in))
    port = next(c.laddr.port for c in servers()[0].net_connections() if c.status == "LISTEN")
    assert {c.laddr.ip for c in servers()[0].net_connections()} == {"127.0.0.1"}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/models", headers={"origin": "http://evil.example"}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        await asyncio.to_thread(urllib.request.urlopen, request)
    with caught.value as answer:
        assert answer.code == 401
        assert not answer.headers.get("access-control-allow-origin")


async def test_two_seats_evaluate_each_token_of_their_views_once(
    engine: Engine, built_in: BuiltIn
) -> None:
    model = speaker(engine, built_in, built_in.model)
    evaluated, views = await debate_of_ten_turns(model)
    assert evaluated <= 1.05 * views
    assert evaluated > 0.2 * views, "the counts cannot be right"


async def debate_of_ten_turns(model: EmbeddedModel) -> tuple[int, int]:
    """Prompt tokens evaluated, and tokens of both seats' last views, each counted once."""
    views = [
        [Message("system", f"You are {name}. {manner} Two sentences, never agree, never thank.")]
        for name, manner in (("Ada", "You argue by logic."), ("Bo", "You are dry and sceptical."))
    ]
    said = "Topic: cities should ban cars. Open the debate."
    evaluated, last = 0, [0, 0]
    for turn in range(10):
        view = views[turn % 2]
        view.append(Message("user", f"{said}\n\nIt is your turn."))
        options = Options(max_tokens=48, seed=turn, temperature=0.7)
        chunks = await hear(model, options, view)
        text = "".join(chunk.text for chunk in chunks).strip() or "No."
        view.append(Message("assistant", text))
        said = f"[{'Ada' if turn % 2 == 0 else 'Bo'}]: {text}"
        usage = chunks[-1].usage
        assert usage
        assert usage.evaluated_tokens is not None
        assert usage.prompt_tokens is not None
        evaluated += usage.evaluated_tokens
        last[turn % 2] = usage.prompt_tokens
    return evaluated, sum(last)


# Loading


async def test_many_who_want_a_model_load_it_once(engine: Engine, built_in: BuiltIn) -> None:
    model = speaker(engine, built_in)
    heard = await asyncio.gather(*(hear(model) for _ in range(5)))
    assert all(chunks[-1].finish for chunks in heard)
    assert len(servers()) == 1


async def test_a_cancelled_waiter_leaves_at_once_and_the_loading_goes_on(
    engine: Engine, built_in: BuiltIn
) -> None:
    worst = 0.0
    for delay in (0.0, 0.05, 0.15, 0.3):
        waiter = asyncio.create_task(hear(speaker(engine, built_in), LONG))
        await asyncio.sleep(delay)
        began = time.perf_counter()
        waiter.cancel()
        await asyncio.wait({waiter})
        worst = max(worst, time.perf_counter() - began)
        if delay:
            await until_loaded(engine, "Small")
            await engine.unload("Small")
        else:
            await engine.close()
    assert worst < 0.05


async def test_loading_does_not_hold_up_anything_else(engine: Engine, built_in: BuiltIn) -> None:
    loading = asyncio.create_task(hear(speaker(engine, built_in)))
    worst, started = 0.0, time.perf_counter()
    while not loading.done():
        began = time.perf_counter()
        await asyncio.sleep(0.01)
        worst = max(worst, time.perf_counter() - began)
    # Held up, it would be for nearly all of the time; a busy machine makes short gaps.
    assert worst < max(0.2, (time.perf_counter() - started) * 0.8)


@pytest.mark.parametrize(
    ("start", "said"), [(b"GGUF" + b"\0" * 100, "not a GGUF file"), (b"<html>", "not a GGUF file")]
)
async def test_a_wrong_file_is_said_before_the_engine_sees_it(
    engine: Engine, built_in: BuiltIn, tmp_path: Path, start: bytes, said: str
) -> None:
    (tmp_path / "wrong.gguf").write_bytes(start)
    model = small(built_in).model_copy(
        update={"weights": Weights(path=str(tmp_path / "wrong.gguf"))}
    )
    with pytest.raises(WeightsError, match=said):
        await hear(speaker(engine, built_in, model))
    assert not engine.loaded()


async def test_a_cut_file_is_refused_in_the_engines_words_without_a_path(
    engine: Engine, built_in: BuiltIn, tmp_path: Path
) -> None:
    model = small(built_in, path=tmp_path / "cut.gguf")
    os.truncate(tmp_path / "cut.gguf", 30_000_000)
    refusal = r"could not be loaded: .*corrupted or incomplete"
    with pytest.raises(ModelError, match=refusal) as caught:
        await hear(speaker(engine, built_in, model))
    assert str(tmp_path) not in str(caught.value)
    assert servers() == []


async def test_missing_weights_are_said(built_in: BuiltIn, tmp_path: Path) -> None:
    engine = Engine(
        WeightsCache(tmp_path, offline=True), Limits(), memory_mib=None, unload_after=60
    )
    with pytest.raises(WeightsError, match="REBUTTAL_OFFLINE"):
        await hear(speaker(engine, built_in))


# Memory


async def test_a_model_leaves_when_another_needs_its_room_the_longest_unused_first(
    built_in: BuiltIn, tmp_path: Path
) -> None:
    engine = new_engine(built_in, memory_mib=700)
    try:
        models = [small(built_in, name, tmp_path / name) for name in ("a", "b", "c")]
        speakers = [speaker(engine, built_in, model) for model in models]
        await hear(speakers[0])
        await hear(speakers[1])
        assert sorted(engine.loaded()) == ["a", "b"]
        await hear(speakers[0])
        await hear(speakers[2])
        assert sorted(engine.loaded()) == ["a", "c"]
        assert len(servers()) == 2
    finally:
        await engine.close()


async def test_a_model_that_can_never_fit_is_refused_with_sizes(built_in: BuiltIn) -> None:
    engine = new_engine(built_in, memory_mib=128)
    with pytest.raises(ModelError, match=r"needs about \d+ MiB, .* 128 MiB together") as caught:
        await hear(speaker(engine, built_in))
    assert "REBUTTAL_MEMORY_MIB" in caught.value.hint
    assert servers() == []


async def test_a_model_that_speaks_is_never_unloaded(built_in: BuiltIn, tmp_path: Path) -> None:
    engine = new_engine(built_in, memory_mib=500, unload_after=0.2)
    try:
        first = speaker(engine, built_in, small(built_in, "first"))
        second = speaker(engine, built_in, small(built_in, "second", tmp_path / "second"))
        async with aclosing(first.stream(PROMPT, LONG)) as stream:
            await until_text(stream)
            other = asyncio.create_task(hear(second))
            await asyncio.sleep(0.7)
            assert list(engine.loaded()) == ["first"]
            with pytest.raises(InvalidInput, match="in use"):
                await engine.unload("first")
        heard = await other
        assert "waiting for memory that first has in use" in [chunk.waiting for chunk in heard]
        assert heard[-1].finish
        assert "first" not in engine.loaded()
    finally:
        await engine.close()


async def test_a_model_is_loaded_ahead_of_its_first_turn_and_says_what_it_takes(
    engine: Engine, built_in: BuiltIn
) -> None:
    model = speaker(engine, built_in)
    assert (await model.footprint()).memory is None
    steps = [step.text async for step in model.load()]
    assert steps == ["loading Small", "Small is in memory"]
    another = speaker(engine, built_in, small(built_in, label="Another name of the same"))
    found = await another.footprint()
    assert found.memory
    assert found.memory > 100_000_000
    assert (found.device in ("CPU", "GPU"), found.max_context) == (True, 8192)
    assert [step.text async for step in model.load()] == ["Small is in memory"]
    assert not any(chunk.waiting for chunk in await hear(model))


async def test_an_idle_model_is_unloaded_and_its_memory_is_free(built_in: BuiltIn) -> None:
    engine = new_engine(built_in, unload_after=0.4)
    await hear(speaker(engine, built_in))
    assert engine.loaded()["Small"].bytes > 100_000_000
    assert servers()
    async with asyncio.timeout(5):
        while engine.loaded():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        while servers():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    assert (await hear(speaker(engine, built_in)))[-1].finish
    await engine.close()


async def test_more_turns_than_places_wait_in_sight_and_a_stopped_one_frees_its_place(
    engine: Engine, built_in: BuiltIn
) -> None:
    model = speaker(engine, built_in, built_in.model)
    streams = [model.stream(PROMPT, LONG) for _ in range(SLOTS)]
    for stream in streams:
        await until_text(stream)
    late = model.stream(PROMPT, SHORT)
    assert "other debates" in (await anext(late)).waiting
    began = time.perf_counter()
    await streams[0].aclose()
    await until_text(late)
    assert time.perf_counter() - began < 2
    for stream in (*streams, late):
        await stream.aclose()


async def test_a_server_that_died_is_said_and_replaced(engine: Engine, built_in: BuiltIn) -> None:
    model = speaker(engine, built_in)
    await hear(model)
    stream = model.stream(PROMPT, LONG)
    await until_text(stream)
    killed = servers()
    killed[0].kill()
    rest = [chunk async for chunk in stream]
    assert rest[-1].finish == "lost"
    await asyncio.to_thread(psutil.wait_procs, killed, 3)
    assert engine.loaded() == {}
    assert (await hear(model))[-1].finish in ("stop", "length")
    assert len(servers()) == 1


async def test_a_server_does_not_outlive_the_app_that_was_killed(built_in: BuiltIn) -> None:
    file = built_in.weights.find(weights_of(built_in.model))
    code = (
        "import asyncio, sys\nfrom pathlib import Path\n"
        "from rebuttal.providers.llama_cpp_process import start_server\n"
        "async def main():\n"
        "    server = await start_server(Path(sys.argv[1]), 'm', 512, 1)\n"
        "    print('ready', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    app = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, str(file)), stdout=asyncio.subprocess.PIPE
    )
    assert app.stdout
    assert await app.stdout.readline() == b"ready\n"
    orphans = psutil.Process(app.pid).children()
    assert len(orphans) == 1
    os.kill(app.pid, signal.SIGKILL)
    await app.communicate()
    gone, alive = await asyncio.to_thread(psutil.wait_procs, orphans, 3)
    assert (len(gone), alive) == (1, [])


async def test_a_breakdown_before_the_first_word_says_what_broke(
    engine: Engine, built_in: BuiltIn
) -> None:
    long = (Message("user", "tea " * 3000),)
    model = speaker(engine, built_in, built_in.model)
    await hear(model)
    stream = model.stream(long, SHORT)
    hearing = asyncio.create_task(until_text(stream))
    await asyncio.sleep(0.1)
    servers()[0].kill()
    with pytest.raises(ServerFailed, match="broke down"):
        await hearing
