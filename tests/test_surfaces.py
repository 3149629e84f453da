"""The benchmark of the surfaces runs, small, and takes its times where it says. None is judged."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import openai

from benchmarks import surfaces
from benchmarks.asked import Sample, completions, debates
from benchmarks.paced import MODEL, Paced
from rebuttal.app import DebateApp
from rebuttal.settings import load_settings


def test_what_is_added_is_told_against_the_bare_client_of_the_same_turn() -> None:
    plain = Sample(asked=10.0, first=10.25, ended=11.0, endpoint=(10.0, 10.2, 10.9))
    ours = Sample(asked=20.0, first=20.35, ended=21.2, endpoint=(20.05, 20.3, 21.0))
    whole = Sample(asked=30.0, ended=32.0, endpoint=(30.1, 30.3, 31.0))
    told = {
        row[0]: row[1:]
        for row in surfaces.rows({surfaces.BARE: [plain], "a": [ours], "b": [whole]})
    }
    assert told["a"] == ("350", "350", "+100", "50", "1200", "1200", "1.200")
    assert told["b"] == ("-", "-", "-", "-", "2000", "2000", "2.000")


async def test_surfaces_take_their_times_around_those_of_the_endpoint(tmp_path: Path) -> None:
    paced = Paced(0.02, 0.002)
    async with await asyncio.start_server(paced.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        endpoint, models = f"http://127.0.0.1:{port}/v1", tmp_path / "models.yaml"
        models.write_text(surfaces.CATALOG.format(address=endpoint, model=MODEL), "utf-8")
        settings = load_settings(models=models, data=tmp_path, cache=tmp_path, offline=True)
        async with (
            DebateApp(settings) as app,
            openai.AsyncOpenAI(api_key="none", base_url=endpoint, max_retries=0) as client,
            httpx.AsyncClient() as web,
        ):
            for ask in (completions(client, MODEL), debates(app)):
                sample = await ask()
                asked, first, last = (await web.get(f"{endpoint}/times")).json()[-1]
                assert sample.asked <= asked < first < last <= sample.ended
                assert first <= sample.first <= sample.ended
