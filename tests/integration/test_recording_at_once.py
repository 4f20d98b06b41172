"""Recorders at work at the same time: nothing is lost, nothing doubled, and nobody waits without need."""

import threading
from collections import defaultdict

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from auditweb import ids
from auditweb.models import Event
from tests.ledgers import NOON, a_bid, in_processes, record_same_moment, record_with_keys


@pytest.mark.parametrize("start", [None, 0], ids=["anywhere", "all at the same id"])
def test_ten_thousand_events_of_one_millisecond(engine: Engine, database_url: str, start: int | None) -> None:
    """
    Given by four processes: all stored, none an error, and each process's own in the order it gave them.

    Left to chance they hardly ever draw the same id, so in one of the two rounds all begin with the same.
    """
    names = ["one", "two", "three", "four"]

    ended = in_processes(record_same_moment, [(database_url, name, 2500, 100, start) for name in names])

    assert ended == [0, 0, 0, 0]
    lots = defaultdict(list)
    with Session(engine) as session:
        for id_, name, facts in session.execute(sa.select(Event.id, Event.actor_id, Event.facts).order_by(Event.id)):
            assert ids.moment_of(id_) == NOON
            lots[name].append(int(facts["lot"]))
    assert lots == {name: list(range(2500)) for name in names}


def test_equal_keys_give_one_entry(engine: Engine, database_url: str) -> None:
    """However many processes send them, and each gets it back."""
    keys = [f"delivery-{number}" for number in range(30)]

    ended = in_processes(record_with_keys, [(database_url, name, keys) for name in ("one", "two", "three", "four")])

    assert ended == [0, 0, 0, 0]
    with Session(engine) as session:
        assert sorted(map(str, session.scalars(sa.select(Event.idempotency_key)))) == sorted(keys)


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_recorders_on_postgresql_do_not_wait_for_each_other(engine: Engine) -> None:
    """An open transaction with entries of the same organisation and millisecond holds nobody up."""
    with Session(engine) as slow, Session(engine) as quick:
        first = [a_bid(slow, occurred_at=NOON, idempotency_key=f"slow-{n}").id for n in range(50)]
        quick.execute(sa.text("SET LOCAL lock_timeout = 1"))

        second = [a_bid(quick, occurred_at=NOON, idempotency_key=f"quick-{n}").id for n in range(50)]
        quick.commit()
        assert quick.scalar(sa.select(sa.func.count()).select_from(Event)) == 50
        slow.commit()

        assert not set(first) & set(second)
        assert quick.scalar(sa.select(sa.func.count()).select_from(Event)) == 100


@pytest.mark.parametrize("first_commits", [True, False])
@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_equal_key_waits_for_the_transaction_that_has_it(engine: Engine, first_commits: bool) -> None:
    """It is the one thing to wait for: what becomes of that transaction decides."""
    with Session(engine) as first, Session(engine) as second:
        held = a_bid(first, idempotency_key="k").id
        got: list[int] = []
        waiting = threading.Thread(target=lambda: got.append(a_bid(second, idempotency_key="k").id))
        waiting.start()
        waiting.join(0.3)
        assert got == []
        first.commit() if first_commits else first.rollback()
        waiting.join(10)
        second.commit()

        assert (got == [held]) == first_commits
        assert list(second.scalars(sa.select(Event.id))) == got


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_recorders_on_sqlite_wait_for_their_turn(engine: Engine) -> None:
    with Session(engine) as first:
        a_bid(first, facts={"lot": "1"})
        waiting = threading.Thread(target=_record_one, args=(engine,))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        first.commit()
        waiting.join(10)

    with Session(engine) as session:
        assert list(session.scalars(sa.select(Event.facts["lot"].as_string()).order_by(Event.id))) == ["1", "2"]


def _record_one(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        a_bid(session, facts={"lot": "2"})
