"""Who may do what over HTTP: every described route, by nobody, by little, by somebody else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebuttal.records import Power
from rebuttal.web.api.description import operations
from tests.listening import ANN, BOB, Program, calling, served, token
from tests.served import Served
from tests.test_generated import FEW, VALUES

POWERS: tuple[Power, ...] = ("read", "debate", "models")
OPEN = {("get", "/api/v1/health")}
"""What nobody has to say who they are for."""
JSON = {"content-type": "application/json"}
NAMES = [
    *("topic", "seats", "rounds", "keys", "text", "turn_id", "after", "title", "pinned", "model"),
    *("message", "conversation_id", "prompt", "stop", "chair", "question", "powers", "days"),
]
Operation = tuple[str, str, dict[str, Any]]


@dataclass
class House:
    """A public server, and who calls there: the name says who, or with which power alone."""

    served: Served
    callers: dict[str, Program]
    operations: list[Operation]
    debate: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("refusals")
    secrets = {"ann": token(folder, ANN), "bob": token(folder, BOB), "nobody": ""}
    secrets |= {power: token(folder, ANN, power) for power in POWERS}
    free = [f"requests_per_{who}=1000000" for who in ("visitor", "network")]
    with served(folder, "profile=public", *free) as there, ExitStack() as lines:
        callers = {
            name: lines.enter_context(calling(there, secret)) for name, secret in secrets.items()
        }
        described = callers["nobody"].get("/openapi.json")
        debate = callers["ann"].begin()
        yield House(there, callers, list(operations(described)), debate)


def ask(
    house: House, who: str, operation: Operation, debate: str = "missing-debate", **headers: str
) -> httpx.Response:
    """Do it, with what the description shows as an example, in that debate."""
    method, path, route = operation
    for name in ("debate_id", "conversation_id"):
        path = path.replace(f"{{{name}}}", debate)
    path = path.replace("{turn_id}", "missing-turn").replace("{hash}", "0" * 64)
    path = path.replace("{name}", "missing-panel").removeprefix("/api/v1")
    content = route.get("requestBody", {}).get("content", {}).get("application/json")
    sent = None if content is None else content["example"]
    if path == "/model-info":
        path += "?model=Quick"
    return house.callers[who].web.request(method, path, json=sent, headers=headers)


def check(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """It is that problem, in the form of RFC 9457, and kept by nobody."""
    assert answer.status_code == status, (answer.request.method, answer.request.url, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    said: dict[str, Any] = answer.json()
    assert said["type"] == f"/api/v1/problems/{kind}"
    assert said["status"] == status
    assert said["title"]
    assert said["detail"]
    return said


def power_of(operation: Operation) -> str:
    """What a token must be able to do; ``page`` for what only people do, or nothing."""
    ways = operation[2]["security"]
    assert len(ways) <= 1
    for name, powers in ways[0].items() if ways else ():
        return str(powers[0]) if name == "token" else name
    return ""


def test_every_route_declares_a_power(house: House) -> None:
    assert len(house.operations) > 35
    for operation in house.operations:
        power = power_of(operation)
        if operation[:2] in OPEN:
            assert power == ""
        else:
            assert power in (*POWERS, "page"), operation[:2]
        assert operation[2]["summary"]
        assert operation[2]["description"]


def test_every_route_shows_what_is_sent_and_what_comes_back(house: House) -> None:
    for method, path, route in house.operations:
        for content in route.get("requestBody", {}).get("content", {}).values():
            assert "example" in content, (method, path)
        found = [answer for status, answer in route["responses"].items() if status < "3"]
        contents = [content for answer in found for content in answer.get("content", {}).values()]
        shown = [content for content in contents if "example" in content or "examples" in content]
        assert shown or not contents, (method, path)


def test_nobody_is_let_in_anywhere(house: House) -> None:
    for operation in house.operations:
        answer = ask(house, "nobody", operation, house.debate)
        if operation[:2] in OPEN:
            assert answer.status_code == 200
            continue
        check(answer, 401, "unknown-caller")
        assert answer.headers["www-authenticate"] == 'Bearer realm="rebuttal"'


def test_a_token_that_is_none_is_let_in_nowhere(house: House) -> None:
    for secret in ("rebuttal-nonsense", "x", "rebuttal-" + "x" * 43):
        for operation in house.operations:
            bearer = {"authorization": f"Bearer {secret}"}
            answer = ask(house, "nobody", operation, house.debate, **bearer)
            check(answer, 401, "unknown-caller")
            assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_token_without_the_power_does_nothing(house: House) -> None:
    for operation in house.operations:
        needed = power_of(operation)
        for power in POWERS:
            if needed in ("", power):
                continue
            said = check(ask(house, power, operation, house.debate), 403, "not-allowed")
            assert needed == "page" or repr(needed) in said["detail"]


def test_a_foreign_debate_and_a_missing_one_look_the_same(house: House) -> None:
    of_debates = [o for o in house.operations if "debate_id}" in o[1] or "conversation_id}" in o[1]]
    assert len(of_debates) > 15
    before = house.callers["ann"].get(f"/debates/{house.debate}/export", format="json")
    for operation in of_debates:
        foreign = check(ask(house, "bob", operation, house.debate), 404, "not-found")
        missing = check(ask(house, "bob", operation), 404, "not-found")
        said = json.dumps(foreign).replace(house.debate, "ID")
        assert said == json.dumps(missing).replace("missing-debate", "ID")
    assert house.callers["ann"].get(f"/debates/{house.debate}/export", format="json") == before
    assert house.callers["bob"].get("/debates")["items"] == []


def test_with_owners_off_the_same_requests_read_it(tmp_path: Path) -> None:
    bob = token(tmp_path, BOB)
    ann = token(tmp_path, ANN)
    with (
        served(tmp_path, "profile=public", "owners=false") as there,
        calling(there, ann) as one,
        calling(there, bob) as other,
    ):
        debate = one.begin()
        assert other.get(f"/debates/{debate}")["debate"]["id"] == debate


# --- what the guard refuses, and what is not understood -------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status", "kind"),
    [
        ({"method": "GET", "url": "/nothing"}, 404, "not-found"),
        ({"method": "GET", "url": "/debates/"}, 404, "not-found"),
        ({"method": "PUT", "url": "/debates", "json": {}}, 405, "method-not-allowed"),
        ({"method": "POST", "url": "/debates", "content": b"{}"}, 415, "unsupported-media-type"),
        ({"method": "POST", "url": "/debates", "data": {"topic": "x"}}, 415, None),
        ({"method": "POST", "url": "/debates", "json": {}}, 422, "invalid-input"),
        ({"method": "POST", "url": "/debates", "json": {"x": "y" * 300_000}}, 413, "too-large"),
        ({"method": "GET", "url": "/debates?limit=0"}, 422, "invalid-input"),
        ({"method": "GET", "url": "/debates?cursor=nonsense"}, 422, "invalid-input"),
        ({"method": "GET", "url": "/debates", "headers": {"host": "evil.example"}}, 421, None),
    ],
)
def test_what_is_refused_is_a_problem(
    house: House, sent: dict[str, Any], status: int, kind: str | None
) -> None:
    answer = house.callers["ann"].web.request(**sent)
    kinds = {415: "unsupported-media-type", 421: "wrong-host"}
    check(answer, status, kind or kinds[status])
    if status == 405:
        assert answer.headers["allow"] == "GET, POST"


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff\xfe", b"nonsense", b""])
def test_what_is_no_json_is_said_to_be_none(house: House, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = house.callers["ann"].web.post("/debates", content=body, headers=headers)
    if body:
        check(answer, 400, "not-json")
    else:
        check(answer, 422, "invalid-input")


@pytest.mark.parametrize("depth", [300, 450, 600, 900])
def test_what_is_nested_is_refused_in_words(house: House, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    for path, field in (("/debates", "seats"), ("/chat", "message"), ("/generate", "prompt")):
        content = f'{{"{field}": {nested}}}'
        answer = house.callers["ann"].web.post(path, content=content, headers=JSON)
        assert answer.status_code in (400, 422)


def test_limits_say_when_to_come_again(tmp_path: Path) -> None:
    ann = token(tmp_path, ANN)
    with (
        served(tmp_path, "profile=public", "requests_per_visitor=12") as there,
        calling(there, ann) as caller,
    ):
        answers = [caller.web.get("/debates") for _ in range(12)]
        assert answers[0].status_code == 200
        said = check(answers[-1], 429, "busy")
        assert "Too many requests" in said["detail"]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


def test_a_page_of_another_site_may_do_nothing_with_a_cookie(tmp_path: Path) -> None:
    with served(tmp_path) as there, calling(there) as caller:
        wish = {"topic": "x", "seats": [{"persona": "cynic", "model": "Quick"}]}
        answer = caller.web.post("/debates", json=wish, headers={"origin": "https://evil.example"})
        check(answer, 403, "not-allowed")
        assert not any(name.startswith("access-control") for name in answer.headers)
        assert caller.get("/debates")["items"] == []


@settings(FEW, max_examples=8)
@given(st.data())
def test_generated_bodies_break_nothing_anywhere(house: House, data: st.DataObject) -> None:
    ann = house.callers["ann"].web
    fill = st.sampled_from([house.debate, "%00", "..%2f..%2fetc%2fpasswd", "a" * 300])
    for method, path, _ in house.operations:
        if path.endswith("/events"):
            continue
        quoted = re.sub(r"\{\w+\}", lambda _: str(data.draw(fill)), path)
        fields = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4)
        content = json.dumps(data.draw(VALUES | fields)).encode()
        sent: dict[str, Any] = (
            {} if method in ("get", "delete") else {"content": content, "headers": JSON}
        )
        answer = ann.request(method.upper(), f"{house.served.address}{quoted[1:]}", **sent)
        assert answer.status_code < 500, (method, quoted, content, answer.text)
        assert "Traceback" not in answer.text


# --- the same request twice -----------------------------------------------------------------------


def test_the_same_key_is_the_same_answer(house: House) -> None:
    ann, bob = house.callers["ann"], house.callers["bob"]
    wish = {"topic": "Keys?", "seats": [{"persona": "cynic", "model": "Quick"}], "run": False}
    key = {"idempotency-key": "one-of-these"}
    first = ann.web.post("/debates", json=wish, headers=key)
    again = ann.web.post("/debates", json=wish, headers=key)
    assert first.status_code == again.status_code == 201
    assert (first.json(), first.headers["location"]) == (again.json(), again.headers["location"])
    other = ann.web.post("/debates", json={**wish, "topic": "Locks?"}, headers=key)
    check(other, 422, "key-reused")
    assert bob.web.post("/debates", json=wish, headers=key).json()["id"] != first.json()["id"]
    refused = {"idempotency-key": "mended"}
    check(
        ann.web.post("/debates", json={**wish, "rounds": 99}, headers=refused), 400, "invalid-input"
    )
    assert ann.web.post("/debates", json=wish, headers=refused).status_code == 201
    # Another token of the same person gets no answer that was given to one that may do more.
    reader = house.callers["read"].web.post("/debates", json=wish, headers=key)
    check(reader, 403, "not-allowed")


async def test_the_same_key_at_the_same_moment_begins_one_debate(house: House) -> None:
    import asyncio

    ann = house.callers["ann"]
    wish = {"topic": "At once?", "seats": [{"persona": "cynic", "model": "Quick"}], "run": False}
    headers = {**ann.web.headers, "idempotency-key": "at once"}
    async with httpx.AsyncClient(base_url=ann.web.base_url, headers=headers) as web:
        answers = await asyncio.gather(*(web.post("/debates", json=wish) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    found = ann.get("/debates", text="At once?")["items"]
    assert len(found) == 1


def test_a_debate_that_is_kept_begins_when_it_is_told_to(house: House) -> None:
    ann = house.callers["ann"]
    debate = ann.begin(run=False)
    assert ann.get(f"/debates/{debate}")["state"] == "interrupted"
    assert len(ann.turns(debate)) == 1
    assert ann.post(f"/debates/{debate}/run")["state"] in ("running", "finished")


def test_pages_of_a_list_lead_through_all_of_it(house: House) -> None:
    ann = house.callers["ann"]
    made = {ann.begin(run=False, topic=f"Cursor number {n}?") for n in range(7)}
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = ann.get("/debates", text="cursor number", limit=3, **cursor)
        assert len(page["items"]) <= 3
        found += [item["debate"]["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert sorted(found) == sorted(made)
