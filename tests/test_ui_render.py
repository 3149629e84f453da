"""What the page shows, without the page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from rebuttal.colour import DAY, NIGHT, contrast, inks, seat_colours
from rebuttal.errors import BudgetSpent, Busy, InvalidInput, NotAllowed
from rebuttal.events import (
    ContextTrimmed,
    DebateFinished,
    DebatePaused,
    DebateRewound,
    DebateWaiting,
    TurnDelta,
    TurnDiscarded,
    TurnFinished,
    TurnStarted,
    TurnWaiting,
)
from rebuttal.languages import LANGUAGES, language_choices
from rebuttal.markdown import JOINER, safe_line, safe_markdown
from rebuttal.records import Finish, Persona, Timings, Turn, Usage
from rebuttal.ui import render
from rebuttal.ui.render import (
    details,
    heading,
    patience,
    refusal,
    trouble,
    voices,
)
from rebuttal.ui.spoken import RESTS, LiveTurn
from rebuttal.ui.transcript import Transcript
from tests.debates import debate, debater, turns


def started(seat: str = "a", round_: int = 1, rounds: int = 3) -> TurnStarted:
    return TurnStarted(
        seat=seat, turn_id="x", round=round_, rounds=rounds, prompt_tokens=512, context=2048
    )


def plain(text: str) -> str:
    return text.replace(JOINER, "")


# --- words of others ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hostile",
    [
        "<img src=x onerror=alert(1)>",
        "a <b>bold</b> <!-- comment --> <?php ?>",
        "</div></article><script>alert(1)</script>",
        "`<img src=x>` and\n> ```\n> <img src=x>\n> ```",
    ],
)
def test_a_tag_stays_text_in_code_and_outside(hostile: str) -> None:
    shown = safe_markdown(hostile)
    assert plain(shown) == hostile
    assert not any(f"<{letter}" in shown for letter in "abdipsPI/!?")


@pytest.mark.parametrize(
    "link",
    [
        "[x](javascript:alert(1))",
        "[x](/file=a)",
        "[x](data:text/html,a)",
        "[x](#top)",
        "[x](//e.c)",
    ],
)
def test_a_link_to_anything_but_web_and_mail_stays_text(link: str) -> None:
    assert plain(safe_markdown(link)) == link
    assert safe_markdown(link).startswith(f"[x]{JOINER}(")


def test_links_to_web_and_mail_stay_links() -> None:
    text = "[x](https://a.b/c?d=e) and [y](mailto:a@b.c)"
    assert safe_markdown(text) == text


def test_an_image_becomes_a_link_that_names_its_host() -> None:
    assert (
        safe_markdown("![a cat](https://spy.example/p.gif?who=me)")
        == "[a cat (an image at spy.example)](https://spy.example/p.gif?who=me)"
    )
    assert f"!{JOINER}[x]" in safe_markdown("![x][ref]\n\n[ref]: https://spy.example/p.gif")
    assert "]:" not in safe_markdown("[ref]: https://spy.example/p.gif")


def test_a_fence_left_open_ends_with_its_turn_and_draws_no_diagram() -> None:
    assert safe_markdown("~~~mermaid\ngraph TD").splitlines() == ["```", "graph TD", "```"]
    assert safe_markdown("```py\nx\n```") == "```\nx\n```"


def test_words_inside_our_tags_are_one_escaped_line() -> None:
    assert safe_line('a\n\n<b>"') == "a &lt;b&gt;&quot;"


# --- colours --------------------------------------------------------------------------------------


@pytest.mark.parametrize("colour", ["#ffffff", "#000000", "#8a6d1f", "#ffee00", "#2f6f9f"])
def test_every_colour_can_be_read_on_both_papers(colour: str) -> None:
    day, night = inks(colour)
    assert contrast(day, DAY) >= 4.5
    assert contrast(night, NIGHT) >= 4.5


def test_no_two_seats_share_a_colour() -> None:
    for wished in (
        ["#b03a3a"] * 6,
        [None] * 6,
        ["#B03A3A", "#b03a3a", None, "#2f6f9f", None, None],
    ):
        assert len(set(seat_colours(wished))) == 6


def test_two_seats_of_one_persona_look_different() -> None:
    persona = Persona(key="cynic", name="Cynic", instructions="Be dry.", colour="#8a6d1f")
    pair = [debater(s, n).model_copy(update={"persona": persona}) for s, n in ("aA", "bB")]
    looks = voices(debate(*pair))
    assert looks["a"].style != looks["b"].style


@pytest.mark.parametrize("paper", ["light", "dark"])
def test_the_colours_of_the_page_can_be_read(paper: str) -> None:
    css = Path(render.__file__).with_name("page.css").read_text()
    block = css.split("}")[0 if paper == "light" else 1]
    named = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})[;}]", block))
    assert named["paper"] == (DAY if paper == "light" else NIGHT)
    for sheet in ("paper", "card", "field", "wash"):
        for ink in ("ink", "soft", "accent"):
            assert contrast(named[ink], named[sheet]) >= 4.5, (ink, sheet)
    assert contrast(named["on-accent"], named["accent"]) >= 4.5
    assert min(contrast(named["edge"], named[sheet]) for sheet in ("paper", "card")) >= 3


# --- the settled transcript -----------------------------------------------------------------------


def test_turns_stand_in_rounds_with_name_stance_and_details() -> None:
    transcript = Transcript(debate())
    for turn in turns(("a", "One."), ("b", "Two."), ("a", "Three.")):
        transcript.take(TurnFinished(turn=turn))
    shown = transcript.markdown()
    assert shown.count("<article") == 3
    assert [f"Round {n}" in shown for n in (1, 2, 3)] == [True, True, False]
    assert shown.index("Round 1") < shown.index("One.") < shown.index("Two.")
    assert shown.index("Two.") < shown.index("Round 2") < shown.index("Three.")
    assert '<span class="stance">against</span>' in shown
    assert shown.count("last") == 1
    assert transcript.announcement == "Cynic has spoken."


def test_the_topic_is_not_repeated_and_a_note_is_shown() -> None:
    transcript = Transcript(debate())
    said = [*turns(("a", "One.")), turns()[0].model_copy(update={"parent_id": "t1", "text": "Hm"})]
    transcript.restart(said)
    assert "Should cats vote?" not in transcript.markdown()
    assert "The moderator" in transcript.markdown()
    assert not transcript.can_regenerate


def test_a_mere_go_on_shows_nothing() -> None:
    transcript = Transcript(debate())
    transcript.restart(turns(("a", "One.")))
    before = transcript.markdown()
    go_on = {"id": "t2", "parent_id": "t1", "text": "", "rounds": 1}
    transcript.add(turns()[0].model_copy(update=go_on))
    assert transcript.markdown() == before


def test_a_rewound_debate_forgets_the_turn() -> None:
    transcript = Transcript(debate())
    transcript.restart(turns(("a", "One."), ("b", "Two.")))
    transcript.restart(turns(("a", "One.")))
    assert "Two." not in transcript.markdown()
    assert transcript.spoken == 1


def test_an_error_appears_once_and_goes_when_somebody_speaks() -> None:
    transcript = Transcript(debate())
    transcript.take(DebatePaused(reason="error", message="<Mistral> is gone.", hint="Start it."))
    transcript.take(DebatePaused(reason="error", message="<Mistral> is gone.", hint="Start it."))
    assert transcript.markdown() == trouble("<Mistral> is gone.", "Start it.")
    assert "&lt;Mistral&gt;" in transcript.markdown()
    assert transcript.take(started())
    assert transcript.markdown() == ""


def test_a_trimmed_context_is_told_once() -> None:
    transcript = Transcript(debate())
    trimmed = ContextTrimmed(seat="a", left_out=4, context=4096)
    assert transcript.take(trimmed)
    assert not transcript.take(trimmed)
    assert "Cynic no longer sees the oldest 4 turns" in transcript.markdown()


@pytest.mark.parametrize("finish", get_args(Finish))
def test_a_cut_turn_says_so_in_words(finish: Finish) -> None:
    turn = turns(("a", "One."))[1].model_copy(update={"finish": finish})
    assert ('class="cut"' in details(turn)) == (finish != "stop")
    assert f">{finish}<" not in details(turn)


def test_the_small_print_names_model_tokens_and_speed() -> None:
    turn = Turn.model_validate(
        turns(("a", "One."))[1].model_dump()
        | {
            "model": "Tiny <1b>",
            "usage": Usage(completion_tokens=50),
            "timings": Timings(first_token=0.5, total=1.5),
        }
    )
    assert "Tiny &lt;1b&gt; · 50 tokens · 50 tokens/s · first word after 0.5 s" in details(turn)


def test_hostile_names_stances_and_topics_are_escaped_in_the_heading() -> None:
    rude = debater("a", "A", "<i>for</i>", model="<u>m</u>").model_copy(update={"name": "<b>A</b>"})
    shown = heading(debate(rude, topic="<script>alert(1)</script>\n\n# x"), {}, "a")
    assert not any(tag in shown for tag in ("<b>", "<i>", "<u>", "<script>", "\n"))


def test_the_meter_shows_how_much_of_the_context_is_in_use() -> None:
    shown = heading(debate(), {"a": started()}, "a")
    assert "--fill:25%" in shown
    assert "512 of 2,048 tokens" in shown
    assert shown.count("player speaking") == 1


# --- the turn being spoken ------------------------------------------------------------------------


def test_words_arrive_and_the_finished_turn_stays_until_the_next_begins() -> None:
    live = LiveTurn(debate())
    live.take(TurnFinished(turn=turns()[0]), 0.0)
    live.caught_up()
    live.take(started(), 1.0)
    assert 'class="turn speaking silent ' in live.markdown()
    live.take(TurnDelta(seat="a", text="One **tw"), 1.4)
    assert "One **tw" in live.markdown()
    assert live.markdown().count("speaking") == 1
    assert "silent" not in live.markdown()
    live.take(TurnFinished(turn=turns(("a", "One two."))[1]), 2.0)
    assert "One two." in live.markdown()
    assert "speaking" not in live.markdown()
    live.take(started("b"), 2.1)
    assert live.markdown().count("<article") == 2
    assert live.markdown().index("odd") < live.markdown().index("even")


def test_the_status_line_tells_round_speed_and_wait() -> None:
    live = LiveTurn(debate())
    live.caught_up()
    live.take(started(round_=2), 10.0)
    assert "Cynic is thinking" in live.status(10.0)
    assert "round 2 of 3" in live.status(10.0)
    assert "· 4 s" in live.status(14.0)
    live.take(TurnDelta(seat="a", text="First"), 14.5)
    live.take(TurnDelta(seat="a", text="x" * 400), 16.5)
    assert "Cynic is speaking" in live.status(16.5)
    assert "about 50 tokens/s" in live.status(16.5)
    assert "first word after 4.5 s" in live.status(16.5)


def test_who_comes_in_late_is_told_no_false_wait() -> None:
    live = LiveTurn(debate())
    live.take(started(), 10.0)
    live.take(TurnDelta(seat="a", text="said long ago"), 10.0)
    live.caught_up()
    assert "first word" not in live.status(11.0)


def test_a_wait_shows_its_reason_and_a_bar() -> None:
    live = LiveTurn(debate())
    live.take(started(), 1.0)
    live.take(TurnWaiting(seat="a", reason="fetching 34 of 98 MB", fraction=0.35), 1.1)
    assert "Cynic: fetching 34 of 98 MB" in live.status(1.2)
    assert '<progress value="0.350" max="1">' in live.status(1.2)


def test_a_discarded_turn_is_cleared() -> None:
    live = LiveTurn(debate())
    live.take(started(), 1.0)
    live.take(TurnDelta(seat="a", text="Same again"), 1.1)
    live.take(TurnDiscarded(seat="a", reason="it copied an earlier turn"), 1.2)
    assert "Same again" not in live.markdown()
    assert "it copied an earlier turn" in live.status(1.3)


def test_without_streaming_only_whole_turns_show() -> None:
    live = LiveTurn(debate(), streaming=False)
    live.take(started(), 1.0)
    live.take(TurnDelta(seat="a", text="Secret"), 1.1)
    assert "Secret" not in live.markdown()
    assert "Cynic is speaking" in live.status(1.2)
    live.take(TurnFinished(turn=turns(("a", "Secret no more."))[1]), 1.3)
    assert "Secret no more." in live.markdown()


def test_every_rest_is_told_and_ends_the_watching() -> None:
    for reason in RESTS:
        live = LiveTurn(debate())
        live.take(DebatePaused(reason=reason), 1.0)  # type: ignore[arg-type]
        assert live.resting
        assert RESTS[reason] in live.status(1.0)
    live.take(started(), 2.0)
    assert not live.resting
    live.take(DebateFinished(), 3.0)
    assert live.resting
    assert "The debate is over" in live.status(3.0)


def test_a_rewind_takes_the_live_turn_back() -> None:
    live = LiveTurn(debate())
    live.take(TurnFinished(turn=turns(("a", "One."))[1]), 1.0)
    live.take(DebateRewound(tip="t0"), 2.0)
    live.rewind("t0", turns())
    assert live.markdown() == ""


# --- the rest -------------------------------------------------------------------------------------


def test_at_least_a_dozen_languages_are_offered() -> None:
    assert len(language_choices()) == len(LANGUAGES) >= 12
    assert len({code for _, code in LANGUAGES.values()}) == len(LANGUAGES)


def test_rendering_needs_no_gradio() -> None:
    code = (
        "import sys, rebuttal.ui, rebuttal.ui.render, rebuttal.ui.spoken, rebuttal.ui.seating, "
        "rebuttal.ui.server; assert 'gradio' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- limits ---------------------------------------------------------------------------------------


def test_a_limit_is_told_quietly_and_a_fault_is_not() -> None:
    for limit in (Busy("Full.", "Wait."), BudgetSpent("Spent."), NotAllowed("Not here.")):
        assert 'role="status"' in refusal(limit)
        assert "trouble" not in refusal(limit)
    assert 'role="alert"' in refusal(InvalidInput("Wrong."))


def test_a_debate_that_a_limit_has_paused_says_why_and_goes_on() -> None:
    transcript = Transcript(debate())
    assert transcript.take(DebatePaused(reason="limit", message="Spent.", hint="Tomorrow."))
    assert transcript.markdown() == patience("Spent.", "Tomorrow.")
    assert transcript.take(DebateWaiting(position=3))
    assert transcript.markdown() == ""
    assert transcript.announcement == "All places are taken; you are number 3 in line."


def test_the_status_line_tells_the_number_in_line() -> None:
    live = LiveTurn(debate())
    live.take(DebateWaiting(position=3), at=0)
    assert "All places are taken; you are number 3 in line." in live.status(1)
    assert not live.resting
    live.take(DebateWaiting(position=2, seconds=130.0), at=2)
    assert "you are number 2 in line, for about 2 min." in live.status(2)
    live.take(started(), at=3)
    assert "is thinking" in live.status(3)


def test_a_link_says_where_it_opens() -> None:
    browsers, users = (debate().model_copy(update={"owner": whose}) for whose in ("c:1", "u:ann"))
    assert "(opens in this browser)" in heading(browsers, {}, None, owned=True)
    assert "(opens where you are signed in)" in heading(users, {}, None, owned=True)
    assert "(opens in this browser)" not in heading(debate(), {}, None)
