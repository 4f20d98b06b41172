"""The stories that the README tells, each at its place before the end of the demo."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import partial

from auditweb import catalogue as c
from auditweb.catalogue import Action
from auditweb.demo import office
from auditweb.demo.cast import CUSTOMS_LINK, IMPORTOPS, JESS, NIGHTLY_JOBS, VESSEL_TRACKING
from auditweb.demo.happenings import Beginning, Story, in_order
from auditweb.demo.security import WRONG_PASSWORD, origin_of, refused
from auditweb.demo.world import World
from auditweb.parties import Actor, Outcome, Target

MAYA, INES, TOM = "maya@northgate.example", "ines@northgate.example", "tom@northgate.example"
HANA, CALLUM, SOFIA = "hana@northgate.example", "callum@northgate.example", "sofia@northgate.example"
DECLAN, GARETH, JUN = "declan@northgate.example", "gareth@northgate.example", "jun@northgate.example"
NIA, PRIYA, EILIDH = "nia@northgate.example", "priya@northgate.example", "eilidh@northgate.example"

ALPHARD = Target("vehicle", "veh_0471", "2021 Toyota Alphard 3.5 SC")
ELGRAND = Target("vehicle", "veh_0472", "2019 Nissan Elgrand Highway Star")
STEPWGN = Target("vehicle", "veh_0473", "2020 Honda Stepwgn Spada")
TRAPPER = Target("shipment", "shp_0118", "MV Höegh Trapper, voyage 88")
KEI_TRUCKS = 34  # deleted in one night

Step = tuple[float, str, Action, dict[str, str]]
"""Days before the end, whose work it is, what they do, and its facts."""

_UNFAMILIAR = "192.0.2.201"
_UNKNOWN_ADDRESS = "192.0.2.177"


def all_of(world: World) -> Iterator[Beginning]:
    """Return the stories of Northgate Imports with the moment each begins."""
    world.away[GARETH] = _suspended(world)
    for days, story in (
        (80, _alphard),
        (45, _elgrand),
        (5, _stepwgn),
        (62, _trapper),
        (36, _acting_admin),
        (29, _first_week),
        (28, _last_day),
        (24, _unfamiliar_country),
        (20, _second_factor_reset),
        (16, _burst_of_deletions),
        (16, _offline_tablet),
        (13, _lost_telephone),
        (9, _support_case),
        (7, _data_export),
        (7, _open_invitations),
        (1, _last_hours),
    ):
        yield world.ago(days=days), partial(_told, world, story)


def _told(world: World, story: Callable[[World], Story]) -> Story:
    return in_order(story(world))


def _alphard(world: World) -> Story:
    """One vehicle from the first look to four minutes ago."""
    sale = {"sale": "USS Yokohama, 1562", "lot": "30412"}
    chassis = "AGH30W-0417253"
    came = (world.until - world.joined_at[PRIYA]) / timedelta(days=1)
    steps: list[Step] = [
        (74.0, HANA, c.AUCTION_SHORTLISTED, sale),
        (73.0, HANA, c.BID_PLACED, sale),
        (72.9, HANA, c.BID_RAISED, sale),
        (72.0, HANA, c.VEHICLE_BOUGHT, {"auction": "USS Yokohama", "chassis": chassis, **sale}),
        (71.9, HANA, c.VEHICLE_CREATED, {"chassis": chassis, "source": "USS Yokohama"}),
        (71.0, SOFIA, c.DOCUMENT_UPLOADED, {"document": "export certificate"}),
        (69.0, SOFIA, c.DOCUMENT_APPROVED, {"document": "export certificate"}),
        (66.0, HANA, c.VEHICLE_MOVED, {"place": "the Yokohama yard"}),
        (65.0, HANA, c.VEHICLE_INSPECTED, {"place": "Yokohama"}),
        (62.0, HANA, c.VEHICLE_DEREGISTERED, {}),
        (55.0, CALLUM, c.VEHICLE_STATUS_CHANGED, {"status": "at sea"}),
        (came - 2.1, PRIYA, c.DOCUMENT_UPLOADED, {"document": "bill of lading"}),
        (came - 3.1, SOFIA, c.DOCUMENT_APPROVED, {"document": "bill of lading"}),
    ]
    yield from _in_turn(world, ALPHARD, steps)
    port = {"declaration": "26GB4471902283", "port": "Southampton"}
    yield from _now_or(world, CALLUM, 4, CUSTOMS_LINK, c.VEHICLE_CLEARED_CUSTOMS, ALPHARD, **port)


def _elgrand(world: World) -> Story:
    steps: list[Step] = [
        (39.0, JUN, c.VEHICLE_BOUGHT, {"auction": "TAA Kinki", "lot": "5117"}),
        (38.9, JUN, c.VEHICLE_CREATED, {"source": "TAA Kinki"}),
        (3.0, PRIYA, c.DOCUMENT_UPLOADED, {"document": "export certificate"}),
    ]
    yield from _in_turn(world, ELGRAND, steps)
    yield from _now_or(world, PRIYA, 11, None, c.DOCUMENT_APPROVED, ELGRAND, document="export certificate")


def _stepwgn(world: World) -> Story:
    sale = {"sale": "USS Nagoya, 1498", "lot": "62007"}
    steps: list[Step] = [(2.5, HANA, c.AUCTION_SHORTLISTED, sale), (2.4, HANA, c.BID_PLACED, sale)]
    yield from _in_turn(world, STEPWGN, steps)
    yield from _now_or(world, HANA, 23, None, c.BID_RAISED, STEPWGN, **sale)


def _trapper(world: World) -> Story:
    """A consignment that an API key reports on, made by Ines Duarte, and that waits outside Southampton today."""
    feed, ship = world.company.key("key_7Q2M"), {"vessel": "MV Höegh Trapper", "voyage": "88"}
    steps: list[Step] = [
        (60, CALLUM, c.SHIPMENT_CREATED, {"port": "Yokohama", **ship}),
        (58, CALLUM, c.SHIPMENT_BOOKED, {"port": "Yokohama", **ship}),
    ]
    yield from _in_turn(world, TRAPPER, steps)
    yield world.by_key(feed, world.ago(days=45.2), c.SHIPMENT_LOADED, TRAPPER, port="Yokohama", **ship)
    yield world.by_itself(VESSEL_TRACKING, world.ago(days=43.7), c.SHIPMENT_DEPARTED, TRAPPER, port="Yokohama", **ship)
    for days, status in (
        (36.1, "past Singapore"),
        (24.6, "in the Indian Ocean"),
        (12.3, "round the Cape"),
        (1.4, "in the Channel"),
    ):
        yield world.by_key(feed, world.ago(days=days), c.SHIPMENT_STATUS_CHANGED, TRAPPER, status=status)
    delayed = world.ago(minutes=66)
    yield world.by_itself(VESSEL_TRACKING, delayed, c.SHIPMENT_DELAYED, TRAPPER, reason="Waiting for a berth")
    waiting = world.ago(minutes=52)
    yield world.by_key(feed, waiting, c.SHIPMENT_STATUS_CHANGED, TRAPPER, status="waiting for a berth")


def _first_week(world: World) -> Story:
    """Priya Raman's first week, after the invitation and the second factor that every new member has."""
    rng, priya, ines = world.dice("first week"), world.colleague(PRIYA), world.colleague(INES)
    joined = world.joined_at[PRIYA]
    documents = Target("group", "grp_14", "Documents")
    yield world.by(ines, joined + timedelta(minutes=64), c.GROUP_JOINED, documents, member=priya.name)
    yield world.by(priya, joined + timedelta(minutes=31), c.RECOVERY_CODES_CREATED)
    yield world.by(priya, joined + timedelta(minutes=44), c.PASSKEY_ADDED, name="MacBook")
    at = joined + timedelta(minutes=95)
    for vehicle, paper in (
        (ELGRAND, "auction sheet"),
        (ELGRAND, "commercial invoice"),
        (ALPHARD, "marine insurance certificate"),
    ):
        yield world.by(priya, at, c.DOCUMENT_UPLOADED, vehicle, document=paper)
        at = priya.hours.soon(rng, at)
    for days, action, facts in (
        (1, c.DOCUMENT_UPDATED, {"fields": "reference number"}),
        (1, c.DOCUMENT_REPLACED, {}),
        (2, c.DOCUMENT_APPROVED, {}),
        (4, c.DOCUMENT_SIGNED, {}),
    ):
        at = priya.hours.later(rng, joined + timedelta(days=days), days=(0, 0.5))
        yield world.by(priya, at, action, ELGRAND, document="commercial invoice", **facts)


