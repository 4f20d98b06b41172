"""What tests of the pages about people ask: somebody with a life in the log, and what a page tells of it."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import clock
from auditweb.extensions import db
from auditweb.models import Event, Membership
from auditweb.parties import Actor, ActorType, Target
from auditweb.recorder import record
from tests.readers import Page, Place, Someone, add_person, join

Tell = Callable[..., Event]
NIGHTLY = Actor(ActorType.SYSTEM, "nightly", "Nightly import")
MONDAY = datetime(2026, 11, 2, 8, 55, tzinfo=UTC)


@pytest.fixture
def tell(app: Flask, organisation: Place) -> Tell:
    """Record something of Northgate at a moment: `tell(MONDAY, priya, "vehicle.updated", target=…)`."""

    def note(at: datetime, by: Someone | Actor, action: str = "vehicle.updated", **more: object) -> Event:
        actor = by if isinstance(by, Actor) else Actor(ActorType.MEMBER, str(by.id), by.name)
        if action == "vehicle.updated":
            more = {"target": Target("vehicle", "veh_1", "2021 Toyota Alphard"), **more}
        with app.app_context(), clock.set_to(at):
            event = record(action, org_id=organisation.id, actor=actor, occurred_at=at, **more)  # type: ignore[arg-type]
            db.session.commit()
        return event

    return note


@pytest.fixture
def priya(app: Flask, organisation: Place) -> Someone:
    """Priya Raman, a member since Monday 2 November."""
    someone = add_person(app, "Priya Raman")
    join(app, organisation, someone)
    since(app, someone, MONDAY)
    return someone


def since(app: Flask, someone: Someone, joined: datetime, left: datetime | None = None) -> None:
    with app.app_context():
        of = sa.update(Membership).where(Membership.person_id == someone.id)
        db.session.execute(of.values(joined_at=joined, removed_at=left))
        db.session.commit()


def about(place: Place, ref: str | Someone, rest: str = "") -> str:
    return f"{place.log}/people/{ref if isinstance(ref, str) else f'member:{ref.id}'}{rest}"


def facts(page: Page) -> dict[str, str]:
    return {
        pair.select("dt")[0].get_text(): " ".join(pair.select("dd")[0].get_text(" ").split())
        for pair in page.select("dl.facts4 > div")
    }


def lanes(page: Page, table: str = ".lanes") -> list[tuple[str, str]]:
    """Return the entries of a week: whose lane each is in, and its sentence."""
    return [
        (str(row["class"][0]), " ".join(row.select(".told-of")[0].get_text().split()))
        for row in page.select(f"{table} tbody tr:not(.day)")
    ]


def hrefs(page: Page, selector: str) -> list[str]:
    return [str(link["href"]) for link in page.select(selector)]
