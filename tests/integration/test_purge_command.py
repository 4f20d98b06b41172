"""`auditweb purge`: what falls due by itself is done, told by exact entries, and safe to kill."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import Engine

from auditweb import catalogue, clock
from auditweb.accounts import expiry, removal, sessions
from auditweb.bulk import record_many
from auditweb.cli import commands
from auditweb.database import UnusableError
from auditweb.extensions import db
from auditweb.ledger import purger
from auditweb.ledger.doctor import Doctor
from auditweb.ledger.locks import only_one
from auditweb.ledger.sealer import Sealer
from auditweb.models import (
    Base,
    DeletedOrganisation,
    Event,
    FormerSlug,
    Invitation,
    Organisation,
    OwnershipOffer,
    PasswordReset,
    Presence,
    Purge,
    RecoveryCode,
    TwoFactor,
)
from auditweb.parties import Origin
from tests.databases import Database
from tests.integration.conftest import Called
from tests.ledgers import HANA, STEPWGN, operator_engine
from tests.log_entries import entries_of, told
from tests.log_pages import NOW, rows
from tests.readers import (
    Place,
    Reader,
    Someone,
    add_key,
    add_organisation,
    add_person,
    join,
    leave,
    open_session,
)
from tests.second_factors import Phone
from tests.servers import clean_environ
from tests.whole_databases import fill_empty

OPERATOR = "Operator (command line)"
YEAR = 365


@pytest.fixture
def owner_engine(fresh: Database) -> Iterator[Engine]:
    with operator_engine(fresh.owner_url) as made:
        yield made


def decide(app: Flask, place: Place, **values: Any) -> None:
    with app.app_context():
        db.session.execute(sa.update(Organisation).where(Organisation.id == place.id).values(values))
        db.session.commit()


def fill(app: Flask, place: Place, ages: list[timedelta], *, now: datetime = NOW) -> None:
    """Record entries of these ages, and seal them."""
    with app.app_context():
        events = (
            {"action": catalogue.BID_RAISED, "actor": HANA, "target": STEPWGN, "occurred_at": now - age} for age in ages
        )
        record_many(events, org_id=place.id)
        db.session.commit()
        Sealer(db.engine).run()


def days_old(*numbers: float) -> list[timedelta]:
    return [timedelta(days=number) for number in numbers]


def left(app: Flask, place: Place) -> list[int]:
    """Return the ages in days of the bids that are left, the oldest first."""
    bids = [entry for entry in entries_of(app, place) if entry.action == catalogue.BID_RAISED.slug]
    return [(NOW - entry.occurred_at).days for entry in bids]


def by_operator(app: Flask, place: Place) -> list[tuple[str, dict[str, str]]]:
    """Return what the operator did, in order; each entry says so, and comes from no address."""
    done = [entry for entry in entries_of(app, place) if entry.actor_type == "system"]
    assert {told(entry)[1:] for entry in done} <= {(OPERATOR, None, None, None)}
    return [(entry.action.removeprefix("organisation."), entry.facts) for entry in done]


# Entries past their time


@pytest.mark.usefixtures("at_now")
def test_entries_past_their_time_go_and_one_entry_tells_of_it(
    app: Flask, organisation: Place, other_organisation: Place, owner_engine: Engine
) -> None:
    for place in (organisation, other_organisation):
        fill(app, place, days_old(1, 364, 366, 700, 5000))
    decide(app, organisation, retention_months=12)

    (due,) = expiry.find_expiries(owner_engine)
    assert (due.months, due.entries, due.begins, due.left) == (12, 3, False, 0)
    seen: list[int] = []
    assert [gone.entries for gone in expiry.expire(owner_engine, organisation.id, seen.append)] == [3]

    assert sum(seen) == 3
    assert left(app, organisation) == [364, 1]
    assert left(app, other_organisation) == [5000, 700, 366, 364, 1]
    facts = {"entries": "3", "period": "1 year", "up_to": "22 November 2025"}
    assert by_operator(app, organisation) == [("log_purged", facts)]
    assert entries_of(app, organisation)[-1].summary == "Removed audit log entries older than 1 year, 3 in all"
    assert by_operator(app, other_organisation) == []
    with owner_engine.connect() as connection:
        assert {(row.who, row.why) for row in connection.execute(sa.select(Purge.who, Purge.why))} == {
            (OPERATOR, "entries are kept for 1 year")
        }
    assert expiry.find_expiries(owner_engine) == []
    assert expiry.expire(owner_engine, organisation.id) == []
    assert len(by_operator(app, organisation)) == 1
    assert Doctor(owner_engine).examine(organisation.id, lambda _: None) == []


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_whole_days_of_the_organisations_zone_go(app: Flask, owner_engine: Engine, zone: str) -> None:
    place = add_organisation(app, "far-away", "Far Away", zone)
    first_kept = {
        "Asia/Tokyo": datetime(2025, 11, 22, 15, tzinfo=UTC),
        "America/New_York": datetime(2025, 11, 23, 5, tzinfo=UTC),
    }
    edge = NOW - first_kept[zone]
    with clock.set_to(NOW):
        fill(app, place, [edge, edge + timedelta(milliseconds=1)])
        decide(app, place, retention_months=12)

        expiry.expire(owner_engine, place.id)

    bids = [entry for entry in entries_of(app, place) if entry.action == catalogue.BID_RAISED.slug]
    assert [entry.occurred_at for entry in bids] == [first_kept[zone]]
    assert by_operator(app, place)[0][1]["up_to"] == "22 November 2025"


def test_shorter_time_begins_when_its_day_has_come(app: Flask, organisation: Place, owner_engine: Engine) -> None:
    with clock.set_to(NOW):
        fill(app, organisation, days_old(1, 400))
        decide(app, organisation, shorter_months=12, shorter_from=NOW + timedelta(days=30))
        assert expiry.find_expiries(owner_engine) == []
        assert expiry.expire(owner_engine, organisation.id) == []
    with clock.set_to(NOW + timedelta(days=30)):
        (due,) = expiry.find_expiries(owner_engine)
        assert (due.months, due.begins, due.entries) == (12, True, 1)
        expiry.expire(owner_engine, organisation.id)
        assert expiry.find_expiries(owner_engine) == []

    assert by_operator(app, organisation) == [
        ("log_retention_changed", {"period": "1 year"}),
        ("log_purged", {"entries": "1", "period": "1 year", "up_to": "19 October 2025"}),
    ]
    with app.app_context():
        row = db.session.get_one(Organisation, organisation.id)
        assert (row.retention_months, row.shorter_months, row.shorter_from) == (12, None, None)


class Killed(Exception):  # noqa: N818  (its name says what it is)
    """Stands for a process that ends here."""


def kill_after(batches: int) -> Callable[[int], None]:
    done: list[int] = []

    def progress(number: int) -> None:
        done.append(number)
        if len(done) == batches:
            raise Killed

    return progress


@pytest.mark.usefixtures("at_now")
def test_killed_half_way_the_entry_tells_of_all_that_went(
    app: Flask, organisation: Place, owner_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditweb.ledger.turns.SMALLEST", 2)
    monkeypatch.setattr("auditweb.ledger.turns.LARGEST", 2)
    fill(app, organisation, days_old(1, *range(400, 409)))
    decide(app, organisation, retention_months=12)

    for _ in range(2):
        with pytest.raises(Killed):
            expiry.expire(owner_engine, organisation.id, kill_after(1))
    gone = 9 - (len(left(app, organisation)) - 1)
    assert 0 < gone < 9
    assert by_operator(app, organisation) == []
    (due,) = expiry.find_expiries(owner_engine)
    assert (due.entries, due.left) == (9 - gone, gone)
    expiry.expire(owner_engine, organisation.id)

    assert expiry.find_expiries(owner_engine) == []
    assert by_operator(app, organisation) == [
        ("log_purged", {"entries": "9", "period": "1 year", "up_to": "19 October 2025"})
    ]


@pytest.mark.usefixtures("at_now")
def test_killed_and_not_wanted_any_more_what_went_is_told_of_all_the_same(
    app: Flask, organisation: Place, owner_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditweb.ledger.turns.SMALLEST", 2)
    monkeypatch.setattr("auditweb.ledger.turns.LARGEST", 2)
    fill(app, organisation, days_old(*range(400, 409)))
    decide(app, organisation, retention_months=12)
    with pytest.raises(Killed):
        expiry.expire(owner_engine, organisation.id, kill_after(1))
    decide(app, organisation, retention_months=None)

    (due,) = expiry.find_expiries(owner_engine)
    assert (due.months, due.entries, due.left, due.untidy) == (None, 0, 2, True)
    expiry.expire(owner_engine, organisation.id)

    assert expiry.find_expiries(owner_engine) == []
    assert [facts["period"] for _, facts in by_operator(app, organisation)] == ["1 year"]
    assert Doctor(owner_engine).examine(organisation.id, lambda _: None) == []


@pytest.mark.usefixtures("at_now")
def test_killed_before_its_entry_it_is_written_by_the_next_run(
    app: Flask, organisation: Place, owner_engine: Engine
) -> None:
    """With the period that those entries had, whatever it is by then."""
    fill(app, organisation, days_old(1, 400, 800))
    decide(app, organisation, retention_months=24)
    with pytest.raises(Killed):
        expiry.expire(owner_engine, organisation.id, kill_after(1))
    decide(app, organisation, retention_months=12)

    assert [gone.entries for gone in expiry.expire(owner_engine, organisation.id)] == [1, 1]
    assert expiry.find_expiries(owner_engine) == []

    assert [facts for _, facts in by_operator(app, organisation)] == [
        {"entries": "1", "period": "2 years", "up_to": "14 September 2024"},
        {"entries": "1", "period": "1 year", "up_to": "19 October 2025"},
    ]


@pytest.mark.usefixtures("at_now")
def test_whoever_keeps_them_longer_stops_it(
    app: Flask, organisation: Place, owner_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditweb.ledger.turns.SMALLEST", 2)
    monkeypatch.setattr("auditweb.ledger.turns.LARGEST", 2)
    fill(app, organisation, days_old(1, *range(400, 409)))
    decide(app, organisation, retention_months=12)

    (gone,) = expiry.expire(owner_engine, organisation.id, lambda _: decide(app, organisation, retention_months=None))

    assert len(left(app, organisation)) == 10 - gone.entries
    assert 0 < gone.entries < 9
    assert [facts["entries"] for _, facts in by_operator(app, organisation)] == [str(gone.entries)]
    assert expiry.find_expiries(owner_engine) == []
    assert Doctor(owner_engine).examine(organisation.id, lambda _: None) == []


@pytest.mark.usefixtures("at_now")
def test_page_of_the_log_shows_what_is_left(
    app: Flask, organisation: Place, owner_engine: Engine, reader: Reader
) -> None:
    fill(app, organisation, days_old(1, 2, 400))
    decide(app, organisation, retention_months=12)
    expiry.expire(owner_engine, organisation.id)

    page = reader.get(organisation.log)

    assert len(rows(page)) == 3
    assert "Removed audit log entries older than 1 year" in page.words
    assert "1–3 of 3" in page.words


# Organisations whose day has come


@pytest.fixture
def people(app: Flask, organisation: Place, other_organisation: Place) -> dict[str, Someone]:
    """Maya who asked for it, and belongs nowhere else; Tom who belonged elsewhere once, Zoe who still does."""
    found = {name: add_person(app, name) for name in ("Maya Okafor", "Tom Price", "Zoe Lund", "Kenji Mori")}
    join(app, organisation, found["Maya Okafor"], "owner")
    join(app, organisation, found["Tom Price"], "member")
    join(app, organisation, found["Zoe Lund"], "admin")
    join(app, other_organisation, found["Zoe Lund"], "member")
    join(app, other_organisation, found["Tom Price"], "member")
    join(app, other_organisation, found["Kenji Mori"], "owner")
    leave(app, other_organisation, found["Tom Price"])
    return found


@pytest.fixture
def condemned(
    app: Flask, organisation: Place, other_organisation: Place, people: dict[str, Someone], owner_engine: Engine
) -> Place:
    """Northgate, with something in every table, and its deletion asked for a fortnight ago."""
    for place in (organisation, other_organisation):
        fill(app, place, days_old(1, 2, 3, 400))
        add_key(
            app, place, f"key-{place.slug}", "Feed", people["Maya Okafor" if place is organisation else "Kenji Mori"]
        )
    with app.app_context():
        for someone in people.values():
            sessions.start(someone.id, Origin(ip="127.0.0.1"))
            db.session.add(TwoFactor(person_id=someone.id, secret="S" * 32, last_step=0, enrolled_at=NOW))
            db.session.add(RecoveryCode(code_hash=f"code {someone.id}", person_id=someone.id))
            db.session.add(PasswordReset(token_hash=f"reset {someone.id}", person_id=someone.id, expires_at=NOW))
        maya, tom = people["Maya Okafor"].id, people["Tom Price"].id
        for place, inviter in ((organisation, maya), (other_organisation, people["Kenji Mori"].id)):
            moments = dict.fromkeys(("created_at", "sent_at", "expires_at"), NOW)
            db.session.add(
                Invitation(
                    org_id=place.id,
                    email="x@y.example",
                    role="member",
                    token_hash=place.slug,
                    inviter_id=inviter,
                    **moments,
                )
            )
            db.session.add(FormerSlug(slug=f"{place.slug}-once", org_id=place.id, given_up_at=NOW))
            db.session.add(Presence(org_id=place.id, person_id=people["Zoe Lund"].id, seen_at=NOW))
        db.session.add(OwnershipOffer(org_id=organisation.id, from_id=maya, to_id=tom, offered_at=NOW))
        db.session.commit()
    asked = {"deletion_asked_by": people["Maya Okafor"].id, "deletion_asked_at": NOW - timedelta(days=14)}
    decide(app, organisation, deletion_due_at=NOW, **asked)
    with owner_engine.begin() as connection:
        fill_empty(connection, but={"purge", "deleted_organisation", "seal_queue"})
    return organisation


def contents(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables that belong to an organisation or a person."""
    with engine.connect() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
            for table in Base.metadata.sorted_tables
            if table.name not in {"directory", "rate", "demo_mark", "purge", "deleted_organisation"}
        }


