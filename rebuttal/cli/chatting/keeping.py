"""Commands about what is kept: named, found again, gone back in, written to files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from rebuttal.branches import gist
from rebuttal.cli.chatting.command import Command
from rebuttal.cli.chatting.session import Session
from rebuttal.cli.files import new_file
from rebuttal.cli.lists import table
from rebuttal.cli.tree import print_tree, turn_of
from rebuttal.errors import InvalidInput, NotFound
from rebuttal.export import EXPORT_FORMATS
from rebuttal.material import clean, one_line
from rebuttal.records import Debate, Found, Search

LISTED = 20
MOST_LOOKED_AT = 200
"""Newest debates among which a name is looked for that no word leads to."""


async def new(session: Session, typed: str) -> None:
    """Let the next line begin another conversation."""
    session.conversation.clear()
    session.note("The next line begins a conversation.")


async def save(session: Session, typed: str) -> None:
    """Everything is kept anyway; a name makes it easy to find."""
    await session.house.history.rename(session.begun(), typed)
    session.note(f"Kept as {one_line(typed)!r}. To go on another day: /load {one_line(typed)}")


async def load(session: Session, typed: str) -> None:
    """Go on with a conversation that is kept; its last words are shown again."""
    debate = await _meant(session, typed)
    debate = await session.house.debate(debate.id)  # with those who sit there now
    await session.conversation.enter(debate)
    session.show(Text(one_line(debate.title or debate.topic), style="bold"))
    session.speakers.begin(debate)
    turns = await session.conversation.turns()
    last = max((n for n, turn in enumerate(turns) if turn.from_user and turn.text), default=0)
    if last:
        session.note(f"({last} turns before)")
    for turn in turns[last:]:
        if turn.from_user:
            session.show(Text(f"> {clean(turn.text)}", style="dim"))
        else:
            session.speakers.turn(turn)


async def history(session: Session, typed: str) -> None:
    """The newest first, each with a number for /load."""
    await _list(session, Search(), "Nothing is kept yet.")


async def search(session: Session, typed: str) -> None:
    """Conversations and debates in which all the words were said."""
    if len(typed) > 400:
        raise InvalidInput("Too many words to look for.", "At most 400 characters.")
    await _list(session, Search(text=typed), "Nothing was found.")


async def branch(session: Session, typed: str) -> None:
    """Go on behind an earlier turn, of any branch; what followed it is kept beside."""
    debate_id = session.begun()
    if not typed:
        turns = await session.house.tree(debate_id)
        print_tree(await session.house.origin(debate_id), turns, session.out)
        session.note("Go on behind one of them: /branch NUMBER")
        return
    turn = await turn_of(session.house, debate_id, typed)
    session.conversation.after = turn.id
    session.note(f"The next line follows: {gist(turn, 60)}")


async def export(session: Session, typed: str) -> None:
    """Print it in a format, or write it into a new file whose ending names the format."""
    debate_id = session.begun()
    is_format = typed.casefold() in EXPORT_FORMATS
    format = typed.casefold() if is_format else Path(typed).suffix.removeprefix(".").casefold()
    if format not in EXPORT_FORMATS:
        formats = ", ".join(EXPORT_FORMATS)
        raise InvalidInput(
            f"{one_line(typed, 80)!r} is neither a format nor a file of one.",
            f"Formats: {formats}. A file: talk.md",
        )
    text = await session.house.export(debate_id, format)
    if is_format:
        session.out.out(clean(text), highlight=False)
        return
    _write(Path(typed), text)
    session.note(f"It is in {typed}.")


async def names_there(session: Session, typed: str) -> Sequence[str]:
    """What the newest conversations are called."""
    page = await session.house.history.find(Search(), limit=50)
    return list(dict.fromkeys(one_line(_name(one)) for one in page.found))


async def formats_there(session: Session, typed: str) -> Sequence[str]:
    """And a file of each."""
    return [*EXPORT_FORMATS, *(f"chat.{format}" for format in EXPORT_FORMATS)]


KEEPING = (
    Command("new", "", "begin another conversation", new),
    Command("save", "NAME", "give this conversation a name", save),
    Command("load", "NAME", "go on with one, by name or number", load, names_there),
    Command("history", "", "list what is kept", history),
    Command("search", "WORDS", "find what was said", search),
    Command("branch", "[NUMBER]", "go on from an earlier turn", branch),
    Command("export", "FILE|FORMAT", "write it down", export, formats_there),
)


async def _list(session: Session, looked_for: Search, without: str) -> None:
    page = await session.house.history.find(looked_for, limit=LISTED)
    session.found = page.found
    if not page.found:
        session.note(without)
        return
    shown = table("", "Begun", "Turns", "Name")
    shown.columns[0].no_wrap = True
    for number, one in enumerate(page.found, 1):
        begun = f"{one.debate.created_at.astimezone():%Y-%m-%d %H:%M}"
        name = Text(one_line(_name(one)))
        if one.excerpt:
            name.append(f"\n{one_line(one.excerpt)}", style="dim")
        shown.add_row(str(number), begun, str(one.turns), name)
    session.show(shown)
    session.note("Go on with one: /load NUMBER")


async def _meant(session: Session, typed: str) -> Debate:
    """By its name, by its number in what was listed last, by its id. Raises NotFound."""
    named = await _named(session, typed)
    if len(named) == 1:
        return named[0].debate
    if named:
        session.found = tuple(named)
        raise InvalidInput(
            f"{len(named)} are called {one_line(typed, 80)!r}.",
            f"1 is the newest: /load 1 to /load {len(named)}",
        )
    if typed.isdecimal() and 1 <= int(typed[:9]) <= len(session.found):
        return session.found[int(typed) - 1].debate
    try:
        return await session.house.debate(typed)
    except NotFound:
        raise NotFound(
            f"No conversation is called {one_line(typed, 80)!r}.", "See: /history"
        ) from None


async def _named(session: Session, typed: str) -> list[Found]:
    history, wanted = session.house.history, one_line(typed).casefold()
    found = (await history.find(Search(text=typed[:400]), limit=MOST_LOOKED_AT)).found
    if not any(_is_called(one, wanted) for one in found):
        found = (await history.find(Search(), limit=MOST_LOOKED_AT)).found
    return [one for one in found if _is_called(one, wanted)]


def _write(path: Path, text: str) -> None:
    with new_file(path.expanduser()) as file:
        file.write(text.encode())


def _is_called(one: Found, wanted: str) -> bool:
    return one_line(_name(one)).casefold() == wanted


def _name(one: Found) -> str:
    return one.debate.title or one.debate.topic
