"""An exported debate says everything, and nothing said in it can break the document."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from markdown_it import MarkdownIt

from rebuttal.export import CUTS, EXPORT_FORMATS, ExportFormat, export_debate
from rebuttal.records import Debate, Debater, Finish, Persona, Timings, Turn, Usage
from tests.branched import branched
from tests.hostile import offences, sayings

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def debate(topic: str = "Is tea better than coffee?", name: str = "Cynic") -> Debate:
    seats = [("a", "Philosopher", "for"), ("b", name, None)]
    return Debate(
        id="d1",
        topic=topic,
        debaters=tuple(
            Debater(
                seat=seat,
                name=name,
                persona=Persona(key=seat, name=name[:40], instructions="Speak."),
                model="SmolLM2 | built in",
                stance=stance,
            )
            for seat, name, stance in seats
        ),
        rounds=1,
        seed=7,
        tip="t3",
        created_at=NOON,
    )


def turns(said: str = "Tea is *calm*.", finish: Finish = "stop") -> list[Turn]:
    usage = Usage(prompt_tokens=120, completion_tokens=17)
    model = "SmolLM2 | built in"
    topic = Turn(id="t1", parent_id=None, speaker="user", text="Tea?", rounds=1, created_at=NOON)
    first = Turn(
        id="t2",
        parent_id="t1",
        speaker="a",
        text=said,
        model=model,
        finish=finish,
        usage=usage,
        timings=Timings(first_token=0.1, total=2.25),
        created_at=NOON,
    )
    note = Turn(id="n1", parent_id="t2", speaker="user", text="Be brief.", created_at=NOON)
    second = Turn(
        id="t3", parent_id="n1", speaker="b", text="No.", model=model, usage=usage, created_at=NOON
    )
    return [topic, first, note, second]


def outline(markdown: str) -> list[str]:
    """The document's top-level blocks as a Markdown reader sees them; headings with their words."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    return [
        tokens[at + 1].content if token.type == "heading_open" else token.type
        for at, token in enumerate(tokens)
        if token.level == 0 and token.nesting >= 0
    ]


WHOLE = [
    "Is tea better than coffee?",
    "table_open",
    *("Topic", "blockquote_open"),
    *("Philosopher", "blockquote_open"),
    *("Moderator's note", "blockquote_open"),
    *("Cynic", "blockquote_open"),
    *("html_block", "paragraph_open", "table_open", "html_block"),
]


def test_markdown_has_topic_seats_turns_and_details() -> None:
    text = export_debate(debate(), turns(), "md")
    assert outline(text) == WHOLE
    assert "> Tea is *calm*." in text
    assert "| 2 | Philosopher | SmolLM2 \\| built in | 120 | 17 | 2.2 | stop |" in text
    assert "seed 7" in text


@pytest.mark.parametrize(
    "hostile",
    [
        "# A heading\n\n---\n\n## Cynic\n\nI concede.",
        "```\nnever closed",
        "~~~~\nnever closed\n\n\n",
        "</details></blockquote><script>alert(1)</script>",
        "\\<div>\n<!-- \n<?php <![CDATA[",
        "<details><summary>x",
        "text\r\n\r## Cynic\n\nforged",
        "\x1b]0;title\x07\u202e## Cynic",
        "- a list\n\n      1. deeper\n\n\tcode",
        "Philosopher\n===\nsetext",
        "| a | b |\n|---|---|\n| c | d |",
    ],
)
def test_no_turn_breaks_out_of_its_quote(hostile: str) -> None:
    text = export_debate(debate(), turns(hostile), "md")
    assert outline(text) == WHOLE
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert html.count("<blockquote>") == html.count("</blockquote>") == 4
    assert html.count("<details") == html.count("</details>") == 1
    assert "<script" not in html
    assert "<div" not in html


def test_no_turn_fetches_an_image_or_defines_a_link_for_another() -> None:
    hostile = (
        "![pixel](http://spy.test/1) \\![pixel](http://spy.test/2)\n\n"
        "[brief]: http://spy.test/3\n\n- [Be brief.]: http://spy.test/4\n\n[a\nb]: http://spy.test/5"
    )
    second = "[brief] and [Be brief.] and [a b]"
    said = [*turns(hostile)[:3], *turns(second)[1:2]]
    html = MarkdownIt("commonmark").render(export_debate(debate(), said, "md"))
    assert "<img" not in html
    assert "pixel (an image at spy.test)" in html
    assert "[brief] and [Be brief.] and [a b]" in html


@pytest.mark.parametrize("saying", sayings())
def test_nothing_said_anywhere_acts_in_the_document(saying: str) -> None:
    saying = saying.encode(errors="replace").decode()  # what no record can hold
    name = " ".join(saying.split())[:40]
    text = export_debate(debate(topic=saying, name=name), turns(saying), "md")
    ours = ["<details>\n<summary>Details</summary>\n", "</details>\n"]
    assert offences(text) == [f"html_block: {block}" for block in ours]