def remains_of(engine: Engine, place: Place, someone: Someone) -> list[str]:
    """Return the tables that still know an organisation or a person who belonged to it alone."""
    found = []
    with engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            for name, value in (("org_id", place.id), ("person_id", someone.id)):
                if name in table.c and connection.execute(sa.select(table).where(table.c[name] == value)).first():
                    found.append(table.name)
        for name, value in (("organisation", place.id), ("person", someone.id)):
            table = Base.metadata.tables[name]
            if connection.execute(sa.select(table).where(table.c.id == value)).first():
                found.append(name)
    return sorted(set(found))


@pytest.mark.usefixtures("at_now")
def test_all_of_it_goes_and_one_row_remains(
    app: Flask, condemned: Place, other_organisation: Place, people: dict[str, Someone], owner_engine: Engine
) -> None:
    before = contents(owner_engine)
    full = {name for name, rows_ in before.items() if rows_} - {"mark"}
    assert set(remains_of(owner_engine, condemned, people["Maya Okafor"])) >= full, "something is in each"
    (due,) = removal.find_removals(owner_engine)
    assert (due.name, due.asked_by) == ("Northgate Imports", "Maya Okafor (maya@northgate.example)")
    seen: list[int] = []

    assert removal.remove(owner_engine, condemned.id, seen.append)

    assert sum(seen) == due.steps > 0
    assert remains_of(owner_engine, condemned, people["Maya Okafor"]) == ["deleted_organisation", "purge"]
    with owner_engine.connect() as connection:
        (row,) = connection.execute(sa.select(DeletedOrganisation.__table__)).all()
    assert tuple(row) == (condemned.id, due.name, due.asked_by, NOW - timedelta(days=14), NOW)
    after = contents(owner_engine)
    maya = people["Maya Okafor"].id
    for name, rows_ in before.items():
        mine = {"event", "leaf", "mark", "tally", "posting", "segment", "log_head", "seal_queue"}
        column = next((each for each in ("org_id", "person_id", "id") if each in Base.metadata.tables[name].c), "")
        place = Base.metadata.tables[name].c.keys().index(column)
        gone = {condemned.id} if column == "org_id" or name in mine or name == "organisation" else {maya}
        kept = [row for row in rows_ if row[place] not in gone]
        if name == "sign_in_session":  # Tom belongs to nothing any more
            kept = [row for row in kept if row[place] != people["Tom Price"].id]
        if name == "membership":
            kept = [row for row in rows_ if row[1] != condemned.id]
        assert after[name] == kept, name
    assert removal.find_removals(owner_engine) == []
    assert Doctor(owner_engine).organisations() == [other_organisation.id]


