"""Other systems that call the API: a key of an organisation, and what is sent with it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from auditweb.accounts import api_keys
from auditweb.accounts.callers import Scope, new_key_id, new_secret, token_of
from auditweb.accounts.key_rights import Rights
from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.models import Event
from tests.readers import Place, Someone


def new_key(
    app: Flask,
    place: Place,
    maker: Someone,
    *,
    scopes: Iterable[Scope | str],
    categories: Iterable[Category | str] = (),
    networks: Iterable[str] = (),
    expires_at: datetime | None = None,
    name: str = "Vehicle system",
) -> str:
    """Make a key without the entry that making it on its page leaves in the log; return its token."""
    key_id, secret = new_key_id(), new_secret()
    rights = Rights(frozenset(map(Scope, scopes)), frozenset(map(Category, categories)), tuple(networks), expires_at)
    with app.app_context():
        api_keys.add(place.id, key_id, name, maker.id, rights, secret=secret)
        db.session.commit()
    return token_of(key_id, secret)


@dataclass(frozen=True)
class Program:
    """Another system with its key."""

    client: FlaskClient
    token: str

    def send(
        self, body: object, kind: str = "application/json", *, headers: Mapping[str, str] | None = None, ip: str = ""
    ) -> TestResponse:
        """Post events: bytes as they are, anything else as JSON."""
        return self.client.post(
            "/api/v1/events",
            data=body if isinstance(body, bytes) else json.dumps(body).encode(),
            content_type=kind,
            headers={"Authorization": f"Bearer {self.token}", **(headers or {})},
            environ_overrides={"REMOTE_ADDR": ip} if ip else None,
        )

    def send_slowly(
        self, pieces: Iterator[bytes], kind: str = "application/json", *, length: int | None = None
    ) -> TestResponse:
        """Post a body that comes in pieces; *length* is what was announced; None stands for chunks."""
        framing: dict[str, Any] = {"wsgi.input_terminated": True} if length is None else {"CONTENT_LENGTH": str(length)}
        return self.client.post(
            "/api/v1/events",
            content_type=kind,
            headers={"Authorization": f"Bearer {self.token}"},
            environ_overrides={"wsgi.input": _Slow(pieces), **framing},
        )


class _Slow:
    """A body of which each read returns the next piece; something happens before some of them."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, _size: int = -1) -> bytes:
        return next(self._pieces, b"")


def rows(app: Flask) -> list[dict[str, Any]]:
    """Return what is in all logs, oldest first."""
    with app.app_context():
        return [dict(row._mapping) for row in db.session.execute(select(Event.__table__).order_by(Event.id))]


def told(answer: TestResponse, status: int) -> dict[str, Any]:
    """Return the problem that an answer tells of."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    problem: dict[str, Any] = json.loads(answer.text)
    assert problem["status"] == status
    assert problem["title"]
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    return problem


NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
HANA: dict[str, Any] = {"type": "member", "id": "42", "name": "Hana Sato"}
STEPWGN: dict[str, Any] = {
    "type": "vehicle",
    "id": "veh_4471",
    "name": "2020 Honda Stepwgn Spada",
    "url": "/vehicles/4471",
}
BID: dict[str, Any] = {"action": "vehicle.bid_raised", "target": STEPWGN}
ORDER: dict[str, Any] = {
    "action": "order.shipped",
    "category": "shipments",
    "summary": "Shipped the order 4471 to Osaka",
}
