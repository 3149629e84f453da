"""What the forms of branching send, and what comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from rebuttal.catalog import Catalog, load_catalog
from rebuttal.errors import InvalidInput
from rebuttal.settings import HOME, load_settings
from rebuttal.ui.branch_entries import Act, Beside, Chair, GoOn, Obey, RunAgain
from rebuttal.ui.branch_seats import changed_seats, table_of
from rebuttal.ui.entries import House
from tests.debates import debater
from tests.strangers import house as running_house

CYNIC = debater("a", "Cynic", "for")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(HOME / "models.yaml", HOME / "personas")


@pytest.fixture(scope="module")
def house(catalog: Catalog) -> House:
    return House(catalog, load_settings(profile="public"))


TICKETS = ["", "d1 x", ""]
CHAIRS = ["cynic", "SmolLM2", "for", "rational", "SmolLM2", ""]


def test_an_order_names_the_debate_the_act_and_the_turn(house: House) -> None:
    asked = Obey.read([*TICKETS, "3 d1 fresh t-1_x"], {}, house)
    assert (asked.order.debate, asked.order.act, asked.order.turn) == ("d1", "fresh", "t-1_x")
    assert asked.showing("d1") == 1
    assert asked.showing("d2") is None


@pytest.mark.parametrize(
    "order",
    [
        *("", "fresh t1", "1 d1 fresh", "1 d1 shred t1", "1 d1 fresh t1 t2", "x d1 fresh t1"),
        *("1 d1 fresh <b>", "1  d1 fresh t1", "1 d1 fresh t1\n", "１ d1 fresh t1", None, 7, {}),
        f"1 {'d' * 65} fresh t1",
    ],
)
def test_any_other_order_is_refused(house: House, order: object) -> None:
    with pytest.raises(InvalidInput):
        Obey.read([*TICKETS, order], {}, house)


def test_another_table_and_another_run_are_read(house: House) -> None:
    asked = GoOn.read([*TICKETS, "d1 t2", 2, "Be brief.", 1, *CHAIRS], {}, house)
    assert (asked.debate_id, asked.turn_id, asked.word) == ("d1", "t2", "Be brief.")
    assert [chair.persona for chair in asked.taken] == ["cynic", "rational"]
    sent = [*TICKETS, "d1 t0", 1, "", "", "Dogs?", 2, "English", " 7 ", *CHAIRS]
    again = RunAgain.read(sent, {}, house)
    assert (again.topic, again.rounds, again.seed) == ("Dogs?", 2, 7)
    assert RunAgain.read([*sent[:10], "", *CHAIRS], {}, house).seed is None
    for wrong in ("seven", "-1", "4294967296", 1.5):
        with pytest.raises(InvalidInput):
            RunAgain.read([*sent[:10], wrong, *CHAIRS], {}, house)
    with pytest.raises(InvalidInput):
        GoOn.read([*TICKETS, "d1 t2", 2, "", 6, *CHAIRS], {}, house)
    with pytest.raises(InvalidInput):
        Beside.read([*TICKETS, "d1", "t1", ["t2"]], {}, house)


def test_the_form_as_it_was_opened_asks_for_no_other_table(catalog: Catalog) -> None:
    persona = catalog.persona("cynic").model_copy(update={"instructions": "My own words."})
    one = CYNIC.model_copy(update={"persona": persona, "model": "SmolLM2", "temperature": 0.3})
    same = Chair(persona="cynic", model="SmolLM2", stance="for")
    seats, other = table_of(catalog, [same], [one])
    assert not other
    assert (seats[0].instructions, seats[0].temperature) == ("My own words.", 0.3)
    assert not table_of(catalog, [same.model_copy(update={"stance": " "})], [one])[1]
    assert table_of(catalog, [same.model_copy(update={"model": "Big"})], [one])[1]
    assert table_of(catalog, [same, same], [one])[1]
    changed = changed_seats(catalog, [same.model_copy(update={"persona": "rational"})], [one])
    assert changed["a"].persona == "rational"
    assert changed["a"].instructions is None
    assert changed_seats(catalog, [same], [one]) == {}


# --- in front of the running page -----------------------------------------------------------------


def test_no_order_acts_on_the_debate_of_another_visitor(tmp_path: Path) -> None:
    secret = "Only Alice knows this topic"
    with running_house(tmp_path, owners="true", unwatched_after="600") as page:
        alice, bob = page.stranger("alice"), page.stranger("bob")
        mine = alice.begin("Endless", "Endless", topic=secret)
        label = {part["props"].get("label"): id for id, part in alice.parts.items()}
        taking = [e for e in alice.config["dependencies"] if label["turn order"] in e["inputs"]]
        event = int(taking[0]["id"])
        assert secret in alice.event(event, [*TICKETS, f"1 {mine} tree {mine}"]).text
        for number, act in enumerate(get_args(Act)):
            said = bob.event(event, [*TICKETS, f"{number} {mine} {act} {mine}"]).text
            missing = bob.event(event, [*TICKETS, f"{number} none {act} none"]).text
            assert secret not in said
            assert "No debate has the id" in said
            assert "No debate has the id" in missing
