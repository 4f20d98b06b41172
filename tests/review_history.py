"""
A year of 40 people with 60 things planted that a security review should find, five of each of twelve kinds.

What people do besides is not tidy: they mistype passwords, travel, work late now and then and on a few Saturdays, and
have days on which they do a month's paperwork. A third of them works in another application, and a third there and
here: what they do there, an API key tells in their names. A seed tells it all.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from operator import attrgetter
from zoneinfo import ZoneInfo

from auditweb import ids
from auditweb.insights.entries import Entry
from auditweb.insights.found import Found
from auditweb.reading.flags import Flag

ZONE = "Europe/London"
PEOPLE = 40
PORTAL = ("api_key", "key_portal", "Portal")
BEGINS = date(2025, 1, 6)
DAYS = 365
PLANTED_FROM = 190  # days after the beginning: before that there is little past to go by
OF_EACH_KIND = 5
WEEKS = DAYS / 7
NEVER, NOW_AND_THEN, ALWAYS = range(3)  # at work in an application that records what they do by the API

_WORK = (
    *("vehicle.updated", "vehicle.status_changed", "vehicle.photos_added") * 2, "vehicle.created", "document.uploaded",
    "document.uploaded", "document.approved", "document.updated", "shipment.updated", "shipment.status_changed",
    "customer.updated", "customer.updated", "invoice.sent", "supplier.updated", "vehicle.deleted",
)  # fmt: skip
_CATEGORIES = {
    "vehicle": "vehicles", "document": "documents", "shipment": "shipments", "customer": "customers",
    "invoice": "customers", "supplier": "suppliers", "sign_in": "authentication", "sign_out": "authentication",
    "two_factor": "authentication", "recovery_codes": "authentication", "member": "team", "api_key": "organisation",
    "export": "data_export", "audit_log": "data_export", "organisation": "organisation",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Planted:
    """What should be found: its kind, about whom, and between which moments."""

    kind: Flag
    subject: str
    begins: datetime
    ends: datetime

    def is_found_by(self, found: Found) -> bool:
        about = (found.kind, str(found.subject)) == (self.kind, self.subject)
        return about and self.begins <= found.at <= self.ends


@dataclass(slots=True)
class Person:
    id: str
    name: str
    role: str
    begins: float
    length: float
    days: frozenset[int]
    networks: tuple[str, ...]
    busy: float
    elsewhere: int
    away: tuple[int, int] | None = None

    @property
    def ref(self) -> str:
        return f"member:{self.id}"

    def is_elsewhere(self, at: datetime) -> bool:
        """Whether what they do at a moment is told by a key: for some always, for some now and then."""
        return self.elsewhere == ALWAYS or (self.elsewhere == NOW_AND_THEN and at.minute % 2 == 1)


@dataclass(slots=True)
class History:
    """Entries in order, and what was planted among them."""

    entries: list[Entry]
    planted: list[Planted]


@dataclass(slots=True)
class _Story:
    rng: random.Random
    told: list[Entry] = field(default_factory=list)
    planted: list[Planted] = field(default_factory=list)
    silent: list[tuple[str, datetime, datetime]] = field(default_factory=list)


def history(seed: int = 8) -> History:
    """Tell the year of this *seed*."""
    rng = random.Random(f"review {seed}")
    story = _Story(rng)
    people = [_person(rng, number) for number in range(PEOPLE)]
    for who in people:
        first = _moment(0, 8, rng.random() * 30)
        action = "organisation.created" if who.role == "owner" else "member.joined"
        _tell(story, first, action, who, {"role": who.role})
        _tell(story, first + timedelta(minutes=9), "two_factor.enrolled", who)
    makers = {f"key_{number}": people[8 + number] for number in range(10)}
    for key, maker in makers.items():
        _tell(story, _moment(1, 10, rng.random() * 300), "api_key.created", maker, target=("api_key", key, key))
    _ordinary(story, people)
    _feeds(story, list(makers))
    _plant(story, people, makers)
    entries = [each for each in story.told if not _is_silenced(story, each)]
    return History(sorted(entries, key=attrgetter("id")), story.planted)


def _person(rng: random.Random, number: int) -> Person:
    role = "owner" if number == 0 else "admin" if number < 4 else "member"
    office = ("203.0.113.10", "198.51.100.10", "192.0.2.10")[min(2, rng.randrange(6) // 2)]
    networks = (office, f"10.{number}.1.7", *([f"10.{number}.200.9"] if rng.random() < 0.3 else []))
    days = frozenset(range(6 if rng.random() < 0.15 else 5))
    busy = rng.choice((3, 5, 6, 8, 12))
    return Person(
        str(number + 1), f"Person {number + 1}", role, rng.uniform(7, 10), rng.uniform(7.5, 9.5), days, networks, busy,
        number % 3,
    )  # fmt: skip


def _ordinary(story: _Story, people: list[Person]) -> None:
    rng = story.rng
    for day in range(1, DAYS):
        weekday = (BEGINS + timedelta(days=day)).weekday()
        holiday = (BEGINS + timedelta(days=day)).strftime("%m-%d") in {"04-18", "05-05", "08-25", "12-25", "12-26"}
        for who in people:
            works = weekday in who.days and not holiday and rng.random() > 0.08
            if works or (weekday == 5 and rng.random() < 0.004):
                _day_of(story, who, day)
        if weekday < 5 and not holiday:
            _office(story, people, day)


def _day_of(story: _Story, who: Person, day: int) -> None:
    rng = story.rng
    ip = rng.choices(who.networks, (6, 2, 1)[: len(who.networks)])[0]
    if rng.random() < 0.0012:  # a journey: a hotel that is never seen again
        ip = f"172.{rng.randrange(16, 32)}.{rng.randrange(256)}.4"
    at = _moment(day, who.begins, rng.uniform(-15, 25))
    for _ in range(rng.choice((1, 1, 2)) if rng.random() < 0.04 else 0):
        _refused(story, at, who, ip)
        at += timedelta(seconds=rng.uniform(8, 40))
    _tell(story, at, "sign_in.succeeded", who, {"method": "password and code"}, ip=ip)
    amount = max(1, round(rng.gauss(who.busy, who.busy / 2.5)))
    hours = who.length + (rng.uniform(1, 2.5) if rng.random() < 0.03 else 0)  # late, now and then
    if rng.random() < 0.02 + 0.03 * (who.busy > 7):  # paperwork, all at once
        start = at + timedelta(hours=rng.uniform(0.5, who.length - 1.5))
        for _ in range(rng.randint(10, 18)):
            start += timedelta(minutes=rng.uniform(1, 3.5))
            _tell(story, start, rng.choice(_WORK[:-1]), who, ip=ip, target=_thing(rng))
    for _ in range(amount):
        done = at + timedelta(hours=rng.random() * hours, minutes=1)
        _tell(story, done, rng.choice(_WORK), who, ip=ip, target=_thing(rng))
    if rng.random() < 0.5:
        _tell(story, at + timedelta(hours=hours, minutes=rng.uniform(2, 40)), "sign_out.completed", who, ip=ip)


def _office(story: _Story, people: list[Person], day: int) -> None:
    """What happens to accounts, and exports."""
    rng, owner = story.rng, people[0]
    if day % 5 == 3:
        who = rng.choice(people[:3] + people[30:34])
        at = _moment(day, who.begins + 2, rng.uniform(0, 120))
        what = {"scope": rng.choice(("all customers", "all vehicles")), "format": "CSV"}
        _tell(story, at, "export.requested", who, what)
        _tell(
            story, at + timedelta(minutes=6), "export.completed", None, {"records": str(rng.randint(150, 2600)), **what}
        )
    if day % 7 == 2:
        _tell(
            story,
            _moment(day, owner.begins + 3, 5),
            "audit_log.exported",
            people[1],
            {"entries": str(rng.randint(300, 900))},
        )
    if day % 23 == 9:  # a new telephone
        who = people[rng.randrange(5, 30)]
        at = _moment(day, max(owner.begins, who.begins) + 1.5, rng.uniform(0, 90))
        _tell(story, at, "two_factor.reset", owner, target=("member", who.id, who.name))
        _tell(story, at + timedelta(minutes=rng.uniform(5, 200)), "two_factor.enrolled", who)


def _feeds(story: _Story, keys: list[str]) -> None:
    rng = story.rng
    for number, key in enumerate(keys):
        for day in range(3, DAYS):
            for _ in range(rng.randint(1, 4)):
                at = _moment(day, 0, rng.random() * 1440)
                action = rng.choice(("vehicle.updated", "document.uploaded"))
                _tell_key(story, at, action, key, f"100.64.{number}.5")


def _plant(story: _Story, people: list[Person], makers: dict[str, Person]) -> None:
    rng = story.rng
    members = people[4:]
    rng.shuffle(members)
    makers_who_leave = [makers[f"key_{number}"] for number in range(OF_EACH_KIND)]
    others = iter([who for who in members if who not in makers_who_leave] * 3)
    for number in range(OF_EACH_KIND):
        who, day = next(others), _workday(rng, 0)
        at = _moment(day, who.begins + rng.uniform(0.5, 5), 0)
        ip = f"45.{rng.randrange(256)}.{rng.randrange(256)}.77"
        _mark(story, Flag.UNFAMILIAR_PLACE, who.ref, at)
        _tell(story, at, "sign_in.succeeded", who, ip=ip)

        who, day = next(others), _workday(rng, 1)
        at = _moment(day, who.begins + 2, rng.uniform(0, 60))
        _mark(story, Flag.TWO_FACTOR_OFF, who.ref, at)
        _tell(story, at, "two_factor.removed", who)

        who, day = next(others), _workday(rng, 2)
        at = _moment(day, who.begins + 2, rng.uniform(0, 60))
        _mark(story, Flag.RECOVERY_CODE, who.ref, at)
        _tell(story, at, "recovery_codes.used", who)

        who, day = next(others), _workday(rng, 3)
        at = _moment(day, who.begins + 2, rng.uniform(0, 60))
        for _ in range(rng.randint(5, 15)):
            _refused(story, at, who, "45.9.8.7" if number % 2 else who.networks[0])
            at += timedelta(seconds=rng.uniform(5, 90))
        _mark(story, Flag.GUESSED_PASSWORD, who.ref, at)
        _tell(story, at, "sign_in.succeeded", who)

        key = f"key_{5 + number}"
        at = _moment(_workday(rng, 4), rng.uniform(0, 23), 0)
        _mark(story, Flag.KEY_NEW_NETWORK, f"api_key:{key}", at)
        _tell_key(story, at, "supplier.updated", key, f"45.{rng.randrange(256)}.7.9")

        who, day = makers_who_leave[number], _workday(rng, 5) + 40
        at = _moment(day, 17.2, 0)
        _tell(story, at, "member.removed", people[0], target=("member", who.id, who.name))
        who.away = (day, DAYS)
        story.told = [each for each in story.told if each.actor_id != who.id or each.at <= at]
        _mark(story, Flag.KEY_WITHOUT_MAKER, f"api_key:key_{number}", at, hours=48)

        who, day = next(others), _workday(rng, 6)
        at = _moment(day, people[0].begins + 1, rng.uniform(0, 200))
        role = "owner" if number == 4 else "admin"
        _mark(story, Flag.ROLE_RAISED, who.ref, at)
        _tell(story, at, "member.role_raised", people[0], {"role": role}, target=("member", who.id, who.name))

        _reset(story, people, next(others), number, _workday(rng, 7))
        _export(story, people, next(others), number, (PLANTED_FROM // 7 + 2 + 5 * number) * 7 + 2)
        _burst(story, next(others), number, _workday(rng, 9))

        who, day = next(others), _workday(rng, 10)
        night = number % 2 or max(who.days) > 4
        at = _moment(day, who.begins - 6.5, 0) if night else _moment(_sunday_after(day), 11, 0)
        _mark(story, Flag.ODD_HOURS, who.ref, at)
        for _ in range(rng.randint(2, 9)):
            _tell(story, at, rng.choice(_WORK[:-1]), who, target=_thing(rng))
            at += timedelta(minutes=rng.uniform(1, 9))

    for number, category in enumerate(("vehicles", "documents", "customers", "shipments", "documents")):
        day = PLANTED_FROM + 5 + 33 * number
        begins, ends = _moment(day, 3, 0), _moment(day + 13, 3, 0)
        story.silent.append((category, begins, ends))
        story.planted.append(Planted(Flag.GONE_QUIET, f"category:{category}", begins, ends))


def _reset(story: _Story, people: list[Person], who: Person, number: int, day: int) -> None:
    """Somebody who never did one, an admin's, and one that nobody set up again."""
    by, of, again = people[1], who, True
    if number == 2:
        by, of = people[0], people[3]
    elif number > 2:
        by, again = people[0], False
    elif number == 1:
        by = people[2]
    at = _moment(day, max(by.begins, of.begins) + 1, story.rng.uniform(0, 120))
    _mark(story, Flag.TWO_FACTOR_RESET, by.ref, at)
    _tell(story, at, "two_factor.reset", by, target=("member", of.id, of.name))
    _tell(story, at + timedelta(minutes=25) if again else at + timedelta(days=4), "two_factor.enrolled", of)


