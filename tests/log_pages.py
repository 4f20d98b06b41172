"""What tests ask of a page of the log, and how they fill one."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask

from auditweb import ids
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.parties import Actor, ActorType, Target
from auditweb.reading.filters import LogFilter
from auditweb.recorder import record
from tests.readers import Page, Place, Reader

LOG = "/o/northgate/settings/audit-log"
NOW = datetime(2026, 11, 23, 10, 42, 7, tzinfo=UTC)
ADA = Actor(ActorType.MEMBER, "ada-okafor", "Ada Okafor")
STEPWGN = Target("thing", "thing-1", "2020 Honda Stepwgn Spada")


def fill_log(app: Flask, place: Place, number: int, **more: Any) -> list[Event]:
    """Record *number* events, an hour apart, the last of them a minute before NOW; return them newest first."""
    newest = NOW - timedelta(minutes=1)
    said = {"actor": ADA, "target": STEPWGN, **more}
    with app.app_context():
        events = [
            record("vehicle.updated", org_id=place.id, occurred_at=newest - timedelta(hours=hours), **said)
            for hours in range(number)
        ]
        db.session.commit()
    return events


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Collect what is sent to the database within the block."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    with app.app_context():
        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def rows(page: Page) -> list[str]:
    """Return the ids of the rows shown."""
    return [str(row["id"]).removeprefix("e-") for row in page.select("#audit-table tr.row")]


def spelled(events: list[Event]) -> list[str]:
    return [ids.to_text(event.id) for event in events]


def follow(reader: Reader, page: Page, selector: str, *, htmx: bool = False) -> Page:
    link = page.select_one(selector)
    assert link is not None, f"no {selector} on the page"
    return reader.get(str(link["href"]), htmx=htmx)


def expected_page(log: LogFilter, size: int, matching: list[int]) -> tuple[list[int], bool, bool]:
    """Return what a page must show of these matches, whether any are newer and whether any are older."""
    newest_first = sorted(matching, reverse=True)
    if log.before is not None:
        older = [id_ for id_ in newest_first if id_ < log.before]
        return older[:size], len(older) < len(newest_first), len(older) > size
    if log.after is not None:
        newer = [id_ for id_ in newest_first if id_ > log.after]
        if len(newer) >= size:
            return newer[-size:], len(newer) > size, len(newer) < len(newest_first)
    if log.oldest:
        return newest_first[-size:], len(newest_first) > size, False
    return newest_first[:size], False, len(newest_first) > size
