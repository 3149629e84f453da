"""The benchmarks run, small, and count what they say they count. No times are judged here."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest

from benchmarks import (
    budget,
    crowd,
    history,
    import_,
    import_cost,
    long,
    overhead,
    pattern,
    pool,
    redis_store,
    stamps,
    start,
    stop,
)
from benchmarks.figures import ratio, table
from benchmarks.heard import Heard, Said
from benchmarks.least import count_tokens
from benchmarks.long_run import slope
from benchmarks.pattern_views import VIEWS
from benchmarks.recording import Request
from benchmarks.started import SERVED_WITHIN, free_port, served
from rebuttal.providers.base import Message, Options
from rebuttal.records import Usage
from rebuttal.settings import HOME
from tests.built_in import BuiltIn
from tests.redis_server import RedisServer

SYSTEM = Message("system", "SYSTEM ")


async def letters(messages: Sequence[Message], answer: str = "") -> list[int]:
    """A tokenizer for which every letter is a token; a prompt ends with an invitation to speak."""
    text = "".join(f"<{message.role}>{message.content}" for message in messages)
    return [ord(letter) for letter in f"{text}<assistant>{answer}"]


def request(*said: Message, answer: str, evaluated: int) -> Request:
    return Request((SYSTEM, *said), Options(), answer, Usage(evaluated_tokens=evaluated))


async def test_a_whole_history_counts_as_its_last_view() -> None:
    first = (Message("user", "one"),)
    second = (*first, Message("assistant", "two"), Message("user", "three"))
    requests = [
        request(*first, answer="two", evaluated=40),
        request(*second, answer="four", evaluated=30),
    ]
    tokens = await count_tokens(requests, letters)
    assert tokens.least == len(await letters(requests[1].messages))
    assert tokens.evaluated == 70
    assert tokens.least - tokens.least_answers_known == len("two")


async def test_a_short_history_counts_what_each_view_has_behind_the_shared_beginning() -> None:
    requests = [
        request(Message("user", "same one"), answer="x", evaluated=1),
        request(Message("user", "same two"), answer="y", evaluated=1),
    ]
    first, second = [await letters(one.messages) for one in requests]
    shared = len("<system>SYSTEM <user>same ")
    assert first[:shared] == second[:shared]
    tokens = await count_tokens(requests, letters)
    assert tokens.least == len(first) + len(second) - shared


async def test_seats_share_nothing_and_a_view_asked_again_costs_its_last_token() -> None:
    other = Request((Message("system", "ANOTHER"),), Options(), "", Usage(evaluated_tokens=0))
    tokens = await count_tokens([other, other, request(answer="", evaluated=0)], letters)
    views = len(await letters(other.messages)) + len(await letters((SYSTEM,)))
    assert tokens.least == views + 1


def test_a_debate_is_heard_by_its_first_words_its_gaps_and_its_end() -> None:
    heard = Heard(1.0, [Said(3.0, 5.0, evaluated=7), Said(5.5, 9.0, evaluated=2)])
    assert (heard.first, heard.gaps, heard.talk, heard.whole) == (2.0, [0.5], 6.0, 8.0)
    other = Heard(0.0, [Said(1.0, 3.0, evaluated=7), Said(4.0, 5.0, evaluated=2)])
    _, told = overhead.way_rows({overhead.BARE: [other], "a": [heard]})
    assert told == ("a", "2.00", "500", "500", "6.00", "1.500", "8.00", "9", "0")


def test_the_overhead_of_a_debate(
    built_in: BuiltIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, models = tmp_path / "figures.json", tmp_path / "models.yaml"
    shipped = (HOME / "models.yaml").read_text("utf-8")
    models.write_text(shipped.replace("max_tokens: 110", "max_tokens: 16"), "utf-8")
    small = ["--rounds", "1", "--pairs", "1", "--models", str(models)]
    overhead.main([*small, "--json", str(file)])
    printed = capsys.readouterr().out
    assert "Prompt tokens, 2 turns of 2 seats on SmolLM2" in printed
    figures = json.loads(file.read_text("utf-8"))["figures"]
    tokens, ways = figures["tokens"], figures["ways"]
    assert tokens["evaluated"] >= tokens["least"] > 100
    assert set(ways) >= {overhead.BARE, overhead.TERMINAL}
    for name, (heard,) in ways.items():
        assert name in printed
        assert 0 < heard["first"] < heard["whole"]
        assert 0 < heard["talk"] < heard["whole"]
        if f"{name}: other words" not in printed:
            assert heard["generated"] == tokens["generated"]


def test_the_start_of_the_page_and_what_it_imports(
    built_in: BuiltIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    start.main(["--pairs", "1", "--bytecode", "as-is", "--json", str(file)])
    assert "bytecode as-is" in capsys.readouterr().out
    taken = json.loads(file.read_text("utf-8"))["figures"]["as-is"]
    assert all(0 < seconds < SERVED_WITHIN for side in taken.values() for seconds in side)
    assert taken[start.WORDS] > taken[start.PAGE]


def test_the_time_of_imports_is_summed_by_package() -> None:
    told = (
        b"import time: self [us] | cumulative | imported package\n"
        b"import time:      1000 |       1000 |   gradio.events\n"
        b"a word of somebody else\n"
        b"import time:       500 |       1500 | gradio\n"
        b"import time:       250 |        250 | json\n"
    )
    cost, modules = import_cost.packages(told)
    assert cost == {"gradio": 1.5, import_cost.STANDARD: 0.25}
    assert modules == {"gradio": 2, import_cost.STANDARD: 1}
    one = import_cost.Cost([1.0, 2.0, 9.0], [0.0, 0.0, 0.0], [3.0, 3.0, 3.0], 4)
    assert import_cost.rows({"a": one})[0] == ("a", "2", "3", "0", "4")


def test_a_page_that_does_not_start_is_no_figure(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text("raise SystemExit(3)")
    with (
        pytest.raises(RuntimeError, match=r"ended with code 3"),
        served((str(script),), free_port(), {**os.environ}),
    ):
        pass


def test_stops(built_in: BuiltIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    stop.main(["--stops", "2", "--json", str(file)])
    printed = capsys.readouterr().out
    figures = json.loads(file.read_text("utf-8"))["figures"]
    assert set(figures) == {*stop.FAULTS, stop.EMBEDDED}
    assert all(name in printed for name in figures)
    assert all(len(figures[name]["closed"]) == 2 for name in stop.FAULTS)
    assert len(figures[stop.EMBEDDED]["returned"]) == 2


def test_several_endpoints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    pool.main(["--times", "2", "--json", str(file)])
    printed = capsys.readouterr().out
    figures = json.loads(file.read_text("utf-8"))["figures"]
    assert len(figures) == 5
    for name, taken in figures.items():
        assert name in printed
        assert len(taken) == 2


def test_counting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    budget.main(["--turns", "2", "--starts", "160", "--json", str(file)])
    printed = capsys.readouterr().out
    figures = json.loads(file.read_text("utf-8"))["figures"]
    assert "SQLite" in figures
    for name, one in figures.items():
        assert name in printed
        assert len(one["turn"]) == 2
        assert one["granted"] == budget.FITTING
        assert one["begun"] == 48


@pytest.mark.redis
def test_redis_as_the_store(
    redis_server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    redis_store.main(["--debates", "20", "--times", "2", "--json", str(file)])
    printed = capsys.readouterr().out
    figures = json.loads(file.read_text("utf-8"))["figures"]
    assert set(figures) == {"SQLite", "Redis"}
    assert all(kind in printed for kind in figures["Redis"])
    assert len(figures["Redis"]["from the kill to the next turn"]) == redis_store.OUTAGES


def test_a_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    history.main(["--debates", "60", "--times", "2", "--json", str(file)])
    printed = capsys.readouterr().out
    figures = json.loads(file.read_text("utf-8"))["figures"]
    assert "SQLite" in figures
    for name, kinds in figures.items():
        assert name in printed
        assert {"list", "a rare word", "tallies of 1,000", "a turn behind 200"} < set(kinds)
        assert all(len(seconds) in (2, history.LIKES) for seconds in kinds.values())


def test_a_stamp_says_when_it_was_made_and_no_other_word_does() -> None:
    now = stamps.clock()
    made = range(now - stamps.OLDEST, now + 1, 97)
    words = b" ".join(stamps.stamp(moment) for moment in made)
    assert list(stamps.moments(b"Rational thought\\n\\n" + words + b'", Foobar', now)) == [*made]


def test_a_crowd(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    scene = ["--counts", "2", "--ways", "page", "--audience", "0"]
    crowd.main([*scene, "--seconds", "1", "--warm", "0.5", "--coming", "0", "--json", str(file)])
    assert "delivered" in capsys.readouterr().out
    (page,) = json.loads(file.read_text("utf-8"))["figures"]["page"]
    assert 0 < page["worst"] <= page["delivered"] < 1.5
    assert 0 < page["p50"] <= page["p95"]
    assert set(page["cores"]) == {"app", "endpoint", "watchers"}


def test_a_ratio_is_the_median_over_the_pairs() -> None:
    assert ratio([1.0, 4.0, 9.0], [1.0, 2.0, 3.0]) == 2.0


def test_a_table_is_aligned() -> None:
    lines = table("Title", ("ms",), [("a", "1"), ("longer", "100")]).splitlines()
    assert lines == ["Title", "         ms", "a         1", "longer  100"]


def test_a_history_is_imported_and_exported_and_what_it_takes_is_told(tmp_path: Path) -> None:
    unpacked = import_.write_history(tmp_path / "in.zip", 3)
    assert 3 * 10_000 < unpacked < 3 * 20_000
    came = import_.take_in(tmp_path / "data", tmp_path / "in.zip")
    went = import_.write_out(tmp_path / "data", tmp_path / "out.zip")
    for took in (came, went):
        assert took.seconds > 0
        assert took.memory >= took.before > 10
    with ZipFile(tmp_path / "out.zip") as archive:
        assert len(archive.namelist()) == 7


def test_a_pattern(built_in: BuiltIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    pattern.main(["--play", "SmolLM2=1", "--rounds", "1", "--json", str(file)])
    assert "evaluated a turn" in capsys.readouterr().out
    scores = json.loads(file.read_text("utf-8"))["figures"]["SmolLM2"]
    assert set(scores) == set(VIEWS)
    for score in scores.values():
        assert score["turns"] == 2
        assert 0 < score["cost"]["evaluated"] <= score["cost"]["prompt"]
        assert score["cost"]["seconds"] >= score["cost"]["speaking"] > 0


def test_a_long_run_in_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    short = ["--minutes", "0.04", "--rests", "2", "--rest", "0.5", "--apps", "page"]
    long.main(["--turns", "0", *short, "--json", str(file)])
    assert "at rest" in capsys.readouterr().out
    figures = json.loads(file.read_text("utf-8"))["figures"]
    assert set(figures["run"]) == {"page"}
    for app in figures["run"].values():
        assert len(app["rests"]) == 2
        assert all(one["memory"] > 0 < one["files"] for one in app["samples"])


def test_growth_is_told_by_the_hour() -> None:
    samples = [{"minute": minute, "memory": 100 + minute} for minute in (0.0, 10.0, 20.0)]
    assert slope(samples, "memory") == pytest.approx(60)
