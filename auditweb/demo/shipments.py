"""Consignments: when they sail, and what happens to each between the booking and the yard."""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from auditweb import catalogue as c
from auditweb.demo.cast import CUSTOMS_LINK, FORWARDER, VESSEL_TRACKING, Key
from auditweb.demo.happenings import Story
from auditweb.demo.lives import Life
from auditweb.demo.world import World
from auditweb.parties import Target

_AHEAD = timedelta(days=90)  # what is bought in the last days of the demo is meant for ships that sail after them

_AT_THE_QUAY = (
    (-0.9, "at the terminal"),
    (-0.4, "cleared for export"),
    (0.3, "on board"),
    (0.7, "papers with the carrier"),
)
_UNDER_WAY = {
    True: (
        (0.12, "past Taiwan"),
        (0.3, "past Singapore"),
        (0.5, "in the Indian Ocean"),
        (0.7, "round the Cape"),
        (0.92, "in the Channel"),
    ),
    False: ((0.1, "in the Channel"), (0.4, "in the Red Sea"), (0.6, "past Colombo"), (0.9, "past Okinawa")),
}


@dataclass(frozen=True, slots=True)
class Consignment:
    """A container or a block of deck space: the vehicles that travel together."""

    number: int
    target: Target
    vessel: str
    voyage: str
    load_port: str
    port: str
    booked: datetime
    loaded: datetime
    departs: datetime
    arrives: datetime
    lodged: datetime
    cleared: datetime
    is_cancelled: bool
    yard: str


class Timetable:
    """All consignments of a business, in order of loading."""

    def __init__(self, world: World, how_many: int) -> None:
        self.consignments = _consignments(world, how_many)
        self._sailing = [consignment for consignment in self.consignments if not consignment.is_cancelled]
        self._loading = [consignment.loaded for consignment in self._sailing]

    def next_after(self, moment: datetime) -> Consignment:
        """Return the consignment that a vehicle ready at *moment* goes with."""
        return self._sailing[min(bisect_left(self._loading, moment), len(self._sailing) - 1)]


def life_of(world: World, consignment: Consignment) -> Story:
    """Tell of one consignment."""
    on = consignment
    life = Life(world, f"consignment {on.number}", on.target, on.booked)
    voyage = {"vessel": on.vessel, "voyage": on.voyage}
    declaration = f"{on.arrives:%y}GB{life.rng.randint(10**9, 10**10 - 1)}"
    life.soon("shipping", c.SHIPMENT_CREATED, port=on.load_port, **voyage)
    life.later((0.2, 1.5), "shipping", c.SHIPMENT_BOOKED, vessel=on.vessel, voyage=on.voyage, port=on.load_port)
    if life.chance(0.8):
        life.soon("shipping", c.SHIPMENT_UPDATED, fields="cut-off date")
    if life.chance(0.9):
        policy = f"SMU-{life.rng.randint(40000, 99999)}"
        life.later((0.5, 3), "shipping", c.SHIPMENT_INSURED, insurer="Severn Marine Underwriters", policy=policy)
    if on.is_cancelled:
        life.later((0.5, 2), "shipping", c.SHIPMENT_CANCELLED, reason="Booked twice")
        if life.chance(0.5):
            life.later((0.5, 3), "shipping", c.SHIPMENT_DELETED)
        return life.told()
    feed = _feed_at(world, on.loaded)
    _at_sea(life, on, feed, voyage)
    clerk = world.someone(life.rng, "shipping", on.lodged)
    life.add(world.by(clerk, on.lodged, c.CUSTOMS_ENTRY_LODGED, on.target, declaration=declaration))
    if life.chance(0.12):
        at = on.lodged + (on.cleared - on.lodged) * 0.3
        why = "Documents to be checked"
        life.add(world.by_itself(CUSTOMS_LINK, at, c.CUSTOMS_HELD, on.target, declaration=declaration, reason=why))
    life.add(world.by_itself(CUSTOMS_LINK, on.cleared, c.CUSTOMS_CLEARED, on.target, declaration=declaration))
    if feed is not None:
        for share, status in ((0.1, "discharged"), (0.2, "on the quay")):
            at = on.arrives + (on.cleared - on.arrives) * share
            life.add(world.by_key(feed, at, c.SHIPMENT_STATUS_CHANGED, on.target, status=status))
    life.at = on.cleared
    life.via = feed.actor if feed is not None and life.chance(0.4) else None  # in the forwarder's own app
    life.later((0.1, 0.8), "shipping", c.SHIPMENT_RELEASED, port=on.port)
    life.via = None
    life.later((0.3, 1.5), "shipping", c.SHIPMENT_COLLECTED, carrier="Solent Vehicle Haulage")
    if life.chance(0.6):
        life.soon("shipping", c.SHIPMENT_UPDATED, fields="haulier’s reference")
    life.later((0.4, 1.5), "yard", c.SHIPMENT_DELIVERED, place=on.yard)
    if life.chance(0.5):
        life.later((0.5, 4), "shipping", c.SHIPMENT_STATUS_CHANGED, status="closed")
    return life.told()


