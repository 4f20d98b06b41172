"""What the tests of teams and invitations do again and again."""

import re
import threading
from collections.abc import Callable
from typing import TypeVar

import pytest
from flask import Flask
from sqlalchemy import select

from auditweb.accounts.permissions import Role
from auditweb.extensions import db
from auditweb.models import Event, Invitation, Membership
from tests.readers import PASSWORD, Page, Place, Reader, Someone, add_person, join

Result = TypeVar("Result")

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
NEW_PASSWORD = "seven green herons wade"


@pytest.fixture
def priya(app: Flask, organisation: Place) -> Someone:
    """Priya Raman, a member of Northgate."""
    someone = add_person(app, "Priya Raman")
    join(app, organisation, someone)
    return someone


def team(place: Place, rest: str = "") -> str:
    return f"/o/{place.slug}/settings/team{rest}"


def of(place: Place, someone: Someone | None, rest: str = "") -> str:
    """Return the address of a member's own page."""
    assert someone is not None
    return team(place, f"/members/{someone.id}{rest}")


def invite(reader: Reader, place: Place, *addresses: str, role: Role | str = Role.MEMBER) -> Page:
    return reader.post(team(place, "/invite"), {"addresses": "\n".join(addresses), "role": Role(role).value})


def give_role(reader: Reader, place: Place, someone: Someone | None, role: Role | str) -> Page:
    """Give a member a role, with the proof that it takes where an owner is made or unmade."""
    answer = reader.post(of(place, someone, "/role"), {"role": Role(role).value})
    if (answer.location or "").startswith(of(place, someone, "/role/")):
        return reader.post(str(answer.location), {"password": PASSWORD})
    return answer


def links(page: Page) -> list[str]:
    """Return the paths of the invitations that are shown to be passed on."""
    return [re.sub(r"^https?://[^/]+", "", tag.get_text()) for tag in page.select(".handout .secret")]


def accept(visitor: Reader, link: str, *, name: str = "Nadia Rahman", password: str = NEW_PASSWORD) -> Page:
    return visitor.post(link, {"name": name, "password": password})


def names(page: Page) -> list[str]:
    """Return the names in a list of the team."""
    return [tag.get_text() for tag in page.select(".team .whoname a")]


def error(page: Page, field: str) -> str:
    tag = page.select_one(f"#{field}-error")
    return tag.get_text(" ", strip=True) if tag else ""


def notice(page: Page) -> str:
    return " ".join(tag.get_text(" ", strip=True) for tag in page.select(".notice"))


def entries(app: Flask, place: Place | None = None) -> list[Event]:
    """Return what the log of an organisation, or of all, holds, in order."""
    with app.app_context():
        wanted = select(Event).order_by(Event.id)
        return list(db.session.scalars(wanted.where(Event.org_id == place.id) if place else wanted))


def told(app: Flask, place: Place | None = None) -> list[str]:
    return [event.summary for event in entries(app, place)]


def roles(app: Flask, place: Place) -> dict[int, str]:
    """Return the roles of those who belong to an organisation, by their ids."""
    with app.app_context():
        belongs = select(Membership.person_id, Membership.role).where(
            Membership.org_id == place.id, Membership.removed_at.is_(None)
        )
        return dict(db.session.execute(belongs).all())


def invitations(app: Flask, place: Place) -> list[Invitation]:
    with app.app_context():
        return list(db.session.scalars(select(Invitation).where(Invitation.org_id == place.id).order_by(Invitation.id)))


def at_once(*calls: Callable[[], Result]) -> list[Result]:
    """Call all at the same moment, each in a thread of its own, and return what they returned."""
    ready, results = threading.Barrier(len(calls)), dict[int, Result]()

    def run(number: int, call: Callable[[], Result]) -> None:
        ready.wait(10)
        results[number] = call()

    threads = [threading.Thread(target=run, args=(number, call)) for number, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return [results[number] for number in range(len(calls))]
