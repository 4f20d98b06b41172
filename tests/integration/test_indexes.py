"""Every filter is answered by an index that is in the right order: nothing is sorted, nothing read in full."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from auditweb import ids
from auditweb.catalogue import Category
from auditweb.models import Event
from auditweb.parties import ActorRef, Outcome
from auditweb.reading import pages
from auditweb.reading.filters import LogFilter
from tests.databases import fresh_database
from tests.ledgers import NOON, operator_engine

ALL = LogFilter(org_id=1, org_zone="Europe/London")
RARE_ACTOR = ActorRef("member", "m7")
SHAPES: dict[str, tuple[LogFilter, str | dict[str, str]]] = {
    "all": (ALL, {"sqlite": "ix_event_org", "postgresql": "pk_event"}),
    "category": (replace(ALL, category=Category.TEAM), "ix_event_category"),
    "actor": (replace(ALL, actor=RARE_ACTOR), "ix_event_actor"),
    "actor and category": (replace(ALL, actor=RARE_ACTOR, category=Category.TEAM), "ix_event_actor_category"),
    "target": (replace(ALL, target=("vehicle", "v3")), "ix_event_target"),
    "action": (replace(ALL, action="rare.thing_done"), "ix_event_action"),
    "failures": (replace(ALL, outcome=Outcome.FAILURE), "ix_event_outcome"),
    "denials": (replace(ALL, outcome=Outcome.DENIED), "ix_event_outcome"),
    "successes": (replace(ALL, outcome=Outcome.SUCCESS), {"sqlite": "ix_event_org", "postgresql": "pk_event"}),
}
PLACES = ("newest", "before", "after", "oldest")
ENTRIES = 30_000


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A log of thirty thousand entries, in which all that is looked for is rare, of two organisations."""
    folder = tmp_path_factory.mktemp("indexes")
    with fresh_database(request.param, folder) as fresh, operator_engine(fresh.owner_url) as engine:
        with engine.begin() as connection:
            connection.execute(sa.insert(Event), [_row(number) for number in range(ENTRIES)])
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql("VACUUM ANALYZE event")
                # A log this small is read in full and sorted almost as fast, which is not the question here.
                connection.exec_driver_sql("SET enable_bitmapscan = off")
                connection.exec_driver_sql("SET enable_seqscan = off")
            yield connection


ONCE_A_PAGE = {"pk_log_head", "pk_seal_queue"}  # which tell whether counts are good
FLAGS = {"ix_finding_event_org_id_event_id", "ix_finding_event_org_id_kind_event_id"}  # there are none here, so either


@pytest.mark.parametrize("dated", [False, True], ids=["whole log", "some days"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("shape", SHAPES)
def test_filter_is_answered_by_its_index(log: Connection, shape: str, place: Any, dated: bool) -> None:
    wanted, expected = SHAPES[shape]
    if dated:
        wanted = replace(wanted, from_=date(2026, 6, 1), to=date(2026, 6, 30))
    index = expected if isinstance(expected, str) else expected[log.dialect.name]
    values = wanted.values(NOON)
    statement = pages._statement(place, tuple(values), pages.SIZE + 1)
    given = {**values, **pages._bounds(place, values, ids.first_id_at(NOON - timedelta(days=170)))}

    used, sorts = _plan(log, statement, given)

    assert not sorts
    assert used - ONCE_A_PAGE - FLAGS == {index}
    assert f"LIMIT {pages.SIZE + 1}" in str(statement.compile(dialect=log.dialect))  # as a parameter it costs the plan


def _plan(log: Connection, statement: Any, given: dict[str, Any]) -> tuple[set[str], bool]:
    """Return the indexes that *statement* uses, and whether it sorts or reads a table in full."""
    compiled = statement.compile(dialect=log.dialect)
    parameters = compiled.construct_params(given)
    if log.dialect.name == "sqlite":
        rows = log.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {compiled}", tuple(parameters[name] for name in compiled.positiontup)
        ).all()
        steps = [str(row[-1]) for row in rows]
        used = {step.split("INDEX ")[1].split(" ")[0] for step in steps if "INDEX " in step}
        wrong = any("TEMP B-TREE" in step or (step.startswith("SCAN") and "CONSTANT" not in step) for step in steps)
        return used, wrong
    (found,) = log.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {compiled}", parameters).one()
    nodes = list(_nodes((json.loads(found) if isinstance(found, str) else found)[0]["Plan"]))
    used = {node["Index Name"] for node in nodes if "Index Name" in node}
    return used, any("Sort" in node["Node Type"] or node["Node Type"] == "Seq Scan" for node in nodes)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _row(number: int) -> dict[str, Any]:
    moment = NOON - timedelta(minutes=number * 15)
    rare = number % 300 == 0
    return {
        "org_id": 2 if number % 3 == 2 else 1,
        "id": ids.first_id_at(moment) + number % 1000,
        "occurred_at": moment,
        "recorded_at": moment,
        "category": "team" if rare else ("vehicles", "shipments", "documents")[number % 3],
        "action": "rare.thing_done" if rare else f"vehicle.thing_{number % 10}_done",
        "summary": "Did a thing",
        "facts": {},
        "actor_type": "member" if number % 2 == 0 else "system",
        "actor_id": "m7" if rare or number % 150 == 0 else f"m{number % 6}",
        "actor_name": "Somebody",
        "target_type": "vehicle" if number % 2 else None,
        "target_id": f"v{number % 999}" if number % 2 else None,
        "target_name": "A vehicle" if number % 2 else None,
        "outcome": "failure" if number % 40 == 0 else "denied" if number % 41 == 0 else "success",
    }