def _at_sea(life: Life, on: Consignment, feed: Key | None, voyage: dict[str, str]) -> None:
    """What the forwarder, the ship's tracking and the shipping desk report between the quay and the port."""
    world, rng = life.world, life.rng
    if feed is None:
        loaded = world.by_itself(VESSEL_TRACKING, on.loaded, c.SHIPMENT_LOADED, on.target, port=on.load_port, **voyage)
        life.add(loaded)
    else:
        life.add(world.by_key(feed, on.loaded, c.SHIPMENT_LOADED, on.target, port=on.load_port, **voyage))
        waits = on.departs - on.loaded
        for share, status in _AT_THE_QUAY:
            at = on.loaded + waits * share
            life.add(world.by_key(feed, at, c.SHIPMENT_STATUS_CHANGED, on.target, status=status))
    life.add(world.by_itself(VESSEL_TRACKING, on.departs, c.SHIPMENT_DEPARTED, on.target, port=on.load_port, **voyage))
    passage = on.arrives - on.departs
    for share, status in _UNDER_WAY[world.trade.to_britain]:
        at = on.departs + passage * (share + rng.uniform(-0.04, 0.04))
        if feed is not None:
            life.add(world.by_key(feed, at, c.SHIPMENT_STATUS_CHANGED, on.target, status=status))
        elif life.chance(0.5):
            life.add(world.by_itself(VESSEL_TRACKING, at, c.SHIPMENT_STATUS_CHANGED, on.target, status=status))
    for _ in range(rng.choice((0, 0, 1, 1, 1, 2))):
        reason = rng.choice(("Weather in the Bay of Biscay", "Waiting for a berth", "Port strike", "Missed its slot"))
        at = on.departs + passage * rng.uniform(0.3, 0.95)
        life.add(world.by_itself(VESSEL_TRACKING, at, c.SHIPMENT_DELAYED, on.target, reason=reason))
    if life.chance(0.3):
        at = on.departs + passage * rng.uniform(0.5, 0.9)
        life.add(world.by_itself(VESSEL_TRACKING, at, c.SHIPMENT_BROUGHT_FORWARD, on.target))
    life.add(world.by_itself(VESSEL_TRACKING, on.arrives, c.SHIPMENT_ARRIVED, on.target, port=on.port, **voyage))


def _feed_at(world: World, moment: datetime) -> Key | None:
    """Return the forwarder's API key if there was one at *moment*."""
    feed = next((key for key in world.company.keys if key.name == FORWARDER), None)
    return feed if feed is not None and moment > world.ago(days=feed.made - 3) else None


def _consignments(world: World, how_many: int) -> list[Consignment]:
    rng, trade = world.dice("timetable"), world.trade
    first, last = world.began + timedelta(days=20), world.until + _AHEAD
    consignments = []
    for number in range(how_many):
        loaded = first + (last - first) * ((number + rng.random() * 0.8) / how_many)
        departs = loaded + timedelta(days=rng.uniform(1, 3))
        arrives = departs + timedelta(days=rng.uniform(34, 46))
        clerk = world.someone(rng, "shipping", arrives)
        lodged = clerk.hours.later(rng, arrives + timedelta(hours=3), days=(0.1, 0.6))
        cleared = clerk.hours.later(rng, lodged, days=(0.6, 3))
        vessel, voyage = rng.choice(trade.vessels), str(101 + number)
        if rng.random() < 0.4:
            name = f"container {rng.choice(trade.containers)} {rng.randint(100000, 999999)}-{rng.randint(0, 9)}"
        else:
            name = f"{vessel}, voyage {voyage}"
        consignments.append(
            Consignment(
                number=number,
                target=Target("shipment", f"shp_{2001 + number}", name),
                vessel=vessel,
                voyage=voyage,
                load_port=rng.choice(trade.departs),
                port=rng.choice(trade.arrives),
                booked=clerk.hours.at((loaded - timedelta(days=rng.uniform(9, 18))).date(), time(9, 30)),
                loaded=loaded,
                departs=departs,
                arrives=arrives,
                lodged=lodged,
                cleared=cleared,
                is_cancelled=number % 30 == 20,
                yard=rng.choice(trade.yards),
            )
        )
    return sorted(consignments, key=lambda consignment: consignment.loaded)
