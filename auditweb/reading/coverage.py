"""Which actions have ever been recorded: since when, how many, and when last."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import text

from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.reading.counts import Count

MOST: Final = 1_000
"""Events of an action that are counted; of more it is only said that they are."""


class Recorded(NamedTuple):
    """What there is of an action: its first and its last event, and the category of that."""

    action: str
    category: Category
    first_id: int
    last_id: int
    number: Count


def find_recorded(org_id: int) -> Sequence[Recorded]:
    """
    Return what there is of each action that an organisation has events of, by slug.

    It hops from one action to the next in the index, so it costs as much as there are actions and not events.
    """
    rows = db.session.connection().execute(_RECORDED, {"org_id": org_id, "most": MOST + 1})
    return [
        Recorded(action, Category(category), first, last, Count(min(number, MOST), exact=number <= MOST))
        for action, category, first, last, number in rows
    ]


# No join: of a log that is not big yet, PostgreSQL would rather read all of it than look up each action.
_RECORDED = text("""
WITH RECURSIVE hop (action) AS (
    SELECT (SELECT action FROM event WHERE org_id = :org_id ORDER BY action LIMIT 1)
    UNION ALL
    SELECT (SELECT action FROM event WHERE org_id = :org_id AND action > hop.action ORDER BY action LIMIT 1)
    FROM hop WHERE hop.action IS NOT NULL
)
SELECT action,
    (SELECT e.category FROM event e WHERE e.org_id = :org_id AND e.action = hop.action ORDER BY e.id DESC LIMIT 1),
    (SELECT e.id FROM event e WHERE e.org_id = :org_id AND e.action = hop.action ORDER BY e.id LIMIT 1),
    (SELECT e.id FROM event e WHERE e.org_id = :org_id AND e.action = hop.action ORDER BY e.id DESC LIMIT 1),
    (SELECT count(*) FROM (
        SELECT 1 FROM event e WHERE e.org_id = :org_id AND e.action = hop.action LIMIT :most
    ) counted)
FROM hop WHERE action IS NOT NULL
""")
