"""What strangers send to the page's events: read strictly, and never for somebody else's debate."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rebuttal.ui
from rebuttal.app import DebateApp
from rebuttal.catalog import Catalog, load_catalog
from rebuttal.errors import InvalidInput, NotAllowed
from rebuttal.files import Files
from rebuttal.history import History
from rebuttal.links import Links
from rebuttal.panels import Panels
from rebuttal.records import OPERATOR, Visitor
from rebuttal.settings import HOME, load_settings
from rebuttal.tokens import Tokens
from rebuttal.ui import branch_entries, entries, history_entries, program_entries
from rebuttal.ui.entries import Entry, Form, House, Look, Note, Opened, Start, Ticket
from rebuttal.ui.notice import visitor_of
from rebuttal.ui.own_key import receivers
from tests.cases import cases
from tests.strangers import Stranger, house

CASES = cases(2_000)
ID = "A-debate_of-Alice"
SEAT = ["cynic", "SmolLM2", "for", "Be brief.", 0.5]
START = ["Cats?", 2, "", "", 3, "English", "token", *SEAT, *SEAT]
KEY = "sk-canary-0123456789abcdef"
SEEN_BY_ALL = {
    *("catalog", "catalog_problem", "close", "speaking", "keep_tidy", "stand_by"),
    *("keeps_elsewhere", "storage_problem"),
}
"""What is asked for nobody in particular."""

FORGED: list[Any] = [
    *(None, True, 0, -1, 1e308, float("nan"), 10**40, "", "x" * 9000, "\ud83d", "a\0b", ID),
    *([], {}, [[[]]], ["a", 1], {"__type__": "update", "value": "x"}, {"value": "x", "props": {}}),
    {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
    {"path": "http://127.0.0.1:9/x", "meta": {"_type": "gradio.FileData"}},
    {"path": 1, "url": None, "meta": {"_type": "gradio.FileData"}, "is_stream": True},
]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(HOME / "models.yaml", HOME / "personas")


@pytest.fixture(scope="module")
def public(catalog: Catalog) -> House:
    return House(catalog, load_settings(profile="public"))


def kinds() -> list[type[Entry]]:
    rooms = (entries, history_entries, branch_entries, program_entries)
    named = {kind for room in rooms for _, kind in inspect.getmembers(room, inspect.isclass)}
    found = sorted(named, key=lambda kind: kind.__name__)
    return [kind for kind in found if issubclass(kind, Entry) and kind is not Entry]


# --- one strict model for each ----------------------------------------------------------------


def test_the_start_of_a_debate_is_read(public: House) -> None:
    asked = Start.read(START, {}, public)
    assert (asked.topic, asked.rounds, asked.keys) == ("Cats?", 3, {})
    assert [place.model for place in asked.taken] == ["SmolLM2", "SmolLM2"]


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (0, "x" * 8001, "The topic has 8001 characters; 8000 are allowed."),
        (0, ["Cats?"], "The topic is not text."),
        (3, "sk-with a blank", "The key has characters that no key has."),
        (3, "k" * 501, "The key has 501 characters; 500 are allowed."),
        (3, KEY, "Say whose key it is."),
        (1, 7, "The number of seats should be less than or equal to 6."),
        (1, True, "The number of seats should be a whole number."),
        (1, 3, "3 seats were asked for, 2 are here."),
        (4, 6, "Rounds: 6 is not between 1 and 5."),
        (4, "3", "Rounds should be a whole number."),
        (4, None, "Rounds should be a whole number."),
        (5, "e" * 61, "The language has 61 characters; 60 are allowed."),
        (6, "no mark of ours!", "The form's mark is not one of this page."),
        (7, "nobody", "Seat 1: the persona: no persona is called 'nobody'."),
        (13, "Ollama/any", "Seat 2: the model: no model is called 'Ollama/any'."),
        (13, "", "Seat 2 has no model to speak through."),
        (9, "s" * 501, "Seat 1: the stance has 501 characters; 500 are allowed."),
        (15, "i" * 4001, "Seat 2: the instructions has 4001 characters; 4000 are allowed."),
        (11, 2.5, "Seat 1: the temperature should be less than or equal to 2."),
        (11, "hot", "Seat 1: the temperature should be a number."),
        (11, float("nan"), "Seat 1: the temperature should be a number."),
        (11, True, "Seat 1: the temperature should be a number."),
    ],
)
def test_a_wrong_value_is_refused_in_words_that_name_its_field(
    public: House, place: int, value: object, said: str
) -> None:
    sent = [*START]
    sent[place] = value
    with pytest.raises(InvalidInput) as refused:
        Start.read(sent, {}, public)
    assert refused.value.message == said


def test_only_where_it_is_allowed_a_seat_takes_any_model_of_a_server(catalog: Catalog) -> None:
    sent = [*START]
    sent[8] = "Ollama/any"
    here = House(catalog, load_settings(profile="lan"))
    assert Start.read(sent, {}, here).taken[0].model == "Ollama/any"


def test_cards_that_nobody_sits_at_are_there_when_one_is_added(public: House) -> None:
    asked = Form.read(["Cats?", 1, *SEAT, *SEAT], {}, public)
    assert (len(asked.taken), len(asked.places)) == (1, 2)


@pytest.mark.parametrize(
    "ticket", ["", " ", ID, f"{ID} a b", f"{ID}\n x", f"{'x' * 65} a", None, 1]
)
def test_a_ticket_has_one_shape(public: House, ticket: object) -> None:
    with pytest.raises(InvalidInput):
        Ticket.read([ticket], {}, public)


def test_a_stage_without_a_debate_may_be_looked_at(public: House) -> None:
    assert Look.read([""], {}, public).debate_id == ""
    assert Note.read([f"{ID} mark", "a\0\ud83d"], {}, public).note == "a\ufffd\ufffd"


@pytest.mark.parametrize("query", [b"debate=" + b"x" * 65, b"debate=a%00b", b"debate=<b>"])
def test_an_address_that_no_debate_can_have_is_refused(public: House, query: bytes) -> None:
    assert Opened.read([], {"query_string": b"debate=" + ID.encode()}, public).debate == ID
    assert Opened.read([], {}, public).debate is None
    with pytest.raises(InvalidInput):
        Opened.read([], {"query_string": query}, public)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-10, 10)
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "cynic", "SmolLM2", "English", "OpenAI", "GPT-5 mini", f"{ID} mark"])
    | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_is_sent_becomes_an_entry_or_words(public: House, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(kinds()))
    if issubclass(kind, Start) or data.draw(st.booleans()):
        sent: list[Any] = [*START]
        for _ in range(data.draw(st.integers(0, 3))):
            sent[data.draw(st.integers(0, len(sent) - 1))] = data.draw(JSON)
        sent[3] = data.draw((st.just(KEY) | JSON) if issubclass(kind, Start) else JSON)
    else:
        sent = data.draw(st.lists(JSON, max_size=3))
    scope = {"query_string": data.draw(st.binary(max_size=20)), "rebuttal.keys": {"OpenAI": KEY}}
    try:
        said = repr(kind.read(sent, scope, public))
    except InvalidInput as refused:
        said = str(refused)
    assert KEY not in said


# --- who asks ---------------------------------------------------------------------------------


def test_who_was_not_found_is_nobody_but_at_this_machine(tmp_path: Path) -> None:
    local = load_settings(profile="local")
    assert visitor_of({}, local) is OPERATOR
    for name in ("lan", "public"):
        with pytest.raises(NotAllowed):
            visitor_of({}, load_settings(profile=name))
    with pytest.raises(NotAllowed):
        visitor_of({}, load_settings(profile="local", auth=tmp_path / "users"))
    with pytest.raises(NotAllowed):
        visitor_of({"rebuttal.visitor": {"operator": True}}, load_settings(profile="public"))
    bob = Visitor(owner="c:bob")
    assert visitor_of({"rebuttal.visitor": bob}, local) is bob


METHODS = {
    name: {n for n in vars(part) if n[0] != "_"} - SEEN_BY_ALL
    for name, part in (
        ("app", DebateApp),
        ("history", History),
        ("links", Links),
        ("files", Files),
        ("tokens", Tokens),
        ("panels", Panels),
    )
}
"""What the app does, and its parts."""


def asks(tree: ast.AST) -> Iterator[tuple[ast.Attribute, ast.Call | None]]:
    """Each use of a method of the app, with the call that it is a part of."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        owner = node.value
        name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
        if node.attr in METHODS.get(name.lstrip("_"), ()):
            yield node, next((c for c in calls if c.func is node or node in c.args), None)


