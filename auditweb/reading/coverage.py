"""
Which actions have ever been recorded: since when, how many, and when last.

Of which there were many, there still are until the next purge (`purges`): those are not counted again.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import TextClause, text

from auditweb import catalogue
from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.reading.counts import Count
from auditweb.reading.memory import Memory
from auditweb.reading.purges import find_last_purge
from auditweb.reading.questions import execute

MOST: Final = 1_000
"""Events of an action that are counted; of more it is only said that they are."""
MOST_FOREIGN: Final = 200
"""Actions of other systems that are looked up at least, by slug; any program may make up as many as it likes."""

_REMEMBERED = 100  # organisations


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
    given = {"org_id": org_id}
    connection, hops = db.session.connection(), len(known) + MOST_FOREIGN
    found = [_Ends(*row) for row in connection.execute(_HOPPED, given | {"hops": hops + 1})]
    has_more = len(found) > hops
    if has_more:
        left = [slug for slug in known if slug > found[-1].action]
        found += [_Ends(*row) for row in execute(connection, _NAMED, given | {"actions": left}) if row[2] is not None]
    numbers = _count(org_id, found)
    recorded = [
        Recorded(ends.action, Category(ends.category), ends.first_id, ends.last_id, numbers[ends.action])
        for ends in found
    ]
    return Coverage(recorded, has_more)


class _Ends(NamedTuple):
    """The category of an action's last event, and the ids of its first and its last."""

    action: str
    category: str
    first_id: int
    last_id: int


def _count(org_id: int, found: Sequence[_Ends]) -> dict[str, Count]:
    """Return how many events each action has, as far as it is counted."""
    key = db.engine, org_id, find_last_purge(org_id)
    many = _many.get(key) or frozenset()
    asked = [ends.action for ends in found if ends.action not in many]
    given = {"org_id": org_id, "actions": asked, "most": MOST + 1}
    numbers = dict(map(tuple, execute(db.session.connection(), _COUNTED, given))) if asked else {}
    many |= {action for action, number in numbers.items() if number > MOST}
    _many.put(key, many)
    return {
        ends.action: Count(MOST, exact=False) if ends.action in many else Count(numbers[ends.action]) for ends in found
    }


# No join: of a log that is not big yet, PostgreSQL would rather read all of it than look up each action.
_TOLD = """
SELECT action,
    (SELECT e.category FROM event e WHERE e.org_id = :org_id AND e.action = hop.action ORDER BY e.id DESC LIMIT 1),
    (SELECT e.id FROM event e WHERE e.org_id = :org_id AND e.action = hop.action ORDER BY e.id LIMIT 1),
    (SELECT e.id FROM event e WHERE e.org_id = :org_id AND e.action = hop.action ORDER BY e.id DESC LIMIT 1)
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
_NUMBER = """
SELECT action, (SELECT count(*) FROM (
    SELECT 1 FROM event e WHERE e.org_id = :org_id AND e.action = hop.action LIMIT :most
) counted)
"""


def _for_each(told: str) -> dict[str, TextClause]:
    """Ask for what is *told* of each of some actions."""
    return {
        "sqlite": text(f"{told} FROM (SELECT value AS action FROM json_each(:actions)) hop"),
        "postgresql": text(f"{told} FROM unnest(CAST(:actions AS TEXT[])) AS hop (action)"),
    }


_NAMED, _COUNTED = _for_each(_TOLD), _for_each(_NUMBER)
_many = Memory[frozenset[str]](_REMEMBERED)  # by organisation and last purge, actions that have more than is told
