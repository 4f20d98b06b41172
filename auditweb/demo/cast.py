"""The people, keys and processes of the demo: who they are, when they work and what they work with."""

import random
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from auditweb.accounts.callers import Scope
from auditweb.catalogue import Category
from auditweb.demo.devices import user_agent
from auditweb.demo.hours import MONDAY_TO_SATURDAY, WEEKDAYS, Hours
from auditweb.demo.trade import EUROPE_TO_JAPAN, JAPAN_TO_BRITAIN, Trade
from auditweb.parties import Actor, ActorType

PASSWORD = "importops-demo"
SIGN_INS = (
    ("maya@northgate.example", "owner of Northgate Imports"),
    ("ines@northgate.example", "admin"),
    ("olu@northgate.example", "auditor"),
    ("tom@northgate.example", "member, who sees their own entries only"),
    ("kenji@osaka-bay.example", "owner of Osaka Bay Motors"),
)
"""Whom the sign-in page offers to be: address, and what they are."""

YEARS_TOLD = timedelta(days=730)

_LONDON = "Europe/London"
_TOKYO = "Asia/Tokyo"


@dataclass(frozen=True, slots=True)
class Colleague:
    """
    A member of an organisation.

    *jobs* are the kinds of work they do; *joined* and *left* are about so many days before the end of the demo.
    """

    email: str
    name: str
    role: str
    jobs: frozenset[str]
    hours: Hours
    browser: str
    office: str
    home: str
    joined: float
    left: float | None = None
    zone: str = ""

    @property
    def method(self) -> str:
        """How they sign in."""
        return "passkey" if self.browser.startswith("safari") else "password and code"

    def device(self, moment: datetime) -> str:
        """Return the user agent that their browser had at *moment*."""
        return user_agent(self.browser, moment)


@dataclass(frozen=True, slots=True)
class Key:
    """
    An API key, its maker's address, and what it may do. No *categories* stand for all of them.

    It was *made* and *revoked* so many days before the end of the demo, and *expires* so many after it. It is used from
    the address *ip*, and from nowhere else if it is *tied* to that.
    """

    id: str
    name: str
    maker: str
    made: float
    ip: str
    revoked: float | None = None
    scopes: frozenset[Scope] = frozenset({Scope.WRITE})
    categories: frozenset[Category] = frozenset()
    expires: float | None = None
    tied: bool = False

    @property
    def writes(self) -> bool:
        return Scope.WRITE in self.scopes

    @property
    def actor(self) -> Actor:
        return Actor(ActorType.API_KEY, self.id, self.name)


@dataclass(frozen=True, slots=True)
class Company:
    """An organisation of the demo, which once had another name. *share* is its part of all entries."""

    slug: str
    name: str
    first_name: str
    zone: str
    trade: Trade
    share: float
    people: tuple[Colleague, ...]
    keys: tuple[Key, ...]
    teams: tuple[str, ...]

    def key(self, id_: str) -> Key:
        return next(key for key in self.keys if key.id == id_)


IMPORTOPS = Actor(ActorType.SYSTEM, "importops", "ImportOps")
NIGHTLY_JOBS = Actor(ActorType.SYSTEM, "nightly-jobs", "Nightly jobs")
VESSEL_TRACKING = Actor(ActorType.SYSTEM, "vessel-tracking", "Vessel tracking")
CUSTOMS_LINK = Actor(ActorType.SYSTEM, "customs-link", "Customs link")
JESS = Actor(ActorType.SUPPORT, "jess.hartley", "Jess Hartley")
AARON = Actor(ActorType.SUPPORT, "aaron.pike", "Aaron Pike")
FORWARDER = "Forwarder feed"
SUPPORT_ADDRESS = "192.0.2.14"


def more_colleagues(company: Company, how_many: int) -> tuple[Colleague, ...]:
    """
    Return invented colleagues for a demo too big for the named ones, each with a desk job.

    Where so much goes on, somebody is at each kind of desk on holidays, too.
    """
    rng = random.Random(f"colleagues of {company.slug}")
    names = [(first, last) for last in company.trade.last_names for first in company.trade.first_names]
    jobs = ("documents", "sales", "shipping", "yard", "suppliers")
    return tuple(
        Colleague(
            email=f"staff{number:03d}@{company.slug}.example",
            name=" ".join(name),
            role="admin" if number % 12 == 1 else "member",
            jobs=frozenset({"admin", "finance"} if number % 12 == 1 else {jobs[number % len(jobs)]}),
            hours=Hours(company.zone, time(8, 30), time(17, 30), always=number % 2 == 1),
            browser=rng.choice(("chrome-windows", "edge-windows", "firefox-linux", "safari-mac")),
            office="203.0.113.10",
            home=f"2001:db8:1:{number:x}::{rng.randint(2, 250):x}",
            joined=rng.uniform(300, 728),
        )
        for number, name in enumerate(rng.sample(names, min(how_many, len(names))), start=1)
    )


