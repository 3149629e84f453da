"""The commands: what is typed behind ``rebuttal``, and what each does with a DebateApp."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from rebuttal.app import DebateApp
from rebuttal.cli.chat import chat
from rebuttal.cli.fetching import show_progress
from rebuttal.cli.files import Format, export, import_
from rebuttal.cli.follow import follow_to_end
from rebuttal.cli.history import AT_HOME, KEEPING
from rebuttal.cli.house import House
from rebuttal.cli.links import LINKING
from rebuttal.cli.lists import print_models, print_personas
from rebuttal.cli.options import (
    DONE,
    PAGE_SETTINGS,
    PROFILE,
    SETTINGS,
    as_command,
    parse_seats,
)
from rebuttal.cli.panels import PANELS
from rebuttal.cli.server import SERVER, OpenApp, at_home, opened, where
from rebuttal.cli.terminal import stderr, stdout
from rebuttal.cli.till import budget, go_on, halt
from rebuttal.cli.tokens import TOKENS
from rebuttal.cli.tree import BRANCHING
from rebuttal.cli.users import user
from rebuttal.material import one_line
from rebuttal.settings import Settings

Serve = Callable[[Settings], None]
P = ParamSpec("P")

Topic = Annotated[str, typer.Argument(metavar="TOPIC", help="What to argue about.")]
DebateId = Annotated[str, typer.Argument(metavar="ID", help="The debate's id in: rebuttal list")]
Seats = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PERSONA:MODEL",
        help="A seat, up to six times. PERSONA alone takes the built-in model.",
        show_default="philosopher and cynic",
    ),
]
Stances = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SEAT=TEXT", help="What a seat defends; SEAT is its number from 1 or its persona."
    ),
]
Rounds = Annotated[int, typer.Option(help="Turns of every seat.")]
Language = Annotated[str, typer.Option(help="The language of the debate.")]
Seed = Annotated[int | None, typer.Option(help="The same seed lets models repeat themselves.")]
NoUi = Annotated[bool, typer.Option("--no-ui", help="Serve programs alone, without the page.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs and nothing else.")]
OneSeat = Annotated[str, typer.Argument(metavar="PERSONA:MODEL", help="Who answers.")]
Plain = Annotated[
    bool, typer.Option("--plain", help="Only lines of text, also where a screen could be drawn on.")
]
Label = Annotated[str, typer.Argument(metavar="NAME", help="The model's name in: rebuttal models")]


async def debate(
    app: House,
    topic: Topic,
    seat: Seats = None,
    rounds: Rounds = 3,
    language: Language = "English",
    stance: Stances = None,
    seed: Seed = None,
    as_json: Json = False,
    plain: Plain = False,
) -> int:
    """Let debaters argue about TOPIC, live. Ctrl-C stops; what was said is kept."""
    seats = parse_seats(seat or (), stance or (), app.catalog)
    debate_id = await app.start(topic, seats, rounds=rounds, language=language, seed=seed)
    return await follow_to_end(app, debate_id, None, as_json, plain)


async def resume(
    app: House, debate_id: DebateId, as_json: Json = False, plain: Plain = False
) -> int:
    """Go on with a debate that was stopped or interrupted."""
    after = (await app.debate(debate_id)).tip
    await app.resume(debate_id)
    return await follow_to_end(app, debate_id, after, as_json, plain)


async def stop(app: House, debate_id: DebateId) -> int:
    """Stop a debate that runs at a server; what was said is kept."""
    await app.stop(debate_id)
    state = await app.state(debate_id)
    go_on = "" if state == "finished" else f" To go on: rebuttal resume {debate_id}{where(app)}"
    stdout().print(f"It is {state}.{go_on}", soft_wrap=True)
    return DONE


async def models(app: House, as_json: Json = False) -> int:
    """List the models and whether each can be used now."""
    states = await app.models()
    if as_json:
        _print_json([state.model_dump(mode="json") for state in states])
    else:
        print_models(states, stdout())
    return DONE


async def personas(app: House, as_json: Json = False) -> int:
    """List the personas that can be seated."""
    there = app.catalog.personas.values()
    if as_json:
        _print_json([persona.model_dump(mode="json") for persona in there])
    else:
        print_personas(there, stdout())
    return DONE


async def pull(app: House, name: Label) -> int:
    """Fetch a model's weights: the built-in model's, or one of an Ollama server."""
    await show_progress(app.pull(name), stderr())
    stdout().print(f"{one_line(name)} is here.")
    return DONE


async def show(app: House, debate_id: DebateId, format: Format = "txt") -> int:
    """Print a whole debate."""
    sys.stdout.write(await app.export(debate_id, format))
    return DONE


async def no_tools(app: DebateApp) -> None:
    """Stands where nobody has brought the tools for programs that speak MCP."""


def terminal(
    serve: Serve,
    open_app: OpenApp = DebateApp,
    alone: Serve | None = None,
    tools: Callable[[DebateApp], Awaitable[None]] = no_tools,
) -> typer.Typer:
    """The whole command line. ``serve`` opens the page and returns when it is closed, ``alone``
    the interfaces for programs. ``tools`` speaks MCP over stdin and stdout until stdin ends.
    """
    typed = _typer(help="Language models argue, live, on your own machine.")
    typed.command("serve")(_serve_command(serve, alone or serve))
    typed.command("debate")(_anywhere(debate, open_app))
    # An id may begin with a dash, which is then no option.
    typed.command("resume", context_settings=_IDS)(_anywhere(resume, open_app, seats=False))
    typed.command("stop", context_settings=_IDS)(_anywhere(stop, open_app, seats=False))
    typed.command("chat")(_chat_command(open_app))
    typed.command("models")(_anywhere(models, open_app, seats=False))
    typed.command("personas")(_anywhere(personas, open_app))
    typed.command("pull")(_anywhere(pull, open_app, seats=False))
    kept = {**PROFILE, **SETTINGS}
    for name, find in KEEPING.items():
        typed.command(name, context_settings=_IDS)(_anywhere(find, open_app, kept, seats=False))
    for name, work in AT_HOME.items():
        typed.command(name, context_settings=_IDS)(_command(work, open_app, kept))
    typed.command("show", context_settings=_IDS)(_anywhere(show, open_app, seats=False))
    typed.command("export", context_settings=_IDS)(_anywhere(export, open_app, seats=False))
    typed.command("import")(_command(import_, open_app))
    for name, act in BRANCHING.items():
        typed.command(name, context_settings=_IDS)(_anywhere(act, open_app))
    for name, work in LINKING.items():
        options = {**PROFILE, **SETTINGS}
        typed.command(name, context_settings=_IDS)(_command(work, open_app, options))
    typed.command("mcp")(_mcp_command(tools, open_app))
    typed.command("budget")(_command(budget, open_app, {**PROFILE, **SETTINGS}))
    typed.command("halt")(_command(halt, open_app))
    typed.command("go-on")(_command(go_on, open_app))
    for name, (about, works) in {
        "token": ("What lets programs in.", TOKENS),
        "panel": ("Tables that are kept under a name, and asked questions.", PANELS),
    }.items():
        group = _typer(about)
        for word, work in works.items():
            group.command(word)(_command(work, open_app, kept))
        typed.add_typer(group, name=name)
    typed.add_typer(user(_typer("Who may sign in.")), name="user")
    return typed


def page(serve: Serve, alone: Serve | None = None) -> typer.Typer:
    """A command line that only serves."""
    typed = _typer()
    typed.command()(_serve_command(serve, alone or serve))
    return typed


_IDS = {"ignore_unknown_options": True}


def _typer(help: str | None = None) -> typer.Typer:
    # Typer's own tracebacks print local variables, and one of them may be a key.
    return typer.Typer(
        help=help,
        no_args_is_help=help is not None,
        pretty_exceptions_enable=False,
        add_completion=False,
    )


def _serve_command(serve: Serve, alone: Serve) -> Callable[..., None]:
    def run(settings: Settings, no_ui: NoUi = False) -> int:
        """Open the page on which the models debate. Ctrl-C closes it."""
        (alone if no_ui else serve)(settings)
        return DONE

    return as_command(run, run, PAGE_SETTINGS)


def _chat_command(open_app: OpenApp) -> Callable[..., None]:
    def run(settings: Settings, seat: OneSeat = "rational", server: str | None = None) -> int:
        return chat(open_app, settings, server, seat)

    def described(settings: Settings, seat: OneSeat = "rational") -> None:
        """Talk with one debater, or several. Ctrl-C stops an answer, Ctrl-D ends."""

    return as_command(run, described, SETTINGS, SERVER)


def _mcp_command(
    tools: Callable[[DebateApp], Awaitable[None]], open_app: OpenApp
) -> Callable[..., None]:
    async def mcp(app: DebateApp) -> int:
        """Be tools for a program that speaks MCP and has started this one (stdin and stdout)."""
        await tools(app)
        return DONE

    return _command(mcp, open_app)


def _command(
    work: Callable[Concatenate[DebateApp, P], Awaitable[int]],
    open_app: OpenApp,
    options: Mapping[str, object] = SETTINGS,
) -> Callable[..., None]:
    """A command that runs ``work`` with an app of its own."""

    async def whole(settings: Settings, *args: P.args, **kwargs: P.kwargs) -> int:
        async with at_home(open_app, settings) as app:
            return await work(app, *args, **kwargs)

    def run(settings: Settings, *args: P.args, **kwargs: P.kwargs) -> int:
        return asyncio.run(whole(settings, *args, **kwargs))

    return as_command(run, work, options)


def _anywhere(
    work: Callable[..., Awaitable[int]],
    open_app: OpenApp,
    options: Mapping[str, object] = SETTINGS,
    *,
    seats: bool = True,
) -> Callable[..., None]:
    """A command that runs ``work`` with a House: an app of its own, or what is at --server.

    ``seats``: it asks what can be seated.
    """

    async def whole(settings: Settings, server: str | None, **given: Any) -> int:
        async with opened(open_app, settings, server, seats=seats) as app:
            return await work(app, **given)

    def run(settings: Settings, server: str | None = None, **given: Any) -> int:
        return asyncio.run(whole(settings, server, **given))

    return as_command(run, work, options, SERVER)


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
