"""Histories that go out as a zip and come in again, through DebateApp."""

from __future__ import annotations

import asyncio
import io
import json
import random
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rebuttal.app import DebateApp
from rebuttal.document import json_of
from rebuttal.errors import BudgetSpent, InvalidInput, NotAllowed, NotFound, RebuttalError
from rebuttal.providers.scripted import Line, ScriptedModel
from rebuttal.records import OPERATOR, Search, Visitor
from tests.branched import branched
from tests.debates import CYNIC_AND_RATIONAL, scripted_app, watch_to_rest
from tests.documents import in_zip, mutated, without_ids
from tests.paying import ANN, BOB, public_app

SAYS = ["Tea is calm.", "Coffee is awake.", "Calm wins.", "No rest wins."]
GUEST = Visitor(owner="", reads="somebody's")


async def arriving(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    """As a body comes in: piece by piece."""
    for at in range(0, len(data), size):
        yield data[at : at + size]
        await asyncio.sleep(0)


def text_of(*texts: str, topic: str = "Is tea better than coffee?") -> bytes:
    return json_of(*branched(*texts, topic=topic)).encode()


async def zip_of(app: DebateApp, visitor: Visitor = OPERATOR) -> zipfile.ZipFile:
    pieces = [piece async for piece in app.files.export_all(visitor=visitor)]
    return zipfile.ZipFile(io.BytesIO(b"".join(pieces)))


async def kept(app: DebateApp, visitor: Visitor) -> int:
    return len(await app.debates(visitor=visitor))


# --- a debate -------------------------------------------------------------------------------------


async def test_a_debate_that_was_held_here_comes_back_as_it_was(tmp_path: Path) -> None:
    nasty = ["\x1b[31mRed\x1b[0m \u202etxt\0 <b>!</b>\r\n", "\u05d0\u05d1 ```\n# x", "e\u0301 | \\"]
    model = ScriptedModel([Line(nasty[0]), *nasty[1:], *SAYS], repeat=True)
    async with scripted_app(tmp_path, model) as app:
        topic = "\x1b]0;owned\x07Is \ud800 tea\u2028 better?\n"
        debate_id = await app.start(topic, CYNIC_AND_RATIONAL, rounds=2, seed=3)
        await watch_to_rest(app, debate_id)
        await app.say(debate_id, "Be brief.\0", rounds=1)
        await watch_to_rest(app, debate_id, (await app.debate(debate_id)).tip)
        first = await app.export(debate_id, "json")
        (new_id,) = await app.files.import_(arriving(first.encode(), 7))
        second = await app.export(new_id, "json")
        assert without_ids(second) == without_ids(first)
        assert (await app.debate(new_id)).imported_at is not None
        assert await app.state(new_id) == await app.state(debate_id) == "finished"
        told = [await app.export(key, "txt") for key in (debate_id, new_id)]
        facts = [text.split("(begun ")[1].split(")")[0] for text in told]
        assert ", imported " in facts[1]
        assert told[1].replace(facts[1], facts[0]) == told[0]


async def test_a_debate_that_was_not_finished_goes_on_where_it_ended(tmp_path: Path) -> None:
    document = text_of().replace(b"SmolLM2 | built in", b"Scripted")
    async with scripted_app(tmp_path, ScriptedModel(SAYS)) as app:
        (debate_id,) = await app.files.import_(arriving(document))
        assert await app.state(debate_id) == "interrupted"
        await app.resume(debate_id)
        await watch_to_rest(app, debate_id, (await app.debate(debate_id)).tip)
        assert [turn.speaker for turn in await app.transcript(debate_id)][-2:] == ["a", "c"]
        assert await app.state(debate_id) == "finished"
        assert len(await app.tree(debate_id)) == 11


async def test_a_guest_is_given_the_main_line_and_nothing_of_the_owner_s(tmp_path: Path) -> None:
    async with public_app(tmp_path) as app:
        (debate_id,) = await app.files.import_(arriving(text_of()), visitor=ANN)
        await (await app._works.opened_store()).change_debate(debate_id, title="My secret name")
        guest = Visitor(owner="", reads=debate_id)
        whole = json.loads(await app.files.export(debate_id, "json", visitor=guest))
        assert len(whole["turns"]) == 7
        for hidden in (debate_id, "My secret name", ANN.owner):
            assert hidden not in json.dumps(whole)
        assert "What else" not in await app.files.export(debate_id, "html", visitor=guest)
        with pytest.raises(NotFound):
            await app.files.export(debate_id, "json", visitor=BOB)


# --- a history ------------------------------------------------------------------------------------


async def test_a_history_goes_out_and_comes_back_whole(tmp_path: Path) -> None:
    topics = [f"Topic {number}: tea/coffee? \u8336 \x1b[31m" for number in range(7)]
    async with scripted_app(tmp_path, ScriptedModel([])) as app:
        for topic in topics:
            await app.files.import_(arriving(text_of(topic=topic)))
        archive = await zip_of(app)
        names = archive.namelist()
        assert names[-1] == "index.md"
        assert len([name for name in names if name.endswith(".json")]) == 7
        assert all(name.isprintable() and ".." not in name for name in names)
        assert "debates/00001-topic-6-tea-coffee-茶.md" in names
        ids = await app.files.import_(tmp_path_of(tmp_path, archive))
        assert len(ids) == 7
        again = await zip_of(app)
        assert len(again.namelist()) == 2 * 14 + 1
        before = sorted(json.dumps(without_ids(_read(archive, n))) for n in names if "json" in n)
        now = [await app.export(key, "json") for key in ids]
        assert sorted(json.dumps(without_ids(text)) for text in now) == before


def _read(archive: zipfile.ZipFile, name: str) -> str:
    return archive.read(name).decode()


def tmp_path_of(folder: Path, archive: zipfile.ZipFile) -> Path:
    file = folder / "history.zip"
    assert archive.fp is not None
    archive.fp.seek(0)
    file.write_bytes(archive.fp.read())
    return file


async def test_a_history_is_sent_while_it_is_read(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, ScriptedModel([])) as app:
        text = text_of("x" * 8000).decode()
        await app.files.import_(arriving(in_zip(*[text] * 30), 10_000))
        pieces = [len(piece) async for piece in app.files.export_all()]
        assert len(pieces) == 31
        assert max(pieces) < 2 * sum(pieces) / len(pieces) + 6000  # the last names all


async def test_a_debate_that_is_deleted_meanwhile_is_left_out(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, ScriptedModel([])) as app:
        ids = await app.files.import_(arriving(in_zip(*[text_of().decode()] * 3)))
        going = app.files.export_all()
        pieces = [await anext(going)]
        await (await app._works.opened_store()).delete([ids[0]])
        pieces += [piece async for piece in going]
        archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
        assert len([name for name in archive.namelist() if name.endswith(".json")]) == 2


async def test_a_history_is_the_visitor_s_alone(tmp_path: Path) -> None:
    async with public_app(tmp_path) as app:
        await app.files.import_(arriving(text_of(topic="Of Ann?")), visitor=ANN)
        await app.files.import_(arriving(text_of(topic="Of Bob?")), visitor=BOB)
        assert "of-ann" in "".join((await zip_of(app, ANN)).namelist())
        assert "of-bob" not in "".join((await zip_of(app, ANN)).namelist())
        assert len((await zip_of(app)).namelist()) == 5  # the operator's
        for refused in (zip_of(app, GUEST), app.files.import_(arriving(b"{}"), visitor=GUEST)):
            with pytest.raises(NotAllowed):
                await refused


async def test_who_imports_becomes_the_owner(tmp_path: Path) -> None:
    async with public_app(tmp_path) as app:
        (debate_id,) = await app.files.import_(arriving(text_of()), visitor=ANN)
        debate = await app.debate(debate_id, visitor=ANN)
        assert (debate.owner, debate.created_at) == (ANN.owner, branched()[0].created_at)
        with pytest.raises(NotFound):
            await app.debate(debate_id, visitor=BOB)


# --- limits ---------------------------------------------------------------------------------------


async def test_nothing_is_kept_of_a_zip_in_which_one_debate_is_wrong(tmp_path: Path) -> None:
    good, bad = text_of().decode(), text_of().decode().replace('"seed": 7', '"seed": -7')
    async with public_app(tmp_path) as app:
        with pytest.raises(InvalidInput, match=r"debates/3\.json: debate\.seed"):
            await app.files.import_(arriving(in_zip(good, good, good, bad)), visitor=ANN)
        assert await kept(app, ANN) == 0


async def test_no_more_is_read_than_may_come_in(tmp_path: Path) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1024
            yield b" " * 1024

    async with scripted_app(tmp_path, ScriptedModel([]), max_import_kib=100) as app:
        with pytest.raises(InvalidInput, match=r"more than 0\.0977 MiB"):
            await app.files.import_(endless())
        assert taken == 101 * 1024
        big = tmp_path / "big.json"
        big.write_bytes(b" " * 200_000)
        with pytest.raises(InvalidInput, match="more than"):
            await app.files.import_(big)


async def test_an_import_counts_in_the_budget_and_one_that_fails_does_not(tmp_path: Path) -> None:
    good = text_of("word " * 200).decode()
    bad = good.replace('"seed": 7', '"seed": -7')
    async with public_app(tmp_path, tokens_per_visitor=5000, tokens_per_debate=4000) as app:
        with pytest.raises(InvalidInput):
            await app.files.import_(arriving(in_zip(good, bad)), visitor=ANN)
        assert await _spent(app) == 0
        await app.files.import_(arriving(good.encode()), visitor=ANN)
        spent = await _spent(app)
        assert 1500 < spent < 3900
        with pytest.raises(BudgetSpent, match=r"you have for today .* more may be needed"):
            await app.files.import_(arriving(in_zip(good, good, good)), visitor=ANN)
        assert (await _spent(app), await kept(app, ANN)) == (spent, 1)
        await app.files.import_(arriving(in_zip(good, good, good)))  # the operator's own
        assert await _spent(app) == spent


@pytest.mark.parametrize(
    "empty", [{"model": "m" * 300, "persona": "p" * 60}, {"usage": {"prompt_tokens": 1}}]
)
async def test_what_nobody_said_counts_too_because_it_is_kept(
    tmp_path: Path, empty: dict[str, object]
) -> None:
    whole = json.loads(text_of("short"))
    again = next(turn for turn in whole["turns"] if turn["speaker"] != "user")
    silent = {**again, **empty, "parent_id": again["id"], "text": ""}
    whole["turns"] += [{**silent, "id": f"e{number}"} for number in range(150)]
    data = json.dumps(whole, separators=(",", ":")).encode()
    async with public_app(tmp_path, tokens_per_visitor=200_000) as app:
        await app.files.import_(arriving(data), visitor=ANN)
        assert await _spent(app) > len(data) / 6
        (debate,) = await app.debates(visitor=ANN)
        before = await _spent(app)
        link = await app.links.make(debate.id, visitor=ANN)
        await app.links.fork(link, visitor=ANN)
        assert await _spent(app) > before + 200


async def test_a_debate_dearer_than_any_may_be_does_not_come_in(tmp_path: Path) -> None:
    async with public_app(tmp_path, tokens_per_debate=1000) as app:
        with pytest.raises(BudgetSpent, match="one may cost 1,000 here"):
            await app.files.import_(arriving(text_of("word " * 1000)), visitor=ANN)
        assert await kept(app, ANN) == 0


async def _spent(app: DebateApp) -> int:
    visitors = (await app.budget()).figures.get("visitor")
    return visitors.total.tokens if visitors else 0


async def test_a_file_that_is_not_there_is_named_without_its_folder(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, ScriptedModel([])) as app:
        for path in (tmp_path / "none.json", tmp_path):
            with pytest.raises(InvalidInput) as refused:
                await app.files.import_(path)
            assert path.name in refused.value.message
            assert str(tmp_path.parent) not in str(refused.value)


async def test_an_import_that_is_given_up_keeps_nothing(tmp_path: Path) -> None:
    began = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        began.set()
        await asyncio.sleep(60)

    async with scripted_app(tmp_path, ScriptedModel([])) as app:
        going = asyncio.create_task(app.files.import_(slow()))
        await began.wait()
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
        assert await kept(app, OPERATOR) == 0


async def test_spoilt_files_are_refused_in_words_and_leave_nothing_behind(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, ScriptedModel([]), max_import_kib=512) as app:
        accepted: list[str] = []
        for number in range(3000, 3400):
            try:
                accepted += await app.files.import_(arriving(mutated(random.Random(number)), 9999))
            except RebuttalError as error:
                assert error.message.isprintable()  # noqa: PT017
        assert 0 < len(accepted) < 200
        page = await (await app._works.opened_store()).search(None, Search(), None, 500)
        assert {found.debate.id for found in page.found} == {*accepted}
        for debate_id in accepted[:20]:
            assert await app.export(debate_id, "html")


async def test_two_imports_at_once_are_both_whole(tmp_path: Path) -> None:
    async with scripted_app(tmp_path, ScriptedModel([])) as app:
        text = text_of().decode()
        some = [app.files.import_(arriving(in_zip(*[text] * 5))) for _ in range(6)]
        ids = [key for there in await asyncio.gather(*some) for key in there]
        assert len({*ids}) == 30
        trees = [await app.tree(key) for key in ids]
        assert {len(tree) for tree in trees} == {10}
        assert all(turn.created_at.tzinfo is UTC for tree in trees for turn in tree)
        assert datetime.now(UTC) > trees[0][0].created_at
