"""Joining and leaving, the teams and their rotas."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from auditweb import catalogue as c
from auditweb.demo.cast import NIGHTLY_JOBS, Colleague
from auditweb.demo.happenings import Beginning, Happening, Story, in_order
from auditweb.demo.world import World
from auditweb.parties import Origin, Target

_TEAM_OF = {
    "buying": "Japan desk",
    "documents": "Documents",
    "sales": "Sales",
    "shipping": "Southampton yard",
    "yard": "Bristol yard",
}
_PASSES_BY = ("d.morgan", "k.osei", "l.ferreira", "s.bennett", "r.hussain", "p.dubois", "n.rehman")
_SOON = timedelta(minutes=31)
_OVER_AFTER = timedelta(days=21)  # when an invitation in vain is closed for sure, whatever holidays are in between


def founding(world: World) -> Story:
    """Tell how the organisation began and its teams came to be."""
    owner = world.people[0]
    at = world.joined_at[owner.email]
    told = [_from_office(owner, world.by(owner, at, c.ORGANISATION_CREATED, name=world.company.first_name))]
    for action, facts in (
        (c.TIME_ZONE_CHANGED, {"zone": world.company.zone}),
        (c.CURRENCY_CHANGED, {"currency": "pounds sterling" if world.trade.to_britain else "yen"}),
        (c.ORGANISATION_ADDRESS_CHANGED, {}),
        (c.VAT_NUMBER_CHANGED, {}),
        (c.EORI_NUMBER_CHANGED, {}),
        (c.PLAN_CHANGED, {"plan": "Business"}),
        (c.ORGANISATION_LOGO_CHANGED, {}),
    ):
        at += timedelta(minutes=world.dice(f"founding {action.slug}").uniform(1, 9))
        told.append(_from_office(owner, world.by(owner, at, action, **facts)))
    for number in range(len(world.company.teams)):
        at += timedelta(minutes=3)
        told.append(_from_office(owner, world.by(owner, at, c.GROUP_CREATED, team(world, number))))
    return iter(told)


def life_of(world: World, who: Colleague) -> Story:
    """Tell how *who* came to the organisation, and how they left if they did."""
    rng = world.dice(f"life of {who.email}")
    joined, owner = world.joined_at[who.email], world.people[0]
    told: list[Happening] = []
    if who is not owner:
        invited = max(
            world.joined_at[owner.email] + timedelta(minutes=75 + rng.random() * 20),
            joined - timedelta(days=rng.uniform(1, 4)),
        )
        host = world.someone(rng, "admin", invited)
        if joined - invited > timedelta(days=1):
            invited = min(host.hours.soon(rng, invited), joined - timedelta(minutes=10))
        told.append(world.by(host, invited, c.MEMBER_INVITED, email=who.email, role=who.role))
        told.append(_from_office(who, world.by(who, joined, c.MEMBER_JOINED, role=who.role)))
        told.append(_from_office(who, _enrols(world, who, joined + timedelta(minutes=rng.uniform(1, 6)))))
        at = host.hours.soon(rng, joined)
        told.append(world.by(host, at, c.GROUP_JOINED, _home_of(world, who), member=who.name))
        if who.role == "auditor":
            told.append(world.by(owner, owner.hours.soon(rng, at), c.AUDITOR_APPOINTED, world.person(who.email)))
    left = world.left_at[who.email]
    if left is not None:
        told.append(world.by(owner, left, c.MEMBER_REMOVED, world.person(who.email)))
        ended = left + timedelta(seconds=1)
        told.append(world.by_itself(NIGHTLY_JOBS, ended, c.SESSIONS_ENDED, world.person(who.email), devices="2"))
    return in_order(told)


def rota(world: World, changes: int) -> Story:
    """Tell of so many *changes* to the teams and to people's roles."""
    rng = world.dice("rota")
    members = [person for person in world.people if person.role == "member"]
    cover: list[tuple[Target, Colleague]] = []
    told: list[Happening] = []
    for moment in moments(world, "rota moments", changes):
        host = world.someone(rng, "admin", moment)
        at = host.hours.soon(rng, moment)
        if len(cover) > 3 or (cover and rng.random() < 0.45):
            group, who = cover.pop(0)
            told.append(world.by(host, at, c.GROUP_LEFT, group, member=who.name))
        else:
            who, group = rng.choice(members), team(world, rng.randrange(len(world.company.teams)))
            if world.belongs(who, at) and (group, who) not in cover:
                cover.append((group, who))
                told.append(world.by(host, at, c.GROUP_JOINED, group, member=who.name))
    return in_order(told)


def other_team_matters(world: World, how_many: int) -> Iterator[Beginning]:
    """Tell of invitations that came to nothing, stand-ins and forgotten second factors."""
    rng, strangers = world.dice("team matters"), _Strangers(world)
    yield _first_reset(world)
    for number, moment in enumerate(moments(world, "team matters", how_many)):
        host = world.someone(rng, "admin", moment)
        at = host.hours.soon(rng, moment)
        if kind := (None, _stand_in, _second_factor_reset, None)[number % 4]:
            yield moment, partial(kind, world, number, host, at)
        else:
            yield moment, partial(_invitation_in_vain, world, number, host, at, strangers.one_to_invite(at))


