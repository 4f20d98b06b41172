"""Putting the demo into a database: the people first, then all they did, through `record()` like a host's events."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from operator import attrgetter

from sqlalchemy import select

from auditweb import clock
from auditweb.accounts import api_keys, passwords, people
from auditweb.accounts.callers import new_secret
from auditweb.accounts.key_rights import Rights
from auditweb.catalogue import Category
from auditweb.demo import cast
from auditweb.demo.aftermath import Aftermath
from auditweb.demo.cast import NORTHGATE, OPEN_TO_ANYONE, OSAKA_BAY, PASSWORD, Colleague, Company, Key
from auditweb.demo.days import stories_of
from auditweb.demo.desks import at_their_desks
from auditweb.demo.happenings import Happening, tell
from auditweb.demo.mark import find_mark
from auditweb.demo.world import World
from auditweb.extensions import db
from auditweb.models import ApiKeyUse, DemoMark, Organisation, Person
from auditweb.reading import days
from auditweb.recorder import record

COMPANIES = (NORTHGATE, OSAKA_BAY)
DEFAULT_ENTRIES = 20_000
LEAST_ENTRIES = 2_500
MOST_ENTRIES = 20_000_000
EARLIEST_END = datetime(2020, 1, 1, tzinfo=UTC)

_CHUNK = 1_000
# How many entries come of planning for so many: some happen once in any demo, and busy people sign in no more often.
_COME_OF = (
    (1_000, 2_340),
    (2_000, 3_420),
    (4_000, 5_430),
    (8_000, 9_950),
    (20_000, 20_880),
    (50_000, 46_960),
    (100_000, 91_110),
    (300_000, 262_440),
    (1_000_000, 848_440),
)
_ENTRIES_A_COLLEAGUE = 6_000  # what one of the invented colleagues of a bigger demo accounts for
_MOST_COLLEAGUES = 150


class DemoError(Exception):
    """The demo cannot be loaded; the text is one sentence that says why."""


def load(
    *,
    until: datetime | None = None,
    entries: int = DEFAULT_ENTRIES,
    progress: Callable[[int, int], object] = lambda done, about: None,
) -> DemoMark:
    """
    Fill the database with about *entries* entries of the two years up to *until* (now), and commit.

    A database that holds the whole demo is left as it is. If loading was interrupted, it goes on from there, with what
    was asked for then. *progress* hears how many are in and how many there will be, more or less.

    Raises DemoError where a real organisation lives, and for numbers and times that make no demo.
    """
    mark = find_mark()
    if mark is None:
        mark = begin(until or clock.now(), entries)
    if mark.finished_at is None:
        _go_on(mark, progress)
    return mark


def check(until: datetime, entries: int) -> None:
    """Raise DemoError for a time or a number of entries that make no demo."""
    if until.utcoffset() is None:
        raise DemoError("The demo ends at a moment with a time zone.")
    if not EARLIEST_END <= until <= clock.now():
        raise DemoError(f"The demo can end between {EARLIEST_END:%B %Y} and now.")
    if not LEAST_ENTRIES <= entries <= MOST_ENTRIES:
        raise DemoError(f"The demo can have {LEAST_ENTRIES:,} to {MOST_ENTRIES:,} entries.")


@dataclass(frozen=True, slots=True)
class Told:
    """A happening, and the organisation whose log tells of it."""

    org_id: int
    happening: Happening


def tell_all(worlds: Mapping[int, World], entries: int) -> Iterator[Told]:
    """Tell what happened in all *worlds* (by their organisations' ids), about *entries* things, in order of time."""
    streams = [_told_in(org_id, world, entries) for org_id, world in worlds.items()]
    for told in heapq.merge(*streams, key=attrgetter("happening.heard_at")):
        yield told
        if told.happening.email and told.happening.action.category is Category.AUTHENTICATION:
            yield from _told_elsewhere(worlds, told)


def begin(until: datetime, entries: int) -> DemoMark:
    """Make the organisations, their people and keys, and mark the database, all in one transaction."""
    check(until, entries)
    if db.session.scalar(select(Organisation.id).limit(1)) is not None:
        raise DemoError("This database holds an organisation already: the demo needs a database of its own.")
    mark = DemoMark(until=until.astimezone(UTC), entries=entries, loaded=0)
    db.session.add(mark)
    hashed = passwords.hash_password(PASSWORD)  # once, for a crowd with one password would take its time
    for company in COMPANIES:
        world = World(company, until, defaultdict(str), extras(company, entries))
        founded = world.joined_at[world.people[0].email]
        organisation = people.create_organisation(company.slug, company.name, company.zone, created_at=founded)
        _move_in(organisation, world, hashed)
    db.session.commit()
    return mark


def worlds_of(mark: DemoMark) -> dict[int, World]:
    """Return the businesses that `begin` made, by their organisations' ids."""
    ids = {email: str(id_) for email, id_ in db.session.execute(select(Person.email, Person.id))}
    organisations = dict(db.session.execute(select(Organisation.slug, Organisation.id)).all())
    return {
        organisations[company.slug]: World(company, mark.until, ids, extras(company, mark.entries))
        for company in COMPANIES
    }


def extras(company: Company, entries: int) -> tuple[Colleague, ...]:
    """Return the invented colleagues of a demo of so many *entries*, none for one of the usual size."""
    more = int((_to_plan_for(entries) - DEFAULT_ENTRIES) * company.share / _ENTRIES_A_COLLEAGUE)
    return cast.more_colleagues(company, min(max(0, more), _MOST_COLLEAGUES))


def _told_in(org_id: int, world: World, entries: int) -> Iterator[Told]:
    share = round(_to_plan_for(entries) * world.company.share)
    for happening in at_their_desks(world, tell(stories_of(world, share), world.until)):
        yield Told(org_id, happening)


def _told_elsewhere(worlds: Mapping[int, World], told: Told) -> Iterator[Told]:
    """Someone's sign-ins stand in the log of every organisation they belong to."""
    happening = told.happening
    for org_id, world in worlds.items():
        who = world.by_email.get(happening.email)
        if org_id != told.org_id and who is not None and world.belongs(who, happening.at):
            yield Told(org_id, happening)


def _to_plan_for(entries: int) -> float:
    """Return what to plan for so that about *entries* come of it."""
    for (low, few), (high, many) in pairwise(_COME_OF):
        if entries <= many:
            return low + (high - low) * (entries - few) / (many - few)
    return entries * high / many


def _move_in(organisation: Organisation, world: World, hashed: str) -> None:
    for who in world.people:
        joined, left = world.joined_at[who.email], world.left_at[who.email]
        person = people.find_person(who.email)
        if person is None:
            person = Person(email=who.email, name=who.name, password_hash=hashed, zone=who.zone, created_at=joined)
            db.session.add(person)
            db.session.flush()
        people.add_member(organisation, person, who.role, joined)
        if left is not None:
            people.remove_member(organisation, person, left)
    for key in world.company.keys:
        maker = people.find_person(key.maker)
        assert maker is not None
        _hand_out(organisation, world, key, maker)


def _hand_out(organisation: Organisation, world: World, key: Key, maker: Person) -> None:
    """Make a key, whose secret nobody has."""
    lasts = None if key.expires is None else days.day_of(world.ago(days=-key.expires), organisation.zone)
    rights = Rights(
        key.scopes,
        key.categories,
        (f"{key.ip}/32",) if key.tied else (),
        None if lasts is None else days.end_of(lasts, organisation.zone),
    )
    created_at = world.ago(days=key.made)
    api_keys.add(organisation.id, key.id, key.name, maker.id, rights, secret=new_secret(), created_at=created_at)
    if key.revoked is not None:
        api_keys.end(organisation.id, key.id, world.ago(days=key.revoked))
    if not key.writes:  # nothing tells of what it does, and it never rests
        used = ApiKeyUse(key_id=key.id, org_id=organisation.id, used_at=world.ago(minutes=2), ip=key.ip)
        db.session.add(used)


def _go_on(mark: DemoMark, progress: Callable[[int, int], object]) -> None:
    """Record all that is not in yet, in transactions of a thousand."""
    until, entries, loaded = mark.until, mark.entries, mark.loaded
    aftermath = Aftermath()
    stream = islice(_heard(aftermath, tell_all(worlds_of(mark), entries)), loaded, None)
    progress(loaded, entries)
    while chunk := list(islice(stream, _CHUNK)):
        for told in chunk:
            _record(told, until)
        loaded += len(chunk)
        mark.loaded = loaded
        db.session.commit()
        progress(loaded, max(loaded, entries))
    aftermath.settle(without_factor=_open_to_anyone())
    mark.finished_at = clock.now()
    db.session.commit()
    progress(loaded, loaded)


def _heard(aftermath: Aftermath, stream: Iterator[Told]) -> Iterator[Told]:
    for told in stream:
        aftermath.hear(told.org_id, told.happening)
        yield told


def _open_to_anyone() -> set[int]:
    """Return those whom anyone may be: whatever was told of their second factor, it is not asked for."""
    return set(db.session.scalars(select(Person.id).where(Person.email.in_(OPEN_TO_ANYONE))))


def _record(told: Told, until: datetime) -> None:
    happening = told.happening
    heard_at = min(happening.heard_at + timedelta(microseconds=9_000 + happening.at.microsecond // 20), until)
    with clock.set_to(heard_at):
        record(
            happening.action,
            org_id=told.org_id,
            actor=happening.actor,
            target=happening.target,
            facts=happening.facts,
            via=happening.via,
            outcome=happening.outcome,
            occurred_at=happening.at,
            origin=happening.origin,
        )