_DESK = Hours(_LONDON, time(8, 30), time(17, 45))
_EARLY = Hours(_LONDON, time(7, 0), time(16, 0))
_SALES = Hours(_LONDON, time(9, 0), time(18, 0), MONDAY_TO_SATURDAY)
_AUCTION = Hours(_TOKYO, time(8, 45), time(18, 30), MONDAY_TO_SATURDAY)
_OSAKA = Hours(_TOKYO, time(9, 0), time(18, 0), WEEKDAYS)
_BRISTOL, _SOUTHAMPTON, _YOKOHAMA, _OSAKA_OFFICE = "203.0.113.10", "203.0.113.40", "203.0.113.58", "203.0.113.90"

_YUTO = Colleague(
    email="yuto@reiwa-audit.example",
    name="Yuto Ishikawa",
    role="auditor",
    jobs=frozenset({"audit"}),
    hours=Hours(_TOKYO, time(10, 0), time(17, 0), frozenset({4})),
    browser="edge-windows",
    office="203.0.113.140",
    home="2001:db8:70:2::8",
    joined=540,
    zone=_TOKYO,
)

OPEN_TO_ANYONE = frozenset({email for email, _ in SIGN_INS} | {_YUTO.email})
"""Who signs in with the password alone; everyone else has a second factor."""

NORTHGATE = Company(
    slug="northgate",
    name="Northgate Imports",
    first_name="Northgate Cars",
    zone=_LONDON,
    trade=JAPAN_TO_BRITAIN,
    share=0.9,
    teams=("Bristol yard", "Southampton yard", "Japan desk", "Documents", "Sales"),
    people=(
        Colleague(
            email="maya@northgate.example",
            name="Maya Okafor",
            role="owner",
            jobs=frozenset({"owner", "admin", "finance"}),
            hours=_DESK,
            browser="safari-mac",
            office=_BRISTOL,
            home="198.51.100.21",
            joined=730,
        ),
        Colleague(
            email="ines@northgate.example",
            name="Ines Duarte",
            role="admin",
            jobs=frozenset({"admin"}),
            hours=_DESK,
            browser="chrome-mac",
            office=_BRISTOL,
            home="198.51.100.34",
            joined=729,
        ),
        Colleague(
            email="olu@northgate.example",
            name="Olu Adeyemi",
            role="auditor",
            jobs=frozenset({"audit"}),
            hours=Hours(_LONDON, time(9, 30), time(16, 30), frozenset({1, 3})),
            browser="firefox-linux",
            office=_BRISTOL,
            home="2001:db8:44:7::c2",
            joined=410,
        ),
        Colleague(
            email="tom@northgate.example",
            name="Tom Lindqvist",
            role="member",
            jobs=frozenset({"suppliers", "exports"}),
            hours=_DESK,
            browser="edge-windows",
            office=_BRISTOL,
            home="198.51.100.77",
            joined=726,
        ),
        Colleague(
            email="hana@northgate.example",
            name="Hana Sato",
            role="member",
            jobs=frozenset({"buying"}),
            hours=_AUCTION,
            browser="chrome-windows",
            office=_YOKOHAMA,
            home="2001:db8:81:4::1f",
            joined=728,
            zone=_TOKYO,
        ),
        Colleague(
            email="jun@northgate.example",
            name="Jun Watanabe",
            role="member",
            jobs=frozenset({"buying"}),
            hours=_AUCTION,
            browser="chrome-android",
            office=_YOKOHAMA,
            home="2001:db8:81:9::22",
            joined=505,
            zone=_TOKYO,
        ),
        Colleague(
            email="callum@northgate.example",
            name="Callum Byrne",
            role="member",
            jobs=frozenset({"shipping"}),
            hours=_EARLY,
            browser="chrome-windows",
            office=_SOUTHAMPTON,
            home="198.51.100.102",
            joined=725,
        ),
        Colleague(
            email="sofia@northgate.example",
            name="Sofia Marques",
            role="member",
            jobs=frozenset({"documents"}),
            hours=_DESK,
            browser="chrome-windows",
            office=_BRISTOL,
            home="2001:db8:52:1::7",
            joined=720,
        ),
        Colleague(
            email="declan@northgate.example",
            name="Declan Whyte",
            role="member",
            jobs=frozenset({"sales"}),
            hours=_SALES,
            browser="safari-iphone",
            office=_BRISTOL,
            home="198.51.100.140",
            joined=718,
        ),
        Colleague(
            email="gareth@northgate.example",
            name="Gareth Pugh",
            role="member",
            jobs=frozenset({"yard"}),
            hours=_EARLY,
            browser="chrome-android",
            office=_BRISTOL,
            home="198.51.100.163",
            joined=716,
        ),
        Colleague(
            email="eilidh@northgate.example",
            name="Eilidh Fraser",
            role="member",
            jobs=frozenset({"finance", "sales"}),
            hours=_DESK,
            browser="edge-windows",
            office=_BRISTOL,
            home="198.51.100.181",
            joined=602,
        ),
        Colleague(
            email="marek@northgate.example",
            name="Marek Nowak",
            role="member",
            jobs=frozenset({"yard"}),
            hours=_EARLY,
            browser="chrome-android",
            office=_SOUTHAMPTON,
            home="2001:db8:60:3::b",
            joined=388,
        ),
        Colleague(
            email="ben@northgate.example",
            name="Ben Harker",
            role="admin",
            jobs=frozenset({"admin", "shipping"}),
            hours=_DESK,
            browser="firefox-linux",
            office=_BRISTOL,
            home="198.51.100.190",
            joined=724,
            left=351,
        ),
        Colleague(
            email="nia@northgate.example",
            name="Nia Coleman",
            role="member",
            jobs=frozenset({"sales", "documents"}),
            hours=_DESK,
            browser="chrome-windows",
            office=_BRISTOL,
            home="198.51.100.208",
            joined=566,
            left=19.5,
        ),
        Colleague(
            email="priya@northgate.example",
            name="Priya Raman",
            role="member",
            jobs=frozenset({"documents"}),
            hours=_DESK,
            browser="chrome-mac",
            office=_BRISTOL,
            home="2001:db8:52:8::31",
            joined=27,
        ),
        _YUTO,
    ),
    keys=(
        Key(
            "key_7Q2M",
            FORWARDER,
            "ines@northgate.example",
            made=610,
            ip="192.0.2.60",
            categories=frozenset({Category.SHIPMENTS}),
            tied=True,
        ),
        Key(
            "key_3HD9",
            "Dealer feed",
            "maya@northgate.example",
            made=640,
            ip="192.0.2.88",
            scopes=frozenset(Scope),
            categories=frozenset({Category.VEHICLES, Category.DOCUMENTS}),
            expires=9,
        ),
        Key("key_1B5X", "Old stock list", "ben@northgate.example", made=690, revoked=357, ip="192.0.2.120"),
        Key(
            "key_5T8W",
            "Security monitor",
            "ben@northgate.example",
            made=480,
            ip="198.51.100.77",
            scopes=frozenset({Scope.READ}),
            tied=True,
        ),
    ),
)

