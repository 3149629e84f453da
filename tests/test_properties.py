"""Whatever is put in comes out as a value or as our error: files of the catalog, and events."""

from __future__ import annotations

import time
import tracemalloc
from datetime import UTC
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from rebuttal.catalog import Catalog, load_catalog
from rebuttal.errors import CatalogError
from rebuttal.events import DebateEvent, TurnDelta
from rebuttal.records import Finish, Timings, Turn, Usage
from tests.cases import cases

MANY = settings(
    max_examples=cases(500),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

# --- the catalog ----------------------------------------------------------------------------------

GOOD = """\
endpoints:
  Here: {address: "http://localhost:9/v1", needs_key: false}
  Inside: {api: embedded}
models:
  Quick: {endpoint: Here, model: quick, temperature: 0.7, max_tokens: 100}
"""
PERSONA = "name: Cynic\ninstructions: Be dry.\n"

_FRAGMENTS = st.sampled_from(
    [
        *("&a ", "*a", "!!python/object/apply:os.system ['id']", "!!binary aGk=", "!x ", "<<: *a"),
        *(
            "---\n",
            "...\n",
            "%YAML 9.9\n",
            "? ",
            ": ",
            "- ",
            "|\n",
            ">-\n",
            "{",
            "}",
            "[",
            "]",
            ", ",
        ),
        *("'", '"', "\\ud800", '"\\ud800"', '"\\0"', "\t", "\n", "\n  ", "# x", "@", "`", "\ufeff"),
        *("endpoints:", "models:", "  Here: ", "name: ", "9" * 5000, "1e400", ".nan", "-.inf"),
        *("2026-11-20", "12:30:45", "0o777", "yes", "null", "\x00", "\x07", "\x85", "\u2028"),
        *(
            "true",
            "0.7",
            "-1",
            "Here",
            "embedded",
            "x",
            "é",
            "temperature: ",
            "extra: {a: [1, {b: 2}]}",
        ),
        *GOOD.splitlines(keepends=True),
        *PERSONA.splitlines(keepends=True),
    ]
)
_YAML = st.one_of(
    st.binary(max_size=100),
    st.lists(_FRAGMENTS, max_size=12).map(
        lambda parts: "".join(parts).encode("utf-8", "surrogatepass")
    ),
    st.tuples(st.integers(0, len(GOOD)), _FRAGMENTS).map(
        lambda cut: (GOOD[: cut[0]] + cut[1] + GOOD[cut[0] :]).encode("utf-8", "surrogatepass")
    ),
)


class House:
    """A models.yaml and a persona, to be written anew and loaded."""

    def __init__(self, folder: Path) -> None:
        self.models = folder / "models.yaml"
        self.personas = folder / "personas"
        self.personas.mkdir()
        self.persona = self.personas / "cynic.yaml"
        self.models.write_text(GOOD)
        self.persona.write_text(PERSONA)

    def load(self) -> Catalog | CatalogError:
        try:
            return load_catalog(self.models, self.personas)
        except CatalogError as error:
            return error


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_the_good_files_load(house: House) -> None:
    assert isinstance(house.load(), Catalog)


@MANY
@given(_YAML)
def test_any_models_file_loads_or_is_refused_by_its_name(house: House, data: bytes) -> None:
    house.models.write_bytes(data)
    loaded = house.load()
    assert isinstance(loaded, Catalog) or loaded.message.startswith("models.yaml")


@settings(MANY, max_examples=cases(250))
@given(_YAML)
def test_any_persona_loads_or_is_refused_by_its_name(house: House, data: bytes) -> None:
    house.persona.write_bytes(data)
    loaded = house.load()
    assert isinstance(loaded, Catalog) or loaded.message.startswith("personas/cynic.yaml")


LAUGHS = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    "bomb",
    [
        LAUGHS,
        "&a [*a]",
        "models: &a\n  <<: *a",
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "endpoints: " + "9" * 100_000,
        "endpoints: {A: {address: 'http://x', context: " + "9" * 4000 + "}}",
        "!!python/object/apply:os.system ['true']",
        "!!python/name:os.system",
        "!!int 1",
        "%TAG ! tag:evil,2000:\n--- !x a",
        '"' + "\\u0041" * 50_000 + '"',
        "'" * 200_000,
        "#" * 1_000_000,
        "\n" * 300_000,
        "a: |\n" + "  x\n" * 60_000,
        "".join(f"k{n}: v\n" for n in range(20_000)),
        "? [" + "a, " * 50_000 + "]\n: x",
        "\t" * 200_000,
        "a" * 200_000 + ": " * 10,
    ],
)
def test_a_bomb_is_refused_soon(house: House, bomb: str) -> None:
    house.models.write_text(bomb)
    began = time.process_time()
    loaded = house.load()
    assert time.process_time() - began < 5
    assert isinstance(loaded, CatalogError)
    assert loaded.message.startswith("models.yaml")
    assert len(str(loaded)) < 2000


