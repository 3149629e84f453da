"""The circuit breaker of an endpoint, as a machine of three states."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rebuttal.errors import (
    BrokenAnswer,
    KeyRejected,
    ModelError,
    QuotaExhausted,
    RateLimited,
    ServerFailed,
    Unreachable,
)
from rebuttal.providers.breaker import (
    FAILURES,
    FIRST_REST,
    LONGEST_REST,
    LONGEST_WISH,
    Breaker,
    Trial,
)
from tests.pooled import Clock


def refused() -> Unreachable:
    """The machine is there, and nobody listens."""
    problem = Unreachable("connection refused")
    problem.worth_retrying, problem.costs_nothing = False, True
    return problem


def silent() -> Unreachable:
    problem = Unreachable("said nothing for 120 s")
    problem.worth_retrying = False
    return problem


@pytest.mark.parametrize("problem", [refused(), silent(), RateLimited("later"), KeyRejected("no")])
def test_some_failures_say_enough(problem: ModelError) -> None:
    breaker = Clock().breaker()
    breaker.failed(problem)
    assert breaker.state == "open"


@pytest.mark.parametrize("problem", [ServerFailed("oops"), BrokenAnswer("web page")])
def test_others_must_come_in_a_row(problem: ModelError) -> None:
    breaker = Clock().breaker()
    for _ in range(5):
        for _ in range(FAILURES - 1):
            breaker.failed(problem)
        assert breaker.state == "closed"
        breaker.answered()
    for _ in range(FAILURES):
        breaker.failed(problem)
    assert breaker.state == "open"


def test_a_crowd_that_fails_together_makes_one_rest() -> None:
    breaker = Clock().breaker()
    for _ in range(50):
        breaker.failed(refused())
    assert breaker.rest == FIRST_REST


def test_a_sign_of_life_ends_a_rest_for_trouble_but_the_next_is_longer() -> None:
    breaker = Clock().breaker()
    breaker.failed(refused())
    breaker.alive()
    assert breaker.state == "closed"
    breaker.failed(refused())
    assert breaker.rest == 2 * FIRST_REST
    breaker.answered()
    breaker.failed(refused())
    assert breaker.rest == FIRST_REST


@pytest.mark.parametrize("problem", [RateLimited("later", retry_after=9), QuotaExhausted("none")])
def test_a_sign_of_life_ends_no_rest_of_a_server_that_will_not_speak(problem: ModelError) -> None:
    breaker = Clock().breaker()
    breaker.failed(problem)
    breaker.alive()
    assert breaker.state == "open"


def test_a_trial_that_fails_makes_a_longer_rest_and_the_end_of_an_old_one_frees_none() -> None:
    clock = Clock()
    breaker = clock.breaker()
    breaker.failed(refused())
    clock.now += FIRST_REST
    old = breaker.try_once()
    breaker.failed(ServerFailed("oops"), old)
    assert breaker.rest == 2 * FIRST_REST
    clock.now += 2 * FIRST_REST
    new = breaker.try_once()
    breaker.left(old)
    assert new
    assert not breaker.free
    breaker.left(new)
    assert breaker.free


def test_chance_spreads_the_ends_of_rests() -> None:
    clock, chances = Clock(), iter([0.0, 0.999])
    rests = []
    for _ in range(2):
        breaker = Breaker(clock, lambda: next(chances))
        breaker.failed(refused())
        rests.append(breaker.rest)
    assert rests == pytest.approx([FIRST_REST * 0.75, FIRST_REST * 1.25], rel=0.01)


PROBLEMS = st.one_of(
    st.builds(refused),
    st.builds(silent),
    st.builds(ServerFailed, st.just("oops")),
    st.builds(
        RateLimited,
        st.just("later"),
        st.just(""),
        st.none() | st.floats(0, 10 * LONGEST_WISH),
    ),
    st.builds(KeyRejected, st.just("no")),
)


class Machine(RuleBasedStateMachine):
    """Any number of requests under way, with and without the trial, and a clock that runs."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = self.clock.breaker()
        self.asking: list[Trial | None] = []

    @rule(seconds=st.sampled_from([0.1, 4.0, 5.0, 60.0, 400.0, 4000.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @precondition(lambda self: len(self.asking) < 6)
    @rule()
    def somebody_asks(self) -> None:
        was_free, state = self.breaker.free, self.breaker.state
        trial = self.breaker.try_once()
        assert (trial is not None) == (was_free and state == "half-open")
        assert self.breaker.try_once() is None, "a second trial"
        self.asking.append(trial)

    @precondition(lambda self: self.asking)
    @rule(problem=PROBLEMS, data=st.data())
    def a_request_fails(self, problem: ModelError, data: st.DataObject) -> None:
        trial = self.take(data)
        rest = self.breaker.rest
        self.breaker.failed(problem, trial)
        self.breaker.left(trial)
        assert self.breaker.rest >= rest, "a failure made a rest shorter"
        if isinstance(problem, RateLimited) and problem.retry_after is not None:
            wish = min(problem.retry_after, LONGEST_WISH)
            assert self.breaker.rest >= wish - 1e-6
        assert self.breaker.rest <= max(LONGEST_REST * 1.25, LONGEST_WISH) + 1e-6

    @precondition(lambda self: self.asking)
    @rule(data=st.data())
    def a_request_is_answered(self, data: st.DataObject) -> None:
        trial = self.take(data)
        self.breaker.answered()
        self.breaker.left(trial)
        assert self.breaker.state == "closed"
        assert self.breaker.failures == 0

    @precondition(lambda self: self.asking)
    @rule(data=st.data())
    def a_request_is_stopped(self, data: st.DataObject) -> None:
        trial, state = self.take(data), self.breaker.state
        self.breaker.left(trial)
        assert self.breaker.state == state

    @rule()
    def it_shows_a_sign_of_life(self) -> None:
        half_open = self.breaker.state == "half-open"
        self.breaker.alive()
        assert not half_open or self.breaker.state == "closed"

    def take(self, data: st.DataObject) -> Trial | None:
        return self.asking.pop(data.draw(st.integers(0, len(self.asking) - 1)))

    @invariant()
    def a_rest_has_a_reason_and_an_end(self) -> None:
        breaker = self.breaker
        assert (breaker.state == "open") == (breaker.rest > 0)
        assert (breaker.problem is None) == (breaker.state == "closed")
        assert 0 <= breaker.wish <= breaker.rest

    @invariant()
    def nobody_waits_for_a_trial_that_nobody_has(self) -> None:
        if self.breaker.state == "half-open" and not self.breaker.free:
            assert any(trial is not None for trial in self.asking)


Machine.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestBreaker = Machine.TestCase
