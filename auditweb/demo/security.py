"""Signing in when it does not go smoothly, and looking after passwords, second factors and passkeys."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial

from auditweb import catalogue as c
from auditweb.catalogue import Action
from auditweb.demo.cast import IMPORTOPS, NIGHTLY_JOBS, Colleague
from auditweb.demo.devices import user_agent
from auditweb.demo.happenings import Beginning, Happening, Story
from auditweb.demo.people import moments
from auditweb.demo.world import World
from auditweb.parties import UNKNOWN_PERSON, Origin, Outcome

WRONG_PASSWORD = "wrong password"
_NO_TROUBLE = timedelta(hours=2)  # of the end, when somebody else tries passwords
_DEVICES = ("Chrome Mobile 156 on Android", "Mobile Safari 26 on iOS", "Firefox 150 on Windows")
_PASSKEYS = ("Work laptop", "iPhone", "Security key", "MacBook", "Office desktop")


def matters(world: World, how_many: int) -> Iterator[Beginning]:
    """Tell of about *how_many* small things, each with someone who was there at the time."""
    rng = world.dice("security matters")
    kinds: tuple[Callable[[World, int, Colleague, datetime], Story], ...] = (
        _mistyped, _mistyped, _mistyped, _timed_out, _timed_out, _timed_out, _new_device, _forgotten, _tidied,
    )  # fmt: skip
    people = world.company.people
    had_trouble: set[tuple[str, date]] = set()
    for number, moment in enumerate(moments(world, "security moments", how_many)):
        who = rng.choice(people)
        if world.belongs(who, moment - timedelta(days=3)) and world.belongs(who, moment + timedelta(days=2)):
            kind, at = rng.choice(kinds), who.hours.soon(rng, moment)
            day = (who.email, who.hours.local_day(at))
            if kind is _mistyped and (day in had_trouble or at > world.until - _NO_TROUBLE):
                kind = _timed_out  # or two who mistype would look like one who guesses
            if kind is _mistyped:
                had_trouble.add(day)
            yield moment, partial(kind, world, number, who, at)


def refused(world: World, who: Colleague, at: datetime, origin: Origin, reason: str = WRONG_PASSWORD) -> Happening:
    """Tell that somebody could not sign in as *who*."""
    return Happening(
        at, c.SIGN_IN_REFUSED, UNKNOWN_PERSON, world.person(who.email), {"email": who.email, "reason": reason},
        outcome=Outcome.FAILURE, origin=origin,
    )  # fmt: skip


def origin_of(rng: random.Random, ip: str, browser: str, at: datetime) -> Origin:
    return Origin(ip, user_agent(browser, at), f"{rng.getrandbits(32):08x}")


def _mistyped(world: World, number: int, who: Colleague, at: datetime) -> Story:
    rng = world.dice(f"security {number}")
    ip = rng.choice((who.office, who.home))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        yield refused(world, who, at, origin_of(rng, ip, who.browser, at))
        at += timedelta(seconds=rng.uniform(6, 40))
    yield replace(world.by(who, at, c.SIGNED_IN, method="password"), origin=origin_of(rng, ip, who.browser, at))


def _timed_out(world: World, _number: int, who: Colleague, at: datetime) -> Story:
    at += timedelta(minutes=30)
    yield world.by_itself(NIGHTLY_JOBS, at, c.SESSION_EXPIRED, world.person(who.email))


def _new_device(world: World, number: int, who: Colleague, at: datetime) -> Story:
    rng = world.dice(f"security {number}")
    browser = rng.choice(("safari-iphone", "chrome-android", "firefox-linux", "chrome-mac"))
    origin = origin_of(rng, who.home, browser, at)
    yield replace(world.by(who, at, c.SIGNED_IN_NEW_DEVICE, method="password and code"), origin=origin)
    if rng.random() < 0.6:
        at += timedelta(minutes=rng.uniform(1, 5))
        yield replace(world.by(who, at, c.PASSKEY_ADDED, name=rng.choice(_PASSKEYS)), origin=origin)


def _forgotten(world: World, number: int, who: Colleague, at: datetime) -> Story:
    rng = world.dice(f"security {number}")
    origin = origin_of(rng, who.home, who.browser, at)
    yield Happening(at, c.PASSWORD_RESET_REQUESTED, UNKNOWN_PERSON, world.person(who.email), origin=origin)
    yield replace(world.by(who, at + timedelta(minutes=4), c.PASSWORD_RESET), origin=origin)
    if rng.random() < 0.15:
        ended = at + timedelta(minutes=5)
        yield world.by_itself(
            IMPORTOPS, ended, c.SESSIONS_ENDED, world.person(who.email), devices=str(rng.randint(1, 4))
        )


def _tidied(world: World, number: int, who: Colleague, at: datetime) -> Story:
    rng = world.dice(f"security {number}")
    name = rng.choice(_PASSKEYS)
    facts: dict[Action, dict[str, str]] = {
        c.PASSWORD_CHANGED: {},
        c.RECOVERY_CODES_CREATED: {},
        c.PASSKEY_REMOVED: {"name": name},
        c.SIGN_IN_ADDRESS_CHANGED: {},
        c.SESSION_ENDED: {"device": rng.choice(_DEVICES)},
        c.OTHER_SESSIONS_ENDED: {"devices": str(rng.randint(1, 3))},
    }
    action = rng.choices(list(facts), (8, 4, 3, 1, 2, 2))[0]
    yield world.by(who, at, action, **facts[action])
