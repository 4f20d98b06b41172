"""Whatever the caller's transaction comes to, the log holds exactly the events of what was committed."""

import itertools

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.orm import Session, SessionTransaction

from auditweb.models import Event, Rate
from auditweb.recordable import RecordError
from tests.ledgers import NOON, a_bid

STEPS = st.lists(
    st.sampled_from(
        ["record", "record", "record", "same key", "refused", "savepoint", "release", "undo", "commit", "rollback"]
    ),
    max_size=30,
)

ORGANISATIONS = itertools.count(1)  # each example has one of its own, in one database


@given(STEPS, st.booleans())
def test_log_holds_what_was_committed(engine: Engine, steps: list[str], commits_at_the_end: bool) -> None:
    """
    Random sequences of recording, savepoints within savepoints, commits and rollbacks, against a model of lists.

    The last list of *open_* is what the innermost savepoint has added. Beside each event the caller changes a row of
    their own, which comes to the same. All entries are of one millisecond, so that their order is the recorder's doing.
    """
    org_id = next(ORGANISATIONS)
    with Session(engine) as session:
        committed: list[int] = []
        open_: list[list[int]] = [[]]
        savepoints: list[SessionTransaction] = []
        for step in [*steps, "commit" if commits_at_the_end else "rollback"]:
            if step == "record":
                event = a_bid(session, org_id, occurred_at=NOON)
                session.add(Rate(key=str(event.id), window=org_id, hits=1))
                open_[-1].append(event.id)
            elif step == "same key":
                event = a_bid(session, org_id, occurred_at=NOON, idempotency_key="once")
                if not any(event.id in added for added in (committed, *open_)):
                    session.add(Rate(key=str(event.id), window=org_id, hits=1))
                    open_[-1].append(event.id)
            elif step == "refused":
                with pytest.raises(RecordError):
                    a_bid(session, org_id, facts={"colour": "red"})
            elif step == "savepoint":
                savepoints.append(session.begin_nested())
                open_.append([])
            elif step == "release" and savepoints:
                savepoints.pop().commit()
                added = open_.pop()
                open_[-1].extend(added)
            elif step == "undo" and savepoints:
                savepoints.pop().rollback()
                open_.pop()
            elif step in {"commit", "rollback"}:
                session.commit() if step == "commit" else session.rollback()
                committed += [id_ for added in open_ for id_ in added] if step == "commit" else []
                open_, savepoints = [[]], []

    with Session(engine) as session:
        assert list(session.scalars(sa.select(Event.id).where(Event.org_id == org_id).order_by(Event.id))) == committed
        changed = session.scalars(sa.select(Rate.key).where(Rate.window == org_id))
        assert sorted(map(int, changed)) == committed
