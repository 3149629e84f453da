"""What is told of a debate to other processes: merged, in order, and enough for who comes late."""

from __future__ import annotations

import asyncio
import random

import pytest

from rebuttal.broadcast import Broadcast
from rebuttal.errors import Busy, KeyRejected, RateLimited, RebuttalError
from rebuttal.events import (
    DebateEvent,
    DebateFinished,
    DebatePaused,
    TurnDelta,
    TurnDiscarded,
    TurnStarted,
)
from rebuttal.news import WHOLE_EVERY, Entry, Heard, Relay, Scene, in_progress, merged, unheard
from rebuttal.orders import Answer, Branch, Note, Say, Stop, order_from
from rebuttal.records import Visitor
from tests.debates import debater


def started(turn_id: str = "t1") -> TurnStarted:
    return TurnStarted(seat="a", turn_id=turn_id, round=1, rounds=2, prompt_tokens=10, context=4096)


def said(text: str) -> TurnDelta:
    return TurnDelta(seat="a", text=text)


class Posted:
    """A claim that keeps what was posted; ``works`` says whether anybody could be told."""

    number = 7
    untouched = exclusive = is_heard = True

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.works = True

    async def post(self, entry: str, *, whole: bool) -> bool:
        if self.works:
            self.entries.append(Entry.model_validate_json(entry))
            assert (self.entries[-1].present is not None) is whole
        return self.works

    async def holds(self) -> bool:
        return True

    async def run(self, note: str) -> None: ...

    async def release(self) -> None: ...

    def abandon(self) -> None: ...

    async def hand_over(self) -> bool:
        return False


class Stage:
    """A broadcast whose events are told on."""

    def __init__(self) -> None:
        self.posted = Posted()
        self.broadcast = Broadcast(lambda: None, 6)
        self.relay = Relay(self.posted, self._scene)

    def _scene(self) -> Scene:
        return Scene(running=True, tip="t0", present=tuple(self.broadcast.present))

    def tell(self, event: DebateEvent) -> None:
        self.broadcast.publish(event)
        self.relay.tell(event)


async def test_words_are_merged_and_other_events_come_whole() -> None:
    stage = Stage()
    stage.tell(started())
    await stage.relay.flush()
    for number in range(50):
        stage.tell(said(f"{number} "))
    await stage.relay.flush()
    first, second = stage.posted.entries
    assert first.present == (started(),)
    assert second.present is None
    assert second.events == (said("".join(f"{number} " for number in range(50))),)
    assert (first.number, first.step, second.step) == (7, 1, 2)


async def test_in_a_long_turn_the_whole_is_told_again_and_again() -> None:
    stage = Stage()
    stage.tell(started())
    for number in range(2 * WHOLE_EVERY + 10):
        stage.tell(said(f"{number} "))
        await stage.relay.flush()
    wholes = [entry for entry in stage.posted.entries if entry.present is not None]
    assert len(wholes) == 3
    assert wholes[-1].present
    assert wholes[-1].present[0] == started()
    assert str(wholes[-1].present[1]).count(" ") > WHOLE_EVERY


async def test_after_a_failure_the_next_entry_is_whole() -> None:
    stage = Stage()
    stage.tell(started())
    await stage.relay.flush()
    stage.posted.works = False
    stage.tell(said("lost "))
    await stage.relay.flush()
    stage.posted.works = True
    stage.tell(said("heard"))
    await stage.relay.flush()
    assert stage.posted.entries[-1].present == (started(), said("lost heard"))


async def test_twenty_entries_a_second_at_most() -> None:
    stage = Stage()
    stage.tell(started())
    for _ in range(100):
        await asyncio.sleep(0.005)
        stage.tell(said("word "))
    assert len(stage.posted.entries) <= 16
    stage.relay.close()


def entry(number: int, step: int, *, whole: bool = False) -> Entry:
    return Entry(number=number, step=step, present=() if whole else None)


def test_a_gap_is_bridged_by_the_next_whole_and_nothing_counts_twice() -> None:
    heard = Heard()
    assert heard.take(entry(5, 3)) is None
    assert heard.take(entry(5, 4, whole=True)) == "whole"
    assert heard.take(entry(5, 5)) == "next"
    assert heard.take(entry(5, 5)) is None
    assert heard.take(entry(5, 7)) is None
    assert heard.take(entry(5, 8)) is None
    assert heard.take(entry(5, 9, whole=True)) == "whole"
    assert heard.take(entry(5, 10)) == "next"


def test_a_former_holder_is_not_believed() -> None:
    heard = Heard()
    assert heard.take(entry(6, 1, whole=True)) == "whole"
    assert heard.take(entry(5, 9, whole=True)) is None
    assert heard.take(entry(6, 2)) == "next"


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_lost_a_follower_ends_where_the_holder_is(seed: int) -> None:
    chance = random.Random(seed)
    holder, follower, heard = [started()], Broadcast(lambda: None, 6), Heard()
    present: list[DebateEvent] = [*holder]
    for step in range(1, 200):
        delta = said(f"{step} ")
        present = merged([*present, delta])
        whole = step % 10 == 1
        if chance.random() < 0.2 and step < 190:
            continue
        news = Entry(
            number=1, step=step, events=(delta,), present=tuple(present) if whole else None
        )
        match heard.take(news):
            case "next":
                follower.publish(delta)
            case "whole":
                fresh = unheard(follower.present, present)
                assert fresh is not None
                for event in fresh:
                    follower.publish(event)
    assert follower.present == present


def test_what_contradicts_is_told_anew() -> None:
    assert unheard([started(), said("ab")], [started(), said("abc")]) == [said("c")]
    assert unheard([started()], [started(), said("a")]) == [said("a")]
    assert unheard([], [started()]) == [started()]
    assert unheard([started(), said("ab")], [started("t2")]) is None
    assert unheard([started(), said("ab")], [started(), said("xy")]) is None
    assert unheard([DebateFinished()], []) is None
    assert unheard([DebateFinished()], [DebateFinished()]) == []


def test_a_turn_is_in_progress_until_it_rests() -> None:
    taken_back = TurnDiscarded(seat="a", reason="it gave in")
    assert in_progress([started(), taken_back]) == started()
    assert in_progress([started(), DebatePaused(reason="stopped")]) is None
    assert in_progress([]) is None


@pytest.mark.parametrize(
    "order",
    [
        Stop(),
        Say(
            note=Note(text="\U0001f986 <b>", rounds=2), visitor=Visitor(owner="c:1", network="::1")
        ),
        Branch(visitor=Visitor(owner=""), after="t1", table=(debater("a", "Cynic"),)),
    ],
)
def test_an_order_travels(order: Stop | Say | Branch) -> None:
    assert order_from(order.model_dump_json()) == order


@pytest.mark.parametrize(
    "error", [Busy("Full.", "Wait.", 3.0), KeyRejected("No key.", "Give it."), RateLimited("Slow.")]
)
def test_a_refusal_travels_in_the_same_words(error: RebuttalError) -> None:
    answer = Answer.model_validate_json(Answer.refused(error).model_dump_json())
    with pytest.raises(type(error)) as raised:
        answer.check()
    assert str(raised.value) == str(error)
    Answer().check()


def test_an_answer_names_no_class_but_our_errors() -> None:
    with pytest.raises(RebuttalError):
        Answer(error="annotations", message="?").check()
