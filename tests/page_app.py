"""The page with scripted models, as a process: python -m tests.page_app FOLDER [PORT].

With ``unguarded`` for the port only ``/healthz`` stands in front of Gradio, at any free port.
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
from rebuttal.web.asgi import App, Receive, Scope, Send, answer_json
from rebuttal.web.auth import SignIn
from rebuttal.web.guard import HEALTH, Guard
from rebuttal.web.health import Health
from rebuttal.web.sessions import Queue
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


class Unguarded(Guard):
    """Lets everything through, so that an attack can be seen to succeed."""

    def __init__(self, app: DebateApp) -> None:
        self._app = app

    def stand_before(self, inner: App, queue: Queue) -> App:
        health = self._health = Health(self._app, queue)

        async def open_door(scope: Scope, receive: Receive, send: Send) -> None:
            if scope.get("path") != HEALTH:
                await inner(scope, receive, send)
                return
            well, report = await health.report()
            await answer_json(send, 200 if well else 503, report)

        return open_door

    def harden(self, server: object) -> None: ...

    async def live(self) -> None:
        while True:
            await self._health.beat()


def main(folder: Path, port: int | None, guarded: bool) -> None:
    """Serve until SIGTERM."""
    models = folder / "models.yaml"
    models.write_text(CATALOG)
    settings = load_settings(data=folder, cache=folder, models=models, port=port, offline=True)
    app = DebateApp(settings, chat_models=chat_models())
    visitors = Visitors(settings)
    guard = Guard(app, visitors, SignIn(visitors)) if guarded else Unguarded(app)
    run_page(Page(settings, app, guard))


if __name__ == "__main__":
    wish = sys.argv[2] if len(sys.argv) > 2 else ""
    main(Path(sys.argv[1]), int(wish) if wish.isdigit() else None, wish != "unguarded")
