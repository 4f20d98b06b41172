"""One business over the two years of the demo: who does what there, and the words to say that they did."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta

from auditweb.catalogue import Action
from auditweb.demo.cast import YEARS_TOLD, Colleague, Company, Key
from auditweb.demo.happenings import Happening
from auditweb.parties import Actor, ActorType, Origin, Target


class World:
    """
    *company* up to *until*. *ids* tells the stored id of each colleague's account by their address.

    Everything random in it comes from the seeds that `dice` hands out, so that the same end tells the same stories.
    """

    def __init__(
        self, company: Company, until: datetime, ids: Mapping[str, str], extras: tuple[Colleague, ...] = ()
    ) -> None:
        self.company = company
        self.trade = company.trade
        self.until = until
        self.began = until - YEARS_TOLD
        self.people = company.people + extras
        self.by_email = {person.email: person for person in self.people}
        self._actors = {person.email: Actor(ActorType.MEMBER, ids[person.email], person.name) for person in self.people}
        founded = self._join(self.people[0])
        # The first colleagues are invited on the first day, so none of them can act before the founder did.
        self.joined_at = {person.email: max(self._join(person), founded + timedelta(hours=2)) for person in self.people}
        self.joined_at[self.people[0].email] = founded
        self.left_at = {person.email: self._leave(person) for person in self.people}
        self.away: dict[str, tuple[datetime, datetime]] = {}
        self._doing: dict[str, list[Colleague]] = {}
        for person in self.people:
            for job in person.jobs:
                self._doing.setdefault(job, []).append(person)

    def dice(self, name: str) -> random.Random:
        """Return the random numbers of the story called *name*."""
        return random.Random(f"{self.company.slug}: {name}")

    def ago(self, days: float = 0, hours: float = 0, minutes: float = 0) -> datetime:
        """Return a moment before the end."""
        return self.until - timedelta(days=days, hours=hours, minutes=minutes)

    def colleague(self, email: str) -> Colleague:
        return self.by_email[email]

    def belongs(self, who: Colleague, at: datetime) -> bool:
        """Tell if *who* is a member at *at*, and not suspended."""
        left, away = self.left_at[who.email], self.away.get(who.email)
        if away is not None and away[0] < at < away[1]:
            return False
        return self.joined_at[who.email] < at and (left is None or at < left)

    def someone(self, rng: random.Random, job: str, at: datetime) -> Colleague:
        """Return a member who does *job* at *at*; in the first days that is the owner."""
        able = [person for person in self._doing.get(job, ()) if self.belongs(person, at)]
        return rng.choice(able) if able else self.people[0]

    def someone_at_work(self, rng: random.Random, job: str, at: datetime) -> Colleague:
        """Return the same, of those whose hours these are if there are any."""
        able = [who for who in self._doing.get(job, ()) if self.belongs(who, at) and who.hours.includes(at)]
        return rng.choice(able) if able else self.someone(rng, job, at)

    def actor(self, email: str) -> Actor:
        return self._actors[email]

    def person(self, email: str) -> Target:
        """Return a colleague as something acted on."""
        actor = self._actors[email]
        return Target("member", actor.id, actor.name)

    def by(
        self, who: Colleague, at: datetime, action: Action, target: Target | None = None, /, **facts: str
    ) -> Happening:
        """Tell what a colleague did. Their device and address follow from how they are signed in at the time."""
        return Happening(at, action, self._actors[who.email], target, facts, email=who.email)

    def by_itself(
        self, actor: Actor, at: datetime, action: Action, target: Target | None = None, /, **facts: str
    ) -> Happening:
        """Tell what one of the system's own processes did."""
        return Happening(at, action, actor, target, facts)

    def by_key(
        self, key: Key, at: datetime, action: Action, target: Target | None = None, /, **facts: str
    ) -> Happening:
        """Tell what another system did with an API key."""
        return Happening(
            at, action, key.actor, target, facts, origin=Origin(ip=key.ip, user_agent=f"{key.id}-client/2.4")
        )

    def _join(self, who: Colleague) -> datetime:
        day = who.hours.working_day(self.ago(days=who.joined), 1)
        return max(who.hours.at(day, who.hours.opens) + timedelta(minutes=25), self.began)

    def _leave(self, who: Colleague) -> datetime | None:
        if who.left is None:
            return None
        day = who.hours.working_day(self.ago(days=who.left), -1)
        return who.hours.at(day, who.hours.closes) - timedelta(minutes=20)
