"""``rebuttal token``: what lets programs in."""

from __future__ import annotations

import re
import sys
from typing import Annotated, Any, get_args

import typer

from rebuttal.app import DebateApp
from rebuttal.cli.lists import table
from rebuttal.cli.options import DONE
from rebuttal.cli.terminal import stderr, stdout
from rebuttal.errors import InvalidInput, NotFound
from rebuttal.material import one_line
from rebuttal.records import Power, Token
from rebuttal.tokens import PREFIX, hash_of

SHOWN = 12
"""Characters of a token's hash, by which it goes here."""

Name = Annotated[str, typer.Argument(metavar="NAME", help="What you call it: which program it is.")]
Powers = Annotated[
    list[str] | None,
    typer.Option(
        "--power",
        metavar="POWER",
        help="What it may do: read, debate, models. May be given several times.",
        show_default="read and debate",
    ),
]
Days = Annotated[
    int | None, typer.Option(help="How long it works.", show_default="until it is revoked")
]
Which = Annotated[
    str,
    typer.Argument(metavar="TOKEN", help="Its name or hash in: rebuttal token list; or itself"),
]


async def make(app: DebateApp, name: Name, power: Powers = None, days: Days = None) -> int:
    """Make a token for a program of yours. It alone is printed on stdout, and only now."""
    if power:
        secret = await app.tokens.make(name, [_power(one) for one in power], days)
    else:
        secret = await app.tokens.make(name, days=days)
    hash = hash_of(secret)
    (made,) = [one for one in await app.tokens.all() if one.hash == hash]
    sys.stdout.write(f"{secret}\n")
    sys.stdout.flush()
    said = stderr()
    said.print(f"It may {_may(made)}, works {_until(made)}, and is shown only now.", soft_wrap=True)
    said.print(f"To revoke it: rebuttal token revoke {hash[:SHOWN]}", soft_wrap=True)
    return DONE


async def list_tokens(app: DebateApp) -> int:
    """List the tokens that work, also those of visitors."""
    there = await app.tokens.all()
    shown = table("Token", "Name", "May", "Whose", "Made", "Works")
    shown.columns[0].no_wrap = True
    for one in there:
        whose = "the operator" if one.operator else one_line(one.owner, 14)
        made = f"{one.created_at.astimezone():%Y-%m-%d %H:%M}"
        shown.add_row(one.hash[:SHOWN], one_line(one.name), _may(one), whose, made, _until(one))
    stdout().print(shown)
    if not there:
        stderr().print("No token works now.")
    return DONE


async def revoke(app: DebateApp, token: Which) -> int:
    """Revoke a token: from now on it opens nothing."""
    await app.tokens.revoke(_hash(token, await app.tokens.all()))
    stdout().print("The token is revoked.")
    return DONE


def _power(word: str) -> Power:
    """Raises InvalidInput for what is none."""
    for power in get_args(Power):
        if word == power:
            return power  # type: ignore[no-any-return]
    known = ", ".join(get_args(Power))
    raise InvalidInput(f"--power {word!r} is no power.", f"There are: {known}.")


def _hash(word: str, there: tuple[Token, ...]) -> str:
    """Of the one token that is meant. Raises NotFound and InvalidInput."""
    if word.startswith(PREFIX):
        return hash_of(word)
    is_hash = re.fullmatch(r"[0-9a-f]{4,64}", word) is not None
    found = {
        one.hash for one in there if one.name == word or (is_hash and one.hash.startswith(word))
    }
    if len(found) > 1:
        raise InvalidInput(f"{word!r} stands for several tokens.", "Type more of its hash.")
    if not found:
        raise NotFound(f"No token is called {word!r}.", "See: rebuttal token list")
    return found.pop()


def _may(token: Token) -> str:
    return ", ".join(token.powers)


def _until(token: Token) -> str:
    if token.expires_at is None:
        return "until it is revoked"
    return f"until {token.expires_at.astimezone():%Y-%m-%d %H:%M}"


TOKENS: dict[str, Any] = {"make": make, "list": list_tokens, "revoke": revoke}
"""The commands by name."""
