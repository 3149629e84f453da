"""A pool over fault servers, with a clock that a test moves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from rebuttal.catalog import Endpoint, Model
from rebuttal.providers.base import Limits, Message
from rebuttal.providers.breaker import Breaker
from rebuttal.providers.openai_compatible import OpenAICompatible, list_models
from rebuttal.providers.pool import Pool
from rebuttal.providers.station import Member, Station
from tests.fault_server import FaultServer
from tests.hearing import LIMITS

NAMES = ("North", "South", "East", "West")


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now

    def breaker(self) -> Breaker:
        """One without chance: a rest lasts as long as it says."""
        return Breaker(self, lambda: 0.5)


@dataclass
class Pooled:
    """The pool and its parts, in the order of the servers."""

    pool: Pool
    members: list[Member]
    clock: Clock

    @property
    def stations(self) -> list[Station]:
        return [member.station for member in self.members]

    @property
    def states(self) -> list[str]:
        return [station.breaker.state for station in self.stations]


def pool_over(
    *servers: FaultServer, limits: Limits = LIMITS, asks: bool = True, spare: str = ""
) -> Pooled:
    """The model ``m`` behind all of them; without ``asks`` they know no cheap question."""
    clock = Clock()
    members = []
    for name, server in zip(NAMES, servers, strict=False):
        place = Endpoint(name=name, address=server.address, needs_key=False)
        ask = partial(list_models, place, None)
        station = Station(name, clock.breaker(), ask if asks else None)
        model = Model(label="M", endpoint=name, model="m")
        chat = OpenAICompatible(place, model, None, replace(limits, retries=0))
        members.append(Member(station, chat, clock.breaker(), spare=name == spare))
    return Pooled(Pool(members, limits, clock), members, clock)


def about(topic: str) -> tuple[Message, ...]:
    """The beginning of a conversation of its own."""
    return (Message("system", "You are a cynic."), Message("user", topic))


def asked_for_turns(server: FaultServer) -> int:
    """How many requests for an answer it got."""
    return sum(request.method == "POST" for request in server.requests)
