"""Suppliers: taking them on, their invoices month after month, and the archive."""

from datetime import datetime, timedelta

from auditweb import catalogue as c
from auditweb.demo.happenings import Story
from auditweb.demo.lives import Life
from auditweb.demo.world import World
from auditweb.parties import Target


def life_of(world: World, number: int, invoices: int) -> Story:
    """Tell of one supplier, who sends so many *invoices* over the two years."""
    name, kind = world.trade.suppliers[number]
    rng = world.dice(f"supplier {number} begins")
    life = Life(world, f"supplier {number}", Target("supplier", f"sup_{101 + number}", name), begins(world, number))
    life.soon("suppliers", c.SUPPLIER_CREATED, kind=kind)
    life.later((0.5, 3), "finance", c.SUPPLIER_APPROVED)
    if life.chance(0.5):
        life.soon("suppliers", c.SUPPLIER_MADE_DEFAULT, kind=kind)
    archived = life.chance(0.2)
    gone = world.until - timedelta(days=rng.uniform(20, 300)) if archived else world.until
    rhythm = (gone - life.at) / max(invoices, 1)
    first = life.at
    for month in range(invoices):
        life.at = max(life.at, first + rhythm * month)
        invoice = f"{name[:3].upper()}-{world.dice(f'{name} {month}').randint(2000, 98999)}"
        life.soon("suppliers", c.SUPPLIER_INVOICE_APPROVED, invoice=invoice)
        if life.chance(0.9):
            life.later((0.02, 0.3), "finance", c.SUPPLIER_PAID, invoice=invoice)
        _now_and_then(life)
    if archived:
        life.later((1, 9), "suppliers", c.SUPPLIER_ARCHIVED)
        if life.chance(0.5):
            life.later((3, 15), "suppliers", c.SUPPLIER_RESTORED)
        elif life.chance(0.5):
            life.later((3, 15), "finance", c.SUPPLIER_DELETED)
    return life.told()


def begins(world: World, number: int) -> datetime:
    """Return when supplier *number* is first heard of: most of them early on."""
    rng = world.dice(f"supplier {number} is found")
    return world.began + timedelta(days=rng.uniform(2, 60) if rng.random() < 0.7 else rng.uniform(60, 450))


def _now_and_then(life: Life) -> None:
    if life.chance(0.05):
        life.soon("suppliers", c.SUPPLIER_UPDATED, fields=life.rng.choice(("opening hours", "notes", "rates")))
    if life.chance(0.04):
        life.soon("suppliers", c.SUPPLIER_CONTACT_CHANGED)
    if life.chance(0.02):
        life.soon("suppliers", c.SUPPLIER_CONTRACT_RENEWED)
    if life.chance(0.01):
        life.soon("finance", c.SUPPLIER_BANK_DETAILS_CHANGED)
    if life.chance(0.006):
        life.soon("suppliers", c.SUPPLIER_SUSPENDED, reason="Invoice in dispute")
        life.later((2, 9), "finance", c.SUPPLIER_APPROVED)