def visitorless(source: str) -> list[int]:
    """Lines that ask the app for something without saying for whom."""
    return [
        node.lineno
        for node, call in asks(ast.parse(source))
        if call is None or "visitor" not in [keyword.arg for keyword in call.keywords]
    ]


def test_no_handler_asks_the_app_without_saying_for_whom() -> None:
    files = sorted(Path(rebuttal.ui.__file__).parent.glob("*.py"))
    found = {file.name: visitorless(file.read_text()) for file in files}
    assert {name: lines for name, lines in found.items() if lines} == {}
    used = {node.attr for f in files for node, _ in asks(ast.parse(f.read_text()))}
    assert {"start", "say", "stop", "watch", "export", "pull", "models"} <= used
    assert {"find", "delete", "tallies", "make", "revoke"} <= used


@pytest.mark.parametrize(
    "planted",
    [
        "app.stop(debate_id)",
        "self._app.debate(x, owner=y)",
        "to_thread(app.reload_catalog)",
        "app.history.find(search)",
        "app.links.make(debate_id, 7)",
        "app.tokens.revoke(hash)",
        "app.panels.save(panel)",
    ],
)
def test_a_handler_that_forgets_the_visitor_is_found(planted: str) -> None:
    assert visitorless(planted) == [1]


# --- in front of the running page -------------------------------------------------------------