def _export(story: _Story, people: list[Person], who: Person, number: int, day: int) -> None:
    """One larger than any, of data or of the log, or the first of somebody who never had one."""
    rng = story.rng
    by, records, scope = (people[2], rng.randint(9_000, 60_000) * (1 + 9 * number), "everything")
    if number >= 3:
        by, records = who, rng.randint(1_200, 2_600)
    at = _moment(day, by.begins + 2, rng.uniform(0, 100))
    _mark(story, Flag.LARGE_EXPORT, by.ref, at)
    if number == 1:
        _tell(story, at, "audit_log.exported", by, {"entries": f"{records:,}"})
        return
    what = {"scope": scope, "format": "ZIP"}
    _tell(story, at, "export.requested", by, what)
    _tell(story, at + timedelta(minutes=20), "export.completed", None, {"records": str(records), **what})


def _burst(story: _Story, who: Person, number: int, day: int) -> None:
    rng = story.rng
    at = _moment(day, who.begins + rng.uniform(1, who.length - 2), 0)
    _mark(story, Flag.BURST, who.ref, at - timedelta(hours=1))
    for _ in range(rng.randint(70, 110) if number % 2 else rng.randint(28, 40)):
        _tell(story, at, "document.updated" if number % 2 else "vehicle.deleted", who, target=_thing(rng))
        at += timedelta(seconds=rng.uniform(5, 30))


