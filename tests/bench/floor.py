"""
The floor: the least that a page of entries can cost.

A route written by hand: one keyset query through the bare driver, and the product's own template with what it takes to
fill it. It knows no session, reads no filter and looks nobody up: that was done beforehand, once.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, LiteralString, Protocol, cast

import psycopg
from flask import Flask, before_render_template, render_template
from jinja2 import Template

from auditweb.clock import now
from auditweb.parties import ActorRef
from auditweb.reading.filters import LogFilter
from auditweb.reading.numbers import Numbers
from auditweb.reading.pages import Page, Row
from auditweb.viewer import ActorProfile, Viewer
from auditweb.web.assets import asset_url
from auditweb.web.audit_log import context
from tests.bench.data import conninfo

PATH = "/floor"
SIZE = 50

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIDDLE: LiteralString = """
    SELECT id FROM event WHERE org_id = %s
    ORDER BY id LIMIT 1 OFFSET (SELECT count(*) / 2 FROM event WHERE org_id = %s)
"""


class Driver(Protocol):
    """A database as its bare driver speaks to it."""

    mark: str

    def fetch(self, query: str, values: Sequence[object]) -> list[Row]: ...

    def middle(self, org_id: int) -> int:
        """Return the id of the event halfway through an organisation's log."""
        ...

    def close(self) -> None: ...


class SQLite:
    """The sqlite3 module on a connection that stays open."""

    mark = "?"

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)

    def fetch(self, query: str, values: Sequence[object]) -> list[Row]:
        return [
            Row(
                id_, _UNIX_EPOCH + timedelta(microseconds=recorded), category, action, summary, json.loads(facts), *rest
            )
            for id_, recorded, category, action, summary, facts, *rest in self._connection.execute(query, values)
        ]

    def middle(self, org_id: int) -> int:
        return int(self._connection.execute(_MIDDLE.replace("%s", "?"), (org_id, org_id)).fetchone()[0])

    def close(self) -> None:
        self._connection.close()


class PostgreSQL:
    """psycopg on a connection that stays open; it prepares what it is asked often."""

    mark = "%s"

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(conninfo(url), autocommit=True)

    def fetch(self, query: str, values: Sequence[object]) -> list[Row]:
        return [Row(*row) for row in self._connection.execute(query.encode(), values)]

    def middle(self, org_id: int) -> int:
        found = self._connection.execute(_MIDDLE, (org_id, org_id)).fetchone()
        assert found
        return int(found[0])

    def close(self) -> None:
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Question:
    """What the hand-written route asks: a condition with its values, from which end, and if anything is newer."""

    where: str
    values: tuple[object, ...]
    oldest: bool = False
    has_newer: bool = False

    def query(self, mark: str) -> str:
        order = "ASC" if self.oldest else "DESC"
        where = self.where.replace("?", mark)
        return f"SELECT {', '.join(Row._fields)} FROM event WHERE {where} ORDER BY id {order} LIMIT {SIZE + 1}"


def floor_app(product: Flask, driver: Driver, question: Question, visit: Callable[[], object]) -> Flask:
    """Return an app that answers at `PATH` what *product* answers to *visit*, in the least it can take."""
    heard = _listen(product, visit)
    app = Flask("floor", root_path=product.root_path, template_folder="templates", static_folder=None)
    for rule in product.url_map.iter_rules():
        app.url_map.add(rule.empty())  # for the addresses on the page
    app.jinja_env.undefined = product.jinja_env.undefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.static_folder = product.static_folder
    app.add_template_global(asset_url)
    query = question.query(driver.mark)

    @app.get(PATH)
    def index() -> str:
        rows = driver.fetch(query, question.values)
        has_more = len(rows) > SIZE
        if question.oldest:
            page = Page(rows[SIZE - 1 :: -1], has_newer=has_more, has_older=False)
        else:
            page = Page(rows[:SIZE], has_newer=question.has_newer, has_older=has_more)
        shown = context(heard.viewer, heard.wanted, page, heard.numbers, heard.profiles, base=heard.base, now=now())
        return render_template(heard.template, **shown, **heard.frame)

    return app


@dataclass(slots=True)
class _Heard:
    """What the product gave its template besides the entries."""

    template: str
    viewer: Viewer
    wanted: LogFilter
    numbers: Numbers
    profiles: Mapping[ActorRef, ActorProfile]
    base: str
    frame: Mapping[str, object]


def _listen(app: Flask, visit: Callable[[], object]) -> _Heard:
    heard: list[_Heard] = []

    def hear(_app: Flask, template: Template, context: dict[str, Any]) -> None:
        viewer, token = context["viewer"], context["csrf_token"]()
        heard.append(
            _Heard(
                template=template.name or "",
                viewer=cast(Viewer, _worked_out(viewer)),
                wanted=context["wanted"],
                numbers=context["numbers"],
                profiles={profile.ref: profile for profile in viewer.find_actors("", limit=1_000)},
                base=context["base"],
                frame={"shell": _worked_out(context["shell"]), "csrf_token": lambda: token}
                | {name: context[name] for name in ("views", "ready") if name in context},
            )
        )

    with before_render_template.connected_to(hear, app):
        visit()
    return heard[0]


def _worked_out(value: object) -> SimpleNamespace:
    """Return *value* with its properties looked up already."""
    names = [name for name in dir(value) if not name.startswith("_")]
    return SimpleNamespace(**{name: found for name in names if not callable(found := getattr(value, name))})