def tickets(somebody: Stranger) -> list[dict[str, Any]]:
    """Every event that is about a debate."""
    ids = {i for i, part in somebody.parts.items() if part["props"].get("label") == "debate"}
    return [event for event in somebody.config["dependencies"] if ids & {*event["inputs"]}]


def answers(somebody: Stranger, debate_id: str) -> dict[int, str]:
    """What every event says that is told to act on that debate."""
    said = {}
    for event in tickets(somebody):
        if not event["backend_fn"]:
            continue
        values = somebody.values(event)
        sent = [f"{debate_id} mark" if value in (None, "") else value for value in values]
        if len(sent) == 2 and isinstance(sent[1], str):
            sent[1] = "A word from Bob"
        if event["queue"]:
            said[event["id"]] = somebody.listen(event["id"], sent)
        else:
            said[event["id"]] = somebody.event(event["id"], sent).text
    load = next(e for e in somebody.config["dependencies"] if tuple(e["targets"][0])[1] == "load")
    said[load["id"]] = somebody.event(load["id"], [], f"?debate={debate_id}").text
    return said


def exported(somebody: Stranger, debate_id: str) -> str:
    event = somebody.presses("JSON")
    return somebody.event(event["id"], [f"{debate_id} mark"]).text


@pytest.mark.parametrize("owners", ["false", "true"])
def test_no_event_acts_on_the_debate_of_another_visitor(tmp_path: Path, owners: str) -> None:
    secret = "Only Alice knows this topic"
    with house(tmp_path, owners=owners, unwatched_after="600") as page:
        alice, bob = page.stranger("alice"), page.stranger("bob")
        debate = alice.begin("Endless", "Endless", topic=secret)
        said = answers(bob, debate)
        assert len(said) > 30
        leaked = [fn for fn, words in said.items() if secret in words or "and so on" in words]
        after = exported(alice, debate)
        if owners == "false":
            assert leaked
            assert "A word from Bob" in after
            return
        assert not leaked
        assert "A word from Bob" not in after
        assert secret in after
        assert "is speaking" in alice.listen(listener(alice), [f"{debate} mark", True])
        missing = answers(bob, "x" * len(debate))
        assert {fn: unmarked(words) for fn, words in said.items()} == {
            fn: unmarked(words) for fn, words in missing.items()
        }
        assert "Traceback" not in page.log.read_text()


