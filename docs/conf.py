"""The documentation site: Sphinx over this repository's Markdown files and notebooks.

    python -m sphinx -W -c docs . build/site

Pages are plain Markdown that a code host shows as well. docs/index.md is the only table of
contents: each of its sections that lists pages is a part of the site's navigation.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pygments.lexers.configs import PropertiesLexer

HOME = Path(__file__).parent.parent

project = "Rebuttal"
author = "Rebuttal"
copyright = "the authors of Rebuttal, Apache License 2.0"
html_title = "Rebuttal"
root_doc = "docs/index"

# The repository is the source, so that a link means the same here and on a code host.
include_patterns = ["README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"]
include_patterns += ["docs/**.md", "notebooks/*.ipynb"]
exclude_patterns = [".*", "build", "data", "rebuttal", "tests", "benchmarks", "personas"]
exclude_patterns += ["**/.*", "**/__pycache__"]

extensions = ["myst_nb"]
myst_heading_anchors = 4
# Notebooks are shown as they are kept; tests run them.
nb_execution_mode = "off"
# Commands and prices are typed as they stand.
smartquotes = False

html_theme = "furo"
html_static_path = ["site"]
html_css_files = ["site.css"]
html_favicon = "../rebuttal/ui/favicon.svg"
html_logo = "../rebuttal/ui/favicon.svg"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "native"


def papers() -> tuple[dict[str, str], dict[str, str]]:
    """The colours of the page, by day and by night, under the theme's names."""
    text = (HOME / "rebuttal" / "ui" / "page.css").read_text("utf-8")
    theme = {
        "paper": ["background-primary", "header-background"],
        "card": ["background-secondary", "sidebar-background", "code-background", "table-header"],
        "wash": ["background-hover", "highlight-on-target"],
        "rule": ["background-border"],
        "ink": ["foreground-primary", "sidebar-link-text", "sidebar-link-text--top-level"],
        "soft": ["foreground-secondary", "foreground-muted"],
        "edge": ["foreground-border"],
        "accent": ["brand-primary", "brand-content", "brand-visited"],
    }
    both = []
    for paper in (":root", ".dark"):
        rules = text.partition(f"{paper} {{")[2].partition("}")[0]
        colours = dict(re.findall(r"--(\w+): (#\w+);", rules))
        both.append({f"color-{name}": colours[ours] for ours in theme for name in theme[ours]})
    return both[0], both[1]


DAY, NIGHT = papers()
html_theme_options = {"light_css_variables": DAY, "dark_css_variables": NIGHT}


def navigation(app: Any, page: str, source: list[str]) -> None:
    """Give the index a hidden toctree for each of its sections that lists pages."""
    if page != root_doc:
        return
    for section in re.split(r"^## ", source[0], flags=re.M)[1:]:
        caption = section.partition("\n")[0].strip()
        links = re.findall(r"^- \[([^]]+)\]\(([^):]+)\.(?:md|ipynb)\)", section, re.M)
        lines = [f"{title} <{path}>" for title, path in links]
        tree = ["```{toctree}", ":hidden:", f":caption: {caption}", "", *lines, "```"]
        source[0] += "\n" + "\n".join(tree) + "\n" if lines else ""


def first_page(app: Any, error: Exception | None) -> None:
    """The site's address leads to the index."""
    if error is None and app.builder.name == "html":
        page = '<!doctype html><meta http-equiv="refresh" content="0; url=docs/index.html">\n'
        (Path(app.outdir) / "index.html").write_text(page, "utf-8")


def setup(app: Any) -> None:
    """What Sphinx calls."""
    app.add_lexer("dotenv", PropertiesLexer)
    app.connect("source-read", navigation)
    app.connect("build-finished", first_page)
