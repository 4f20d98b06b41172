"""What writing by HTTP costs: batches through a real server, an event by itself, and a page read meanwhile."""

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, cast
from urllib.parse import urlsplit
from wsgiref.types import WSGIApplication

import sqlalchemy as sa
from flask import Flask, Response, jsonify, request
from werkzeug.test import EnvironBuilder

from auditweb import clock, database, ids
from auditweb.accounts.callers import Scope
from auditweb.demo.happenings import Happening
from auditweb.ledger.sealer import Sealer
from auditweb.models import Event
from auditweb.parties import ActorType
from tests.bench import recording
from tests.bench.timing import Call
from tests.callers import new_key
from tests.databases import Database
from tests.ledgers import process_for
from tests.readers import Place, Someone
from tests.servers import serve

ADDRESS, JSON = "/api/v1/events", "application/json"
REQUESTS_A_MINUTE = 1_000_000  # as many as a key may ever be allowed
BATCH, SENDERS = 500, 3
INGESTED_A_SECOND = {"sqlite": 10_000, "postgresql": 5_000}

_TOLD_BY_PARTIES = (ActorType.MEMBER, ActorType.SYSTEM, ActorType.SUPPORT, ActorType.ANONYMOUS)


def key_for(app: Flask, place: Place, maker: Someone) -> str:
    """Return the token of a new key that may write to the log of *place*."""
    return new_key(app, place, maker, scopes=[Scope.WRITE])


def events() -> list[dict[str, Any]]:
    """Return what happens first in the demo as another system would tell it, as of now."""
    return [_told(happening) for happening in recording.happenings()]


@contextmanager
def served(made: Database, folder: Path, token: str) -> Iterator[Callable[[], int]]:
    """
    Have SENDERS processes post batches to a real server with one worker, which seals what came.

    What is given tells how many entries were acknowledged so far.
    """
    folder = folder / f"served-{made.engine_name}"
    folder.mkdir(exist_ok=True)
    acknowledged = [folder / f"sender-{number}" for number in range(SENDERS)]
    settings = {"AUDITWEB_WORKERS": "1", "AUDITWEB_API_REQUESTS_A_MINUTE": str(REQUESTS_A_MINUTE)}
    with serve(made.url, folder, settings=settings) as server:
        work = [process_for(post_without_end, server.url, token, str(path)) for path in acknowledged]
        for process in work:
            process.start()
        try:
            while not all(path.exists() and path.stat().st_size for path in acknowledged):
                sleep(0.05)
            yield lambda: BATCH * sum(path.read_text().count("\n") for path in acknowledged)
        finally:
            for process in work:
                process.kill()
                process.join()


def seal_all(made: Database) -> None:
    """Let nothing wait for the sealer, as where one is at work."""
    with database.patient_engine(made.url) as engine:
        Sealer(engine).run()


def rate(acknowledged: Callable[[], int], seconds: float) -> float:
    """Return how many entries are acknowledged in a second, over so many *seconds*."""
    before, began = acknowledged(), perf_counter()
    sleep(seconds)
    return (acknowledged() - before) / (perf_counter() - began)


def post_without_end(url: str, token: str, acknowledged: str) -> None:
    """Post batches one after the other; after each answer, add a line to the file *acknowledged*."""
    told = events()
    bodies = [json.dumps(told[first : first + BATCH]).encode() for first in range(0, len(told), BATCH)]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": JSON}
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    with open(acknowledged, "a", buffering=1) as done:  # noqa: PTH123  (line by line)
        while True:
            for body in bodies:
                connection.request("POST", ADDRESS, body=body, headers=headers)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 201:
                    raise RuntimeError(f"{answer.status}: {text[:500].decode()}")
                done.write("201\n")


def posted(app: WSGIApplication, path: str, body: object, token: str = "") -> Call:
    """Return a call that posts *body* to *app* as a server would; the answer must be a 201."""
    sent = json.dumps(body).encode()
    headers = [("Authorization", f"Bearer {token}")] if token else []
    builder = EnvironBuilder(
        path=path, method="POST", base_url="http://localhost", data=sent, content_type=JSON, headers=headers
    )
    environ = builder.get_environ()

    def post() -> None:
        statuses: list[str] = []

        def start_response(status: str, _headers: object, _error: object = None) -> Callable[[bytes], object]:
            statuses.append(status)
            return lambda _: None

        answer = app({**environ, "wsgi.input": BytesIO(sent)}, start_response)
        text = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        if statuses != ["201 CREATED"]:
            raise RuntimeError(f"{path}: {statuses}\n{text[:2000].decode()}")

    return post


def bare_app(engine: sa.Engine, row: dict[str, Any]) -> Flask:
    """Return a Flask app with one route: it inserts *row* with SQLAlchemy Core under a new id, commits, and answers."""
    app = Flask("bare", static_folder=None)
    insert = sa.insert(cast(sa.Table, Event.__table__))

    @app.post(ADDRESS)
    def write() -> tuple[Response, int]:
        request.get_json()
        now = clock.now()
        fresh = row | {"id": ids.new_id(now), "occurred_at": now, "recorded_at": now}
        with engine.begin() as connection:
            connection.execute(insert, fresh)
        return jsonify(id=ids.to_text(fresh["id"])), 201

    return app


def newest_row(engine: sa.Engine, org_id: int) -> dict[str, Any]:
    """Return the entry that was recorded last, as the table has it."""
    newest = sa.select(Event.__table__).where(Event.org_id == org_id).order_by(Event.id.desc()).limit(1)
    with engine.connect() as connection:
        return dict(connection.execute(newest).one()._mapping)


def _told(done: Happening) -> dict[str, Any]:
    told: dict[str, Any] = {"action": done.action.slug, "facts": dict(done.facts), "outcome": done.outcome.value}
    if done.actor.type in _TOLD_BY_PARTIES:
        told["actor"] = {"type": done.actor.type.value, "id": done.actor.id, "name": done.actor.name}
    if done.target is not None:
        told["target"] = {name: getattr(done.target, name) for name in ("type", "id", "name", "url")}
    if done.origin is not None:
        told |= {name: getattr(done.origin, name) for name in ("ip", "user_agent", "request_id")}
    return told
