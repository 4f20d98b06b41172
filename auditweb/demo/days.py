"""All that goes on in a business: which stories are told, how many of each, and when each begins."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

from auditweb.demo import cast, office, people, security, shipments, stories, suppliers, vehicles
from auditweb.demo.cast import NORTHGATE
from auditweb.demo.customers import Customers
from auditweb.demo.happenings import Beginning, Story
from auditweb.demo.shipments import Timetable
from auditweb.demo.world import World

_FEWEST_SAILINGS = 12
_LONGEST = timedelta(days=12)  # from when a small matter is due until working hours let somebody do it


def stories_of(world: World, entries: int) -> Iterator[Beginning]:
    """Return the stories that together make about *entries* entries, each with the moment it begins."""
    yield from _trade(world, entries)
    yield from _office(world, entries)
    for who in world.people:
        yield world.joined_at[who.email] - _LONGEST, partial(people.life_of, world, who)
    for key in world.company.keys:
        yield world.ago(days=key.made) - _LONGEST, partial(office.life_of_key, world, key)
    if world.company is NORTHGATE:
        yield from stories.all_of(world)


def _trade(world: World, entries: int) -> Iterator[Beginning]:
    timetable = Timetable(world, max(_FEWEST_SAILINGS, _share(entries, 200)))
    customers = Customers(world, _share(entries, 80))
    rng, bought = world.dice("purchases"), _share(entries, 86)
    begins, ends = world.began + timedelta(days=5), world.until
    for number in range(bought):
        start = begins + (ends - begins) * ((number + rng.random()) / bought)
        yield start, partial(vehicles.life_of, world, timetable, customers, number, start)
    for consignment in timetable.consignments:
        yield consignment.booked, partial(shipments.life_of, world, consignment)
    for number, since in customers:
        yield since, partial(customers.life_of, number)
    for number in range(len(world.trade.suppliers)):
        invoices = max(1, round(entries / 60 / len(world.trade.suppliers)))
        yield suppliers.begins(world, number), partial(suppliers.life_of, world, number, invoices)


def _office(world: World, entries: int) -> Iterator[Beginning]:
    steady: tuple[Callable[[], Story], ...] = (
        partial(people.founding, world),
        partial(people.rota, world, _share(entries, 32)),
        partial(office.settings, world, _share(entries, 95)),
        partial(office.plan, world),
        partial(office.scheduled_export, world, timedelta(days=min(max(1, 126_000 / entries), 30))),
        partial(office.document_dates, world, _share(entries, 150)),
        *(
            partial(office.feed, world, key, _share(entries, 45))
            for key in world.company.keys
            if key.writes and key.name != cast.FORWARDER
        ),
    )
    for story in steady:
        yield world.began, story
    yield from people.other_team_matters(world, _share(entries, 200))
    yield from security.matters(world, _share(entries, 17))
    yield from office.exports(world, _share(entries, 300))
    yield from office.support_visits(world, _share(entries, 1200))


def _share(entries: int, one_in: float) -> int:
    return max(1, round(entries / one_in))
