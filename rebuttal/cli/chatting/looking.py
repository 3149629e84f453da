"""Commands that show what there is, ask again, and hold a debate."""

from __future__ import annotations

from collections.abc import Sequence

from rebuttal.budget import money
from rebuttal.cli.chatting.command import Command
from rebuttal.cli.chatting.session import Session
from rebuttal.cli.chatting.speakers import Speakers
from rebuttal.cli.follow import follow
from rebuttal.cli.lists import print_models, table
from rebuttal.cli.options import DEFAULT_PERSONAS
from rebuttal.cli.server import where
from rebuttal.events import DebateFinished
from rebuttal.material import one_line
from rebuttal.records import Seat, Turn
from rebuttal.tariff import price


async def models(session: Session, typed: str) -> None:
    """Each with its state."""
    session.models = await session.house.models()
    print_models(session.models, session.out)


async def debate(session: Session, typed: str) -> None:
    """Those at the table argue about a topic; the conversation then goes on as it was."""
    talk, house = session.conversation, session.house
    seats = _opponents(session)
    debate_id = await house.start(
        typed, seats, rounds=session.rounds, language=talk.language, seed=talk.seed
    )
    speakers = Speakers(session.scroll, rounds=True)
    speakers.begin(await house.debate(debate_id))
    rest = await follow(house, debate_id, None, speakers)
    session.rested(rest)
    later = f" and can go on: rebuttal resume {debate_id}{where(house)}"
    kept = "" if isinstance(rest, DebateFinished) else later
    session.note(f"The debate is kept{kept}. To talk about it: /load {debate_id}")


async def retry(session: Session, typed: str) -> None:
    """For an answer that failed, or another one instead of the last."""
    session.begun()
    session.rested(await session.conversation.again())


async def stats(session: Session, typed: str) -> None:
    """Tokens, times and costs of this line of the conversation, by model, and what is in view."""
    turns = [turn for turn in await session.conversation.turns() if not turn.from_user]
    if not turns:
        session.note("Nothing is said yet.")
        return
    labels = list(dict.fromkeys(turn.model or "" for turn in turns))
    by_model = [
        _figures(session, label, [t for t in turns if t.model == label]) for label in labels
    ]
    shown = table("", *map(one_line, labels))
    for name, *row in zip(FIGURES, *by_model, strict=True):
        if any(row):
            shown.add_row(name, *row)
    session.show(shown)
    for seat, met in session.speakers.met.items():
        share = met.prompt_tokens / max(met.context, 1)
        who = session.speakers.name_of(seat)
        session.note(
            f"{who} had {met.prompt_tokens} of {met.context} tokens in view ({share:.0%})."
        )


ASKING = (
    Command("models", "", "list the models and their state", models),
    Command("debate", "TOPIC", "let those at the table debate", debate),
    Command("retry", "", "ask for the last answer again", retry),
)
LOOKING = (Command("stats", "", "tokens, times, cost, context", stats),)


def _opponents(session: Session) -> Sequence[Seat]:
    """The seats at hand; to one alone another persona is added, through the same model."""
    if len(session.seats) > 1:
        return session.seats
    (alone,) = session.seats
    known = session.house.catalog.personas
    others = [key for key in (*DEFAULT_PERSONAS, *known) if key in known and key != alone.persona]
    return [alone, Seat(persona=(others or [alone.persona])[0], model=alone.model)]


FIGURES = ("turns", "tokens read", "tokens written", "first token", "tokens a second", "cost")


def _figures(session: Session, label: str, turns: Sequence[Turn]) -> list[str]:
    read = sum(turn.usage.prompt_tokens or 0 for turn in turns if turn.usage)
    written = sum(turn.usage.completion_tokens or 0 for turn in turns if turn.usage)
    times = [turn.timings for turn in turns if turn.timings]
    firsts = [one.first_token for one in times if one.first_token is not None]
    speaking = sum(one.total - (one.first_token or 0) for one in times)
    return [
        str(len(turns)),
        f"{read:,}",
        f"{written:,}",
        f"{sum(firsts) / len(firsts):.1f} s" if firsts else "",
        f"{written / speaking:.0f}" if speaking > 0.05 and written else "",
        _cost(session, label, read, written),
    ]


def _cost(session: Session, label: str, read: int, written: int) -> str:
    """By the prices of the catalog; empty where it tells none."""
    model = session.house.catalog.models.get(label)
    if model is None or not any(one.price for one in model.everywhere):
        return ""
    return f"{money(price(model, read, written).money)} {session.currency}"
