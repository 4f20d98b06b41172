"""What keeps an office going: settings, keys, exports, feeds, nightly jobs and the odd call to support."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from functools import partial

from auditweb import catalogue as c
from auditweb.accounts.callers import Scope
from auditweb.accounts.key_rights import scope_words
from auditweb.demo import suppliers
from auditweb.demo.cast import AARON, IMPORTOPS, JESS, NIGHTLY_JOBS, SUPPORT_ADDRESS, Colleague, Key
from auditweb.demo.happenings import Beginning, Happening, Story, in_order
from auditweb.demo.hours import Hours
from auditweb.demo.people import moments
from auditweb.demo.world import World
from auditweb.parties import Actor, Origin, Target

_SETTINGS = (
    "default delivery terms",
    "bid approval limit",
    "customs agent",
    "weekly summary e-mail",
    "photo size",
    "invoice footer",
    "deposit percentage",
    "holiday calendar",
    "duty rate table",
    "reminder schedule",
    "vehicle numbering",
    "exchange rate source",
)
_INTEGRATIONS = ("HMRC CDS declarations", "Xero", "DVLA vehicle enquiry", "Slack", "Companies House")
_SCOPES = ("all customers", "all documents", "all shipments", "all suppliers", "all vehicles")
_FORMATS = ("CSV", "Excel", "JSON")
_MOST_RECORDS = 990  # in an ordinary export: the large ones are stories
_SUPPORT_HOURS = Hours("Europe/London", time(8, 0), time(20, 0))


def settings(world: World, how_many: int) -> Story:
    """Tell of changes to the organisation's own record."""
    rng = world.dice("settings")
    rare = [
        (c.INTEGRATION_CONNECTED, {"integration": name}) for name in _INTEGRATIONS[: 3 if world.trade.to_britain else 0]
    ]
    rare += [
        (c.ORGANISATION_ADDRESS_CHANGED, {}),
        (c.BILLING_DETAILS_CHANGED, {}),
        (c.DOCUMENT_RETENTION_CHANGED, {}),
        (c.TWO_FACTOR_MADE_OPTIONAL, {}),
        (c.TWO_FACTOR_REQUIRED, {}),
        (c.LOG_RETENTION_CHANGED, {}),
        (c.INTEGRATION_CONNECTED, {"integration": "Xero"}),
        (c.ORGANISATION_RENAMED, {"name": world.company.name}),
        (c.INTEGRATION_DISCONNECTED, {"integration": "Slack"}),
        (c.BILLING_DETAILS_CHANGED, {}),
    ]
    all_moments = moments(world, "settings moments", max(how_many, len(rare)))
    every = len(all_moments) // len(rare)
    told: list[Happening] = []
    for number, moment in enumerate(all_moments):
        action, facts = c.SETTING_CHANGED, {"setting": rng.choice(_SETTINGS)}
        if number % every == every // 2 and number // every < len(rare):
            action, facts = rare[number // every]
        elif rng.random() < 0.1:
            action, facts = c.BILLING_DETAILS_CHANGED, {}
        who = world.someone(rng, "admin", moment)
        told.append(world.by(who, who.hours.soon(rng, moment), action, **facts))
    return in_order(told)


def plan(world: World) -> Story:
    """Tell how the plan renews itself month after month."""
    for month in range(1, 25):
        at = (world.began + timedelta(days=30.4 * month)).replace(hour=6, minute=14)
        yield world.by_itself(IMPORTOPS, at, c.PLAN_RENEWED, plan="Business", period="one month")


def life_of_key(world: World, key: Key) -> Story:
    """Tell how an API key was made, looked after and, maybe, revoked."""
    rng, target = world.dice(f"key {key.id}"), Target("api_key", key.id, key.name)
    maker = world.colleague(key.maker)
    at = maker.hours.later(rng, world.ago(days=key.made), days=(-1, -0.5))
    may = scope_words(key.scopes)
    if key.scopes == {Scope.WRITE}:
        yield world.by(maker, at, c.API_KEY_CREATED, target, scope=scope_words(Scope))
        at = maker.hours.soon(rng, at)
        yield world.by(maker, at, c.API_KEY_SCOPE_CHANGED, target, scope=may)
    else:
        yield world.by(maker, at, c.API_KEY_CREATED, target, scope=may)
    end = world.until if key.revoked is None else world.ago(days=key.revoked)
    while True:
        at = world.people[0].hours.later(rng, at, days=(150, 190))
        if at >= end:
            break
        yield world.by(world.people[0], at, c.API_KEY_ROTATED, target)
    if key.revoked is not None:
        owner = world.people[0]
        yield world.by(owner, owner.hours.soon(rng, end), c.API_KEY_REVOKED, target)


def feed(world: World, key: Key, how_many: int) -> Story:
    """Tell what an API key brings in by day and by night."""
    rng = world.dice(f"feed {key.id}")
    begins, ends = world.ago(days=key.made - 1), world.ago(days=key.revoked or 0)
    for number in range(how_many):
        at = begins + (ends - begins) * ((number + rng.random()) / how_many)
        count = str(rng.randint(2, 28))
        if rng.random() < 0.55:
            yield world.by_key(key, at, c.DOCUMENTS_UPLOADED, count=count, source=rng.choice(world.trade.auctions))
        else:
            yield world.by_key(
                key, at, c.VEHICLES_UPDATED, count=count, source=f"the {key.name[0].lower()}{key.name[1:]}"
            )


def scheduled_export(world: World, rhythm: timedelta) -> Story:
    """Tell of the export of all vehicles that prepares itself, and of who fetches it."""
    rng, scope, told = world.dice("scheduled export"), {"scope": "all vehicles", "format": "CSV"}, list[Happening]()
    frequency = "daily" if rhythm < timedelta(days=2) else "weekly" if rhythm < timedelta(days=10) else "monthly"
    schedule = {"frequency": frequency, "destination": "sftp.backup.example", **scope}
    night = Hours(world.company.zone, time(2, 0), time(3, 0), frozenset(range(7)))
    at = world.began + timedelta(days=21)
    clerk = world.someone(rng, "exports", at)
    at = clerk.hours.soon(rng, at)
    told.append(world.by(clerk, at, c.EXPORT_SCHEDULED, **schedule))
    while at < world.until:
        at = night.at(night.local_day(at + rhythm), time(2, 10)) + timedelta(seconds=rng.uniform(0, 240))
        if rng.random() < 0.04:
            told.append(world.by_itself(NIGHTLY_JOBS, at, c.EXPORT_FAILED, reason="The server did not answer", **scope))
            continue
        size, records = f"{rng.uniform(1.1, 6):.1f} MB", str(rng.randint(80, 400))
        told.append(world.by_itself(NIGHTLY_JOBS, at, c.EXPORT_COMPLETED, size=size, records=records, **scope))
        clerk = world.someone(rng, "exports", at)
        if rng.random() < 0.8:
            fetched = clerk.hours.soon(rng, at + timedelta(hours=6))
            told.append(world.by(clerk, fetched, c.EXPORT_DOWNLOADED, size=size, **scope))
        if rng.random() < 0.02:
            stopped = clerk.hours.soon(rng, at + timedelta(hours=9))
            told.append(world.by(clerk, stopped, c.EXPORT_UNSCHEDULED, frequency=frequency, scope=scope["scope"]))
            at = clerk.hours.later(rng, stopped, days=(1, 2))
            told.append(world.by(clerk, at, c.EXPORT_SCHEDULED, **schedule))
    return in_order(told)


def exports(world: World, how_many: int) -> Iterator[Beginning]:
    """Tell of exports that people ask for, and of looks at the log that leave the house."""
    rng = world.dice("exports")
    for number, moment in enumerate(moments(world, "export moments", how_many)):
        job = "audit" if number % 5 == 4 else "exports" if number % 2 else "owner"
        who = world.someone(rng, job, moment)
        at = who.hours.soon(rng, moment)
        yield moment, partial(_log_exported if job == "audit" else _asked_for, world, number, who, at)


def _asked_for(world: World, number: int, who: Colleague, at: datetime) -> Story:
    """Tell of an export from the request to the day it is deleted."""
    rng = world.dice(f"export {number}")
    scope = rng.choice(_SCOPES)
    what = {"scope": scope, "format": rng.choice(_FORMATS)}
    yield world.by(who, at, c.EXPORT_REQUESTED, **what)
    done = at + timedelta(minutes=rng.uniform(2, 14))
    if rng.random() < 0.05:
        yield world.by(who, at + timedelta(minutes=1), c.EXPORT_CANCELLED, **what)
        return
    if rng.random() < 0.04:
        yield world.by_itself(NIGHTLY_JOBS, done, c.EXPORT_FAILED, reason="Took too long", **what)
        return
    size = f"{rng.uniform(0.4, 48):.1f} MB"
    yield world.by_itself(
        NIGHTLY_JOBS, done, c.EXPORT_COMPLETED, size=size, records=str(rng.randint(150, _MOST_RECORDS)), **what
    )
    fetched = done + timedelta(minutes=rng.uniform(1, 20))
    yield world.by(who, fetched, c.EXPORT_DOWNLOADED, size=size, **what)
    expires = (fetched + timedelta(days=7)).replace(hour=1, minute=30, second=rng.randint(0, 59))
    yield world.by_itself(NIGHTLY_JOBS, expires, c.EXPORT_EXPIRED, scope=scope)


def document_dates(world: World, how_many: int) -> Story:
    """Tell of papers whose time is over, found by the nightly job."""
    rng, told = world.dice("document dates"), list[Happening]()
    for moment in moments(world, "document dates", how_many):
        at = moment.replace(hour=1, minute=5) + timedelta(seconds=rng.uniform(0, 600))
        number = rng.randrange(len(world.trade.suppliers))
        about = Target("supplier", f"sup_{101 + number}", world.trade.suppliers[number][0])
        if suppliers.begins(world, number) + timedelta(days=60) < at:
            paper = "certificate of insurance"
            told.append(world.by_itself(NIGHTLY_JOBS, at, c.DOCUMENT_EXPIRED, about, document=paper))
    return in_order(told)


def support_visits(world: World, how_many: int) -> Iterator[Beginning]:
    """Tell of routine visits by support."""
    for number, moment in enumerate(moments(world, "support visits", how_many)):
        yield moment, partial(_support_visit, world, number, moment)


def support_comes(helper: Actor, at: datetime, ticket: str) -> Story:
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    origin = Origin(SUPPORT_ADDRESS, agent, f"{int(at.timestamp()) & 0xFFFFFFFF:08x}")
    yield Happening(at, c.SUPPORT_SIGNED_IN, helper, None, {"ticket": ticket}, origin=origin)


def _support_visit(world: World, number: int, moment: datetime) -> Story:
    """Tell how the owner lets support in, and how the door is closed again."""
    rng, owner, helper = world.dice(f"support {number}"), world.people[0], (JESS, AARON)[number % 2]
    ticket = f"#{rng.randint(31000, 47999)}"
    at = owner.hours.soon(rng, moment)
    yield world.by(owner, at, c.SUPPORT_ACCESS_ALLOWED, ticket=ticket)
    at = _SUPPORT_HOURS.soon(rng, at, minutes=(8, 50))
    yield from support_comes(helper, at, ticket)
    at = owner.hours.soon(rng, at + timedelta(minutes=25))
    yield world.by(owner, at, c.SUPPORT_ACCESS_ENDED)


def _log_exported(world: World, number: int, who: Colleague, at: datetime) -> Story:
    rng = world.dice(f"export {number}")
    yield world.by(who, at, c.LOG_EXPORTED, format="CSV", filter="last month", entries=str(rng.randint(500, 900)))
    if rng.random() < 0.2:
        owner = world.people[0]
        at = owner.hours.soon(rng, at, minutes=(2, 9))  # an auditor may be at work in another part of the world
        yield world.by(owner, at, c.LOG_SHARED, recipient="ImportOps support", filter="Documents entries, last 7 days")
