"""Which actions have ever been recorded: since when, how many, and when last."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import text

from auditweb import catalogue
from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.reading.counts import Count
from auditweb.reading.questions import execute

MOST: Final = 1_000
"""Events of an action that are counted; of more it is only said that they are."""
MOST_FOREIGN: Final = 200
"""Actions of other systems that are looked up at least, by slug; any program may make up as many as it likes."""


class Recorded(NamedTuple):
    """What there is of an action: its first and its last event, and the category of that."""

    action: str
    category: Category
    first_id: int
    last_id: int
    number: Count


class Coverage(NamedTuple):
    """What there is of each action, by slug, and whether there are more actions of other systems than that."""

    recorded: Sequence[Recorded]
    has_more: bool


def find_recorded(org_id: int) -> Coverage:
    """
    Return what there is of the actions that an organisation has events of.

    It hops from one action to the next in the index, so it costs as much as there are actions and not events.
    """
    known = [action.slug for action in catalogue.all_actions()]
    given = {"org_id": org_id, "most": MOST + 1}
    connection, hops = db.session.connection(), len(known) + MOST_FOREIGN
    found = [_recorded(*row) for row in connection.execute(_HOPPED, given | {"hops": hops + 1})]
    has_more = len(found) > hops
    if has_more:
        left = [slug for slug in known if slug > found[-1].action]
        found += [
            _recorded(*row) for row in execute(connection, _NAMED, given | {"actions": left}) if row[2] is not None
        ]
    return Coverage(found, has_more)


def _recorded(action: str, category: str, first: int, last: int, number: int) -> Recorded:
    return Recorded(action, Category(category), first, last, Count(min(number, MOST), exact=number <= MOST))


# No join: of a log that is not big yet, PostgreSQL would rather read all of it than look up each action.
_TOLD = """
SELECT action,
    (SELECT e.category FROM event e WHERE e.org_id = :org_id AND e.action = hop.action ORDER BY e.id DESC LIMIT 1),
    (SELECT e.id FROM event e WHERE e.org_id = :org_id AND e.action = hop.action ORDER BY e.id LIMIT 1),
    (SELECT e.id FROM event e WHERE e.org_id = :org_id AND e.action = hop.action ORDER BY e.id DESC LIMIT 1),
    (SELECT count(*) FROM (
        SELECT 1 FROM event e WHERE e.org_id = :org_id AND e.action = hop.action LIMIT :most
    ) counted)
"""
_HOPPED = text(f"""
WITH RECURSIVE hop (action) AS (
    SELECT (SELECT action FROM event WHERE org_id = :org_id ORDER BY action LIMIT 1)
    UNION ALL
    SELECT (SELECT action FROM event WHERE org_id = :org_id AND action > hop.action ORDER BY action LIMIT 1)
    FROM hop WHERE hop.action IS NOT NULL
)
{_TOLD} FROM hop WHERE action IS NOT NULL LIMIT :hops
""")
_NAMED = {
    "sqlite": text(f"{_TOLD} FROM (SELECT value AS action FROM json_each(:actions)) hop"),
    "postgresql": text(f"{_TOLD} FROM unnest(CAST(:actions AS TEXT[])) AS hop (action)"),
}
