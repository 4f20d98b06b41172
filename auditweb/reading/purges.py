"""
The one way in which a log loses anything.

What is recorded is never altered, and never deleted but by a purge (`models/event.py`). So between two purges a log is
only added to, and of whatever there are as many as before, there are the same.
"""

from sqlalchemy import text

from auditweb.extensions import db


def find_last_purge(org_id: int) -> int:
    """Return the number of the last purge of an organisation's log, which rises with each batch of one; 0 of none."""
    return int(db.session.connection().scalar(_LAST, {"org_id": org_id}) or 0)


_LAST = text("SELECT max(id) FROM purge WHERE org_id = :org_id")