def _last_day(world: World) -> Story:
    """Nia Coleman's last day: ordinary work, and a copy of the customer list. Her removal ends it."""
    nia, left = world.colleague(NIA), world.left_at[NIA]
    assert left is not None
    day = nia.hours.local_day(left)
    customers = {"scope": "all customers", "format": "CSV"}
    draft = Target("vehicle", "veh_0480", "2016 Suzuki Every Wagon")
    yield world.by(
        nia,
        nia.hours.at(day, time(9, 21)),
        c.CUSTOMER_UPDATED,
        Target("customer", "cus_0490", "Tamar Campers Ltd"),
        fields="notes",
    )
    yield world.by(nia, nia.hours.at(day, time(10, 2)), c.VEHICLE_CREATED, draft)
    yield world.by(nia, nia.hours.at(day, time(14, 38)), c.VEHICLE_DELETED, draft)
    yield world.by(nia, nia.hours.at(day, time(15, 52)), c.EXPORT_REQUESTED, **customers)
    done = nia.hours.at(day, time(15, 57))
    yield world.by_itself(NIGHTLY_JOBS, done, c.EXPORT_COMPLETED, records="1412", size="0.9 MB", **customers)
    yield world.by(nia, nia.hours.at(day, time(16, 3)), c.EXPORT_DOWNLOADED, size="0.9 MB", **customers)