def _mark(story: _Story, kind: Flag, subject: str, at: datetime, hours: float = 3) -> None:
    story.planted.append(Planted(kind, subject, at - timedelta(seconds=1), at + timedelta(hours=hours)))


def _workday(rng: random.Random, offset: int) -> int:
    """Return a Tuesday to Thursday late enough, on which nobody has a holiday."""
    week = rng.randrange(PLANTED_FROM // 7, DAYS // 7 - 9)
    return week * 7 + 1 + (offset + rng.randrange(3)) % 3


def _sunday_after(day: int) -> int:
    return day + 6 - (BEGINS + timedelta(days=day)).weekday()


def _moment(day: int, hour: float, minutes: float) -> datetime:
    local = datetime.combine(BEGINS + timedelta(days=day), time(), ZoneInfo(ZONE))
    return (local + timedelta(hours=hour, minutes=minutes)).astimezone(UTC)


def _thing(rng: random.Random) -> tuple[str, str, str]:
    number = rng.randrange(4000)
    return ("vehicle", f"veh_{number}", f"Vehicle {number}")


def _refused(story: _Story, at: datetime, who: Person, ip: str) -> None:
    them, reason = ("member", who.id, who.name), {"reason": "wrong password"}
    if who.is_elsewhere(at):  # and in whose name another application tells of it
        story.told.append(_entry(at, "sign_in.refused", them, reason, None, ip, "failure", elsewhere=True))
        return
    unknown = ("anonymous", "unknown", "Unknown person")
    story.told.append(_entry(at, "sign_in.refused", unknown, reason, them, ip, "failure"))


def _tell(
    story: _Story, at: datetime, action: str, who: Person | None, facts: dict[str, str] | None = None, *,
    target: tuple[str, str, str] | None = None, ip: str = "",
) -> None:  # fmt: skip
    if who is not None and who.away is not None and at > _moment(who.away[0], 17.2, 0):
        return
    actor = ("member", who.id, who.name) if who else ("system", "nightly-jobs", "Nightly jobs")
    came_from, elsewhere = ip or (who.networks[0] if who else None), who is not None and who.is_elsewhere(at)
    story.told.append(_entry(at, action, actor, facts or {}, target, came_from, "success", elsewhere=elsewhere))


def _tell_key(story: _Story, at: datetime, action: str, key: str, ip: str) -> None:
    story.told.append(_entry(at, action, ("api_key", key, key), {}, _thing(story.rng), ip, "success"))


def _entry(
    at: datetime, action: str, actor: tuple[str, str, str], facts: dict[str, str],
    target: tuple[str, str, str] | None, ip: str | None, outcome: str, *, elsewhere: bool = False,
) -> Entry:  # fmt: skip
    category = _CATEGORIES[action.partition(".")[0]]
    if action in {"member.removed", "two_factor.reset"}:
        category = "team"
    about, via = target or (None, None, None), PORTAL if elsewhere else (None, None, None)
    return Entry._make((ids.new_id(at), category, action, facts, *actor, *via, *about, ip, outcome))


def _is_silenced(story: _Story, entry: Entry) -> bool:
    return any(entry.category == category and begins <= entry.at < ends for category, begins, ends in story.silent)


def in_batches(entries: list[Entry], rng: random.Random) -> Iterator[list[Entry]]:
    """Yield *entries* in pieces of whatever size."""
    start = 0
    while start < len(entries):
        size = rng.choice((1, 7, 100, 2500))
        yield entries[start : start + size]
        start += size
