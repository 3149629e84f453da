"""What a process can give back to a server that lost what it kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from rebuttal.records import Panel, now
from rebuttal.stores.base import Cost, Purse
from rebuttal.stores.finding import Whole
from rebuttal.stores.journal import Journal, Work, Write
from rebuttal.stores.memory import MemoryStore
from rebuttal.stores.memory_ledger import Sums


def restore_all(journal: Journal, memory: MemoryStore, own: Sums, keep: timedelta) -> None:
    """Have the journal begin with all that is known here, instead of the writes that led to it.

    Debates that were deleted stay so. ``own`` is what this process has spent, whoever counts it.
    """
    since = now() - keep
    held = [one for one in memory.shelf if one.deleted_at is None and one.kept_at >= since]
    debates = {one.debate.id for one in held}
    works = [_spent(own.all())]
    works += [_secret(day, secret) for day, secret in memory.ledger.secrets.items()]
    if memory.ledger.reason is not None:
        works.append(_halt(memory.ledger.reason))
    works += [_panel(owner, panel) for owner, panel in memory.all_panels()]
    works += [_whole(one.whole) for one in sorted(held, key=lambda one: one.seq)]
    journal.replace(lambda write: _is_in(write, debates), works)


def _is_in(write: Write, debates: set[str]) -> bool:
    return write.counts or (bool(write.about) and debates.issuperset(write.about))


def _spent(sums: Sequence[tuple[Purse, Cost]]) -> Work:
    return lambda store: store.ledger.raise_sums(sums)


def _secret(day: date, secret: bytes) -> Work:
    return lambda store: store.ledger.keep_secret(day, secret)


def _halt(reason: str) -> Work:
    return lambda store: store.ledger.halt(reason)


def _panel(owner: str, panel: Panel) -> Work:
    return lambda store: store.restore_panel(owner, panel)


def _whole(whole: Whole) -> Work:
    return lambda store: store.add_debates([whole])