def listener(somebody: Stranger) -> int:
    """The event of the debate's table that follows the words as they come."""
    heard = [event for event in tickets(somebody) if len(event["inputs"]) == 2 and event["queue"]]
    return int(heard[-1]["id"])


def unmarked(words: str) -> str:
    """Without what is different each time: durations, ids of events and of requests."""
    words = re.sub(r'"\w*(duration|eta|time)":[^,}]+', "", words)
    return re.sub(r"[0-9a-f]{32}|[\w-]{22}", "", unescape(words))


def test_without_a_guard_strangers_get_nothing(tmp_path: Path) -> None:
    with house(tmp_path) as page:
        nobody = page.stranger(None)
        refused = nobody.start().text
        assert "cannot tell who you are" in refused
        assert "debate=" not in refused
    with house(tmp_path, "local") as page:
        person = page.stranger(None)
        assert person.begin()


@pytest.mark.parametrize("blocks", ["plain", "raw"])
def test_forged_bodies_of_every_shape_end_in_words(tmp_path: Path, blocks: str) -> None:
    with house(tmp_path, "public", blocks) as page:
        bob = page.stranger()
        broken = []
        for event in bob.config["dependencies"]:
            usual = bob.values(event)
            bodies: list[list[Any]] = [[value] * len(usual) for value in FORGED]
            bodies += [[], usual[:-1], [*usual, "more"]]
            for body in bodies:
                answer = bob.event(event["id"], body)
                if answer.status_code >= 500:
                    broken.append((event["id"], body[:1]))
            if event["queue"] and event["backend_fn"]:
                bob.listen(event["id"], bodies[-1])
        log = page.log.read_text()
    if blocks == "plain":
        assert len(broken) > 100
        assert "Traceback" in log
    else:
        assert not broken
        assert "Traceback" not in log


@pytest.mark.parametrize("blocks", ["plain", "raw"])
def test_what_a_stranger_sends_does_not_stay_in_memory(tmp_path: Path, blocks: str) -> None:
    with house(tmp_path, "public", blocks) as page:
        bob = page.stranger()
        blur = next(
            event
            for event in bob.config["dependencies"]
            if any(tuple(target)[1] == "blur" for target in event["targets"])
        )
        values = bob.values(blur)
        values[0] = "x" * 1_000_000
        for tab in range(110):
            if tab == 10:  # until here the process itself still grows
                before = memory(page.process.pid)
            bob.name = f"tab{tab}"
            bob.event(blur["id"], values)
        grown = memory(page.process.pid) - before
    assert (grown > 90e6) if blocks == "plain" else (grown < 20e6)


def memory(pid: int) -> int:
    """Bytes a process holds."""
    import psutil

    return int(psutil.Process(pid).memory_info().rss)


@pytest.mark.parametrize("taken", ["true", "false"])
def test_a_key_of_ones_own_is_in_nothing_that_is_said(tmp_path: Path, taken: str) -> None:
    with house(tmp_path, own_keys=taken) as page:
        bob = page.stranger()
        said = bob.start("Expensive", "Quick", endpoint="Locked", key=KEY).text
        said += json.dumps(bob.config)
        if taken == "true":
            debate = re.search(r"debate=([\w-]+)", said)
            assert debate
            said += "".join(answers(bob, debate[1]).values())
            assert "nobody speaks here" in bob.start(endpoint="Locked", key=KEY).text
        else:
            assert "No keys of visitors are taken here." in said
        kept = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert KEY not in said
    assert not [data for data in kept if KEY.encode() in data]


@pytest.mark.parametrize("told", ["true", "false"])
def test_where_a_key_goes_is_told_and_no_address_of_the_house(tmp_path: Path, told: str) -> None:
    with house(tmp_path, show_addresses=told) as page:
        config = json.dumps(page.stranger().config)
    assert ("sent to localhost and nowhere else" in config) is (told == "true")
    assert ("sent to Locked and nowhere else" in config) is (told == "false")


def test_a_host_that_everybody_knows_is_named() -> None:
    app = DebateApp(load_settings(profile="public"))
    assert receivers(app)["OpenAI"] == "api.openai.com"
