"""Databases full of entries, and the product and the floor on them."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import click
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.engine import make_url

from auditweb import ids
from auditweb.accounts.people import find_organisation, find_person
from auditweb.app import create_app
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.models import Membership
from auditweb.parties import ActorRef, ActorType
from auditweb.reading.lives import count_stretch
from tests.bench import data, ingest
from tests.bench.floor import PATH, Driver, PostgreSQL, SQLite, floor_app
from tests.bench.pages import Case, Visit, cases, visit
from tests.databases import Database, fresh_database
from tests.readers import Place, Someone, open_session

MULTIPLIED = 1_000_000  # entries that PostgreSQL multiplies by itself for a larger log
LOG = "/o/northgate/settings/audit-log"
# Entries of a member, and of a first week, whom logs of any size have: the same pages, however much others have.
SOME, A_WEEK = 4_500, 75
READER, ACTOR = "maya@northgate.example", "callum@northgate.example"
ABOUT = {
    "a person": "/people/{actor}",
    "a first week": "/people/{actor}?part=first-week",
    f"a person with about {SOME:,} entries": "/people/{other}",
    f"a first week of about {A_WEEK} entries": "/people/{beginner}?part=first-week",
    "a thing": "/targets/vehicle/veh_0471",
    "the security review": "/review",
    "what is flagged": "?flag=any",
    "what is recorded": "/coverage",
}


_MEMBER_WITH_SOME = text("""
    SELECT actor FROM tally WHERE org_id = :org_id AND category = '' AND actor LIKE 'member:%'
    GROUP BY actor ORDER BY abs(sum(n) - :some), actor LIMIT 1
""")


@dataclass(frozen=True, slots=True)
class Log:
    """A database full of entries, and the product and the floor on it."""

    engine_name: str
    entries: int
    app: Flask
    driver: Driver
    cookie: str
    org_id: int
    token: str
    cases: dict[str, Case]
    other: str
    beginner: str

    def product(self, name: str) -> Visit:
        """Return a visit to the product's page *name*."""
        case = self.cases[name]
        return visit(self.app, LOG + case.query, cookie=self.cookie, whole=case.whole)

    def about(self, name: str) -> Visit:
        """Return a visit to one of the pages that are not the log itself, or only what the review flags in it."""
        actor = self.cases["one actor"].query.removeprefix("?actor=")
        address = ABOUT[name].format(actor=actor, other=self.other, beginner=self.beginner)
        return visit(self.app, LOG + address, cookie=self.cookie)

    def floor(self, name: str) -> Visit:
        app = floor_app(self.app, self.driver, self.cases[name].question, self.product(name))
        return visit(app, PATH)


def sqlite_file(stack: ExitStack, folder: Path, size: int) -> tuple[Database, int]:
    """Make a SQLite database of about *size* entries; the other engine gets a copy of it."""
    made = stack.enter_context(fresh_database("sqlite", folder))
    with progress(f"Making {size:,} entries", size) as done:
        return made, data.fill_sqlite(_app(made, folder), _path(made), size, done)


def filled(
    stack: ExitStack, engine_name: str, folder: Path, size: int, files: Mapping[int, tuple[Database, int]]
) -> tuple[Database, int]:
    """Return a database of about *size* entries, and how many they are."""
    if engine_name == "sqlite":
        return files[size]
    source, entries = files[min(size, MULTIPLIED)]
    made = stack.enter_context(fresh_database("postgresql", folder))
    times = max(size // MULTIPLIED, 1)
    with progress(f"Copying {times * entries:,} entries to PostgreSQL", times * entries) as done:
        made_here = data.fill_postgresql(_app(made, folder), made.owner_url, _path(source), size, times, done)
    return made, made_here


def open_log(stack: ExitStack, made: Database, entries: int, folder: Path) -> Log:
    """Open a database of so many *entries*, with somebody signed in."""
    driver: Driver = SQLite(_path(made)) if made.engine_name == "sqlite" else PostgreSQL(made.url)
    stack.callback(driver.close)
    app = _app(made, folder)
    with app.app_context():
        organisation, reader, actor = find_organisation("northgate"), find_person(READER), find_person(ACTOR)
        assert organisation
        assert reader
        assert actor
        middle = driver.middle(organisation.id)
        day = (data.UNTIL - timedelta(days=365)).date().replace(day=1)
        found = cases(organisation.id, organisation.zone, str(actor.id), middle, day)
        log_cases = {case.name: case for case in found}
        other = db.session.execute(_MEMBER_WITH_SOME, {"org_id": organisation.id, "some": SOME}).scalar_one()
        beginner = _member_with_a_week(organisation.id)
        someone = Someone(reader.id, reader.email, reader.name)
        place = Place(organisation.id, organisation.slug, organisation.name, organisation.zone)
    browser = open_session(app, app.test_client(), someone)
    browser.get(LOG)  # the first visit changes the cookie, which then remembers the organisation
    cookie = browser.cookie() or ""
    stack.callback(_close, app)
    token = ingest.key_for(app, place, someone)
    return Log(made.engine_name, entries, app, driver, cookie, organisation.id, token, log_cases, other, beginner)


def _member_with_a_week(org_id: int) -> str:
    """Return the member whose first week is nearest to so many entries, what others did to them included."""
    joined = select(Membership.person_id, Membership.joined_at).where(Membership.org_id == org_id)

    def distance(member: str, since: datetime) -> int:
        ends = ids.first_id_at(since), ids.first_id_at(since + timedelta(days=7))
        return abs(count_stretch(org_id, ActorRef(ActorType.MEMBER, member), *ends).number - A_WEEK)

    found = [(distance(str(id_), since), id_) for id_, since in db.session.execute(joined)]
    return f"{ActorType.MEMBER}:{min(found)[1]}"


def _close(app: Flask) -> None:
    with app.app_context():
        db.engine.dispose()


def _app(made: Database, folder: Path) -> Flask:
    often = ingest.REQUESTS_A_MINUTE
    return create_app(
        Settings(data_dir=folder, database_url=made.url, secret_key="b" * 32, api_requests_a_minute=often)
    )


def _path(made: Database) -> str:
    return make_url(made.url).database or ""


@contextmanager
def progress(label: str, length: int) -> Iterator[Callable[[int], object]]:
    """Show how far work of a *length* is, which tells how much of it is done."""
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield lambda done: bar.update(done - bar.pos)