def _unfamiliar_country(world: World) -> Story:
    """Seven wrong passwords for Declan Whyte's account, then the right one, from Vilnius at ten past three."""
    rng, declan, maya = world.dice("unfamiliar"), world.colleague(DECLAN), world.colleague(MAYA)
    day = declan.hours.working_day(world.ago(days=16), -1)
    at = declan.hours.at(day, time(3, 2))
    for _ in range(7):
        yield refused(world, declan, at, origin_of(rng, _UNFAMILIAR, "firefox-linux", at))
        at += timedelta(seconds=rng.uniform(9, 50))
    blocked = refused(world, declan, at, origin_of(rng, _UNFAMILIAR, "firefox-linux", at))
    facts = {"email": declan.email, "attempts": "7"}
    yield replace(blocked, action=c.SIGN_IN_BLOCKED, facts=facts, outcome=Outcome.DENIED)
    origin = origin_of(rng, _UNFAMILIAR, "firefox-linux", at)
    at = declan.hours.at(day, time(3, 12))
    signed_in = world.by(declan, at, c.SIGNED_IN_NEW_PLACE, place="Vilnius, Lithuania", method="password")
    yield replace(signed_in, origin=origin)
    denied = world.by(declan, at + timedelta(minutes=3), c.EXPORT_REQUESTED, scope="all customers", format="CSV")
    yield replace(denied, origin=origin, outcome=Outcome.DENIED)
    morning = maya.hours.soon(rng, maya.hours.at(day, time(8, 40)))
    yield world.by(maya, morning, c.SESSIONS_ENDED, world.person(DECLAN), devices="2")
    yield world.by(declan, declan.hours.soon(rng, morning, minutes=(25, 45)), c.PASSWORD_CHANGED)


