"""How often a key may call: counted for all workers together, told in headers, and each key by itself."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import event, select

from auditweb import clock, holding, transactions
from auditweb.accounts.call_rates import CallRates
from auditweb.accounts.callers import Scope
from auditweb.api.writing import JSON, LINES
from auditweb.config import THREADS, Settings
from auditweb.extensions import db
from auditweb.models import Rate
from tests.callers import NOW, ORDER, Program, new_key, rows, told
from tests.readers import Place, Someone

MakeApp = Callable[[Settings], Flask]


@pytest.fixture(autouse=True)
def _at_now() -> Iterator[None]:
    with clock.set_to(NOW):
        yield


@pytest.fixture
def workers(make_app: MakeApp, settings: Settings) -> list[Flask]:
    """Two workers of a server that lets each key call five times a minute."""
    return [make_app(settings.model_copy(update={"api_requests_a_minute": 5})) for _ in range(2)]


def test_one_request_too_many_has_to_wait(workers: list[Flask], organisation: Place, somebody: Someone) -> None:
    key, other = (new_key(workers[0], organisation, somebody, scopes=[Scope.WRITE]) for _ in range(2))
    programs = [Program(worker.test_client(), key) for worker in workers]

    with clock.set_to(NOW + timedelta(seconds=12)):
        answers = [programs[n % 2].send(ORDER) for n in range(5)]
        refused = programs[1].send(ORDER)
        assert Program(programs[0].client, other).send(ORDER).status_code == 201

    assert [answer.status_code for answer in answers] == [201] * 5
    assert [answer.headers["RateLimit"] for answer in answers] == [f'"key";r={left};t=48' for left in (4, 3, 2, 1, 0)]
    assert "5 in a minute" in told(refused, 429)["detail"]
    assert refused.headers["Retry-After"] == "48"
    assert refused.headers["RateLimit"] == '"key";r=0;t=48'
    assert {answer.headers["RateLimit-Policy"] for answer in (*answers, refused)} == {'"key";q=5;w=60'}
    assert len(rows(workers[0])) == 6
    with clock.set_to(NOW + timedelta(seconds=60)):
        assert programs[1].send(ORDER).status_code == 201


def test_whatever_becomes_of_a_request_it_counts(workers: list[Flask], organisation: Place, somebody: Someone) -> None:
    program = Program(workers[0].test_client(), new_key(workers[0], organisation, somebody, scopes=[Scope.WRITE]))

    assert [program.send({}).status_code for _ in range(6)] == [422] * 5 + [429]
    assert "RateLimit" not in Program(program.client, "aw_none").send({}).headers


def test_workers_share_an_allowance_though_each_takes_a_part_ahead(app: Flask) -> None:
    one, other = CallRates(200), CallRates(200)

    with app.app_context():
        allowed = [(one if n % 3 else other).count("key_1").allowed for n in range(300)]
        assert one.count("key_1").left == 0

    assert allowed[:190] == [True] * 190
    assert sum(allowed) == 200


def test_threads_at_once_get_no_more_than_there_is(app: Flask) -> None:
    rates = CallRates(100)

    def call(_: int) -> bool:
        with app.app_context():
            return rates.count("key_1").allowed

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(call, range(160))) == 100


def test_most_requests_cost_the_database_nothing(app: Flask) -> None:
    rates, sent = CallRates(1000), []
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *asked: sent.append(asked[2]))
        with transactions.reading():  # as in a request that only reads
            for _ in range(1000):
                assert rates.count("key_1").allowed
            for _ in range(1000):
                assert not rates.count("key_1").allowed
        (kept,) = db.session.scalars(select(Rate)).all()

    assert len([statement for statement in sent if statement.startswith("INSERT INTO rate")]) == 50
    assert (kept.key, kept.hits) == ("calls:key_1", 1000)


def test_a_minute_leaves_nothing_behind(app: Flask) -> None:
    rates = CallRates(5)
    with app.app_context():
        for minute in range(3):
            with clock.set_to(NOW + timedelta(minutes=minute)):
                assert [rates.count("key_1").allowed for _ in range(6)] == [True] * 5 + [False]
        assert [(kept.window, kept.hits) for kept in db.session.scalars(select(Rate))] == [
            (int(NOW.timestamp()) + 120, 5)
        ]


def test_a_clock_that_is_behind_gives_no_second_allowance(app: Flask) -> None:
    ahead, behind = CallRates(4), CallRates(4)

    def count(rates: CallRates, seconds: int) -> bool:
        with clock.set_to(NOW + timedelta(seconds=seconds)):
            return rates.count("key_1").allowed

    with app.app_context():
        assert [count(ahead, 60) for _ in range(3)] == [True] * 3
        assert [count(behind, 59) for _ in range(2)] == [True, False]
        assert [count(ahead, 61) for _ in range(2)] == [False] * 2
        assert count(CallRates(4), -3600)  # the clock was set back: nobody waits for an hour


def test_uploads_that_take_long_leave_threads_for_others(
    app: Flask,
    program: Program,
    organisation: Place,
    other_organisation: Place,
    somebody: Someone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half of a worker's threads read bodies, of one organisation one fewer, and lines leave one of those."""
    monkeypatch.setattr(holding, "PATIENCE", 0.01)
    other = Program(program.client, new_key(app, other_organisation, somebody, scopes=[Scope.WRITE]))
    body = json.dumps(ORDER).encode()

    def pieces(others: int, ours: int, seen: list[int]) -> Iterator[bytes]:
        yield body
        with ExitStack() as stack:
            for org_id in [organisation.id] * ours + [1_000] * others:
                stack.enter_context(holding.reading(org_id))
            for who, kind in ((program, JSON), (program, LINES), (other, JSON)):
                answer = Program(app.test_client(), who.token).send(body, kind)
                assert answer.status_code < 400 or told(answer, 503)["title"] == "Too much is being sent at the moment"
                assert (answer.headers.get("Retry-After") == "10") == (answer.status_code == 503)
                seen.append(answer.status_code)

    for kind in (JSON, LINES):
        for others, ours, expected in (
            (0, 0, [201, 200, 201]), (0, 1, [201, 503, 201]), (0, 2, [503, 503, 201]), (3, 0, [503, 503, 503]),
        ):  # fmt: skip
            seen: list[int] = []
            assert program.send_slowly(pieces(others, ours, seen), kind).status_code in (200, 201)
            assert seen == expected


def test_whatever_holds_them_a_thread_is_left(app: Flask, organisation: Place) -> None:
    with ExitStack() as stack:
        for org_id in range(1_000, 1_000 + THREADS // 2):
            assert stack.enter_context(holding.may_wait(org_id))
        for org_id in range(1_000, 1_000 + THREADS // 2 - 1):
            stack.enter_context(holding.reading(org_id))
        with app.app_context(), pytest.raises(holding.HeldError):
            holding.begin_stream(organisation.id)
    with app.app_context():
        holding.begin_stream(organisation.id)()
