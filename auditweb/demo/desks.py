"""Signing in before work and out after it: no member does anything in the demo without a device and an address."""

import heapq
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from auditweb.catalogue import SIGNED_IN, SIGNED_OUT
from auditweb.demo.cast import Colleague
from auditweb.demo.happenings import Happening
from auditweb.demo.world import World
from auditweb.parties import Origin

_AHEAD = (40.0, 400.0)  # seconds that someone signs in before the first thing they do
_SIGNS_OUT = 0.2
_STAYS_SIGNED_IN = 0.35  # on a device of their own, for some days
_WORKS_FROM_HOME = 0.25
_IN_A_ROW = 8  # times at most that someone works from one place: whoever comes seldom is not to seem a stranger there


def at_their_desks(world: World, story: Iterator[Happening]) -> Iterator[Happening]:
    """Repeat *story* with the sign-ins and sign-outs around it, and with the origin of everything that lacks one."""
    rng = world.dice("desks")
    desks: dict[str, _Desk] = {}
    ready: list[tuple[datetime, int, Happening]] = []
    numbers = itertools.count()
    for happening in story:
        while ready and ready[0][0] < happening.heard_at - timedelta(seconds=_AHEAD[1]):
            yield heapq.heappop(ready)[2]
        for told in _with_sign_in(world, rng, desks, happening):
            if told.heard_at < world.until:
                heapq.heappush(ready, (told.heard_at, next(numbers), told))
    while ready:
        yield heapq.heappop(ready)[2]


@dataclass(slots=True)
class _Desk:
    """
    Where someone sits, until when they stay signed in there, and if they sign out by then.

    They have worked *in_a_row* times *at_home*, or in the office.
    """

    origin: Origin
    at_home: bool
    in_a_row: int
    until: datetime
    signs_out: bool


def _with_sign_in(
    world: World, rng: random.Random, desks: dict[str, _Desk], happening: Happening
) -> Iterator[Happening]:
    if not happening.email or happening.origin is not None:
        yield happening
        return
    who = world.colleague(happening.email)
    desk = desks.get(who.email)
    if desk is None or happening.at >= desk.until:
        signs_in = happening.at - timedelta(seconds=rng.uniform(*_AHEAD))
        desk = desks[who.email] = _sit_down(world, who, rng, signs_in, desk)
        signed_in = world.by(who, signs_in, SIGNED_IN, method=who.method)
        yield replace(signed_in, origin=_with_request(rng, desk.origin))
        if desk.signs_out:
            yield replace(world.by(who, desk.until, SIGNED_OUT), origin=_with_request(rng, desk.origin))
    yield replace(happening, origin=_with_request(rng, desk.origin))


def _sit_down(world: World, who: Colleague, rng: random.Random, at: datetime, before: _Desk | None) -> _Desk:
    at_home, in_a_row = rng.random() < _WORKS_FROM_HOME, 1
    if before is not None and at_home == before.at_home:
        at_home, in_a_row = (at_home, before.in_a_row + 1) if before.in_a_row < _IN_A_ROW else (not at_home, 1)
    origin = Origin(ip=who.home if at_home else who.office, user_agent=who.device(at))
    closing = who.hours.at(who.hours.local_day(at), who.hours.closes)
    leaves = max(closing, at + timedelta(hours=1)) + timedelta(seconds=rng.uniform(30, 1500))
    left = world.left_at[who.email]
    if rng.random() < _SIGNS_OUT and (left is None or leaves < left):
        return _Desk(origin, at_home, in_a_row, leaves, signs_out=True)
    if rng.random() < _STAYS_SIGNED_IN:
        leaves += timedelta(days=rng.randint(1, 3))
    return _Desk(origin, at_home, in_a_row, leaves, signs_out=False)


def _with_request(rng: random.Random, origin: Origin) -> Origin:
    return replace(origin, request_id=f"{rng.getrandbits(32):08x}")
