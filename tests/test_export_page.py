"""A debate as one page: everything is told, nothing in it acts, and nothing is asked for."""

from __future__ import annotations

import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import settings as few

from rebuttal.export import export_debate
from rebuttal.export.page import POLICY, line_html, openings, page_html
from rebuttal.export.reader import Kept, rendered, words_html
from rebuttal.line import line_to
from rebuttal.records import USER
from tests.branched import branched, said
from tests.hostile import HOSTILE, sayings

TAGS = {
    *("html", "head", "meta", "title", "link", "style", "body", "main", "header", "footer"),
    *("section", "article", "h1", "h2", "h3", "ul", "ol", "li", "p", "span", "div", "br", "hr"),
    *("em", "strong", "s", "code", "pre", "blockquote", "a"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}


EMPTY = ("meta", "link", "br", "hr")


class Outline(HTMLParser):
    """Every tag with its attributes, the words, and the tags that are open at the end."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words = ""
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in EMPTY or self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def acts(outline: Outline) -> list[str]:
    """What is more than words, style and links to web and mail."""
    bad = [tag for tag, _ in outline.tags if tag not in TAGS]
    for tag, given_ in outline.tags:
        bad += [f"{tag} {key}" for key in given_ if key.startswith("on") or key == "src"]
        href = given_.get("href", "https:")
        mine = ("data:,",) if tag == "link" else ()
        if not href.lower().startswith(("https:", "http:", "mailto:", "#branch-", *mine)):
            bad.append(f"{tag} href={href}")
        if (
            tag not in ("li", "article")
            and "style" in given_
            and "text-align" not in given_["style"]
        ):
            bad.append(f"{tag} style={given_['style']}")
    return bad


def test_what_many_read_is_rendered_once_and_no_more_of_it_is_kept_than_may_be() -> None:
    kept = Kept(most=1000)
    text = "Many *read* this."
    assert kept.html(text) is kept.html(text)
    assert kept.html(text) == rendered(text) == words_html(text)
    first = kept.html(text)
    for number in range(100):
        kept.html(f"Nobody reads {number}.")
    assert kept.html(text) is not first


def test_the_page_tells_the_main_line_the_branches_and_who_sits() -> None:
    page = Outline(page_html(*branched()))
    assert page.open == []
    assert acts(page) == []
    for words in (
        *("Is tea better than coffee?", "Owl", "Snake", "Sun", "Round 1", "Round 2", "Round 3"),
        *("edited by a person", "cut at the model's token limit", "From here on at the table"),
        *("Another answer in this place: branch 1", "What else was answered", "seed 7"),
        *("stopped by a person", "in German", "2.2 s", "37 tokens"),
    ):
        assert words in page.words, words
    links = {given_["href"] for tag, given_ in page.tags if tag == "a"}
    anchors = {f"#{given_['id']}" for _, given_ in page.tags if "id" in given_}
    assert links == anchors == {"#branch-1", "#branch-2"}
    assert ("html", {"lang": "de"}) in page.tags


def test_the_page_forbids_itself_everything_but_its_own_style() -> None:
    page = page_html(*branched())
    assert f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">' in page
    assert page.index("Content-Security-Policy") < page.index("<style>")
    assert POLICY.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")


def test_what_is_the_owner_s_alone_is_on_no_page() -> None:
    page = page_html(*branched())
    for secret in ("anna", "Secret Endpoint", "of-somebody-else"):
        assert secret not in page


@pytest.mark.parametrize("saying", sayings())
def test_a_hostile_saying_is_only_words(saying: str) -> None:
    saying = saying.encode(errors="replace").decode()
    debate, tree = branched(saying, topic=saying)
    name = " ".join(saying.split())[:40] or "x"
    loud = debate.debaters[0].model_copy(update={"name": name, "stance": saying, "model": saying})
    debate = debate.model_copy(update={"debaters": (loud, debate.debaters[1]), "title": name})
    tree[0] = tree[0].model_copy(update={"text": saying + "\n\nmore"})
    page = Outline(export_debate(debate, tree, "html"))
    assert acts(page) == []
    assert page.open == []


@few(max_examples=300, deadline=None)
@given(HOSTILE)
def test_whatever_is_said_closes_what_it_opens(text: str) -> None:
    html = Outline(f"<div>{words_html(text.encode(errors='replace').decode())}</div>")
    assert html.open == []
    assert acts(html) == []


@pytest.mark.parametrize(
    "text",
    [
        *("[" * 8000, "*a " * 2666, "`` ` " * 1600, "![" * 4000, "> " * 4000, "<" * 8000),
        *("- " * 4000, "| a " * 300 + "\n" + "|-" * 300 + "\n" + "a\n" * 3000, "~~a" * 2666),
        "a|b\n-|-\n" * 1000,
    ],
)
def test_no_speech_takes_long_to_show_or_becomes_a_flood(text: str) -> None:
    began = time.process_time()
    html = words_html(text[:8000])
    assert time.process_time() - began < 2
    assert len(html) < 100_000
    assert html.startswith("<")


def test_a_text_of_too_many_signs_is_shown_as_it_was_typed() -> None:
    assert words_html("*a*\n[" * 900).startswith("<p>*a*<br>[*a*<br>[")
    assert "<script" not in words_html("<script>" * 2500)


def test_headings_of_a_speech_do_not_stand_above_those_of_the_page() -> None:
    assert words_html("# One\n\n###### Six") == "<h3>One</h3>\n<h3>Six</h3>\n"


def test_a_line_is_a_block_for_each_turn_and_a_mere_go_on_shows_nothing() -> None:
    debate, tree = branched()
    tree.append(said("more", "owl-3", USER, "", rounds=1))
    line = line_to(tree, "more")
    blocks = line_html(debate, line)
    assert len(blocks) == len(line)
    assert blocks[0] == blocks[-1] == ""
    assert openings(debate, line) == [0, 1, 0, 0, 2, 0, 3, 0]


def test_a_long_topic_is_told_whole_below_a_heading_of_one_line() -> None:
    topic = "Whereas tea is calm,\n\nand coffee is not: " + "why? " * 300
    page = page_html(*branched(topic=topic))
    assert '<h1 class="topic" dir="auto">Whereas tea is calm,</h1>' in page
    assert page.count("why? " * 250) == 1
    assert page_html(*branched(topic="Tea?")).count("Tea?") == 2  # title and heading
