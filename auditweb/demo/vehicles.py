"""A vehicle from the auction to the buyer's drive."""

import random
from datetime import datetime, timedelta

from auditweb import catalogue as c
from auditweb.demo import papers
from auditweb.demo.cast import CUSTOMS_LINK
from auditweb.demo.customers import Customers
from auditweb.demo.happenings import Story
from auditweb.demo.lives import Life
from auditweb.demo.shipments import Consignment, Timetable
from auditweb.demo.world import World
from auditweb.parties import Target

_LOST = 0.3  # of the auctions they bid at
_PLATE_LETTERS = "ABCDEFGHJKLMNOPRSTUVWXYZ"


def life_of(world: World, timetable: Timetable, customers: Customers, number: int, begins: datetime) -> Story:
    """Tell of vehicle *number*, which catches a buyer's eye at *begins*."""
    name = world.trade.a_model(world.dice(f"model {number}"))
    life = Life(world, f"vehicle {number}", Target("vehicle", f"veh_{1001 + number}", name), begins)
    if _auction(life):
        consignment = _to_the_quay(life, timetable)
        _through_customs(life, consignment)
        _onto_the_road(life, consignment)
        _to_a_buyer(life, customers)
    return life.told()


def _auction(life: Life) -> bool:
    """Bid, and tell if the vehicle was bought."""
    rng, trade = life.rng, life.world.trade
    auction = rng.choice(trade.auctions)
    at_sale = {"sale": f"{auction}, {rng.randint(1400, 1650)}", "lot": str(rng.randint(1001, 78999))}
    chassis = trade.a_chassis_number(rng)
    if life.chance(0.6):
        life.soon("buying", c.AUCTION_SHORTLISTED, **at_sale)
    life.later((0.1, 1.5), "buying", c.BID_PLACED, **at_sale)
    while life.chance(0.35):
        life.soon("buying", c.BID_RAISED, **at_sale)
    if life.chance(0.04):
        life.soon("buying", c.BID_WITHDRAWN, **at_sale)
        return False
    if life.chance(_LOST):
        life.soon("buying", c.AUCTION_LOST, auction=auction, **at_sale)
        return False
    life.soon("buying", c.VEHICLE_BOUGHT, auction=auction, chassis=chassis, **at_sale)
    life.soon("buying", c.VEHICLE_CREATED, chassis=chassis, source=auction)
    if life.chance(0.5):
        life.soon("buying", c.VEHICLE_UPDATED, chassis=chassis, fields="colour, equipment")
    if life.chance(0.2):
        life.later((0.5, 3), "buying", c.AUCTION_GRADE_CHANGED)
    papers.come_in(life, trade.papers_of_purchase, life.at)
    return True


def _to_the_quay(life: Life, timetable: Timetable) -> Consignment:
    """Get the vehicle inspected, deregistered and onto a ship."""
    world, rng = life.world, life.rng
    port = rng.choice(world.trade.departs)
    if life.chance(0.8):
        life.later((1, 3), "buying", c.VEHICLE_MOVED, place=f"the {port} yard")
    if life.chance(0.85):
        life.later((1, 3), "buying", c.VEHICLE_INSPECTED, place=port)
    if life.chance(0.7):
        life.soon("buying", c.MILEAGE_VERIFIED)
    if world.trade.to_britain:
        life.later((2, 5), "buying", c.VEHICLE_DEREGISTERED)
    if life.chance(0.6):
        life.soon("buying", c.PHOTOS_ADDED, photos=str(rng.randint(8, 32)))
    consignment = timetable.next_after(life.at + timedelta(days=3))
    life.later((0.3, 1.5), "shipping", c.VEHICLE_STATUS_CHANGED, status="ready to ship")
    clerk = world.someone(rng, "shipping", life.at)
    at = clerk.hours.soon(rng, life.at)
    if life.chance(0.06):
        wrong = consignment
        life.add(world.by(clerk, at, c.SHIPMENT_VEHICLE_ADDED, wrong.target, vehicle=life.target.name))
        at = clerk.hours.soon(rng, at)
        life.add(world.by(clerk, at, c.SHIPMENT_VEHICLE_REMOVED, wrong.target, vehicle=life.target.name))
        consignment = timetable.next_after(consignment.loaded + timedelta(hours=1))
        at = clerk.hours.soon(rng, at)
    life.add(world.by(clerk, at, c.SHIPMENT_VEHICLE_ADDED, consignment.target, vehicle=life.target.name))
    papers.come_in(life, world.trade.papers_of_passage, consignment.departs)
    life.at = consignment.departs
    life.later((0.5, 2), "shipping", c.VEHICLE_STATUS_CHANGED, status="at sea")
    return consignment


