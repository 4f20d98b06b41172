"""PostgreSQL drops connections: what is under way fails cleanly, once, and the next request works."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from werkzeug.test import TestResponse

from auditweb import postgresql
from auditweb.extensions import db
from tests.databases import Database
from tests.ledgers import operator_engine
from tests.readers import Place, Reader

pytestmark = pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)  # a file drops nobody

OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
AT_ONCE = 3


@pytest.fixture
def owner(fresh: Database) -> Iterator[Engine]:
    with operator_engine(fresh.owner_url) as engine:
        yield engine


@pytest.fixture
def drop_all(owner: Engine) -> Callable[[], int]:
    """End all connections of the app, as a restart of the server does; return how many there were."""

    def drop() -> int:
        with owner.connect() as connection:
            return int(
                connection.exec_driver_sql(f"SELECT count(pg_terminate_backend(pid, 5000)) {OTHERS}").scalar_one()
            )

    return drop


@pytest.fixture
def under_way(owner: Engine) -> Callable[[int], None]:
    """Wait until so many statements of the app are under way."""

    def wait(statements: int) -> None:
        deadline = time.monotonic() + 10
        with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            asked = f"SELECT count(*) {OTHERS} AND state = 'active' AND query LIKE '%%pg_sleep%%'"
            while connection.exec_driver_sql(asked).scalar_one() < statements:
                assert time.monotonic() < deadline
                time.sleep(0.02)

    return wait


@pytest.fixture
def app(app: Flask) -> Flask:
    """The app with two pages more: one that takes its time, one that loses its connection half way."""
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.get("/slow")
    def slow() -> str:
        db.session.execute(sa.text("SELECT pg_sleep(2.5)"))
        return "slow"

    return app


def test_connection_dropped_while_it_lay_in_the_pool(
    reader: Reader, organisation: Place, drop_all: Callable[[], int]
) -> None:
    """It was used just now, so it is not asked; that the server said goodbye is seen all the same."""
    assert reader.get(organisation.log).status == 200

    assert drop_all() > 0

    assert reader.get(organisation.log).status == 200


def test_connection_dropped_long_ago(
    reader: Reader, organisation: Place, drop_all: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where even the goodbye was lost on the way, one that lay idle is asked."""
    monkeypatch.setattr(postgresql, "IDLE_UNTIL_ASKED", 0)
    monkeypatch.setattr(postgresql, "_has_news", lambda connection: False)
    assert reader.get(organisation.log).status == 200

    assert drop_all() > 0

    assert reader.get(organisation.log).status == 200


def test_connection_dropped_during_a_statement(
    app: Flask,
    reader: Reader,
    organisation: Place,
    drop_all: Callable[[], int],
    under_way: Callable[[int], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with _asked(app, "/slow", 1) as answers:
        under_way(1)
        capsys.readouterr()
        drop_all()

    (answer,) = answers
    assert answer.status_code == 500
    assert "Something went wrong" in answer.text
    assert not [word for word in ("psycopg", "terminat", "Traceback", "SELECT", "connection") if word in answer.text]
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [("the request failed", "error"), ("request", "info")]
    assert reader.get(organisation.log).status == 200


def test_connection_dropped_between_two_statements(
    app: Flask, reader: Reader, organisation: Place, drop_all: Callable[[], int]
) -> None:
    @app.get("/unlucky")
    def unlucky() -> str:
        db.session.execute(sa.text("SELECT 1"))
        drop_all()
        db.session.execute(sa.text("SELECT 1"))
        return "lucky"

    assert reader.get("/unlucky").status == 500
    assert reader.get(organisation.log).status == 200


def test_all_connections_dropped_at_once(
    app: Flask, reader: Reader, organisation: Place, drop_all: Callable[[], int], under_way: Callable[[int], None]
) -> None:
    """As when the server is started anew: one error for each request under way, and none afterwards."""
    with _asked(app, "/slow", AT_ONCE):
        under_way(AT_ONCE)  # so many connections lie in the pool after this
    with _asked(app, "/slow", AT_ONCE - 1) as answers:
        under_way(AT_ONCE - 1)
        assert drop_all() >= AT_ONCE

    assert [answer.status_code for answer in answers] == [500] * (AT_ONCE - 1)
    with _asked(app, "/healthz", AT_ONCE) as answers:
        pass
    assert [answer.status_code for answer in answers] == [200] * AT_ONCE
    assert reader.get(organisation.log).status == 200


def test_server_that_lets_nobody_in_for_a_while(
    fresh: Database, reader: Reader, organisation: Place, drop_all: Callable[[], int]
) -> None:
    assert reader.get(organisation.log).status == 200

    with _closed(fresh):
        drop_all_from_outside(fresh)
        page = reader.get(organisation.log)
        assert page.status == 500
        assert "accepting connections" not in page.text
        assert reader.get("/healthz").status == 503

    assert reader.get("/healthz").status == 200
    assert reader.get(organisation.log).status == 200


def drop_all_from_outside(fresh: Database) -> None:
    """End all connections of the database from another one of the same server."""
    with operator_engine(_elsewhere(fresh)) as engine, engine.connect() as connection:
        ended = sa.text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :name")
        connection.execute(ended, {"name": make_url(fresh.owner_url).database})


@contextmanager
def _closed(fresh: Database) -> Iterator[None]:
    """Let nobody connect to the database for the length of the block."""
    name = make_url(fresh.owner_url).database
    with (
        operator_engine(_elsewhere(fresh)) as engine,
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
    ):
        connection.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            yield
        finally:
            connection.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def _elsewhere(fresh: Database) -> str:
    return make_url(fresh.owner_url).set(database="postgres").render_as_string(hide_password=False)


@contextmanager
def _asked(app: Flask, address: str, times: int) -> Iterator[list[TestResponse]]:
    """Ask for *address* so many times at once, each in a thread; the answers are there after the block."""
    answers: list[TestResponse] = []

    def ask(client: FlaskClient) -> None:
        answers.append(client.get(address))

    threads = [threading.Thread(target=ask, args=(app.test_client(),)) for _ in range(times)]
    for thread in threads:
        thread.start()
    yield answers
    for thread in threads:
        thread.join(10)
