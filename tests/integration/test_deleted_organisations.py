"""`auditweb purge` and organisations: one whose day has come goes with all that is its own, and one row remains."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import Engine

from auditweb.accounts import removal, sessions
from auditweb.extensions import db
from auditweb.ledger import purger
from auditweb.ledger.doctor import Doctor
from auditweb.models import (
    Base,
    DeletedOrganisation,
    FormerSlug,
    Invitation,
    OwnershipOffer,
    PasswordReset,
    Presence,
    RecoveryCode,
    TwoFactor,
)
from auditweb.parties import Origin
from tests.log_entries import entries_of
from tests.log_pages import NOW
from tests.purging import Killed, days_old, decide, fill
from tests.readers import Place, Reader, Someone, add_key, add_organisation, add_person, join, leave, open_session
from tests.second_factors import Phone
from tests.whole_databases import fill_empty


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