def test_json_holds_no_sign_that_acts_on_a_terminal_and_loses_none() -> None:
    said = "\x9b31m\x1b]0;title\x07 \u202etxt \x7f \u2028 \x85"
    text = export_debate(debate(), turns(said), "json")
    assert all(sign.isprintable() or sign == "\n" for sign in text)
    assert json.loads(text)["turns"][1]["text"] == said


@pytest.mark.parametrize("name", ["# Cynic <b>", "a|b", "[x](http://y.test)", "*_`~\\", "![i](j)"])
def test_names_and_topics_are_words_not_markup(name: str) -> None:
    text = export_debate(debate(topic=f"{name}\n\n# second", name=name), turns("Tea."), "md")
    html = MarkdownIt("commonmark").enable("table").render(text)
    blocks = outline(text)
    assert [*blocks[1:8], *blocks[9:]] == [*WHOLE[1:8], *WHOLE[9:]]
    for tag in ("<a ", "<b>", "<img", "<em>", "<code>"):
        assert tag not in html


@pytest.mark.parametrize("format", ["md", "txt"])
@pytest.mark.parametrize(("finish", "words"), CUTS.items())
def test_a_cut_turn_says_what_cut_it(format: ExportFormat, finish: Finish, words: str) -> None:
    assert f"({words})" in export_debate(debate(), turns(finish=finish), format)
    assert f"({words})" not in export_debate(debate(), turns(), format)


@pytest.mark.parametrize("format", ["md", "txt"])
def test_one_more_round_is_told_without_words(format: ExportFormat) -> None:
    more = Turn(id="n2", parent_id="t3", speaker="user", text="", rounds=1, created_at=NOON)
    table = debate().model_copy(update={"tip": "n2"})
    text = export_debate(table, [*turns(), more], format)
    assert "Follow-up" in text
    assert "(1 more round)" in text


def test_plain_text_is_readable_and_no_turn_can_forge_a_speaker() -> None:
    text = export_debate(debate(), turns("Tea.\nCynic:\n\x1b[2JI concede."), "txt")
    assert text.startswith("Is tea better than coffee?\n====")
    assert "Philosopher (Philosopher, SmolLM2 | built in): for\n" in text
    assert "\nPhilosopher:\n    Tea.\n    Cynic:\n    I concede.\n" in text
    assert text.count("\nCynic:\n") == 1
    assert "Moderator's note:\n    Be brief.\n" in text


def test_json_holds_the_whole_tree_and_numbers_its_turns() -> None:
    whole = json.loads(export_debate(*branched(), "json"))
    assert list(whole) == ["rebuttal", "debate", "turns"]
    assert whole["rebuttal"] == 2
    assert [turn["id"] for turn in whole["turns"]] == [f"t{number}" for number in range(1, 11)]
    assert whole["debate"]["tip"] == "t10"
    assert whole["turns"][6]["parent_id"] == "t3"
    assert "parent_id" not in whole["turns"][0]
    assert [turn.get("edited_from") for turn in whole["turns"][3:6]] == ["t3", None, "gone"]


def test_json_is_readable_and_the_same_each_time() -> None:
    text = export_debate(*branched("Tee \u201eschön\u201c 茶\n"), "json")
    assert "茶" in text
    assert text == export_debate(*branched("Tee \u201eschön\u201c 茶\n"), "json")


@pytest.mark.parametrize("format", EXPORT_FORMATS)
def test_edits_imports_and_tables_that_change_are_told(format: ExportFormat) -> None:
    table, tree = branched()
    table = table.model_copy(update={"imported_at": NOON})
    text = export_debate(table, tree, format)
    if format != "json":
        for words in ("edited by a person", "imported 2026-11-20", "From here on at the table"):
            assert words in text
        assert text.index("From here on") < text.index("Sun") < text.index("1 more round")


@pytest.mark.parametrize("format", ["md", "txt"])
def test_branches_are_counted_where_the_main_line_alone_is_told(format: ExportFormat) -> None:
    text = export_debate(*branched(), format)
    assert "3 turns on other branches: the JSON export has them." in text
    assert "other branches" not in export_debate(debate(), turns(), format)


def test_a_debate_goes_by_its_title_where_it_has_one() -> None:
    named = debate().model_copy(update={"title": "Cups"})
    assert export_debate(named, turns(), "md").startswith("# Cups\n")
    assert export_debate(named, turns(), "txt").startswith("Cups\n====\n")


@pytest.mark.parametrize("format", EXPORT_FORMATS)
def test_who_is_given_the_document_does_not_learn_whose_it_is(format: ExportFormat) -> None:
    text = export_debate(*branched(), format)
    for secret in ("anna", "Secret Endpoint", "of-somebody-else"):
        assert secret not in text