def _second_factor_reset(world: World) -> Story:
    """Late one evening somebody with Ines Duarte's account resets Tom Lindqvist's second factor. He never asked."""
    rng, ines, tom, maya = world.dice("reset"), world.colleague(INES), world.colleague(TOM), world.colleague(MAYA)
    day = tom.hours.working_day(world.ago(days=11), -1)
    late = ines.hours.at(day - timedelta(days=1), time(22, 47))
    origin = origin_of(rng, _UNKNOWN_ADDRESS, "chrome-windows", late)
    signed_in = world.by(ines, late - timedelta(minutes=4), c.SIGNED_IN_NEW_DEVICE, method="password and code")
    yield replace(signed_in, origin=origin)
    yield replace(world.by(ines, late, c.TWO_FACTOR_RESET, world.person(TOM)), origin=origin)
    yield replace(world.by(ines, late + timedelta(minutes=2), c.SIGNED_OUT), origin=origin)
    at = tom.hours.at(day, time(8, 33))
    yield refused(world, tom, at, origin_of(rng, tom.office, tom.browser, at), "no second factor is set up")
    yield world.by(tom, at + timedelta(minutes=26), c.TWO_FACTOR_ENROLLED, method="authenticator app")
    yield world.by(maya, at + timedelta(minutes=41), c.SESSIONS_ENDED, world.person(INES), devices="3")
    yield world.by(ines, at + timedelta(minutes=58), c.PASSWORD_CHANGED)


