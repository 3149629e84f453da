"""``python -m rebuttal``: where the terminal and the page, which do not know each other, meet."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rebuttal.cli.commands import page, terminal
from rebuttal.cli.options import FAILED
from rebuttal.cli.terminal import prepare_streams
from rebuttal.mcp import check_installed
from rebuttal.redaction import install
from rebuttal.settings import Settings, known_secrets

if TYPE_CHECKING:
    from rebuttal.app import DebateApp
    from rebuttal.web.asgi import App

QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
"""Set before the libraries are loaded: nothing here phones home."""


def serve(settings: Settings) -> None:
    """Open the page and return when it is closed."""
    from rebuttal.app import DebateApp
    from rebuttal.ui.server import Page, run_page
    from rebuttal.web.auth import SignIn
    from rebuttal.web.guard import Guard
    from rebuttal.web.visitors import Visitors

    app = DebateApp(settings)
    visitors = Visitors(settings)
    guard = Guard(app, visitors, SignIn(visitors), programs=interfaces(settings))
    run_page(Page(settings, app, guard))


def serve_alone(settings: Settings) -> None:
    """Serve programs, without a page, and return when that is ended."""
    from rebuttal.app import DebateApp
    from rebuttal.serving import run_served
    from rebuttal.web.alone import Alone
    from rebuttal.web.guard import Guard
    from rebuttal.web.visitors import Visitors

    app = DebateApp(settings)
    guard = Guard(app, Visitors(settings), programs=interfaces(settings))
    run_served(Alone(settings, app, guard), "no page; ")


def interfaces(settings: Settings) -> dict[str, Callable[[DebateApp], App]]:
    """What is served to programs, by prefix; each is loaded when it is first asked for."""

    def api(app: DebateApp) -> App:
        from rebuttal.web.api.application import build_api

        return build_api(app)

    def openai(app: DebateApp) -> App:
        from rebuttal.web.openai_api.application import build_openai

        return build_openai(app)

    there: dict[str, Callable[[DebateApp], App]] = {"/api/v1": api, "/v1": openai}
    if settings.mcp:
        check_installed()
        there["/mcp"] = _mcp
    return there


def _mcp(app: DebateApp) -> App:
    from rebuttal.mcp.http import McpOverHttp

    return McpOverHttp(app)


async def tools(app: DebateApp) -> None:
    """Speak MCP over stdin and stdout until stdin ends. Raises InvalidInput."""
    check_installed()
    from rebuttal.mcp.stdio import serve_stdio

    await serve_stdio(app)


def main(arguments: Sequence[str] | None = None, program: str = "rebuttal") -> None:
    """The command line; ends the process with its exit code."""
    _keep_secrets()
    run(
        terminal(serve, alone=serve_alone, tools=tools),
        sys.argv[1:] if arguments is None else arguments,
        program,
    )


def serve_main(arguments: Sequence[str], program: str) -> None:
    """The command line of a program that only serves."""
    _keep_secrets()
    run(page(serve, serve_alone), arguments, program)


def _keep_secrets() -> None:
    prepare_streams()
    install(known_secrets())


def run(command: Callable[..., object], arguments: Sequence[str], program: str) -> None:
    """Run a command line as this process; ends it with the exit code."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    prepare_streams()
    try:
        command(args=[*arguments], prog_name=program)
    except SystemExit as ended:
        # What was typed wrong is a problem said on stderr like any other.
        sys.exit(FAILED if ended.code == 2 else ended.code)


if __name__ == "__main__":
    main()