@pytest.mark.usefixtures("at_now")
@pytest.mark.parametrize("where", ["erase", "clear", "erase again", "last"])
def test_killed_half_way_the_next_run_goes_on(
    app: Flask,
    condemned: Place,
    people: dict[str, Someone],
    owner_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    real_erase, real_clear, erased = purger.erase, removal._clear, []

    def erase(*args: Any, **more: Any) -> int:
        erased.append(1)
        if where == "erase":
            raise Killed
        if where == "erase again" and len(erased) == 2:
            raise Killed
        number = real_erase(*args, **more)
        if where == "last" and len(erased) == 2:
            raise Killed
        return number

    def clear(*args: Any) -> None:
        real_clear(*args)
        if where == "clear":
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(purger, "erase", erase)
        patched.setattr(removal, "_clear", clear)
        with pytest.raises(Killed):
            removal.remove(owner_engine, condemned.id)

    with owner_engine.connect() as connection:
        assert connection.execute(sa.select(DeletedOrganisation.deleted_at)).one() == (None,)
    (due,) = removal.find_removals(owner_engine)
    assert (due.org_id, due.asked_by) == (condemned.id, "Maya Okafor (maya@northgate.example)")
    assert removal.remove(owner_engine, condemned.id)
    assert remains_of(owner_engine, condemned, people["Maya Okafor"]) == ["deleted_organisation", "purge"]
    assert removal.find_removals(owner_engine) == []


@pytest.mark.usefixtures("at_now")
def test_once_begun_nobody_gets_in_and_nothing_of_theirs_is_recorded(
    app: Flask, condemned: Place, other_organisation: Place, people: dict[str, Someone], owner_engine: Engine
) -> None:
    maya = open_session(app, app.test_client(), people["Maya Okafor"])
    assert maya.get(condemned.log).status == 200
    assert removal._begin(owner_engine, condemned.id)

    assert maya.get(condemned.log).status == 404
    assert maya.post("/o/northgate/settings/data/delete/call-off").status == 404
    before = len(entries_of(app, condemned))
    maya.post("/sign-out")
    zoe = Reader(app.test_client())
    zoe.sign_in("zoe@northgate.example")
    assert zoe.post("/sign-in/code", {"code": Phone("S" * 32).code()}).status == 303
    assert len(entries_of(app, condemned)) == before
    assert [entry.action for entry in entries_of(app, other_organisation)][-1] == "sign_in.succeeded"


@pytest.mark.usefixtures("at_now")
def test_called_off_at_the_last_moment_it_stays(app: Flask, condemned: Place, owner_engine: Engine) -> None:
    (due,) = removal.find_removals(owner_engine)
    decide(app, condemned, deletion_due_at=None, deletion_asked_by=None, deletion_asked_at=None)
    before = contents(owner_engine)

    assert not removal.remove(owner_engine, due.org_id)

    assert contents(owner_engine) == before


@pytest.mark.usefixtures("at_now")
def test_switched_off_it_stays_until_its_owners_can_call_it_off(
    app: Flask, condemned: Place, owner_engine: Engine
) -> None:
    decide(app, condemned, disabled_at=NOW - timedelta(days=1))
    before = contents(owner_engine)

    assert removal.find_removals(owner_engine) == []
    assert not removal.remove(owner_engine, condemned.id)

    assert contents(owner_engine) == before


@pytest.mark.usefixtures("at_now")
def test_id_of_a_deleted_organisation_is_never_given_again(
    app: Flask, other_organisation: Place, owner_engine: Engine
) -> None:
    """On SQLite the newest one's would be: a purge on record, or a link, would tell of another one then."""
    place = add_organisation(app, "newest", "Newest")
    someone = add_person(app, "Ada Okafor")
    join(app, place, someone, "owner")
    decide(app, place, deletion_due_at=NOW, deletion_asked_by=someone.id, deletion_asked_at=NOW)
    assert removal.remove(owner_engine, place.id)

    assert add_organisation(app, "another", "Another").id > place.id
    assert add_organisation(app, "yet-another", "Yet another").id > place.id + 1


# The command


def purge(url: str, *options: str) -> Result:
    """Call the command in this process: starting another takes longer than the rest of a test."""
    return CliRunner().invoke(commands, ["purge", *options], env={"AUDITWEB_DATABASE_URL": url})


def test_command_does_what_is_due_and_says_so(
    auditweb: Called, app: Flask, fresh: Database, organisation: Place, other_organisation: Place
) -> None:
    now = clock.now()
    fill(app, organisation, days_old(1, 2, 800, 900), now=now)
    decide(app, organisation, shorter_months=24, shorter_from=now)
    someone = add_person(app, "Kenji Mori")
    join(app, other_organisation, someone, "owner")
    fill(app, other_organisation, days_old(1, 2), now=now)
    asked = datetime(2026, 3, 2, tzinfo=UTC)
    decide(app, other_organisation, deletion_due_at=now, deletion_asked_by=someone.id, deletion_asked_at=asked)

    dry = purge(fresh.owner_url, "--dry-run")
    assert dry.exit_code == 0, dry.stderr
    first, second = dry.stdout.splitlines()
    assert re.fullmatch(
        r"Northgate Imports: entries are kept for 2 years from now on\. 2 entries up to .* would be removed\.", first
    )
    assert second == (
        "Osaka Bay Motors: would be deleted, as Kenji Mori (kenji@northgate.example) asked for on 2 March 2026."
    )
    assert len(entries_of(app, organisation)) == 4

    done = auditweb("purge", database_url=fresh.owner_url)
    assert done.returncode == 0, done.stderr
    assert "Northgate Imports: entries are kept for 2 years from now on." in done.stdout
    assert "Northgate Imports: removed 2 entries up to" in done.stdout
    assert "Osaka Bay Motors: deleted, as Kenji Mori" in done.stdout
    assert [entry.action for entry in entries_of(app, organisation)][-2:] == [
        "organisation.log_retention_changed",
        "organisation.log_purged",
    ]
    assert purge(fresh.owner_url).stdout == "Nothing is due.\n"


def test_one_purge_at_a_time(fresh: Database, owner_engine: Engine) -> None:
    with only_one(owner_engine, "purge") as leads:
        assert leads()
        done = purge(fresh.owner_url)

    assert (done.exit_code, done.stdout) == (1, "")
    assert "Another purge is at work on this database." in done.stderr


def test_log_under_repair_has_to_wait(
    app: Flask, fresh: Database, organisation: Place, other_organisation: Place, owner_engine: Engine
) -> None:
    for place in (organisation, other_organisation):
        fill(app, place, days_old(1, 800), now=clock.now())
        decide(app, place, retention_months=12)
    with owner_engine.begin() as connection:
        connection.execute(sa.text("UPDATE log_head SET mending = 1 WHERE org_id = :id"), {"id": organisation.id})

    done = purge(fresh.owner_url)

    assert done.exit_code == 1
    assert "Northgate Imports: it has to wait." in done.stderr
    assert "auditweb doctor --repair" in done.stderr
    assert len(entries_of(app, organisation)) == 2
    assert "Osaka Bay Motors: removed 1 entry up to" in done.stdout


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_server_itself_may_not_purge(app: Flask, fresh: Database, organisation: Place) -> None:
    fill(app, organisation, days_old(1, 800), now=clock.now())
    decide(app, organisation, retention_months=12)

    done = purge(fresh.url)

    assert isinstance(done.exception, UnusableError)
    assert "permission denied" in str(done.exception)
    assert len(entries_of(app, organisation)) == 2


def test_killed_for_real_it_is_done_by_the_next(
    app: Flask,
    fresh: Database,
    organisation: Place,
    owner_engine: Engine,
    tmp_path: Path,
    rounds: Callable[[int, int], int],
) -> None:
    now = clock.now()
    number = 1_500
    fill(app, organisation, [timedelta(days=800, minutes=minute) for minute in range(number)], now=now)
    decide(app, organisation, retention_months=12)
    environ = clean_environ() | {"AUDITWEB_DATABASE_URL": fresh.owner_url, "AUDITWEB_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "auditweb.cli", "purge"]
    for _ in range(rounds(1, 10)):
        with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as running:
            before = _bids(owner_engine, organisation)
            deadline = time.monotonic() + 30
            while (
                _bids(owner_engine, organisation) == before and time.monotonic() < deadline and running.poll() is None
            ):
                time.sleep(0.01)
            running.send_signal(signal.SIGKILL)
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)

    assert _bids(owner_engine, organisation) == 0
    told_of = [int(facts["entries"].replace(",", "")) for _, facts in by_operator(app, organisation)]
    assert sum(told_of) == number
    assert Doctor(owner_engine).examine(organisation.id, lambda _: None) == []


def _bids(engine: Engine, place: Place) -> int:
    counted = sa.select(sa.func.count()).where(Event.org_id == place.id, Event.action == catalogue.BID_RAISED.slug)
    with engine.connect() as connection:
        return connection.scalar(counted) or 0