def team(world: World, number: int) -> Target:
    return Target("group", f"grp_{11 + number}", world.company.teams[number])


def _home_of(world: World, who: Colleague) -> Target:
    """Return the team that someone with their work belongs to."""
    names = [_TEAM_OF[job] for job in sorted(who.jobs) if _TEAM_OF.get(job) in world.company.teams]
    return team(world, world.company.teams.index(names[0]) if names else 0)


def moments(world: World, name: str, how_many: int) -> list[datetime]:
    """Return so many moments of the two years, leaving out the first days, in order."""
    rng = world.dice(name)
    begins = world.began + timedelta(days=6)
    return sorted(begins + (world.until - begins) * rng.random() for _ in range(how_many))


class _Strangers:
    """The addresses of people who never come. One is invited again only when the last invitation to it is over."""

    def __init__(self, world: World) -> None:
        self._world, self._rng = world, world.dice("strangers")
        self._free_from = {self._address(number): world.began for number in range(len(_PASSES_BY))}

    def one_to_invite(self, at: datetime) -> str:
        """Return an address without an open invitation at *at*, which has one from then on."""
        free = [email for email, since in self._free_from.items() if since <= at]
        chosen = self._rng.choice(free) if free else self._address(len(self._free_from))
        self._free_from[chosen] = at + _OVER_AFTER
        return chosen

    def _address(self, number: int) -> str:
        namesakes, name = divmod(number, len(_PASSES_BY))
        return f"{_PASSES_BY[name]}{namesakes + 1 if namesakes else ''}@{self._world.company.slug}.example"


def _invitation_in_vain(world: World, number: int, host: Colleague, at: datetime, email: str) -> Story:
    rng = world.dice(f"invitation {number}")
    again = host.hours.later(rng, at, days=(3, 6)) if rng.random() < 0.5 else None
    withdrawn = host.hours.later(rng, at, days=(8, 12)) if rng.random() < 0.4 else None
    yield world.by(host, at, c.MEMBER_INVITED, email=email, role="member")
    if again and (withdrawn is None or again < withdrawn):  # over the holidays both may fall on the same day
        yield world.by(host, again, c.INVITATION_RESENT, email=email)
    if withdrawn:
        yield world.by(host, withdrawn, c.INVITATION_WITHDRAWN, email=email)
    else:
        midnight = at.replace(hour=1, minute=40, second=0, microsecond=0) + timedelta(days=14)
        yield world.by_itself(NIGHTLY_JOBS, midnight, c.INVITATION_EXPIRED, email=email)


def _stand_in(world: World, number: int, host: Colleague, at: datetime) -> Story:
    """Somebody reads the log while the auditor is on leave."""
    rng = world.dice(f"stand-in {number}")
    able = _members(world, at)
    back = host.hours.later(rng, at, days=(9, 16))
    if not able or not world.belongs(able[number % len(able)], back):
        return
    who = able[number % len(able)]
    for moment, action in ((at, c.AUDITOR_APPOINTED), (back, c.AUDITOR_DISMISSED)):
        yield world.by(host, moment, action, world.person(who.email))


def _second_factor_reset(world: World, number: int, host: Colleague, at: datetime) -> Story:
    """A new telephone: the owner of it asks, the organisation’s resets, and it is set up again within the hour."""
    owner = world.people[0]
    able = [who for who in _members(world, at) if _are_there(who, at)]
    if not able or not owner.hours.includes(at):
        return
    who = able[number % len(able)]
    yield world.by(owner, at, c.TWO_FACTOR_RESET, world.person(who.email))
    yield _enrols(world, who, who.hours.soon(world.dice(f"reset {number}"), at, minutes=(4, 30)))


def _first_reset(world: World) -> Beginning:
    """The owner learns in the first weeks that telephones break."""
    owner = world.people[0]
    at = world.began + timedelta(days=35)
    while not owner.hours.includes(at) or not any(_are_there(who, at) for who in _members(world, at)):
        at += timedelta(minutes=30)
    return at, partial(_second_factor_reset, world, 0, owner, at)


def _are_there(who: Colleague, at: datetime) -> bool:
    return who.hours.includes(at) and who.hours.includes(at + _SOON)


def _members(world: World, at: datetime) -> list[Colleague]:
    """Return those without a role who are neither new nor about to leave. Some people of the stories do enough."""
    return [
        person
        for person in world.company.people[3:]
        if person.role == "member"
        and "finance" not in person.jobs
        and world.belongs(person, at - timedelta(days=20))
        and world.belongs(person, at + timedelta(days=20))
    ]


def _enrols(world: World, who: Colleague, at: datetime) -> Happening:
    return world.by(who, at, c.TWO_FACTOR_ENROLLED, method="authenticator app")


def _from_office(who: Colleague, happening: Happening) -> Happening:
    """Someone who is just arriving has not signed in: what they do comes from where they sit all the same."""
    return replace(happening, origin=Origin(ip=who.office, user_agent=who.device(happening.at)))