OSAKA_BAY = Company(
    slug="osaka-bay",
    name="Osaka Bay Motors",
    first_name="Osaka Bay Trading",
    zone=_TOKYO,
    trade=EUROPE_TO_JAPAN,
    share=0.1,
    teams=("Nanko yard", "Showroom"),
    people=(
        Colleague(
            email="kenji@osaka-bay.example",
            name="Kenji Mori",
            role="owner",
            jobs=frozenset({"owner", "admin", "finance", "exports"}),
            hours=_OSAKA,
            browser="safari-mac",
            office=_OSAKA_OFFICE,
            home="2001:db8:90:1::5",
            joined=730,
            zone=_TOKYO,
        ),
        Colleague(
            email="aiko@osaka-bay.example",
            name="Aiko Tanaka",
            role="member",
            jobs=frozenset({"documents", "sales"}),
            hours=_OSAKA,
            browser="chrome-windows",
            office=_OSAKA_OFFICE,
            home="2001:db8:90:4::9",
            joined=727,
            zone=_TOKYO,
        ),
        Colleague(
            email="daisuke@osaka-bay.example",
            name="Daisuke Ono",
            role="member",
            jobs=frozenset({"shipping", "yard", "suppliers"}),
            hours=_OSAKA,
            browser="chrome-android",
            office=_OSAKA_OFFICE,
            home="2001:db8:90:6::2",
            joined=722,
            zone=_TOKYO,
        ),
        Colleague(
            email="felix@osaka-bay.example",
            name="Felix Brandt",
            role="member",
            jobs=frozenset({"buying"}),
            hours=Hours("Europe/Berlin", time(8, 30), time(17, 30)),
            browser="firefox-linux",
            office="203.0.113.120",
            home="198.51.100.230",
            joined=700,
            zone="Europe/Berlin",
        ),
        _YUTO,
    ),
    keys=(
        Key(
            "key_9KT4",
            "Showroom website",
            "kenji@osaka-bay.example",
            made=520,
            ip="192.0.2.201",
            categories=frozenset({Category.VEHICLES, Category.DOCUMENTS}),
        ),
    ),
)
