"""What the browser tests look at: an organisation like any, another one, and one whose people sent us hostile text."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import cycle

import sqlalchemy as sa

from auditweb import catalogue, clock
from auditweb.accounts import api_keys
from auditweb.accounts.callers import Scope
from auditweb.accounts.key_rights import Rights
from auditweb.accounts.people import add_member, create_organisation, create_person, remove_member
from auditweb.catalogue import Action, Category
from auditweb.exports.work import NO_ROOM
from auditweb.extensions import db
from auditweb.models import (
    ApiKeyUse,
    Event,
    ExportJob,
    Finding,
    FindingEvent,
    FindingPattern,
    Invitation,
    Organisation,
    OwnershipOffer,
    Person,
    ShareOpening,
    TwoFactor,
    Webhook,
    WebhookDelivery,
)
from auditweb.parties import UNKNOWN_PERSON, Actor, ActorType, Origin, Outcome, Target
from auditweb.reading.filters import LogFilter
from auditweb.reading.flags import Flag
from auditweb.recorder import record
from auditweb.sharing import shares
from auditweb.sharing.masking import Mask
from auditweb.sharing.shares import PERIODS, Draft

PASSWORD = "correct horse battery"
SECRET_OF_RIN = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
APART = timedelta(minutes=37)
ROUNDS = 17  # of the fourteen entries below
HOSTILE_NAMES = (
    "<img src=x onerror=alert(1)>",
    "\u202eEVIL\u202c \u200bhidden",
    "\u0430dmin Okafor",  # with a Cyrillic first letter
    "Ｗ" * 300,
    "a" * 300,
    "\"'><script>alert(1)</script>",
)

ALPHARD = Target("vehicle", "veh_4471", "2021 Toyota Alphard 3.5 SC", url="/vehicles/4471")
ELGRAND = Target("vehicle", "veh_3902", "2019 Nissan Elgrand")
SHIPMENT = Target("shipment", "shp_118", "MV Höegh Trapper, voyage 118")
CUSTOMER = Target("customer", "cus_77", "Ashdown Campers Ltd")
SUPPLIER = Target("supplier", "sup_5", "Kanto Auto Logistics K.K.")
SCHEDULE = Actor(ActorType.SYSTEM, "schedule", "ImportOps")
FEED = Actor(ActorType.API_KEY, "key_dealer", "Dealer feed")
HELPDESK = Actor(ActorType.SUPPORT, "agent_9", "Robin at ImportOps")


@dataclass(frozen=True, slots=True)
class Told:
    """One entry to record."""

    actor: Actor
    action: Action
    target: Target | None = None
    facts: tuple[tuple[str, str], ...] = ()
    outcome: Outcome = Outcome.SUCCESS


def make_world() -> None:
    """Fill the database of the current app."""
    now = clock.now()
    joined = now - timedelta(days=400)
    northgate = create_organisation("northgate", "Northgate Imports", "Europe/London", created_at=joined)
    osaka = create_organisation("osaka-bay", "Osaka Bay Motors", "Asia/Tokyo", created_at=joined)
    hostile = create_organisation("hostile", "Ｗ" * 120, "Europe/London", created_at=joined)
    empty = create_organisation("newcomers", "Newcomers Ltd", "Europe/London", created_at=joined)

    maya = _someone("maya", "Maya Okafor", northgate, "owner", joined)
    add_member(osaka, maya, "auditor", joined)
    add_member(hostile, maya, "owner", joined)
    add_member(empty, maya, "admin", joined)
    _someone("ines", "Ines Duarte", northgate, "admin", joined)
    _someone("olu", "Olu Adeyemi", northgate, "auditor", joined)
    tom = _someone("tom", "Tom Lindqvist", northgate, "member", joined)
    noor = _someone("noor", "Noor Haddad", northgate, "auditor", joined)
    add_member(osaka, noor, "member", joined)
    _someone("kenji", "Kenji Mori", osaka, "owner", joined)
    _someone("lena", "Lena Vogel", osaka, "member", joined)
    rin = _someone("rin", "Rin Aoki", osaka, "member", joined)
    db.session.add(TwoFactor(person_id=rin.id, secret=SECRET_OF_RIN, last_step=0, enrolled_at=joined))
    strangers = [
        _someone(f"stranger-{number}", name, hostile, "member", joined) for number, name in enumerate(HOSTILE_NAMES)
    ]
    hana = _someone("hana", "Hana Sato", northgate, "member", joined)
    priya = _someone("priya", "Priya Raman", northgate, "member", joined)
    remove_member(northgate, priya, now - timedelta(days=1))
    _hand_out_keys(northgate, maya, priya, now)
    _hand_out_hostile_keys(hostile, strangers[0])
    workshop = create_organisation("workshop", "The Workshop", "Europe/London", created_at=joined)
    _someone("vera", "Vera Lund", workshop, "owner", joined)
    db.session.add(_invitation(northgate, maya, "sofia@northgate.example", now, mail="sent"))
    db.session.add(_invitation(northgate, maya, "lost@northgate.example", now - timedelta(days=9), mail="failed"))

    people = {"maya": _member(maya), "hana": _member(hana), "priya": _member(priya)}
    _record_all(northgate, _northgate(people), ROUNDS * 14, now)
    _record_all(osaka, cycle([Told(_member(maya), catalogue.VEHICLE_CREATED, ALPHARD)]), 3, now)
    _record_all(hostile, _hostile(), 3 * len(HOSTILE_NAMES), now)
    db.session.add(_longer_than_recorded_today(hostile, now))
    _share(northgate, maya, hostile, now)
    for organisation, taker in ((northgate, tom), (hostile, strangers[0])):
        db.session.add(OwnershipOffer(org_id=organisation.id, from_id=maya.id, to_id=taker.id, offered_at=now))
    hostile.shorter_months, hostile.shorter_from = 24, now + timedelta(days=30)
    hostile.deletion_asked_by, hostile.deletion_asked_at = maya.id, now
    hostile.deletion_due_at = now + timedelta(days=14)
    db.session.add_all(_exports(hostile, strangers[0], now))
    _come_and_go(now)
    db.session.flush()
    db.session.add_all(_findings(northgate, "Hana Sato", maya, now))
    db.session.add_all(_findings(hostile, HOSTILE_NAMES[0], maya, now))
    for organisation, names in ((northgate, ["Duty channel", "Security monitor"]), (hostile, HOSTILE_NAMES)):
        for number, name in enumerate(names):
            _call(organisation, maya, f"wh_{organisation.slug}{number}", name, now, works=number == 0)
    db.session.commit()


def _someone(who: str, name: str, organisation: Organisation, role: str, joined: datetime) -> Person:
    person = create_person(f"{who}@{organisation.slug}.example", name, PASSWORD, created_at=joined)
    add_member(organisation, person, role, joined)
    return person


def _come_and_go(now: datetime) -> None:
    """Let somebody join the depot, and two people leave it, one of whom goes on all the same."""
    joined = now - timedelta(days=400)
    depot = create_organisation("depot", "The Depot", "Europe/London", created_at=joined)
    _someone("nora", "Nora Quist", depot, "owner", joined)
    jo = _someone("jo", "Jo Marsh", depot, "member", now - timedelta(hours=5))
    lee, kim = (
        _someone(who, name, depot, "admin", joined) for who, name in (("lee", "Lee Carter"), ("kim", "Kim Ost"))
    )
    for somebody in (lee, kim):
        remove_member(depot, somebody, now - timedelta(hours=3))
    api_keys.add(depot.id, "key_depot", "Yard feed", kim.id, Rights(frozenset(Scope)), secret="s" * 43)
    works = cycle([Told(_member(who), catalogue.BID_RAISED, ELGRAND) for who in (jo, kim)])
    _record_all(depot, works, 9, now)
    _record_all(depot, cycle([Told(_member(lee), catalogue.VEHICLE_CLEARED_CUSTOMS, ALPHARD)]), 1, now - 9 * APART)
    as_target = Target("member", str(lee.id), lee.name)
    _record_all(depot, cycle([Told(SCHEDULE, catalogue.SESSIONS_ENDED, as_target)]), 1, now)


def _hand_out_keys(organisation: Organisation, maya: Person, priya: Person, now: datetime) -> None:
    joined = now - timedelta(days=400)
    writes = Rights(frozenset({Scope.WRITE}), frozenset({Category.SHIPMENTS, Category.VEHICLES, Category.DOCUMENTS}))
    reads = Rights(frozenset(Scope), networks=("203.0.113.0/24", "2001:db8:7::/48"), expires_at=now + timedelta(days=6))
    api_keys.add(organisation.id, FEED.id, FEED.name, maya.id, writes, secret="s" * 43, created_at=joined)
    api_keys.add(organisation.id, "key_monitor", "Monitor", priya.id, reads, secret="s" * 43, created_at=joined)
    api_keys.add(organisation.id, "key_trial", "Trial", maya.id, Rights(frozenset({Scope.READ})), created_at=joined)
    past = Rights(frozenset({Scope.WRITE}), expires_at=now - timedelta(days=9))
    api_keys.add(organisation.id, "key_past", "Stock list", maya.id, past, secret="s" * 43, created_at=joined)
    api_keys.add(organisation.id, "key_gone", "Old stock list", maya.id, reads, secret="s" * 43, created_at=joined)
    api_keys.end(organisation.id, "key_gone", now - timedelta(days=40))
    for key_id, minutes in ((FEED.id, 12), ("key_monitor", 60 * 30)):
        used_at = now - timedelta(minutes=minutes)
        db.session.add(ApiKeyUse(key_id=key_id, org_id=organisation.id, used_at=used_at, ip="203.0.113.58"))


def _hand_out_hostile_keys(organisation: Organisation, maker: Person) -> None:
    for number, name in enumerate(HOSTILE_NAMES):
        rights = Rights(frozenset(Scope), networks=("2001:db8:1234:5678:9abc:def0::/96",) * 9)
        api_keys.add(organisation.id, f"key_hostile_{number}", name, maker.id, rights, secret="s" * 43)


def _findings(
    organisation: Organisation, name: str, maya: Person, now: datetime
) -> Iterator[Finding | FindingEvent | FindingPattern]:
    """Yield a finding of each kind, with entries; two of them are decided about, and one is set aside from now on."""
    recent = sa.select(Event.id).where(Event.org_id == organisation.id).order_by(Event.id.desc()).limit(12)
    events = db.session.scalars(recent).all()
    states = ("open", "confirmed", "set_aside")
    for number, kind in enumerate(Flag):
        state = states[number] if number < len(states) else "open"
        id_ = f"{organisation.slug[0]}{number}"
        yield Finding(
            org_id=organisation.id,
            id=id_,
            number=number + 1,
            kind=kind.value,
            subject_type="member",
            subject_id="1",
            subject_name=name,
            place="",
            at=now - timedelta(hours=number + 1),
            sentence=f"{name} did something that is called “{kind.label}” here.",
            unusual=f"Never before by {name}, in 402 days.",
            run=1,
            found_at=now - timedelta(minutes=number + 1),
            state=state,
            decided_by=None if state == "open" else maya.id,
            decided_at=None if state == "open" else now,
            note="" if state == "open" else f"Asked {name}: it was a drill.",
        )
        if state == "set_aside":
            like_it = {"kind": kind.value, "subject_type": "member", "subject_id": "1", "place": name}
            given = {"subject_name": name, "note": f"Asked {name}: they are drills.", "decided_by": maya.id}
            yield FindingPattern(org_id=organisation.id, **like_it, **given, decided_at=now)
        for event_id in events[: 12 if number == 0 else 2]:
            shown = int(state != "set_aside")
            yield FindingEvent(org_id=organisation.id, finding_id=id_, event_id=event_id, kind=kind.value, shown=shown)


def _call(organisation: Organisation, maker: Person, hook_id: str, name: str, now: datetime, *, works: bool) -> None:
    """Make a webhook that was told of everything there will ever be, with a delivery in each state."""
    hook = Webhook(
        id=hook_id,
        org_id=organisation.id,
        maker_id=maker.id,
        name=name,
        url="https://hooks.example.org:8443/services/" + ("T0/B0/x" if works else "0123456789abcdef" * 12),
        kind="entries",
        view="" if works else name,
        query="" if works else "?category=team",
        secret="whsec_c2VjcmV0",
        cursor=2**60,
        created_at=now - timedelta(days=40),
        paused_at=None if works else now - timedelta(hours=2),
        answered_at=now - timedelta(minutes=4),
        failing_since=None if works else now - timedelta(hours=3),
    )
    db.session.add(hook)
    db.session.flush()
    states = [
        ("delivered", 1, 204, None),
        ("failed", 10, 503, None),
        ("waiting", 3, None, "The connection broke down."),
    ]
    for number, (state, tries, status, reason) in enumerate(states[: 1 if works else 3]):
        delivery = WebhookDelivery(
            id=f"msg_{hook_id}{number}",
            org_id=organisation.id,
            hook_id=hook_id,
            kind="entries" if number else "test",
            items="[1,2,3]" if number else "[]",
            state=state,
            tries=tries,
            created_at=now - timedelta(hours=3 - number),
            next_at=now + timedelta(days=1),
            tried_at=now - timedelta(minutes=20),
            status=status,
            reason=reason,
        )
        db.session.add(delivery)


def _exports(organisation: Organisation, maker: Person, now: datetime) -> Iterator[ExportJob]:
    """Yield an export in each state, as somebody left it; the one under way is that of a machine far away, for ever."""
    states = "queued", "running", "running", "done", "failed", "cancelled", "expired", "done"
    for number, state in enumerate(states):
        is_over, is_all = state not in ("queued", "running"), number > 5
        yield ExportJob(
            id=f"hostile{number}",
            org_id=organisation.id,
            maker_id=maker.id,
            kind="organisation" if is_all else "log",
            question="category=vehicles",
            words=" ".join(HOSTILE_NAMES)[:300],
            log="http://localhost/o/hostile/settings/audit-log",
            format="zip" if is_all else "csv",
            zone="Europe/London",
            state=state,
            tries=1,
            done=1_234_567,
            total=None if number == 2 else 9_876_543,
            claimed_by="far-away/1" if state == "running" else None,
            heartbeat_at=now + timedelta(days=1),
            file="hostile.zip" if state == "done" else None,
            file_name="hostile-audit-log-20261128-101500.zip" if state == "done" else None,
            size=1_300_000_000 if state == "done" else None,
            sha256="ab" * 32 if state == "done" else None,
            reason=NO_ROOM if state == "failed" else None,
            created_at=now - timedelta(minutes=number),
            started_at=now,
            finished_at=now if is_over else None,
            expires_at=now + timedelta(days=6) if state == "done" else None,
        )


def _invitation(organisation: Organisation, inviter: Person, email: str, at: datetime, *, mail: str) -> Invitation:
    return Invitation(
        org_id=organisation.id,
        email=email,
        role="admin",
        token_hash=sha256(f"the link of {email}".encode()).hexdigest(),
        inviter_id=inviter.id,
        created_at=at,
        sent_at=at,
        expires_at=at + timedelta(days=7),
        mail=mail,
    )


def _share(northgate: Organisation, maya: Person, hostile: Organisation, now: datetime) -> None:
    """Share parts of the logs, one with every mask and one with none; let somebody be support staff."""
    robin = create_person("robin@support.example", "Robin Hale", PASSWORD, created_at=now)
    robin.support = True
    for organisation, share_id, period, masks, support_only in (
        (northgate, "masked", "7 days", frozenset(Mask), False),
        (northgate, "forsupport", "1 hour", frozenset({Mask.EMAILS}), True),
        (northgate, "expired", "1 hour", frozenset(Mask), False),
        (hostile, "hostile", "30 days", frozenset(), False),
        (hostile, "hostilemasked", "30 days", frozenset(Mask), True),
    ):
        at = now - timedelta(hours=2 if share_id == "expired" else 0)
        log = LogFilter(org_id=organisation.id, org_zone=organisation.zone)
        draft = Draft(
            part=log,
            described="All entries, up to a moment ago",
            recipient=HOSTILE_NAMES[0] if organisation is hostile else f"ImportOps support, {share_id}",
            period=period,
            masks=masks,
            note=HOSTILE_NAMES[3] if organisation is hostile else "Since Tuesday nobody can approve documents.",
            follows=share_id == "forsupport",
            support_only=support_only,
        )
        ends = at + PERIODS[period]
        shares.add(organisation.id, share_id, maya.id, draft, token=f"link-{share_id}", created_at=at, expires_at=ends)
        db.session.add(
            ShareOpening(
                share_id=share_id,
                reader="r",
                hour=1,
                org_id=organisation.id,
                opened_at=at,
                who="Someone with the link",
                ip="203.0.113.58",
                user_agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0 Safari/537.36",
            )
        )


def _member(person: Person) -> Actor:
    return Actor(ActorType.MEMBER, str(person.id), person.name)


def _record_all(organisation: Organisation, story: Iterator[Told], number: int, now: datetime) -> None:
    origin = Origin("203.0.113.58", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0 Safari/537.36", "7c1e94b0")
    for step in reversed(range(number)):
        told = next(story)
        with clock.set_to(now - step * APART - timedelta(minutes=4)):
            record(
                told.action,
                org_id=organisation.id,
                actor=told.actor,
                target=told.target,
                facts=dict(told.facts),
                outcome=told.outcome,
                origin=origin,
            )


def _northgate(people: dict[str, Actor]) -> Iterator[Told]:
    maya, hana, priya = people["maya"], people["hana"], people["priya"]
    return cycle(
        [
            Told(maya, catalogue.MEMBER_INVITED, facts=(("email", "sofia@northgate.example"), ("role", "member"))),
            Told(hana, catalogue.SIGNED_IN),
            Told(hana, catalogue.VEHICLE_CREATED, ALPHARD),
            Told(hana, catalogue.BID_RAISED, ELGRAND),
            Told(hana, catalogue.VEHICLE_CLEARED_CUSTOMS, ALPHARD),
            Told(hana, catalogue.CUSTOMER_ADDRESS_CHANGED, CUSTOMER),
            Told(priya, catalogue.DOCUMENT_APPROVED, ELGRAND, (("document", "export certificate"),)),
            Told(SCHEDULE, catalogue.DOCUMENT_REMINDED, CUSTOMER, (("document", "V55/5 form"),)),
            Told(FEED, catalogue.SHIPMENT_DEPARTED, SHIPMENT, (("port", "Yokohama"),)),
            Told(hana, catalogue.SUPPLIER_BANK_DETAILS_CHANGED, SUPPLIER),
            Told(HELPDESK, catalogue.SUPPORT_SIGNED_IN, facts=(("ticket", "48213"),)),
            Told(
                UNKNOWN_PERSON,
                catalogue.SIGN_IN_REFUSED,
                facts=(("email", "tom@northgate.example"), ("reason", "wrong password")),
                outcome=Outcome.FAILURE,
            ),
            Told(maya, catalogue.EXPORT_REQUESTED, facts=(("scope", "all vehicles"),)),
            Told(maya, catalogue.TWO_FACTOR_REQUIRED),
        ]
    )


def _hostile() -> Iterator[Told]:
    for number, name in enumerate(HOSTILE_NAMES):
        actor = Actor(ActorType.MEMBER, f"stranger-{number}", name)
        yield Told(actor, catalogue.VEHICLE_CREATED, Target("vehicle", f"veh-{number}", name))
        yield Told(actor, catalogue.DOCUMENT_APPROVED, ALPHARD, (("document", name),))
        yield Told(actor, catalogue.MEMBER_INVITED, facts=(("email", name), ("role", name)))


def _longer_than_recorded_today(organisation: Organisation, now: datetime) -> Event:
    """An entry such as `record()` refuses, as an import or a later version with other limits may have left it."""
    from auditweb.ids import new_id

    name = "Ｗ" * 10_000
    return Event(
        org_id=organisation.id,
        id=new_id(now),
        occurred_at=now,
        recorded_at=now,
        category="vehicles",
        action="vehicle.created",
        summary=f"Added {name}",
        facts={},
        actor_type="member",
        actor_id="stranger-long",
        actor_name=name,
        target_type="vehicle",
        target_id="veh-long",
        target_name=name,
        outcome="success",
    )
