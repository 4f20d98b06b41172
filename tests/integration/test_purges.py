"""A purge is the one way out: it covers what it says, ends with its transaction and stays on record."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from auditweb import ids
from auditweb.models import Event, Purge
from tests.ledgers import NOON, a_bid, operator_engine


@pytest.fixture
def engine(owner_url: str) -> Iterator[Engine]:
    with operator_engine(owner_url) as made:
        yield made


@pytest.fixture
def entries(engine: Engine) -> list[int]:
    """Ten entries of organisation 1, an hour apart, and one of organisation 2 before them; the ids of the ten."""
    with Session(engine) as session, session.begin():
        a_bid(session, org_id=2, occurred_at=NOON - timedelta(days=1))
        return [a_bid(session, occurred_at=NOON + timedelta(hours=n - 20)).id for n in range(10)]


def test_purge_lets_go_what_it_covers(engine: Engine, entries: list[int]) -> None:
    with Session(engine) as session, session.begin():
        purge = _begin(session, up_to_id=entries[3])
        gone = _delete(session, entries[3])
        purge.finished_at = NOON

    with Session(engine) as session:
        assert gone == 4
        assert _ids(session, 1) == entries[4:]
        assert len(_ids(session, 2)) == 1
        assert session.scalars(sa.select(Purge.who)).all() == ["Operator (command line)"]


@pytest.mark.parametrize(
    "reach",
    [
        "DELETE FROM event WHERE org_id = 2",
        "DELETE FROM event WHERE org_id = 1 AND id <= (SELECT min(id) FROM event WHERE org_id = 1 AND id > :covered)",
        "DELETE FROM event",
    ],
    ids=["another organisation", "one too many", "all"],
)
def test_purge_lets_nothing_else_go(engine: Engine, entries: list[int], reach: str) -> None:
    with Session(engine) as session:
        _begin(session, up_to_id=entries[3])
        with pytest.raises(IntegrityError, match="except by a purge that covers it"):
            session.execute(sa.text(reach), {"covered": entries[3]})
        session.rollback()

        assert _ids(session, 1) == entries
        assert len(_ids(session, 2)) == 1


def test_unfinished_purge_cannot_be_committed(engine: Engine, entries: list[int]) -> None:
    with Session(engine) as session:
        _begin(session, up_to_id=entries[3])
        _delete(session, entries[3])
        with pytest.raises(IntegrityError):
            session.commit()
        session.rollback()

    with Session(engine) as session:
        assert _ids(session, 1) == entries
        assert session.scalars(sa.select(Purge)).all() == []


def test_taking_back_the_end_of_a_purge_takes_it_back(engine: Engine, entries: list[int]) -> None:
    """A rollback to a savepoint reopens the purge, and so forbids the commit again."""
    with Session(engine) as session:
        purge = _begin(session, up_to_id=entries[3])
        inner = session.begin_nested()
        purge.finished_at = NOON
        session.flush()
        inner.rollback()
        _delete(session, entries[3])
        with pytest.raises(IntegrityError):
            session.commit()
        session.rollback()

        assert _ids(session, 1) == entries


def test_purge_taken_back_covers_nothing(engine: Engine, entries: list[int]) -> None:
    with Session(engine) as session:
        inner = session.begin_nested()
        _begin(session, up_to_id=entries[3])
        inner.rollback()
        with pytest.raises(IntegrityError, match="except by a purge"):
            _delete(session, entries[3])


def test_finished_purge_covers_nothing_more(engine: Engine, entries: list[int]) -> None:
    """Neither in its own transaction, nor entries of old dates that come later."""
    with Session(engine) as session, session.begin():
        purge = _begin(session, up_to_id=entries[3])
        _delete(session, entries[2])
        purge.finished_at = NOON
        session.flush()
        with pytest.raises(IntegrityError, match="except by a purge"), session.begin_nested():
            _delete(session, entries[3])
    with Session(engine) as session, session.begin():
        late = a_bid(session, occurred_at=NOON - timedelta(days=2))
    with Session(engine) as session:
        assert late.id < entries[3]
        with pytest.raises(IntegrityError, match="except by a purge"):
            _delete(session, entries[3])


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)  # on SQLite there is one writer at a time
def test_unfinished_purge_does_not_serve_other_transactions(engine: Engine, entries: list[int]) -> None:
    with Session(engine) as session, engine.connect() as other:
        _begin(session, up_to_id=entries[3])
        with pytest.raises(IntegrityError, match="except by a purge"):
            other.execute(sa.delete(Event).where(Event.id == entries[0]))


@pytest.mark.parametrize("finished", [False, True])
def test_purge_is_never_altered(engine: Engine, entries: list[int], finished: bool) -> None:
    changes = {"org_id": 2, "up_to_id": ids.LAST_ID, "who": "Nobody", "why": "Nothing", "started_at": NOON, "id": 77}
    with Session(engine) as session:
        purge = _begin(session, up_to_id=entries[3])
        if finished:
            purge.finished_at = NOON
            session.commit()
        for column, value in changes.items():
            altering = sa.update(Purge).values({column: value, "finished_at": NOON})
            with pytest.raises(IntegrityError, match="otherwise never changed"), session.begin_nested():
                session.connection().execute(altering)


def test_finished_purge_stays_as_it_is(engine: Engine, entries: list[int]) -> None:
    _purge_all_but_the_last(engine, entries)
    columns = "id, org_id, up_to_id, who, why, started_at"
    ways = [
        "UPDATE purge SET finished_at = NULL",
        "UPDATE purge SET finished_at = started_at",
        "DELETE FROM purge",
        f"INSERT INTO purge ({columns}) SELECT id, 1, 9, 'a', 'b', started_at FROM purge",
    ]

    with Session(engine) as session:
        for way in ways:
            with pytest.raises(IntegrityError), session.begin_nested():
                session.connection().exec_driver_sql(way)


@pytest.mark.parametrize(
    ("engine_name", "statement"),
    [
        (
            "sqlite",
            "INSERT OR REPLACE INTO purge (id, org_id, up_to_id, who, why, started_at) VALUES (1, 1, 9, 'a', 'b', 0)",
        ),
        ("sqlite", "UPDATE OR REPLACE purge SET finished_at = NULL"),
        ("postgresql", "TRUNCATE purge"),
        ("postgresql", "TRUNCATE event, purge CASCADE"),
    ],
    indirect=["engine_name"],
)
def test_ways_round_of_one_engine(engine: Engine, entries: list[int], statement: str) -> None:
    _purge_all_but_the_last(engine, entries)

    with Session(engine) as session, pytest.raises(IntegrityError):
        session.execute(sa.text(statement))


@pytest.mark.parametrize(("who", "why"), [("", "a reason"), ("somebody", ""), ("  ", "a reason")])
def test_purge_says_who_and_why(engine: Engine, who: str, why: str) -> None:
    with Session(engine) as session:
        session.add(Purge(org_id=1, up_to_id=5, who=who, why=why, started_at=NOON))
        with pytest.raises(IntegrityError, match="ck_purge_wh"):
            session.flush()


def test_purge_begins_unfinished(engine: Engine) -> None:
    with Session(engine) as session:
        session.add(Purge(org_id=1, up_to_id=5, who="a", why="b", started_at=NOON, finished_at=NOON))
        with pytest.raises(IntegrityError, match="begins unfinished"):
            session.flush()


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_purge_needs_foreign_keys_on_sqlite(database_url: str, entries: list[int]) -> None:
    """They are what makes it finish, and off by default in other programs; within a transaction they cannot change."""
    plain = sa.create_engine(database_url)
    with plain.connect() as connection:
        with pytest.raises(DBAPIError, match="foreign keys on"):
            connection.exec_driver_sql(
                "INSERT INTO purge (org_id, up_to_id, who, why, started_at) VALUES (1, 9, 'a', 'b', 0)"
            )
        connection.rollback()
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        connection.exec_driver_sql(
            "INSERT INTO purge (org_id, up_to_id, who, why, started_at) VALUES (1, 9, 'a', 'b', 0)"
        )
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        with pytest.raises(IntegrityError):
            connection.commit()
    plain.dispose()


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_purge_cannot_be_checked_early_on_postgresql(engine: Engine, entries: list[int]) -> None:
    with Session(engine) as session:
        _begin(session, up_to_id=entries[3])
        with pytest.raises(IntegrityError, match="purge_must_be_finished_before_commit"):
            session.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))


def test_refused_commit_leaves_no_lock_behind(engine: Engine, entries: list[int]) -> None:
    """On SQLite the transaction stays open after it; the connection must not go back to the pool like that."""
    with Session(engine) as session:
        _begin(session, up_to_id=entries[3])
        with pytest.raises(IntegrityError):
            session.commit()

    with Session(engine) as session, session.begin():
        a_bid(session)


def _begin(session: Session, up_to_id: int) -> Purge:
    purge = Purge(org_id=1, up_to_id=up_to_id, who="Operator (command line)", why="retention", started_at=NOON)
    purge.started_at = NOON - timedelta(minutes=1)
    session.add(purge)
    session.flush()
    return purge


def _delete(session: Session, up_to_id: int) -> int:
    result = session.connection().execute(sa.delete(Event).where(Event.org_id == 1, Event.id <= up_to_id))
    return result.rowcount


def _purge_all_but_the_last(engine: Engine, entries: list[int]) -> None:
    with Session(engine) as session, session.begin():
        purge = _begin(session, up_to_id=entries[-2])
        _delete(session, entries[-2])
        purge.finished_at = NOON


def _ids(session: Session, org_id: int) -> list[int]:
    return list(session.scalars(sa.select(Event.id).where(Event.org_id == org_id).order_by(Event.id)))
