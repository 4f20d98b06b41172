"""A life: what happens to one vehicle, shipment, customer or supplier, one thing after another."""

from dataclasses import replace
from datetime import datetime, timedelta

from auditweb.catalogue import Action
from auditweb.demo.cast import Colleague
from auditweb.demo.happenings import Happening, Story, in_order
from auditweb.demo.world import World
from auditweb.parties import Actor, Target


class Life:
    """
    The life of *target*. Whatever happens moves *at* on, so that one thing follows another.

    Set *via* while people work through another system.
    """

    def __init__(self, world: World, name: str, target: Target, begins: datetime) -> None:
        self.world = world
        self.rng = world.dice(name)
        self.target = target
        self.at = begins
        self.via: Actor | None = None
        self._told: list[Happening] = []

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def soon(self, job: str, action: Action, /, **facts: str) -> Colleague:
        """Someone with *job* does it within the hour, or first thing on the next working day."""
        self.at = self.world.someone(self.rng, job, self.at).hours.soon(self.rng, self.at)
        return self._did(job, action, facts)

    def later(self, days: tuple[float, float], job: str, action: Action, /, **facts: str) -> Colleague:
        """Someone with *job* does it some *days* on, in working hours."""
        around = self.at + timedelta(days=days[0])
        self.at = self.world.someone(self.rng, job, around).hours.later(self.rng, self.at, days=days)
        return self._did(job, action, facts)

    def add(self, happening: Happening) -> None:
        """Tell of something besides, which does not move the life on."""
        self._told.append(happening)

    def told(self) -> Story:
        return in_order(self._told)

    def _did(self, job: str, action: Action, facts: dict[str, str]) -> Colleague:
        who = self.world.someone_at_work(self.rng, job, self.at)
        self._told.append(replace(self.world.by(who, self.at, action, self.target, **facts), via=self.via))
        return who
