"""The page with scripted models, as a process: python -m tests.page_app FOLDER [PORT].

With ``unguarded`` for the port nothing stands in front of Gradio, at any free port.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rebuttal.app import DebateApp
from rebuttal.errors import ServerFailed
from rebuttal.providers.base import ChatModel
from rebuttal.providers.scripted import Line, ScriptedModel
from rebuttal.settings import load_settings
from rebuttal.ui.server import Page, run_page
from rebuttal.web.auth import SignIn
from rebuttal.web.guard import Guard
from rebuttal.web.visitors import Visitors

CATALOG = """\
endpoints:
  Stage: {address: "http://localhost:9/v1", needs_key: false, lists_models: false}
  Locked: {address: "http://localhost:9/v1", key: REBUTTAL_TEST_NO_SUCH_KEY, lists_models: false}
models:
  Quick: {endpoint: Stage, model: quick}
  Slow: {endpoint: Stage, model: slow}
  Endless: {endpoint: Stage, model: endless}
  Rude: {endpoint: Stage, model: rude}
  Broken: {endpoint: Stage, model: broken}
  Expensive: {endpoint: Locked, model: expensive}
"""
SPEECHES = [
    "Speech is **cheap**, but a quiet garden costs its keeper every morning of the year.",
    "Speech on gardens forgets **rain**; nobody ever watered anything with a principle.",
    "Speech about rain is what **farmers** call a holiday, and they take very few of them.",
    "Speech by farmers built **parliaments**, long before lawyers learned to sell doors.",
    "Speech in parliaments puts **children** to sleep, which may be its finest use so far.",
    "Speech to children must be **true**, since they remember it when it suits you least.",
    "Speech that is true needs **witnesses**; alone at night it sounds like any other noise.",
    "Speech of witnesses fades by **Tuesday**, and so does the ink that somebody put it in.",
]
RUDE = """\
<img src="http://spy.invalid/a.gif" onerror="document.title='owned'">
![pixel](http://spy.invalid/b.gif) <script>document.title='owned'</script>
<style>body{display:none}</style> [press me](javascript:document.title='owned')
"""


def chat_models() -> dict[str, ChatModel]:
    """Every scripted model by its label."""
    return {
        "Quick": ScriptedModel(SPEECHES, repeat=True, delay=0.005),
        "Slow": ScriptedModel(SPEECHES, repeat=True, delay=0.12),
        "Endless": ScriptedModel([Line("and so on ", next="again")], repeat=True, delay=0.05),
        "Rude": ScriptedModel([RUDE], repeat=True),
        "Broken": ScriptedModel(
            [ServerFailed("The stage has collapsed.", "Build it again, then Resume."), *SPEECHES]
        ),
    }


def main(folder: Path, port: int | None, guarded: bool) -> None:
    """Serve until SIGTERM."""
    models = folder / "models.yaml"
    models.write_text(CATALOG)
    settings = load_settings(data=folder, cache=folder, models=models, port=port, offline=True)
    app = DebateApp(settings, chat_models=chat_models())
    visitors = Visitors(settings)
    guard = Guard(app, visitors, SignIn(visitors))
    run_page(Page(settings, app, guard if guarded else None))


if __name__ == "__main__":
    wish = sys.argv[2] if len(sys.argv) > 2 else ""
    main(Path(sys.argv[1]), int(wish) if wish.isdigit() else None, wish != "unguarded")
