"""A statement that takes too long is ended: with the same error on both engines, and a good connection afterwards."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from auditweb import database, transactions
from auditweb.database import TooSlow, patient_engine
from auditweb.models import Event
from tests.databases import Database
from tests.ledgers import a_bid, operator_engine

Connect = Callable[[str], AbstractContextManager[Engine]]

COUNTING = "WITH RECURSIVE n (x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n{}) SELECT count(*) FROM n"
ENDLESS = {"sqlite": COUNTING.format(""), "postgresql": "SELECT pg_sleep(60)"}
LONGER_THAN_ALLOWED = {"sqlite": COUNTING.format(" LIMIT 3000000"), "postgresql": "SELECT pg_sleep(0.3)"}


@pytest.fixture
def hasty(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The database as the server connects to it, with a tenth of a second for a statement."""
    monkeypatch.setattr(transactions, "STATEMENT_TIMEOUT", 0.1)
    options = database.engine_options(database_url)
    if "options" in options["connect_args"]:
        options["connect_args"]["options"] += " -c statement_timeout=100"
    engine = sa.create_engine(database.normalise_url(database_url), **options)
    database.install(engine)
    yield engine
    engine.dispose()


def test_slow_statement_is_ended_and_the_connection_is_good(hasty: Engine) -> None:
    with transactions.reading():
        with hasty.connect() as connection:
            backend = connection.connection.driver_connection
            with pytest.raises(TooSlow):
                connection.exec_driver_sql(ENDLESS[hasty.dialect.name])
            assert connection.exec_driver_sql("SELECT 7").scalar_one() == 7
        with hasty.connect() as connection:
            assert connection.connection.driver_connection is backend  # none had to be opened
            assert connection.exec_driver_sql("SELECT count(*) FROM event").scalar_one() == 0


def test_session_goes_on_after_a_slow_statement(hasty: Engine) -> None:
    with transactions.reading(), Session(hasty) as session:
        with pytest.raises(TooSlow):
            session.execute(sa.text(ENDLESS[hasty.dialect.name]))
        assert session.scalars(sa.select(Event.id)).all() == []


def test_each_statement_has_its_own_time(hasty: Engine) -> None:
    """A request that was slow so far is not ended for a statement that is not."""
    short = "SELECT pg_sleep(0.02)" if hasty.dialect.name == "postgresql" else COUNTING.format(" LIMIT 60000")
    with transactions.reading(), hasty.connect() as connection:
        for _ in range(20):
            connection.exec_driver_sql(short)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_time_runs_on_while_rows_are_fetched(hasty: Engine) -> None:
    with transactions.reading(), hasty.connect() as connection:
        rows = connection.exec_driver_sql(f"SELECT 1 UNION ALL SELECT * FROM ({ENDLESS['sqlite']})")
        with pytest.raises(TooSlow):
            rows.all()


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_writer_on_sqlite_is_not_ended(hasty: Engine) -> None:
    """It may have waited for its turn, and its transaction would be lost."""
    with hasty.connect() as connection:
        assert connection.exec_driver_sql(LONGER_THAN_ALLOWED["sqlite"]).scalar_one() == 3_000_000
    with transactions.reading(), hasty.connect() as connection, pytest.raises(TooSlow):
        connection.exec_driver_sql(LONGER_THAN_ALLOWED["sqlite"])


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_slow_writer_on_postgresql_keeps_what_it_saved(hasty: Engine) -> None:
    with Session(hasty) as session:
        a_bid(session)
        with pytest.raises(TooSlow), session.begin_nested():
            session.execute(sa.text(ENDLESS["postgresql"]))
        session.commit()
        assert len(session.scalars(sa.select(Event.id)).all()) == 1


@pytest.mark.parametrize("connect", [operator_engine, patient_engine])
def test_operator_takes_as_long_as_it_needs(fresh: Database, monkeypatch: pytest.MonkeyPatch, connect: Connect) -> None:
    """With the server's guard too: examining a big log takes minutes."""
    monkeypatch.setattr(transactions, "STATEMENT_TIMEOUT", 0.1)
    with connect(fresh.owner_url) as engine, transactions.reading(), engine.connect() as connection:
        connection.exec_driver_sql(LONGER_THAN_ALLOWED[fresh.engine_name])
