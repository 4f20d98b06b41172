"""What an action of the Settings area leaves in the log, and from where it was done."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from flask import Flask

from auditweb.extensions import db
from auditweb.models import Event
from tests.readers import Place, Reader

DEVICE = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"


def at_a_known_device(reader: Reader) -> Reader:
    """Let a browser say what it is."""
    reader.headers = {**reader.headers, "User-Agent": DEVICE}
    return reader


def entries_of(app: Flask, place: Place) -> list[Event]:
    """Return the entries of an organisation, in the order they were recorded."""
    with app.app_context():
        return list(db.session.scalars(sa.select(Event).where(Event.org_id == place.id).order_by(Event.id)))


@contextmanager
def one_entry(app: Flask, place: Place) -> Iterator[list[Event]]:
    """Check that what is done in the block leaves exactly one entry in the log, which is in the list afterwards."""
    before = {entry.id for entry in entries_of(app, place)}
    found: list[Event] = []
    yield found
    found += [entry for entry in entries_of(app, place) if entry.id not in before]
    assert len(found) == 1, [entry.action for entry in found]


def told(entry: Event) -> tuple[str, str, str | None, str | None, str | None]:
    """Return the action of an entry, its actor, its target, and the address and device it came from."""
    return entry.action, entry.actor_name, entry.target_name, entry.ip, entry.user_agent
