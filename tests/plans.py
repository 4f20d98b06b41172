"""How a database goes about a statement: its plan, and what in it would not do for a log of ten million entries."""

import json
import re
import sqlite3
from collections.abc import Iterator
from math import inf
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from auditweb import partitions
from auditweb.reading.pages import SIZE

A_PAGE = SIZE + 10  # rows that may be sorted
READ_FOR_A_PAGE = 3 * SIZE  # rows that the statement of a page may look at
READ_AT_MOST = 10_100  # rows that any other may: where counting by index stops
SMALL = 200  # rows of a table that PostgreSQL may rather read in full
_INDEXED = "SET enable_seqscan = off; SET jit = off"
MODES = {
    "planned for its values": "SET plan_cache_mode = force_custom_plan",
    "planned for its values, with indexes": f"SET plan_cache_mode = force_custom_plan; {_INDEXED}",
    "planned for any values": "SET plan_cache_mode = force_generic_plan",  # as what is prepared comes to be
    "planned for any values, with indexes": f"SET plan_cache_mode = force_generic_plan; {_INDEXED}",
}

_TABLES = "|".join(partitions.TABLES)
_PART = re.compile(rf"({_TABLES})_p(\d+)")
_PLACEHOLDER = re.compile(r"%(?:\((\w+)\)s|(s)|%)")
_READ = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
_PAGE = re.compile(rf"\bLIMIT {SIZE + 1}\b")


class Asked(NamedTuple):
    """A statement, its parameters as the driver took them, and the address that was opened."""

    address: str
    statement: str
    parameters: Any

    def __str__(self) -> str:
        return f"{self.address}\n{self.statement}\n{self.parameters}"


class Node(NamedTuple):
    """A step of one of PostgreSQL's plans that looks at rows of a table of the log."""

    kind: str
    table: str
    part: str
    rows: float


def faults_on_sqlite(connection: sqlite3.Connection, asked: Asked, *, mixed: bool) -> Iterator[str]:
    names = rf"(?:{_TABLES})"
    aliases = set(re.findall(rf"\b{names} AS (\w+)", asked.statement)) | set(partitions.TABLES)
    of_the_log = re.search(rf"\b{names}\b", asked.statement)
    for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {asked.statement}", asked.parameters):
        scanned = re.match(r"SCAN (\w+)", step)
        if scanned and scanned[1] in aliases:
            yield step
        # A filter is filled with all that a join could need, and told of as no scan.
        if of_the_log and ("TEMP B-TREE FOR ORDER BY" in step or "BLOOM FILTER" in step):
            yield step
    if of_the_log and not asked.statement.startswith("INSERT"):
        # SQLite does not tell how many rows it read, but how many steps it took: ten for each, forty for one shown.
        allowed = READ_FOR_A_PAGE * 40 if _PAGE.search(asked.statement) and not mixed else READ_AT_MOST * 10
        if (steps := _steps_of(connection, asked)) > allowed:
            yield f"{steps} steps are taken"


def _steps_of(connection: sqlite3.Connection, asked: Asked) -> int:
    looks: list[None] = []
    connection.set_progress_handler(lambda: looks.append(None), 100)
    connection.execute(asked.statement, asked.parameters).fetchall()
    connection.set_progress_handler(None, 0)
    return len(looks) * 100


def faults_on_postgresql(
    connection: "psycopg.Connection[Any]", asked: Asked, mode: str, *, mixed: bool
) -> Iterator[str]:
    plan = _plan(connection, asked)
    for node in _steps(plan):
        if "Sort" in node["Node Type"]:
            (below,) = [child for child in node["Plans"] if child["Parent Relationship"] == "Outer"]
            if (rows := below["Actual Rows"] * below["Actual Loops"]) > A_PAGE:
                yield f"{mode}, {rows} rows are sorted"
    looked_at = list(_looked_at(plan))
    for step in looked_at:
        if step.kind == "Seq Scan" and ("indexes" in mode or step.rows > SMALL):
            yield f"{mode}, {step.table} is read in full"
    allowed = READ_FOR_A_PAGE if _PAGE.search(asked.statement) and not mixed else READ_AT_MOST
    if (rows := sum(step.rows for step in looked_at)) > allowed:
        yield f"{mode}, {rows:.0f} rows are read"
    if len(parts := {step.part for step in looked_at}) > 1:
        yield f"{mode}, several partitions are touched: {sorted(parts)}"


def _looked_at(plan: dict[str, Any]) -> Iterator[Node]:
    for node in _steps(plan):
        name = node.get("Relation Name", "")
        table, part = found.groups() if (found := _PART.fullmatch(name)) else (name, "")
        if table in partitions.TABLES and "Scan" in node["Node Type"]:
            read = sum(node.get(rows, 0) for rows in _READ)
            # A table of a few pages is rightly read from end to end, as often as it is asked.
            loops = min(node.get("Actual Loops", 0), 1 if node["Node Type"] == "Seq Scan" and read <= SMALL else inf)
            yield Node(node["Node Type"], table, part, read * loops)


def _plan(connection: "psycopg.Connection[Any]", asked: Asked) -> dict[str, Any]:
    """Return what was done for a statement, as one that is prepared, and undo it; of an insert, what would be done."""
    names: list[str | int] = []  # or places, where parameters have none

    def number(found: re.Match[str]) -> str:
        if found[1] is None and found[2] is None:
            return "%"
        name = found[1] or len(names)
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    prepared = _PLACEHOLDER.sub(number, asked.statement)
    values = sql.SQL(", ").join([sql.Literal(asked.parameters[name]) for name in names])
    call = sql.SQL("EXECUTE asked ({})").format(values) if names else sql.SQL("EXECUTE asked")
    with connection.transaction(force_rollback=True):
        connection.execute(f"PREPARE asked AS {prepared}".encode())
        done = "" if asked.statement.startswith("INSERT") else "ANALYZE, TIMING OFF, "
        found = connection.execute(f"EXPLAIN ({done}FORMAT JSON) ".encode() + call.as_bytes(connection)).fetchone()
    connection.execute("DEALLOCATE asked")
    assert found is not None
    explained = json.loads(found[0]) if isinstance(found[0], str) else found[0]
    return dict(explained[0]["Plan"])


def _steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _steps(child)