def _through_customs(life: Life, consignment: Consignment) -> None:
    world, rng = life.world, life.rng
    papers.come_in(life, world.trade.papers_of_arrival[:1], consignment.arrives - timedelta(days=4))
    life.at = consignment.arrives
    life.later((0.2, 1), "documents", c.CUSTOMS_PACK_SIGNED_OFF)
    life.at = consignment.cleared
    declaration = f"{consignment.arrives:%y}{'GB' if world.trade.to_britain else 'JP'}{rng.randint(10**9, 10**10 - 1)}"
    if life.chance(0.4):
        at = life.at + timedelta(seconds=rng.uniform(5, 90))
        cleared = world.by_itself(
            CUSTOMS_LINK, at, c.VEHICLE_CLEARED_CUSTOMS, life.target, declaration=declaration, port=consignment.port
        )
        life.add(cleared)
        life.at = at
    else:
        life.soon("shipping", c.VEHICLE_CLEARED_CUSTOMS, declaration=declaration, port=consignment.port)
    life.later((0.2, 2), "finance", c.DUTY_PAID, declaration=declaration)
    if world.trade.to_britain:
        life.soon("finance", c.NOVA_SUBMITTED, reference=f"NV{rng.randint(10**7, 10**8 - 1)}")


def _onto_the_road(life: Life, consignment: Consignment) -> None:
    """Test, register and photograph the vehicle."""
    world, rng = life.world, life.rng
    papers.come_in(life, world.trade.papers_of_arrival[1:], life.at)
    life.later((1, 3), "yard", c.VEHICLE_MOVED, place=consignment.yard)
    station = rng.choice(world.trade.test_stations)
    if life.chance(0.75):
        life.later((0.5, 2), "yard", c.VEHICLE_INSPECTED, place=consignment.yard)
    if world.trade.to_britain:
        if life.chance(0.45):
            life.later((1, 4), "yard", c.IVA_BOOKED, station=station)
            if life.chance(0.25):
                reason = rng.choice(("Speedometer shows kilometres", "No rear fog lamp", "Seat belt anchorages"))
                life.later((4, 9), "yard", c.IVA_FAILED, station=station, reason=reason)
            life.later((4, 9), "yard", c.IVA_PASSED, station=station)
        life.later((1, 4), "yard", c.MOT_PASSED, station="Bedminster Garage")
        life.later((3, 9), "documents", c.VEHICLE_REGISTERED, registration=_number_plate(rng, life.at))
    else:
        life.later((4, 12), "yard", c.VEHICLE_STATUS_CHANGED, status="passed inspection")
        life.later((2, 6), "documents", c.VEHICLE_STATUS_CHANGED, status="registered")
    life.soon("yard", c.PHOTOS_ADDED, photos=str(rng.randint(12, 40)))


def _to_a_buyer(life: Life, customers: Customers) -> None:
    rng = life.rng
    life.later((0.5, 3), "sales", c.VEHICLE_LISTED)
    while life.chance(0.45):
        life.later((2, 9), "sales", c.ASKING_PRICE_CHANGED)
    while life.chance(0.3):
        life.later((1, 5), "sales", c.VEHICLE_UPDATED, fields=rng.choice(("description", "equipment", "keys")))
    if life.chance(0.12):
        hesitant = customers.one_at(rng, life.at)
        life.later((1, 5), "sales", c.VEHICLE_RESERVED, customer=hesitant.name)
        life.later((2, 6), "sales", c.RESERVATION_RELEASED)
    if life.chance(0.06):
        life.later((1, 6), "sales", c.VEHICLE_UNLISTED)
        life.later((1, 6), "sales", c.VEHICLE_LISTED)
    life.later((1, 14), "sales", c.VEHICLE_RESERVED, customer=(buyer := customers.one_at(rng, life.at)).name)
    paid = customers.pay(life, buyer)
    life.at = max(life.at, paid)
    life.soon("sales", c.VEHICLE_SOLD, customer=buyer.name)
    life.later((1, 6), "yard", c.VEHICLE_HANDED_OVER, customer=buyer.name)


def _number_plate(rng: random.Random, on: datetime) -> str:
    first = rng.choice("WVHRKL") + rng.choice(_PLATE_LETTERS)
    return f"{first}{on.year % 100:02d} {''.join(rng.choices(_PLATE_LETTERS, k=3))}"
