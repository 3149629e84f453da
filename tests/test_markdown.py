"""Foreign Markdown stays words: another parser, which believes in everything, finds no act."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rebuttal.markdown import JOINER, markdown_line, quoted, safe_line, safe_markdown
from rebuttal.material import clean
from tests.cases import cases
from tests.hostile import HOSTILE, blocks, offences, read, sayings

MANY = settings(
    max_examples=cases(1_000),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
GROWTH = 5


def test_without_the_cleaner_the_attacks_succeed() -> None:
    harmful = [saying for saying in sayings() if offences(saying)]
    assert len(harmful) >= 55


@pytest.mark.parametrize("saying", sayings())
def test_no_attack_gets_through(saying: str) -> None:
    assert offences(safe_markdown(saying)) == []


@MANY
@given(HOSTILE, st.integers(0, 400))
def test_whatever_is_said_stays_words_and_ends_with_its_turn(said: str, at: int) -> None:
    for heard in {said, said[:at]}:
        shown = safe_markdown(heard)
        assert offences(shown) == []
        assert safe_markdown(shown) == shown
        assert clean(shown) == shown
        assert len(shown) <= GROWTH * len(heard) + 16
        within = blocks(f'<article><div class="words">\n\n{shown}\n\n</div></article>\n\nAFTER')
        assert within.count("html_block") == 2
        assert within[-3:] == ["html_block", "paragraph_open", "AFTER"]


@settings(MANY, max_examples=cases(500))
@given(HOSTILE)
def test_a_quote_is_one_quote_and_a_line_is_one_line(said: str) -> None:
    assert offences(quoted(said)) == []
    assert blocks(f"{quoted(said)}\n\nAFTER") == ["blockquote_open", "paragraph_open", "AFTER"]
    for line in (markdown_line(said), safe_line(said)):
        assert blocks(f"# x {line}")[:-1] == ["heading_open"]
        assert offences(f"# x {line}") == []


@pytest.mark.parametrize(
    "markdown",
    [
        "# A heading\n\n- a *list*\n  - of **lists**\n\n1. one\n2. two",
        '> a quote with `code` and [a link](https://a.test/b?c=d "title") and <https://b.test>',
        "| a | b |\n|---|--:|\n| 1 | ~~2~~ |",
        "a < b, c > d, x <= y and 1<2 & so on; it costs $5, and $10 later",
        "mail [me](mailto:a@b.test), see https://a.test/b_c and www.a.test",
        "line one  \nline two\\\nline three\n\n---\n\nafter the rule",
        "What?! [sic] (see: this) [1] f(x)[0] a[i] // a remark, 50/50, and/or",
        "    indented code\n\n\tand more",
    ],
)
def test_ordinary_markdown_is_not_touched(markdown: str) -> None:
    assert safe_markdown(markdown) == markdown


def test_code_at_the_margin_stays_as_it_was_to_the_letter() -> None:
    code = "if a[i]: x = f[0](y)  # <b> ![x](y) &#x202e;\n\n\t<div>\n~~~\n  ```\n`````"
    shown = safe_markdown(f"So:\n\n``````html\n{code}\n``````\n\nyes")
    fence = next(token for token in read(shown) if token.type == "fence")
    assert fence.content == f"{code}\n"
    assert JOINER not in shown


def test_code_in_a_list_stays_code() -> None:
    shown = safe_markdown("1. so\n   ```py\n   if a:\n       <b>\n   ```\n2. on")
    assert [t.content for t in read(shown) if t.type == "fence"] == ["if a:\n    <b>\n"]
    assert [t.content for t in read(shown) if t.type == "inline"] == ["so", "on"]


@pytest.mark.parametrize(
    ("image", "link"),
    [
        (
            "![cat](https://a.test/c.gif?x=1)",
            "[cat (an image at a.test)](https://a.test/c.gif?x=1)",
        ),
        ("![](http://a.test:81/c 'cat')", "[image (an image at a.test)](http://a.test:81/c)"),
        ("![c](https://a.test\\@b.test/c)", "[c (an image at b.test)](https://a.test\\@b.test/c)"),
        ("![c](https://a.test&#64;b.test)", "[c (an image at b.test)](https://a.test&#64;b.test)"),
        ("![c](https://[oops)", f"!{JOINER}[c](https://[oops)"),
        ("![c](/c.gif)", f"!{JOINER}[c]{JOINER}(/c.gif)"),
    ],
)
def test_an_image_is_a_link_that_names_where_a_browser_would_go(image: str, link: str) -> None:
    assert safe_markdown(image) == link


@pytest.mark.parametrize(
    "piece",
    [
        *("![", "![a](https://a", "[", "](", "]:", "<", "</", "<https://", "`", "``x", "\\", "&#1"),
        *("- ", "1. ", "> ", "> - ", "```\n", "~~~ x\n", "\n", " ", "\t", "[ ] ", "ftp:", "//a."),
        *("$$", "\x1b]0;", "\x1b[", "\x00", "\u202e", "![" + "a" * 299, "[x](https://" + "b" * 99),
        *("`" * 500 + "a`", "~" * 400 + "`\n", "a" * 1000, "&#x202e;", "![a](https://" + "@" * 99),
    ],
)
def test_a_long_attack_costs_no_more_than_its_length(piece: str) -> None:
    long = piece * (200_000 // len(piece))
    began = time.process_time()
    for shown in (safe_markdown(long), safe_line(long), quoted(f"x{long}")):
        assert len(shown) <= 8 * len(long) + 64
    markdown_line(long)
    assert time.process_time() - began < 3
