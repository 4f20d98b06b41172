"""The pages that are measured: what the reader asks in an address, and what the floor asks in SQL."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from typing import Any

from flask import Flask
from werkzeug.test import EnvironBuilder

from auditweb.catalogue import Category
from auditweb.ids import first_id_at, to_text
from auditweb.reading import days
from tests.bench.data import BURST, BURST_ENTRIES
from tests.bench.floor import Question

Visit = Callable[[], bytes]

_ROW = re.compile(rb'id="e-([0-9A-Z]{13})"')


@dataclass(frozen=True, slots=True)
class Case:
    """One page: *query* is the product's, *question* the floor's."""

    name: str
    query: str
    question: Question
    whole: bool = False


def cases(org_id: int, zone: str, actor_id: str, middle: int, day: date) -> Iterator[Case]:
    """Return the pages to measure in an organisation, whose entry halfway is *middle*."""
    organisation = Question("org_id = ?", (org_id,))
    older = Question("org_id = ? AND id < ?", (org_id, middle), has_newer=True)
    oldest = Question("org_id = ?", (org_id,), oldest=True)
    yield Case("newest", "", organisation)
    yield Case("middle", f"?before={to_text(middle)}", older)
    yield Case("oldest", "?oldest=1", oldest)
    for category in Category:
        where = Question("org_id = ? AND category = ?", (org_id, category.value))
        yield Case(f"category {category.value}", f"?category={category.value}", where)
    by_actor = "org_id = ? AND actor_type = ? AND actor_id = ?"
    of_actor = (org_id, "member", actor_id)
    yield Case("one actor", f"?actor=member:{actor_id}", Question(by_actor, of_actor))
    yield Case(
        "one actor, first actions", f"?actor=member:{actor_id}&oldest=1", Question(by_actor, of_actor, oldest=True)
    )
    both = f"{by_actor} AND category = ?"
    query = f"?category=vehicles&actor=member:{actor_id}"
    yield Case("one actor and category", query, Question(both, (*of_actor, "vehicles")))
    busy = (first_id_at(days.start_of(BURST, zone)), first_id_at(days.end_of(BURST, zone)))
    yield Case(
        f"a day with {BURST_ENTRIES:,} entries",
        f"?from={BURST}&to={BURST}&tz={zone}",
        Question("org_id = ? AND id >= ? AND id < ?", (org_id, *busy)),
    )
    until = day.replace(day=28)
    span = (first_id_at(days.start_of(day, zone)), first_id_at(days.end_of(until, zone)))
    yield Case(
        "four weeks",
        f"?from={day}&to={until}&tz={zone}",
        Question("org_id = ? AND id >= ? AND id < ?", (org_id, *span)),
    )
    yield Case("newest, whole page", "", organisation, whole=True)
    yield Case("oldest, whole page", "?oldest=1", oldest, whole=True)


def visit(app: Flask, path: str, *, cookie: str = "", whole: bool = True) -> Visit:
    """Return a call that asks *app* for *path* as a server would, and returns the body; it must be a 200."""
    headers = {} if whole else {"HX-Request": "true", "HX-Request-Type": "partial"}
    if cookie:
        headers["Cookie"] = f"auditweb={cookie}"
    builder = EnvironBuilder(path=path, base_url="http://localhost", headers=list(headers.items()))
    environ = builder.get_environ()

    def ask() -> bytes:
        status = ""

        def start_response(
            given: str, _headers: list[tuple[str, str]], _error: Any = None
        ) -> Callable[[bytes], object]:
            nonlocal status
            status = given
            return lambda _: None

        answer = app.wsgi_app({**environ, "wsgi.input": BytesIO()}, start_response)
        try:
            body = b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        if status != "200 OK":
            raise RuntimeError(f"{path}: {status}\n{body[:2000].decode()}")
        return body

    return ask


def entries_on(body: bytes) -> list[bytes]:
    """Return the ids of the entries that a page shows."""
    return _ROW.findall(body)
