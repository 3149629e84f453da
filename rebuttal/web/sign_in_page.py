"""The pages of signing in and out: plain HTML, readable without script, in the page's colours."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

STYLE = """\
:root { color-scheme: light dark; --paper: #fbf9f5; --field: #fffefb; --ink: #221f1b;
  --soft: #696056; --edge: #928879; --accent: #8f2d20; --deep: #742116; --on: #fffaf5; }
@media (prefers-color-scheme: dark) { :root { --paper: #181613; --field: #1d1a17; --ink: #ece7dd;
  --soft: #a79e91; --edge: #7a7164; --accent: #e39a84; --deep: #f0b3a1; --on: #2a110b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 "Seravek",
  "Gill Sans Nova", Ubuntu, Calibri, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
main { max-width: 24rem; margin: 0 auto; padding: 12vh 1.25rem 2rem; }
h1 { font: 600 1.8rem/1.2 "Iowan Old Style", Palatino, "Palatino Linotype", P052, Georgia, serif;
  margin: 0 0 1.5rem; }
.name { color: var(--soft); font: 600 1rem/1.2 "Iowan Old Style", Palatino, "Palatino Linotype",
  P052, Georgia, serif; margin: 0 0 .5rem; }
label { display: block; color: var(--soft); font-size: .9rem; margin: 1rem 0 .25rem; }
input { width: 100%; font: inherit; color: inherit; background: var(--field);
  border: 1px solid var(--edge); border-radius: 6px; padding: .6rem .75rem; }
button, a.button { display: block; width: 100%; margin-top: 1.5rem; padding: .65rem; border: 0;
  border-radius: 6px; background: var(--accent); color: var(--on); font: inherit; font-weight: 600;
  text-align: center; text-decoration: none; cursor: pointer; }
button:hover, a.button:hover { background: var(--deep); }
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
[role=alert] { border-left: 3px solid var(--accent); padding: .1rem 0 .1rem .75rem;
  margin: 0 0 1rem; }
"""


def password_page(next: str, name: str = "", problem: str = "") -> str:
    """The form for name and password; ``problem`` says why it is shown again."""
    focus = ("", " autofocus") if name else (" autofocus", "")
    return plain_page(
        "Sign in",
        f"""{_alert(problem)}
<form method="post" action="/login">
<input type="hidden" name="next" value="{escape(next)}">
<label for="name">Name</label>
<input id="name" name="name" value="{escape(name)}" maxlength="40" required autocomplete="username"
 autocapitalize="none" autocorrect="off" spellcheck="false"{focus[0]}>
<label for="password">Password</label>
<input id="password" name="password" type="password" maxlength="500" required
 autocomplete="current-password"{focus[1]}>
<button>Sign in</button>
</form>""",
    )


def hugging_face_page(next: str, problem: str = "") -> str:
    """The way to Hugging Face. In a tab of its own, because that site is shown in no frame."""
    where = escape(f"/login/huggingface?{urlencode({'next': next})}")
    return plain_page(
        "Sign in",
        f"""{_alert(problem)}
<p>With an account at Hugging Face you can debate with the models there on your own account, and
find your debates again from other browsers.</p>
<a class="button" href="{where}" target="_blank" rel="noopener">Sign in with Hugging Face</a>
<p><a href="{escape(next)}">Go on without signing in</a></p>""",
    )


def signed_in_page(name: str) -> str:
    """Who is signed in, and the way out."""
    return plain_page(
        "Signed in",
        f"""<p>You are signed in as <strong>{escape(name)}</strong>.</p>
<form method="post" action="/logout"><button>Sign out</button></form>
<p><a href="/">Back to the debates</a></p>""",
    )


def _alert(problem: str) -> str:
    return f'<p role="alert">{escape(problem)}</p>' if problem else ""


def plain_page(title: str, body: str) -> str:
    """A small page of ours around that HTML."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title} · Rebuttal</title>
<style>
{STYLE}</style>
</head>
<body>
<main>
<p class="name">Rebuttal</p>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""
