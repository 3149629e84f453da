"""``rebuttal budget``, ``halt`` and ``go-on``: what the operator does about money."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from rebuttal.app import DebateApp
from rebuttal.budget import Report, money
from rebuttal.cli.lists import table
from rebuttal.cli.options import DONE
from rebuttal.cli.terminal import stdout
from rebuttal.material import one_line
from rebuttal.stores.base import NOTHING, Cost, Figures, Scope

Reason = Annotated[str, typer.Option(metavar="TEXT", help="What visitors are told.")]

_NOBODY = Figures(0, NOTHING, NOTHING)


async def halt(app: DebateApp, reason: Reason = "") -> int:
    """Refuse new debates and cut those that run, wherever this database is used."""
    await app.halt(reason)
    stdout().print("Halted. Running debates are cut within 3 seconds. To end it: rebuttal go-on")
    return DONE


async def go_on(app: DebateApp) -> int:
    """End the halt. Debates that were cut wait for Resume."""
    await app.go_on()
    stdout().print("Debates may go on.")
    return DONE


async def budget(app: DebateApp) -> int:
    """Print what visitors have spent today, beside the limits of the profile."""
    print_report(await app.budget(), app.settings.profile, stdout())
    return DONE


def print_report(report: Report, profile: str, out: Console) -> None:
    """Today's figures; without names, for the ledger knows none."""
    shown = table(f"{report.day} UTC", "Tokens", report.currency)
    everybody = report.figures.get("app", _NOBODY)
    shown.add_row("all together", *_beside(report, "app", everybody.total))
    for scope in ("visitor", "network"):
        figures = report.figures.get(scope, _NOBODY)
        who = f"{scope}s: {figures.count}; the most of one"
        shown.add_row(who, *_beside(report, scope, figures.most))
    out.print(shown)
    out.print(f"Limits of the profile {profile}; another with --profile.")
    if report.halted is not None:
        said = f": {one_line(report.halted)}" if report.halted else ""
        out.print(f"Debates are halted{said}. To end it: rebuttal go-on")


def _beside(report: Report, scope: Scope, spent: Cost) -> tuple[str, str]:
    tokens, most = report.limits[scope]
    return (
        f"{spent.tokens:,}" + ("" if tokens is None else f" of {tokens:,}"),
        money(spent.money) + ("" if most is None else f" of {money(most)}"),
    )