@pytest.mark.parametrize("bomb", [LAUGHS, "[" * 200_000, "#" * 100_000_000, "- a\n" * 3000])
def test_a_bomb_takes_little_memory(house: House, bomb: str) -> None:
    house.models.write_text(bomb)
    del bomb
    tracemalloc.start()
    loaded = house.load()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(loaded, CatalogError)
    assert peak < 20_000_000


# --- events ---------------------------------------------------------------------------------------

EVENTS = get_args(DebateEvent)
ADAPTER: TypeAdapter[DebateEvent] = TypeAdapter(DebateEvent)
_ID = st.sampled_from(["a", "t-1", "_" * 64])
_TEXT = st.text(max_size=20)
_COUNT = st.integers(0, 2**53)
_SHARE = st.none() | st.floats(0, 1)
_MOMENT = st.datetimes(timezones=st.just(UTC))
_TURN = st.builds(
    Turn,
    id=_ID,
    parent_id=st.none() | _ID,
    speaker=_TEXT,
    text=_TEXT,
    rounds=_COUNT,
    model=st.none() | _TEXT,
    finish=st.sampled_from(get_args(Finish)),
    usage=st.none() | st.builds(Usage, prompt_tokens=st.none() | _COUNT),
    timings=st.none() | st.builds(Timings, first_token=_SHARE, total=st.floats(0, 1e9)),
    created_at=_MOMENT,
)
_BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "turn": _TURN,
    "fraction": _SHARE,
    "seconds": _SHARE,
    "reason": st.sampled_from(["stopped", "paused", "error", "unwatched", "interrupted"]),
    **dict.fromkeys(
        ["position", "round", "rounds", "prompt_tokens", "context", "left_out"], _COUNT
    ),
}
_EVENT: st.SearchStrategy[DebateEvent] = st.one_of(
    [
        st.builds(kind, **{n: _BY_NAME.get(n, _TEXT) for n in kind.model_fields if n != "kind"})
        for kind in EVENTS
    ]
)
_TOKENS = st.sampled_from(
    [
        *(
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            '"',
            '"a"',
            "1",
            "-1",
            "1e999",
            "0.5",
            "null",
            "true",
            "NaN",
        ),
        *('"\\ud800"', '"\\u0000"', "9" * 400, '"kind":', '{"kind":', " ", "\n", "\x00", "\ufeff"),
        *(f'"{name}":' for kind in EVENTS for name in kind.model_fields),
        *(f'{{"kind":"{kind.model_fields["kind"].default}"' for kind in EVENTS),
        *(',"seat":"a"', ',"reason":"stopped"', ',"turn":{}', ',"tip":"t"', ',"position":1', "}"),
    ]
)
_JSON = st.one_of(st.lists(_TOKENS, max_size=10).map("".join), st.text(max_size=20))


@MANY
@given(_EVENT)
def test_every_event_comes_back_from_json_as_it_was(event: DebateEvent) -> None:
    assert type(event).model_validate_json(event.model_dump_json()) == event
    assert ADAPTER.validate_json(event.model_dump_json()) == event


@MANY
@given(_JSON)
def test_any_json_is_an_event_or_is_refused(data: str) -> None:
    try:
        event = ADAPTER.validate_json(data)
    except ValidationError:
        return
    assert ADAPTER.validate_json(event.model_dump_json()) == event


def test_some_of_them_are_events() -> None:
    assert ADAPTER.validate_json('{"kind":"turn_delta","seat":"a"}') == TurnDelta(seat="a")
