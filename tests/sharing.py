"""What the tests of shares do again and again."""

import re
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask

from auditweb import catalogue, clock
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.reading.filters import LogFilter
from auditweb.sharing import shares
from auditweb.sharing.shares import Draft
from tests.readers import Page, Place, Reader, Someone

MASKS = ["addresses", "names", "emails"]


def form(**fields: str | list[str]) -> dict[str, str | list[str]]:
    """Return what the page that makes a share sends."""
    return {"recipient": "support", "period": "7 days", "extent": "frozen", "masks": [], "note": "", **fields}


def ask(reader: Reader, place: Place, query: str = "", /, **fields: str | list[str]) -> Page:
    """Open the page that makes a share, and send it."""
    address = f"{place.log}/share{query}"
    seen = reader.get(address).select_one("[name=seen]")
    assert seen is not None
    return reader.post(address, form(seen=str(seen["value"]), **fields))


def share(reader: Reader, place: Place, query: str = "", **fields: str | list[str]) -> str:
    """Make a share on its page, and return the path of its link."""
    page = ask(reader, place, query, **fields)
    assert page.status == 200, page.words
    tag = page.select_one(".handout .secret")
    assert tag is not None, page.words
    return re.sub(r"^https?://[^/]+", "", tag.get_text())


def open_(visitor: Reader, link: str) -> str:
    """Open a share as somebody with its link, and return the address of what is shared."""
    page = visitor.post(link)
    assert page.status == 303, page.words
    assert page.location is not None
    return page.location


def outsider(app: Flask, **headers: Any) -> Reader:
    """Somebody at a browser of their own who belongs to nothing."""
    return Reader(app.test_client(), headers=headers)


def add_over(app: Flask, place: Place, maker: Someone | None, number: int) -> None:
    """Put shares into the database that are over."""
    assert maker is not None
    with app.app_context():
        for hours in range(number):
            whole = LogFilter(org_id=place.id, org_zone=place.zone)
            draft = Draft(whole, "All entries", "support", "1 hour", frozenset())
            at = clock.now() - timedelta(hours=hours + 2)
            shares.add(
                place.id,
                f"over{hours:08}",
                maker.id,
                draft,
                token=f"over-{hours}",
                created_at=at,
                expires_at=at + timedelta(hours=1),
            )
        db.session.commit()


def entries(app: Flask, *slugs: str) -> list[Event]:
    """Return the entries with these actions, in order."""
    with app.app_context():
        found = sa.select(Event).where(Event.action.in_(slugs)).order_by(Event.occurred_at, Event.id)
        return list(db.session.scalars(found))


def about_shares(app: Flask) -> list[str]:
    """Return what the log tells of shares, in order."""
    return [
        event.action for event in entries(app, *(each.slug for each in catalogue.all_actions() if "share" in each.slug))
    ]


def gone(reader: Reader, address: str) -> str:
    """Return the answer of an address where nothing is open, without what differs from page to page."""
    page = reader.get(address)
    assert page.status == 404, (address, page.words)
    return re.sub(r'name="csrf_token" value="[^"]*"', "", page.text)