def _burst_of_deletions(world: World) -> Story:
    """Thirty-four vehicles deleted within a quarter of an hour one night, and brought back in the morning."""
    rng, gareth, jun, ines = world.dice("burst"), world.colleague(GARETH), world.colleague(JUN), world.colleague(INES)
    trucks = [
        Target(
            "vehicle",
            f"veh_{5101 + number}",
            f"{rng.randint(2014, 2021)} {rng.choice(('Suzuki Carry', 'Daihatsu Hijet', 'Honda Acty'))}",
        )
        for number in range(KEI_TRUCKS)
    ]
    day, (morning, reinstated) = _night_of_deletions(world), _suspended(world)
    bought = jun.hours.working_day(morning - timedelta(days=2), -1)
    for lot in (trucks[: KEI_TRUCKS // 2], trucks[KEI_TRUCKS // 2 :]):  # unhurried: this is no burst
        afternoon = jun.hours.at(bought, time(13, 10))
        for number, truck in enumerate(lot):
            added = afternoon + timedelta(minutes=8 * number)
            yield world.by(jun, added, c.VEHICLE_CREATED, truck, source="JU Saitama")
        bought = jun.hours.working_day(afternoon - timedelta(days=1), -1)
    at = gareth.hours.at(day, time(1, 52))
    origin = origin_of(rng, gareth.home, gareth.browser, at)
    yield replace(world.by(gareth, at - timedelta(minutes=2), c.SIGNED_IN, method="password and code"), origin=origin)
    for truck in trucks:
        yield replace(world.by(gareth, at, c.VEHICLE_DELETED, truck), origin=origin)
        at += timedelta(seconds=rng.uniform(6, 44))
    yield replace(world.by(gareth, at + timedelta(seconds=40), c.SIGNED_OUT), origin=origin)
    yield world.by(ines, morning, c.MEMBER_SUSPENDED, world.person(GARETH))
    for number, truck in enumerate(trucks):
        yield world.by(ines, morning + timedelta(minutes=5, seconds=11 * number), c.VEHICLE_RESTORED, truck)
    yield world.by(ines, reinstated, c.MEMBER_REINSTATED, world.person(GARETH))


def _acting_admin(world: World) -> Story:
    """Ines Duarte is on leave for a week: Eilidh Fraser is made an admin, and a member again after it."""
    rng, maya, eilidh = world.dice("acting admin"), world.colleague(MAYA), world.person(EILIDH)
    at = maya.hours.later(rng, world.ago(days=36), days=(0.2, 1))
    yield world.by(maya, at, c.MEMBER_ROLE_RAISED, eilidh, role="admin")
    yield world.by(maya, maya.hours.later(rng, at, days=(6, 7)), c.MEMBER_ROLE_CHANGED, eilidh, role="member")


def _lost_telephone(world: World) -> Story:
    """Callum Byrne’s telephone fell into the harbour: a recovery code lets him in, and he sets up a new one."""
    callum = world.colleague(CALLUM)
    at = callum.hours.at(callum.hours.working_day(world.ago(days=12), -1), time(7, 22))
    origin = origin_of(world.dice("lost telephone"), callum.office, callum.browser, at)
    for minutes, action, facts in (
        (0, c.RECOVERY_CODE_USED, {}),
        (3, c.TWO_FACTOR_REMOVED, {}),
        (7, c.TWO_FACTOR_ENROLLED, {"method": "authenticator app"}),
        (9, c.RECOVERY_CODES_CREATED, {}),
    ):
        yield replace(world.by(callum, at + timedelta(minutes=minutes), action, **facts), origin=origin)


def _offline_tablet(world: World) -> Story:
    """No signal on the quay: five inspections reach the log when the tablet is back in the office, hours later."""
    rng, gareth = world.dice("offline"), world.colleague(GARETH)
    day = gareth.hours.working_day(world.ago(days=9), -1)
    back = gareth.hours.at(day, time(15, 41))
    at = gareth.hours.at(day, time(10, 6))
    for number in range(5):
        vehicle = Target("vehicle", f"veh_{5001 + number}", world.trade.a_model(rng))
        done = world.by(gareth, at, c.VEHICLE_INSPECTED, vehicle, place="Bristol Portbury")
        origin = origin_of(rng, "203.0.113.10", gareth.browser, at)
        yield replace(done, origin=origin, lag=back + timedelta(seconds=2 * number) - at)
        at += timedelta(minutes=rng.uniform(9, 21))


def _support_case(world: World) -> Story:
    """Ines shares part of the log; Maya lets support in; Jess Hartley opens both."""
    rng, maya, ines = world.dice("support case"), world.colleague(MAYA), world.colleague(INES)
    day = maya.hours.working_day(world.ago(days=2), -1)
    at = maya.hours.at(day, time(10, 12))
    share = {"recipient": "ImportOps support"}
    yield world.by(ines, at - timedelta(minutes=31), c.LOG_SHARED, filter="Documents entries, last 7 days", **share)
    yield world.by(maya, at, c.SUPPORT_ACCESS_ALLOWED, ticket="#48213")
    came = list(office.support_comes(JESS, at + timedelta(minutes=22), "#48213"))
    yield from came
    yield replace(came[0], at=at + timedelta(minutes=26), action=c.LOG_SHARE_OPENED, facts=share)
    yield replace(
        came[0], at=at + timedelta(minutes=34), action=c.DOCUMENT_UPDATED, target=ELGRAND,
        facts={"document": "export certificate", "fields": "preview"},
    )  # fmt: skip
    yield world.by(maya, maya.hours.soon(rng, at + timedelta(minutes=70)), c.SUPPORT_ACCESS_ENDED)
    yield world.by(ines, ines.hours.soon(rng, at + timedelta(minutes=90)), c.LOG_SHARE_REVOKED, **share)


def _data_export(world: World) -> Story:
    """The owner asks for everything; the nightly jobs have it ready within the hour."""
    maya = world.colleague(MAYA)
    day = maya.hours.working_day(world.ago(days=1), -1)
    what = {"scope": "the organisation’s data", "format": "ZIP"}
    yield world.by(maya, maya.hours.at(day, time(9, 40)), c.EXPORT_REQUESTED, **what)
    done = maya.hours.at(day, time(10, 17))
    yield world.by_itself(NIGHTLY_JOBS, done, c.EXPORT_COMPLETED, records="48211", size="1.3 GB", **what)
    yield world.by(maya, maya.hours.at(day, time(10, 52)), c.EXPORT_DOWNLOADED, size="1.3 GB", **what)


def _open_invitations(world: World) -> Story:
    """Three people were invited this week and have not come yet: one was sent a second link."""
    rng, maya, ines = world.dice("open invitations"), world.colleague(MAYA), world.colleague(INES)
    leila = {"email": "leila.haddad@northgate.example"}
    at = ines.hours.soon(rng, world.ago(days=6.5))
    yield world.by(ines, at, c.MEMBER_INVITED, role="member", **leila)
    yield world.by(ines, ines.hours.later(rng, at, days=(2, 3)), c.INVITATION_RESENT, **leila)
    for who, days, email, role in (
        (ines, 4.5, "oscar.nilsson@northgate.example", "member"),
        (maya, 4, "reviews@brightwater-audit.example", "auditor"),
    ):
        yield world.by(who, who.hours.soon(rng, world.ago(days=days)), c.MEMBER_INVITED, email=email, role=role)


def _last_hours(world: World) -> Story:
    """What makes the first page look alive, at whatever hour and day the demo ends."""
    rng, maya, tom = world.dice("last hours"), world.colleague(MAYA), world.colleague(TOM)
    dealer_feed = world.company.key("key_3HD9")
    at = world.ago(minutes=16)
    if maya.hours.includes(at):
        signed_in = world.by(maya, at, c.SIGNED_IN, method="passkey")
        yield replace(signed_in, origin=origin_of(rng, maya.home, "safari-iphone", at))
    else:
        waiting_for = Target("customer", "cus_0492", "Quantock Motorhomes")
        yield world.by_itself(IMPORTOPS, at, c.DOCUMENT_REMINDED, waiting_for, document="V55/5 form")
    for seconds in (71, 38, 0):
        at = world.ago(minutes=44) - timedelta(seconds=seconds)
        yield refused(world, tom, at, origin_of(rng, "192.0.2.143", "chrome-windows", at), WRONG_PASSWORD)
    uploaded = world.ago(minutes=30)
    yield world.by_key(dealer_feed, uploaded, c.DOCUMENTS_UPLOADED, count="14", source="USS Yokohama")
    reminded = Target("customer", "cus_0491", "Ashdown Campers Ltd")
    yield world.by_itself(IMPORTOPS, world.ago(minutes=115), c.DOCUMENT_REMINDED, reminded, document="V55/5 form")
    yield world.by_key(dealer_feed, world.ago(minutes=171), c.VEHICLES_UPDATED, count="22", source="the dealer feed")
    bank = Target("supplier", "sup_101", world.trade.suppliers[0][0])
    yield from _now_or(world, TOM, 98, None, c.SUPPLIER_BANK_DETAILS_CHANGED, bank)
    yield from _now_or(world, INES, 84, None, c.SETTING_CHANGED, None, setting="reminder schedule")


def _in_turn(world: World, target: Target, steps: Iterable[Step]) -> Story:
    """Let colleagues do one thing after another, so many days before the end or when they are next at work."""
    rng, at = world.dice(f"turns of {target.id}"), world.began
    for days, email, action, facts in steps:
        who, moment = world.colleague(email), max(world.ago(days=days), at + timedelta(minutes=3))
        at = moment if who.hours.includes(moment) else who.hours.soon(rng, moment)
        yield world.by(who, at, action, target, **facts)


def _now_or(
    world: World, email: str, minutes: float, instead: Actor | None, action: Action, target: Target | None, **facts: str
) -> Story:
    """Let a colleague do something *minutes* before the end, or *instead* (if anyone) when they are not at work."""
    who, at = world.colleague(email), world.ago(minutes=minutes)
    if who.hours.includes(at):
        yield world.by(who, at, action, target, **facts)
    elif instead is not None:
        yield world.by_itself(instead, at, action, target, **facts)


def _night_of_deletions(world: World) -> date:
    return world.colleague(GARETH).hours.working_day(world.ago(days=5), -1)


def _suspended(world: World) -> tuple[datetime, datetime]:
    """Return from when to when Gareth Pugh was suspended, the morning after."""
    morning = world.colleague(INES).hours.at(_night_of_deletions(world), time(8, 51))
    return morning, morning + timedelta(minutes=55)
