"""An export has exactly what its filter finds, whatever is in the entries and whatever is recorded meanwhile."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from auditweb import ids
from auditweb.catalogue import Category
from auditweb.exports import entries
from auditweb.exports.archive import zipped
from auditweb.exports.entries import pieces
from auditweb.exports.formats import Format
from auditweb.exports.tables import safe_cell
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.parties import Actor, ActorRef, ActorType, Outcome
from auditweb.reading.filters import LogFilter
from auditweb.recorder import record
from tests.exported import export_of, ids_in, objects_of, table_of

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(days=2)
ADA, BEN = Actor(ActorType.MEMBER, "1", "Ada"), Actor(ActorType.SYSTEM, "1", "Ben")
HOSTILE = [
    "=1+1",
    '=cmd|"/C calc"!A0',
    "＝1",
    "@a,b",
    '"',
    '","=1',
    "a\r\nb",
    "\ufeffx",
    "\u202eexe.txt",
    "\u2028",
    "\x1b[31m",
    "<script>alert(1)</script>",
    "x" * 10_000,
    "\u3164",
    "\U000e0001",
    "O'Brien; DROP TABLE event",
    "%s%w{}",
    "佐藤 花",
]
TEXTS = st.sampled_from(HOSTILE) | st.text(
    st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=9
)
TIMES = st.lists(st.integers(0, 5), max_size=20)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "category": st.sampled_from([Category.AUTHENTICATION, Category.TEAM]),
        "actor": st.sampled_from([ADA.ref, BEN.ref, ActorRef("support", "1")]),
        "outcome": st.sampled_from([Outcome.SUCCESS, Outcome.DENIED]),
        "action": st.sampled_from(["sign_out.completed", "member.left"]),
        "q": st.sampled_from(["ada", "-left", "left ben"]),
    },
)

_organisations = count(1)


@pytest.fixture
def _context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def add(org_id: int, *milliseconds: int) -> set[int]:
    """Record an event at each time, of changing kinds, commit, and return their ids."""
    added = {
        record(
            "member.left" if number % 3 else "sign_out.completed",
            org_id=org_id,
            actor=BEN if number % 2 else ADA,
            outcome=Outcome.DENIED if number % 5 == 4 else None,
            occurred_at=START + timedelta(milliseconds=millisecond),
        ).id
        for number, millisecond in enumerate(milliseconds)
    }
    db.session.commit()
    return added


def matching(log: LogFilter) -> set[int]:
    """Return which events the filter finds, told by looking at each of them."""
    found = set()
    for event in db.session.scalars(sa.select(Event).where(Event.org_id == log.org_id)):
        text = f"{event.summary} {event.actor_name}".lower()
        searched = {
            "": True,
            "ada": "ada" in text,
            "-left": "left" not in text,
            "left ben": "left" in text and "ben" in text,
        }
        if (
            (log.category is None or event.category == log.category)
            and (log.actor is None or (event.actor_type, event.actor_id) == log.actor)
            and (log.outcome is None or event.outcome == log.outcome)
            and (not log.action or event.action == log.action)
            and searched[log.q]
        ):
            found.add(event.id)
    db.session.rollback()
    return found


@pytest.mark.usefixtures("_context")
@given(
    before=TIMES,
    meanwhile=TIMES,
    chosen=FILTERS,
    sizes=st.sampled_from([(1,), (2, 3), (50,)]),
    form=st.sampled_from(Format),
)
def test_what_was_there_is_in_it_once_and_in_order_while_others_write(
    before: list[int], meanwhile: list[int], chosen: dict[str, Any], sizes: tuple[int, ...], form: Format
) -> None:
    """What others record for a time before, while it is made, may be in it or not; and nothing else is."""
    log = LogFilter(org_id=next(_organisations), org_zone="Europe/London", **chosen)
    add(log.org_id, *before)
    there, later = matching(log), list(meanwhile)
    written = []
    with patch.object(entries, "SIZES", sizes):
        for some, number in pieces(export_of(log, form, made_at=NOW)):
            written.append((some, number))
            if later:
                add(log.org_id, later.pop())
    content = b"".join(some for some, _ in written)

    found = [ids.from_text(spelled) for spelled in ids_in(content, form)]
    assert found == sorted(set(found), reverse=True)
    assert there <= set(found) <= matching(log)
    assert written[-1][1] == len(found)


@pytest.mark.usefixtures("_context")
@given(texts=st.lists(TEXTS, min_size=5, max_size=5))
def test_hostile_names_come_through_every_format(texts: list[str]) -> None:
    """Exactly in JSON, visibly in tables; and one entry is one line in all."""
    org_id = next(_organisations)
    name, target, via, fact, agent = texts
    event_id = _raw(org_id, name, target, via, {"note": fact, fact[:50]: ""}, agent)
    _raw(org_id, "Plain", "Plain", "Plain", {}, "Plain")
    log = LogFilter(org_id=org_id, org_zone="Europe/London")

    made = {each: b"".join(some for some, _ in pieces(export_of(log, each, made_at=NOW))) for each in Format}

    for each, content in made.items():
        lines = content.removeprefix("\ufeff".encode()).decode().splitlines()  # at whatever may end a line anywhere
        assert len(lines) == (3 if each is Format.CSV else 2)
    line = next(line for line in table_of(made[Format.CSV]) if line["Entry"] == ids.to_text(event_id))
    cells = [line["Actor"], line["Target"], line["Through"], line["Device"]]
    assert cells == [safe_cell(text) for text in (name, target, via, agent)]
    assert json.loads(line["Facts"]) == {"note": fact, fact[:50]: ""}
    assert not any(cell.startswith(tuple("=+-@\t\r\n＝＋－＠")) for cell in line.values())
    entry = next(each for each in objects_of(made[Format.JSONL]) if each["id"] == ids.to_text(event_id))
    assert entry["actor"]["name"] == name
    assert entry["target"]["name"] == target
    assert entry["via"]["name"] == via
    assert entry["user_agent"] == agent
    assert entry["facts"] == {"note": fact, fact[:50]: ""}
    event = next(each for each in objects_of(made[Format.OCSF]) if each["metadata"]["uid"] == ids.to_text(event_id))
    assert (event["actor"]["user"]["name"], event["entity"]["name"]) == (name, target)
    assert event["unmapped"]["facts"] == entry["facts"]
    packed = io.BytesIO(b"".join(some for some, _ in zipped(export_of(log, Format.CSV, made_at=NOW))))
    assert zipfile.ZipFile(packed).read("entries.csv") == made[Format.CSV]


def _raw(org_id: int, name: str, target: str, via: str, facts: dict[str, str], agent: str) -> int:
    """Put an event into the table by another way than `record`, which would refuse some of this."""
    event_id = ids.new_id(START)
    told = {
        "org_id": org_id,
        "id": event_id,
        "occurred_at": START,
        "recorded_at": START,
        "category": "vehicles",
        "action": "vehicle.updated",
        "summary": f"Updated the details of {target}",
        "facts": facts,
        "actor_type": "member",
        "actor_id": name,
        "actor_name": name,
        "via_type": "api_key",
        "via_id": via,
        "via_name": via,
        "target_type": "vehicle",
        "target_id": target,
        "target_name": target,
        "user_agent": agent,
        "outcome": "success",
    }
    db.session.execute(sa.insert(Event).values(told))
    db.session.commit()
    return event_id
