"""
No statement of any request reads a table in full, sorts more than a page or touches more than one partition.

Every address is opened on a log of sixty thousand entries, and every statement sent meanwhile is explained.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from auditweb import catalogue, clock, ids
from auditweb.accounts import api_keys, two_factor
from auditweb.accounts.callers import Scope
from auditweb.accounts.key_rights import Rights
from auditweb.accounts.people import find_person
from auditweb.app import create_app
from auditweb.bulk import record_many
from auditweb.config import Settings
from auditweb.exports.jobs import EXPORTER
from auditweb.exports.keeping import expire, folder_in, tidy
from auditweb.exports.work import revive
from auditweb.extensions import db
from auditweb.ledger.sealer import Sealer
from auditweb.models import Event, Finding, FindingEvent
from auditweb.parties import UNKNOWN_PERSON, Actor, ActorType, Outcome, Target
from auditweb.recorder import record
from auditweb.webhooks.outbox import asked_for
from auditweb.webhooks.outbox import tidy as tidy_deliveries
from auditweb.webhooks.sending import Caller
from auditweb.webhooks.targets import Policy
from auditweb.webhooks.watch import Watcher
from tests.api_keys import caller
from tests.api_keys import create as make_key
from tests.api_keys import form as key_form
from tests.callers import ORDER, Program, new_key
from tests.databases import Database, fresh_database
from tests.export_jobs import ask_for_log, prepare
from tests.ledgers import server_engine
from tests.plans import MODES, Asked, faults_on_postgresql, faults_on_sqlite
from tests.programs import LINES
from tests.readers import (
    PASSWORD,
    Place,
    Reader,
    Someone,
    add_organisation,
    add_person,
    hash_cheaply,
    join,
    leave,
    open_session,
)
from tests.second_factors import Phone
from tests.sharing import MASKS, open_, outsider, share
from tests.teams import accept, links
from tests.webhooks import deliveries, send_next
from tests.webhooks import make as make_hook

ENTRIES = {1: 40_000, 2: 10_000, 3: 10_000}
BEHIND = 20  # more entries, of the first organisation, that wait for the sealer
RARE = 400  # of so many entries one is of a kind that is looked for
NOW = clock.now()
MODES_OF = {"sqlite": list(MODES)[:1], "postgresql": list(MODES), "partitioned": list(MODES)[:2]}  # see `database`
# How often a statement is explained with other values: planned for any, its plan is the same for all of them.
OFTEN_ENOUGH = dict(zip(MODES, (50, 5, 5, 1), strict=True))
SETTINGS = "/o/northgate/settings"
LOG = f"{SETTINGS}/audit-log"
PEOPLE = f"{LOG}/people"
SIGN_IN = f"{SETTINGS}/sign-in"
TEAM = f"{SETTINGS}/team"
HOOKS = f"{SETTINGS}/webhooks"
KEYS = f"{SETTINGS}/api-keys"
KEY = f"{KEYS}/key_0000000007"
KEY_REF = "api_key:key_0000000003"
MY_LOG = "/o/northgate/my-log"
REVIEW = f"{LOG}/review"
FINDINGS, EVIDENCE = 1500, 12  # entries of each
API = "/api/v1"
READER = "1"  # the id of the person who opens all addresses

# What no index answers alone, so that more is looked at than shown.
MIXED = "category=team&actor=member:m7&action=member.joined&outcome=failure"

MEMBER = "member:m7"
FILTERS = [
    *(f"category={category}" for category in catalogue.Category),
    "actor=member:m3",
    "actor=system:nightly",
    "actor=member:nobody",
    f"category=team&actor={MEMBER}",
    "target=vehicle:v3",
    "action=vehicle.updated",
    "action=member.joined",
    "outcome=failure",
    "outcome=denied",
    "outcome=success",
    "from=2026-06-01&to=2026-06-30&tz=Asia/Tokyo",
    "category=team&from=2026-06-01&to=2026-06-30&tz=Asia/Kathmandu",
    "from=2025-12-01&to=2026-11-20&tz=Asia/Tokyo",
    "category=vehicles&from=2025-12-01&to=2026-11-20&tz=Asia/Tokyo",
    f"actor={MEMBER}&last=30d",
    MIXED,
    "q=stepwgn",
    "q=stepwgn%20nightly",
    "category=vehicles&q=step",
    "q=step*",
    "q=%22honda%20stepwgn%22",
    "q=stepwgn%20-nightly",
    "q=203.0.113.7",
    "q={id}",
    "upto={id}",
    "category=team&upto={id}",
    "flag=any",
    "flag=burst",
    "category=team&flag=odd_hours",
    "flag=any&from=2026-06-01&to=2026-06-30&tz=Asia/Tokyo&q=stepwgn",
]
PLACES = ("", "before={id}", "after={id}", "oldest=1")

# For each rule that answers GET the addresses to open; {id} is an entry in the middle of the log.
ADDRESSES: dict[str, list[str]] = {
    "/static/<path:filename>": [],
    "/": ["/"],
    "/setup": ["/setup"],
    "/setup/organisation": ["/setup/organisation"],
    "/sign-in": ["/sign-in"],
    "/sign-in/code": ["/sign-in/code"],
    "/forgotten-password": ["/forgotten-password"],
    "/forgotten-password/sent": ["/forgotten-password/sent"],
    "/reset-password/<token>": ["/reset-password/x"],
    "/two-factor/set-up": ["/two-factor/set-up"],
    "/o/<org>/settings/sign-in": [SIGN_IN],
    "/o/<org>/settings/sign-in/password": [f"{SIGN_IN}/password"],
    "/o/<org>/settings/sign-in/two-factor/turn-off": [f"{SIGN_IN}/two-factor/turn-off"],
    "/o/<org>/settings/sign-in/two-factor/recovery-codes": [f"{SIGN_IN}/two-factor/recovery-codes"],
    "/profile": ["/profile"],
    "/help/audit-log": ["/help/audit-log"],
    "/healthz": ["/healthz"],
    "/o/<org>/settings/general": [f"{SETTINGS}/general"],
    "/o/<org>/settings/data": [f"{SETTINGS}/data"],
    "/o/<org>/settings/data/shorter": [f"{SETTINGS}/data/shorter?months=12"],
    "/o/<org>/settings/data/transfer": [f"{SETTINGS}/data/transfer"],
    "/o/<org>/settings/data/delete": [f"{SETTINGS}/data/delete"],
    "/o/<org>/settings/data/export": [f"{SETTINGS}/data/export"],
    "/o/<org>/settings/audit-log/exports": [f"{LOG}/exports", f"{LOG}/exports?after={{job}}"],
    "/o/<org>/settings/audit-log/exports/<job_id>": [f"{LOG}/exports/{{job}}"],
    "/o/<org>/settings/audit-log/exports/<job_id>/progress": [f"{LOG}/exports/{{job}}/progress"],
    "/o/<org>/settings/audit-log/exports/<job_id>/delete": [f"{LOG}/exports/{{job}}/delete"],
    "/o/<org>/settings/audit-log/exports/<job_id>/file": [f"{LOG}/exports/{{job}}/file"],
    "/o/<org>/settings/audit-log/review": [
        REVIEW,
        f"{REVIEW}?state=all",
        f"{REVIEW}?kind=burst",
        f"{REVIEW}?kind=burst&state=all&before=f00042",
        f"{REVIEW}?state=confirmed&before=f00042",
        f"{REVIEW}?last=30d",
        f"{REVIEW}?state=all&from=2026-06-01&to=2026-06-30&tz=Asia/Tokyo",
    ],
    "/o/<org>/settings/audit-log/review/patterns": [f"{REVIEW}/patterns"],
    "/o/<org>/settings/audit-log/review/<finding_id>": [f"{REVIEW}/f00042", f"{REVIEW}/nothing"],
    "/o/<org>/settings/ownership": [f"{SETTINGS}/ownership"],
    "/o/<org>/my-log": [
        MY_LOG + "?" + "&".join(filter(None, (wanted, place))) if wanted or place else MY_LOG
        for wanted in ("", "category=authentication", "category=vehicles", "category=suppliers")
        for place in PLACES
    ],
    "/o/<org>/my-log/entries/<spelled>": [f"{MY_LOG}/entries/{{id}}"],
    "/o/<org>/settings/audit-log": [
        LOG + "?" + "&".join(filter(None, (wanted, place))) if wanted or place else LOG
        for wanted in ["", *FILTERS]
        for place in PLACES
    ],
    "/o/<org>/settings/audit-log/actors": [
        f"{LOG}/actors",
        f"{LOG}/actors?name=night",
        f"{LOG}/actors?category=team&actor={MEMBER}",
        f"{LOG}/actors?outcome=success",
        f"{LOG}/actors?q=stepwgn",
    ],
    "/o/<org>/settings/audit-log/go": [
        f"{LOG}/go?page=2",
        f"{LOG}/go?page=300",
        f"{LOG}/go?page=9&category=vehicles&actor=member:m3&from=2026-06-01&to=2026-10-30&tz=Asia/Tokyo",
        f"{LOG}/go?page=2&action=vehicle.updated",
        f"{LOG}/go?date=2026-06-01",
    ],
    "/o/<org>/settings/audit-log/new": [
        f"{LOG}/new?after={{id}}",
        f"{LOG}/new?after={{id}}&category=team&last=30d",
        f"{LOG}/new?after={{id}}&q=step*",
    ],
    "/o/<org>/settings/audit-log/export": [
        f"{LOG}/export",
        *(f"{LOG}/export?{wanted}" for wanted in FILTERS),
    ],
    "/o/<org>/settings/audit-log/print": [f"{LOG}/print", f"{LOG}/print?category=team", f"{LOG}/print?{MIXED}"],
    "/o/<org>/settings/audit-log/entries/<spelled>": [f"{LOG}/entries/{{id}}", f"{LOG}/entries/7ZZZZZZZZZZZZ"],
    "/o/<org>/settings/audit-log/entries/<spelled>.json": [f"{LOG}/entries/{{id}}.json"],
    "/o/<org>/settings/audit-log/people/<path:spelled>": [
        *(
            f"{PEOPLE}/{ref}{part}"
            for ref in (
                f"member:{READER}",
                "member:21",
                MEMBER,
                "member:m3",
                "system:nightly",
                "api_key:key_0000000003",
            )
            for part in ("", "?part=first-week", "?part=last-week", "?part=last-week&after={id}")
        ),
        f"{PEOPLE}/member:m3?category=vehicles",
        f"{PEOPLE}/member:m3?from=2026-06-01&to=2026-10-30&tz=Asia/Tokyo",
        f"{PEOPLE}/{MEMBER}?q=joined",
        f"{PEOPLE}/member:m3?flag=any",
        f"{PEOPLE}/system:nightly?flag=burst",
        f"{PEOPLE}/nobody:1",
        f"{PEOPLE}/member:nobody",
    ],
    "/o/<org>/settings/audit-log/targets/<type_>/<path:spelled>": [
        *(f"{LOG}/targets/vehicle/v3{place and f'?{place}'}" for place in PLACES),
        f"{LOG}/targets/vehicle/v3?actor=system:nightly",
        f"{LOG}/targets/vehicle/v3?q=stepwgn",
        f"{LOG}/targets/vehicle/v3?flag=any",
        f"{LOG}/targets/member/{READER}",
        f"{LOG}/targets/vehicle/nothing",
    ],
    "/o/<org>/settings/audit-log/reviews/<review_id>": [f"{LOG}/reviews/nothing"],
    "/o/<org>/settings/audit-log/share": [
        f"{LOG}/share?{wanted}" for wanted in ("", "category=team", f"actor={MEMBER}", "q=stepwgn", "upto={id}")
    ],
    "/o/<org>/settings/audit-log/coverage": [f"{LOG}/coverage"],
    "/o/<org>/settings/audit-log/views": [f"{LOG}/views"],
    "/o/<org>/settings/audit-log/views/new": [f"{LOG}/views/new?category=team"],
    "/o/<org>/settings/audit-log/views/<view_id>": [f"{LOG}/views/nothing"],
    "/o/<org>/settings/shares": [f"{SETTINGS}/shares"],
    "/o/<org>/settings/shares/over": [f"{SETTINGS}/shares/over"],
    "/o/<org>/settings/shares/<share_id>": [f"{SETTINGS}/shares/nothing"],
    "/o/<org>/settings/shares/<share_id>/revoke": [f"{SETTINGS}/shares/nothing/revoke"],
    "/shared/<token>": ["/shared/nothing"],
    "/support": ["/support"],
    "/slices/<slice_id>": [],  # opened below
    "/slices/<slice_id>/entries/<spelled>": [],
    "/o/<org>/settings/webhooks": [HOOKS],
    "/o/<org>/settings/webhooks/new": [f"{HOOKS}/new?view=ready-1"],
    "/o/<org>/settings/webhooks/<hook_id>": [f"{HOOKS}/{{hook}}", f"{HOOKS}/{{hook}}?after={{delivery}}"],
    "/o/<org>/settings/webhooks/<hook_id>/change": [f"{HOOKS}/{{hook}}/change"],
    "/o/<org>/settings/webhooks/<hook_id>/secret": [f"{HOOKS}/{{hook}}/secret"],
    "/o/<org>/settings/webhooks/<hook_id>/delete": [f"{HOOKS}/{{hook}}/delete"],
    "/o/<org>/settings/api-keys": [KEYS],
    "/o/<org>/settings/api-keys/revoked": [f"{KEYS}/revoked", f"{KEYS}/revoked?after=key_0000000015"],
    "/o/<org>/settings/api-keys/new": [f"{KEYS}/new"],
    "/o/<org>/settings/api-keys/<key_id>": [KEY, f"{KEYS}/nothing"],
    "/o/<org>/settings/api-keys/<key_id>/rights": [f"{KEY}/rights"],
    "/o/<org>/settings/api-keys/<key_id>/secret": [f"{KEY}/secret"],
    "/o/<org>/settings/api-keys/<key_id>/revoke": [f"{KEY}/revoke"],
    "/o/<org>/settings/team": [TEAM, f"{TEAM}?q=member", f"{TEAM}?q=member&after=3"],
    "/o/<org>/settings/team/former": [f"{TEAM}/former", f"{TEAM}/former?q=member&after=21"],
    "/o/<org>/settings/team/invitations": [f"{TEAM}/invitations", f"{TEAM}/invitations?after=9"],
    "/o/<org>/settings/team/invite": [f"{TEAM}/invite"],
    "/o/<org>/settings/team/roles": [f"{TEAM}/roles"],
    "/o/<org>/settings/team/leave": [f"{TEAM}/leave"],
    "/o/<org>/settings/team/members/<int(max=2147483647):person_id>": [f"{TEAM}/members/3"],
    "/o/<org>/settings/team/members/<int(max=2147483647):person_id>/remove": [f"{TEAM}/members/3/remove"],
    "/o/<org>/settings/team/members/<int(max=2147483647):person_id>/role/<role>": [f"{TEAM}/members/3/role/owner"],
    "/o/<org>/settings/team/members/<int(max=2147483647):person_id>/two-factor": [f"{TEAM}/members/3/two-factor"],
    "/invitations/<token>": ["/invitations/nothing"],
    "/api/v1/events": [
        *(f"{API}/events?{wanted}&{place}" for wanted in ["", *FILTERS] for place in PLACES),
        f"{API}/events?limit=500",
        *(
            f"{API}/events?order=leaf&after=20000&{wanted}"
            for wanted in ["", *FILTERS]
            if "q=" not in wanted and "flag=" not in wanted
        ),
        f"{API}/events?order=leaf&after=39000&wait=1",
        f"{API}/events?order=leaf&limit=1000",
    ],
    "/api/v1/events/<entry_id>": [f"{API}/events/{{id}}", f"{API}/events/7ZZZZZZZZZZZZ"],
    "/api/v1/actions": [f"{API}/actions"],
    "/api/openapi.json": ["/api/openapi.json"],
    "/api/docs": ["/api/docs"],
    "/api/v1/counts": [f"{API}/counts?{wanted}" for wanted in ["", *FILTERS]],
}
# What is taken out: where an index answers from a place on, and where only the search index does.
EXPORTS = ["category=vehicles", "action=member.joined", "outcome=success", MIXED, "q=stepwgn%20-nightly"]
STREAMS = ["category=team", "q=stepwgn%20-nightly&last=30d", f"actor={MEMBER}&before={{id}}"]
PART = {"HX-Request": "true", "HX-Request-Type": "partial"}
_LEAD_ELSEWHERE = {
    "/",
    "/sign-in",
    "/sign-in/code",
    "/o/<org>/settings/sign-in/two-factor/turn-off",
    "/o/<org>/settings/sign-in/two-factor/recovery-codes",
    "/o/<org>/settings/audit-log/go",
    "/o/<org>/settings/audit-log/new",
    "/o/<org>/settings/audit-log/exports/<job_id>/progress",
}


@dataclass
class Log:
    """What was asked of a big log in one of the profiles while its addresses were opened, and what is wrong with it."""

    profile: str
    rules: set[str]
    asked: list[Asked] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@pytest.mark.parametrize("profile", MODES_OF)
def test_no_statement_goes_through_a_whole_log(profile: str, tmp_path: Path) -> None:
    """One test for each profile, since all of it stands on a log that takes long to make."""
    log = _read(profile, tmp_path)

    assert not log.faults, f"{len(log.faults)} faults in {len(log.asked)} statements\n\n" + "\n\n".join(log.faults[:5])
    assert log.rules == set(ADDRESSES)  # what is added to the app is looked at as well
    # And what was looked at is there: the statements of pages, of entries and of writing.
    for part in (
        "LIMIT 51",
        "FROM finding_event",
        "event.idempotency_key",
        "INSERT INTO event",
        "UPDATE rate",
        "actor_name",
    ):
        assert any(part in asked.statement for asked in log.asked), part


def _read(profile: str, folder: Path) -> Log:
    """Make a big log, open every address on it, and return what was asked of the database meanwhile, explained."""
    hash_cheaply()
    with fresh_database(profile, folder) as fresh:
        app = create_app(Settings(data_dir=folder, database_url=fresh.url, secret_key="s" * 32))
        app.config["TESTING"] = True
        rules = {rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
        log = Log(profile, rules)
        try:
            reader, key = _settle(app)
            _open_all(app, reader, key, log, _fill(fresh))
            _fall_behind(fresh)  # what was recorded meanwhile would be more than a page
        finally:
            with app.app_context():
                db.engine.dispose()
        log.faults = list(_faults_on_sqlite(log, fresh) if profile == "sqlite" else _faults_on_postgresql(log, fresh))
    return log


def _faults_on_sqlite(log: Log, database: Database) -> Iterator[str]:
    with closing(sqlite3.connect(make_url(database.url).database or "")) as connection:
        for asked in log.asked:
            for fault in faults_on_sqlite(connection, asked, mixed=MIXED in asked.address):
                yield f"{fault}\n{asked}"


def _faults_on_postgresql(log: Log, database: Database) -> Iterator[str]:
    url = make_url(database.url).set(drivername="postgresql").render_as_string(hide_password=False)
    for mode in MODES_OF[log.profile]:
        with closing(psycopg.connect(url, autocommit=True)) as connection:
            for setting in MODES[mode].split(";"):
                connection.execute(setting.encode())
            seen: Counter[str] = Counter()
            for asked in log.asked:
                seen[asked.statement] += 1
                if seen[asked.statement] > OFTEN_ENOUGH[mode]:
                    continue
                for fault in faults_on_postgresql(connection, asked, mode, mixed=MIXED in asked.address):
                    yield f"{mode}: {fault}\n{asked}"


def _fall_behind(fresh: Database) -> None:
    """Seal all there is, and record some more."""
    with server_engine(fresh.url) as engine, Session(engine) as session:
        Sealer(engine).run()
        late = (_event(number) | {"occurred_at": NOW - timedelta(hours=number)} for number in range(BEHIND))
        record_many(late, org_id=1, session=session)
        session.commit()


def _settle(app: Flask) -> tuple[Reader, str]:
    """Make three organisations, and return one who may read the log of the first, and a key that may."""
    places = [add_organisation(app, slug, slug.title()) for slug in ("northgate", "osaka-bay", "leith")]
    assert [place.id for place in places] == list(ENTRIES)
    ines = add_person(app, "Ines Ferreira")
    assert str(ines.id) == READER
    join(app, places[0], ines, "owner")
    for number in range(20):
        member = add_person(app, f"Member {number}", f"m{number}@northgate.example")
        join(app, places[0], member)
    leave(app, places[0], member)
    _hand_out_keys(app, places[0].id, ines.id)
    key = new_key(app, places[0], ines, scopes=["events:read"])
    return open_session(app, app.test_client(), ines), key


def _hand_out_keys(app: Flask, org_id: int, maker_id: int) -> None:
    """Give an organisation ten keys, as many as it revoked before."""
    with app.app_context():
        for number in range(20):
            key_id = f"key_{number:010}"
            api_keys.add(org_id, key_id, f"Feed {number}", maker_id, Rights(frozenset(Scope)), secret="s" * 43)
            if number >= 10:
                api_keys.end(org_id, key_id, NOW - timedelta(days=number))
        db.session.commit()


def _fill(fresh: Database) -> int:
    """Record the entries, and return the id of one in the middle of the first organisation's."""
    with server_engine(fresh.url) as engine, Session(engine) as session:
        for org_id, entries in ENTRIES.items():
            record_many((_event(number) for number in range(entries)), org_id=org_id, session=session)
        session.commit()
        middle = session.scalar(
            sa.select(Event.id).where(Event.org_id == 1, Event.id >= ids.first_id_at(NOW - timedelta(days=180)))
        )
    _fall_behind(fresh)
    _find(fresh)
    if fresh.engine_name == "postgresql":
        url = make_url(fresh.owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
        with closing(psycopg.connect(url, autocommit=True)) as owner:
            owner.execute("VACUUM ANALYZE")
    assert middle is not None
    return middle


def _find(fresh: Database) -> None:
    """Have the review find something now and then, in all organisations."""
    with server_engine(fresh.url) as engine, Session(engine) as session:
        for org_id in ENTRIES:
            events = session.scalars(sa.select(Event.id).where(Event.org_id == org_id).order_by(Event.id)).all()
            for number in range(FINDINGS if org_id == 1 else FINDINGS // 10):
                shown_by = events[number * 7 : number * 7 + EVIDENCE]
                kind = ("burst", "odd_hours", "unfamiliar_place")[number % 3]
                state = ("confirmed", "set_aside", "open")[min(number % 50, 2)]
                given: dict[str, Any] = {
                    "subject_type": "member",
                    "subject_id": f"m{number % 6}",
                    "subject_name": "Member",
                    "place": "",
                }
                given |= {"sentence": "Member did something.", "unusual": "Never before.", "note": "", "run": 1}
                at = NOW - timedelta(hours=number)
                finding = Finding(
                    number=number + 1,
                    id=f"f{number:05}",
                    org_id=org_id,
                    kind=kind,
                    at=at,
                    found_at=at,
                    state=state,
                    **given,
                )
                session.add(finding)
                session.add_all(
                    FindingEvent(org_id=org_id, finding_id=finding.id, event_id=id_, kind=kind, shown=1)
                    for id_ in shown_by
                )
            session.flush()
        session.commit()


def _event(number: int) -> dict[str, Any]:
    given: dict[str, Any] = {
        "occurred_at": NOW - timedelta(minutes=number * 13),
        "actor": Actor(ActorType.MEMBER, f"m{number % 6}", f"Member {number % 6}"),
        "action": catalogue.VEHICLE_UPDATED,
        "target": Target("vehicle", f"v{number % 999}", "2020 Honda Stepwgn Spada"),
        # PostgreSQL takes mishaps for twenty times as rare as they are (the condition of their index counts once more),
        # and rather sorts what it takes for fewer than a page: a thousand at most, so not the question here.
        "outcome": Outcome.FAILURE if number % 15 == 0 else Outcome.DENIED if number % 16 == 0 else None,
    }
    if number % 3 == 0:
        given["actor"] = Actor(ActorType.SYSTEM, "nightly", "Nightly import")
    if number % 50 in (1, 2):  # what the reader did, and what happened to their account
        given["actor"] = Actor(ActorType.MEMBER, READER, "Ines Ferreira")
    elif number % 50 == 3:
        given |= {
            "actor": UNKNOWN_PERSON,
            "action": catalogue.SIGN_IN_REFUSED,
            "target": Target("member", READER, "Ines Ferreira"),
            "facts": {"email": "ines@northgate.example", "reason": "wrong password"},
        }
    if number % RARE == 0:
        given |= {
            "actor": Actor(ActorType.MEMBER, "m7", "Member 7"),
            "action": catalogue.MEMBER_JOINED,
            "target": None,
            "facts": {"role": "auditor"},
            "idempotency_key": f"joined-{number}",
        }
    return given


def _open_all(app: Flask, reader: Reader, key: str, log: Log, middle: int) -> None:
    """Open every address, as a page and as a part of one, and write in each way there is."""
    assert reader.someone is not None
    here = ""
    seen: set[tuple[str, str]] = set()

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        parameters = parameters[0] if many else parameters
        explained = statement.lstrip().startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE"))
        if explained and (statement, repr(parameters)) not in seen:
            seen.add((statement, repr(parameters)))
            log.asked.append(Asked(here, statement, parameters))

    with app.app_context():
        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    authorized = {"Authorization": f"Bearer {key}"}
    here = "exports"
    job_id = _prepare_exports(app, reader)
    here = "webhooks"
    hook_id, delivery_id = _look_after_webhooks(app, reader)
    for rule, addresses in ADDRESSES.items():
        for address in addresses:
            of_the_api = rule.startswith("/api/")
            # All of a page once; after that the part of it that depends on what is asked for. A part asks nothing else.
            dresses = [authorized] if of_the_api else [PART] if address in addresses[1:] else [{}, PART]
            for headers in dresses:
                here = address.format(id=ids.to_text(middle), job=job_id, hook=hook_id, delivery=delivery_id)
                page = reader.client.get(here, headers=headers, buffered=True)
                assert page.status_code in {200, 204, 404} or rule in _LEAD_ELSEWHERE, (here, page.location, page.text)
    for wanted in STREAMS:
        here = f"{API}/events?{wanted}".format(id=ids.to_text(middle))
        stream = reader.client.get(here, headers=authorized | LINES)
        assert stream.text.count("\n") > 10, stream.text
        stream.close()
    for wanted in EXPORTS:
        for format_ in ("csv", "jsonl"):
            here = f"{LOG}/export?{wanted}"
            file = reader.post(here, {"format": format_, "zone": "Europe/London", "manifest": "y"})
            assert (file.status, bool(file.response.data)) == (200, True)
            file.response.close()
    here = "record()"
    with app.app_context():
        for _ in range(2):
            record(org_id=1, **_event(RARE * 7))
            record_many([_event(RARE * 9)], org_id=1)
        db.session.rollback()
    here = "the API"
    key = new_key(app, Place(1, "northgate", "Northgate", "Europe/London"), reader.someone, scopes=[Scope.WRITE])
    program = Program(app.test_client(), key)
    events = [ORDER | {"idempotency_key": f"k{number}"} for number in range(3)]
    assert [program.send(events).status_code, program.send(events).status_code] == [201, 200]
    here = "a share"
    _read_shares(app, reader, ids.to_text(middle))
    here = "reviews"
    _review(reader)
    here = "the review"
    for decision, always in (("set_aside", "y"), ("open", ""), ("confirmed", "")):
        made_for = str(reader.get(f"{REVIEW}/f00100").select("input[name=made_for]")[0]["value"])
        form = {"decision": decision, "made_for": made_for} | ({"always": always} if always else {})
        assert reader.post(f"{REVIEW}/f00100", form).status == 303
    here = "the team"
    (link,) = links(reader.post(f"{TEAM}/invite", {"addresses": "new@northgate.example", "role": "member"}))
    assert accept(Reader(app.test_client()), link).status == 303
    assert reader.post(f"{TEAM}/members/4/role", {"role": "auditor"}).status == 303
    assert reader.post(f"{TEAM}/members/5/two-factor").status == 409
    assert reader.post(f"{TEAM}/members/6/remove").status == 303
    here = "the keys"
    key_id, token = make_key(reader, Place(1, "northgate", "", ""))
    of_key = f"{KEYS}/{key_id}"
    assert reader.post(f"{of_key}/name", {"name": "Another"}).status == 303
    assert reader.post(f"{of_key}/rights", key_form(scopes=["events:read"])).status == 303
    assert reader.post(f"{KEY}/secret", key_form(overlap="1 hour", version="")).status == 409
    assert caller(app, token) is not None
    assert reader.post(f"{of_key}/revoke").status == 303
    here = "signing in and out"
    visitor = Reader(app.test_client())
    assert visitor.sign_in("m1@northgate.example", "wrong").status == 401
    assert visitor.sign_in("m1@northgate.example").location
    _use_a_second_factor(app, visitor, "m1@northgate.example")
    assert reader.post("/sign-out").location
    sa.event.remove(engine, "before_cursor_execute", note)


def _review(reader: Reader) -> None:
    """Go through what somebody did when joining, and somebody when leaving."""
    for person, kind in ((READER, "joining"), ("21", "leaving")):
        address = str(reader.post(f"{LOG}/reviews", {"person": person, "kind": kind}).location)
        page = reader.get(address)
        shown = [str(box["value"]) for box in page.select("input[name=seen]")]
        for doing, seen in (("save", shown), ("later", shown[:1]), ("finish", shown)):
            assert reader.post(address, {"shown": shown, "seen": seen, "note": "", "do": doing}).status == 303
        assert reader.get(address).status == 200


def _read_shares(app: Flask, reader: Reader, middle: str) -> None:
    """Share parts of the log, with masks and without, read in them as somebody with the link, and end them."""
    place = Place(1, "northgate", "Northgate", "Europe/London")
    visitor = outsider(app)
    within = {  # what no index answers alone is another matter: see MIXED
        "": ["", "category=team", "q=stepwgn", "outcome=failure", "target=vehicle:v3"],
        "category=team": ["", "q=joined"],
        f"actor={MEMBER}": ["", "category=team"],
        "from=2026-06-01&to=2026-10-30&tz=Europe/London": ["", "category=team", "q=stepwgn"],
    }
    for wanted, masks in product(within, ([], MASKS)):
        address = open_(visitor, share(reader, place, f"?{wanted}", masks=masks))
        for asked, at in product(within[wanted], ("", f"before={middle}", f"after={middle}", "oldest=1")):
            query = "&".join(filter(None, (asked, at)))
            assert visitor.get(f"{address}?{query}" if query else address).status in {200, 404}
        assert visitor.get(f"{address}/entries/{middle}").status in {200, 404}
    (first, *_) = reader.get(f"{SETTINGS}/shares").select(".whoname a")
    assert reader.get(str(first["href"])).status == 200
    assert reader.post(f"{first['href']}/revoke").status == 303


def _prepare_exports(app: Flask, reader: Reader) -> str:
    """Have part of the log and all of an organisation prepared, look after them, and return the id of the former."""
    place = Place(1, "northgate", "Northgate", "Europe/London")
    job_id = ask_for_log(app, place, reader.someone, category=catalogue.Category.TEAM)
    folder = folder_in(app.extensions["auditweb.exports"])
    assert prepare(app, folder.parent) == 1
    (other, _) = (ask_for_log(app, place, reader.someone, words="more"), prepare(app, folder.parent))
    assert reader.post(f"{LOG}/exports/{other}/delete").status == 303
    all_data = reader.post(f"{SETTINGS}/data/export", {"password": PASSWORD}).location
    assert reader.post(f"{all_data}/cancel").status == 303
    with app.app_context():
        revive(db.engine, folder)
        expire(db.engine, folder, actor=EXPORTER)
        tidy(db.engine, folder)
    return job_id


def _look_after_webhooks(app: Flask, reader: Reader) -> tuple[str, str]:
    """Have webhooks watched, called in vain and changed, and return the ids of one of them and of a delivery."""
    place = Place(1, "northgate", "Northgate", "Europe/London")
    views = ("", "?category=team", "?actor=member:m7&q=joined", "?last=7d")
    made = [make_hook(app, place, reader.someone, name=f"Hook {view}", query=view)[0] for view in views]
    with app.app_context(), server_engine(app.config["SQLALCHEMY_DATABASE_URI"]) as elsewhere:
        watcher = Watcher(db.engine)
        for _ in range(3):
            with Session(elsewhere) as session:
                record_many(
                    (_event(RARE * 11) | {"idempotency_key": None} for _ in range(60)), org_id=1, session=session
                )
                session.commit()
            Sealer(elsewhere).run()
            watcher.look()
        caller = Caller(Policy())
        while send_next(db.engine, caller):
            pass
        asked_for(db.engine, made)
        tidy_deliveries(db.engine)
    for hook_id in made:
        of_hook = f"{HOOKS}/{hook_id}"
        assert reader.post(f"{of_hook}/test").status == 303
        assert reader.post(f"{of_hook}/pause").status == 303
        assert reader.post(f"{of_hook}/resume", {"begin": "meanwhile"}).status == 303
        assert reader.post(f"{of_hook}/deliveries/nothing/again").status == 404
    assert reader.post(f"{HOOKS}/{made[-1]}/delete").status == 303
    assert reader.post(f"{HOOKS}/{made[-2]}/pause").status == 303
    assert reader.post(f"{HOOKS}/{made[-2]}/resume", {"begin": "now"}).status == 303
    delivery_id = deliveries(app, made[0])[0].id
    assert reader.post(f"{HOOKS}/{made[0]}/deliveries/{delivery_id}/again").status == 303
    return made[0], delivery_id


def _use_a_second_factor(app: Flask, reader: Reader, email: str) -> None:
    """Set one up, sign in with it, make new recovery codes and turn it off."""
    with app.app_context():
        person = find_person(email)
        assert person is not None
        reader.someone = Someone(person.id, email, person.name)
    assert reader.post("/two-factor/set-up/begin").location
    with app.app_context():
        phone = Phone(two_factor.pending_secret(reader.someone.id) or "")
    page = reader.post("/two-factor/set-up", {"code": phone.code(steps=-1)})
    (recovery_code, *_) = [code.get_text() for code in page.select(".codes li")]
    visitor = Reader(app.test_client())
    assert visitor.sign_in(email).location == "/sign-in/code"
    assert visitor.get("/sign-in/code").status == 200
    assert visitor.post("/sign-in/code", {"code": phone.code()}).location == "/"
    visitor.someone = reader.someone
    assert visitor.get(SIGN_IN).status == 200
    for path, code, status in (("recovery-codes", recovery_code, 200), ("turn-off", phone.code(steps=1), 303)):
        assert visitor.get(f"{SIGN_IN}/two-factor/{path}").status == 200
        done = visitor.post(f"{SIGN_IN}/two-factor/{path}", {"password": PASSWORD, "code": code})
        assert done.status == status, done.words
    assert visitor.post(f"{SIGN_IN}/devices/sign-out-others").location == SIGN_IN
    assert visitor.post(f"{SIGN_IN}/password", {"password": PASSWORD, "new": "nobody guesses this"}).location == SIGN_IN
