"""What the tests of `auditweb purge` do again and again."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask

from auditweb import catalogue
from auditweb.bulk import record_many
from auditweb.extensions import db
from auditweb.ledger.sealer import Sealer
from auditweb.models import Organisation
from tests.ledgers import HANA, STEPWGN
from tests.log_entries import entries_of, told
from tests.log_pages import NOW
from tests.readers import Place

OPERATOR = "Operator (command line)"


class Killed(Exception):  # noqa: N818  (its name says what it is)
    """Stands for a process that ends here."""


def decide(app: Flask, place: Place, **values: Any) -> None:
    """Write down what an organisation decided: `decide(app, place, retention_months=12)`."""
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


def by_operator(app: Flask, place: Place) -> list[tuple[str, dict[str, str]]]:
    """Return what the operator did, in order; each entry says so, and comes from no address."""
    done = [entry for entry in entries_of(app, place) if entry.actor_type == "system"]
    assert {told(entry)[1:] for entry in done} <= {(OPERATOR, None, None, None)}
    return [(entry.action.removeprefix("organisation."), entry.facts) for entry in done]
