"""Customers: how they come to be on the books, what changes about them, and how they pay."""

import random
from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime, timedelta

from auditweb import catalogue as c
from auditweb.demo.happenings import Story
from auditweb.demo.lives import Life
from auditweb.demo.world import World
from auditweb.parties import Target

_BUY_WITHIN = 6  # buyers are among the last so many customers taken on


class Customers:
    """All customers of a business, in the order they were taken on."""

    def __init__(self, world: World, how_many: int) -> None:
        self._world = world
        rng = world.dice("customers")
        span = (world.until - world.began - timedelta(days=4)) / how_many
        self._since = [world.began + timedelta(days=3) + span * (n + rng.random() * 0.9) for n in range(how_many)]
        self._who = [world.trade.a_customer(rng) for _ in range(how_many)]
        self._targets = [Target("customer", f"cus_{501 + n}", name) for n, (name, _) in enumerate(self._who)]

    def __iter__(self) -> Iterator[tuple[int, datetime]]:
        return iter(enumerate(self._since))

    def one_at(self, rng: random.Random, moment: datetime) -> Target:
        """Return one who has lately become a customer at *moment*."""
        last = max(bisect_left(self._since, moment - timedelta(days=4)), 1)
        return self._targets[rng.randrange(max(0, last - _BUY_WITHIN), last)]

    def pay(self, life: Life, buyer: Target) -> datetime:
        """Take a deposit and the rest for the vehicle of *life*, and return when all was paid."""
        rng = life.rng
        deposit, rest = (f"INV-{rng.randint(1000, 9999)}" for _ in range(2))
        purchase = Life(self._world, f"sale of {life.target.id}", buyer, life.at)
        vehicle = life.target.name
        purchase.soon("sales", c.DEPOSIT_REQUESTED, vehicle=vehicle, invoice=deposit)
        purchase.later((0.5, 3), "finance", c.DEPOSIT_RECEIVED, vehicle=vehicle, invoice=deposit)
        if purchase.chance(0.25):
            purchase.soon("sales", c.CUSTOMER_ADDRESS_CHANGED)
        purchase.later((0.5, 4), "sales", c.INVOICE_SENT, invoice=rest, vehicle=vehicle)
        if purchase.chance(0.08):
            purchase.later((0.3, 2), "finance", c.INVOICE_CANCELLED, invoice=rest)
            rest = f"INV-{rng.randint(1000, 9999)}"
            purchase.soon("finance", c.INVOICE_SENT, invoice=rest, vehicle=vehicle)
        purchase.later((1, 8), "finance", c.INVOICE_PAID, invoice=rest, vehicle=vehicle)
        for happening in purchase.told():
            life.add(happening)
        return purchase.at

    def life_of(self, number: int) -> Story:
        """Tell what becomes of one customer's record."""
        world = self._world
        name, is_business = self._who[number]
        life = Life(world, f"customer {number}", self._targets[number], self._since[number])
        life.soon("sales", c.CUSTOMER_CREATED, kind="trade" if is_business else "private")
        life.later((0.2, 3), "sales", c.CUSTOMER_VERIFIED)
        if is_business:
            life.later((2, 9), "finance", c.CUSTOMER_CREDIT_CHANGED)
        if life.chance(0.3):
            colleague = world.someone(life.rng, "sales", life.at)
            life.later((1, 9), "sales", c.CUSTOMER_MANAGER_CHANGED, member=colleague.name)
        if life.chance(0.06) and not is_business:
            life.later((3, 20), "sales", c.CUSTOMERS_MERGED, duplicate=f"{name[0]}. {name.rpartition(' ')[2]}")
        for _ in range(life.rng.randint(1, 5)):
            action = life.rng.choice((c.CUSTOMER_UPDATED, c.CUSTOMER_CONTACT_CHANGED, c.CUSTOMER_UPDATED))
            fields = {"fields": life.rng.choice(("notes", "preferred models", "budget", "marketing consent"))}
            life.later((3, 60), "sales", action, **(fields if action is c.CUSTOMER_UPDATED else {}))
        if life.chance(0.03):
            life.later((5, 40), "finance", c.DEPOSIT_REFUNDED, invoice=f"INV-{life.rng.randint(1000, 9999)}")
        life.at = max(life.at, self._since[number] + timedelta(days=400))
        if life.chance(0.3):
            life.later((1, 60), "sales", c.CUSTOMER_ARCHIVED)
            if life.chance(0.15):
                life.later((4, 40), "sales", c.CUSTOMER_RESTORED)
            elif life.chance(0.1):
                life.later((20, 60), "sales", c.CUSTOMER_DELETED)
        return life.told()
