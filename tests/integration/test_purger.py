"""Purging takes the oldest entries and all that the ledger tells of them, and nothing else; erasing takes all."""

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from auditweb import ids, partitions, transactions
from auditweb.extensions import db
from auditweb.ledger import purger
from auditweb.ledger.doctor import STEPS, Doctor
from auditweb.ledger.locks import UnderRepairError
from auditweb.ledger.purger import count_to_erase, count_up_to
from auditweb.ledger.sealer import Sealer
from auditweb.models import Event, Leaf, LogHead, Posting, Purge, SealQueue
from auditweb.reading.postings import GONE
from tests.databases import Database
from tests.integration.conftest import FillLog
from tests.ledgers import NOON, a_bid, in_processes, operator_engine, server_engine
from tests.log_pages import LOG, follow, rows, spelled
from tests.readers import Page, Place, Reader

OPERATOR = "Operator (command line)"

purge = partial(purger.purge, who=OPERATOR, why="retention")
erase = partial(purger.erase, who=OPERATOR, why="the organisation is gone")


class CutShortError(Exception):
    """Stands for a kill."""


@pytest.fixture
def owner(owner_url: str) -> Iterator[Engine]:
    """The engine of the operator. Marks and batches are small."""
    with (
        operator_engine(owner_url) as engine,
        patch("auditweb.ledger.marks.EVERY", 4),
        patch("auditweb.ledger.marks.MOST", 8),
        patch("auditweb.ledger.turns.SMALLEST", 10),
        patch("auditweb.ledger.turns.LARGEST", 10),
        patch("auditweb.ledger.purger._AT_ONCE", 8),
    ):
        yield engine


@pytest.fixture
def entries(owner: Engine, engine: Engine, session: Session) -> list[int]:
    """Thirty sealed entries of organisation 1, two days apart, and three of organisation 2; the ids of the thirty."""
    for number in range(3):
        a_bid(session, org_id=2, occurred_at=NOON - timedelta(days=90, hours=number))
    entries = [
        a_bid(session, occurred_at=NOON - timedelta(days=60 - 2 * n), facts={"lot": f"lot{n}"}).id for n in range(30)
    ]
    session.commit()
    Sealer(engine).run()
    return entries


def everything(engine: Engine, org_id: int | None = None) -> dict[str, list[Any]]:
    """Return all rows of the log, of one organisation if it is given."""
    where = "" if org_id is None else f"WHERE org_id = {org_id}"
    with transactions.reading(), engine.connect() as connection:
        return {
            table: sorted(map(str, connection.exec_driver_sql(f"SELECT * FROM {table} {where}")))
            for table in (*partitions.TABLES, "purge")
        }


def asked(engine: Engine, query: sa.Select[Any]) -> list[Any]:
    """Return the first column of what is found, and hold no lock."""
    with transactions.reading(), engine.connect() as connection:
        return list(connection.scalars(query))


def there(engine: Engine, org_id: int = 1) -> list[int]:
    return asked(engine, sa.select(Event.id).where(Event.org_id == org_id).order_by(Event.id))


def order(engine: Engine) -> list[int]:
    """Return the events of the first organisation in the order of their places, which have no gaps."""
    places = asked(engine, sa.select(Leaf.leaf_index).where(Leaf.org_id == 1).order_by(Leaf.leaf_index))
    assert places == list(range(len(places)))
    return asked(engine, sa.select(Leaf.event_id).where(Leaf.org_id == 1).order_by(Leaf.leaf_index))


def revision(engine: Engine) -> int:
    return int(asked(engine, sa.select(LogHead.revision).where(LogHead.org_id == 1))[0])


def test_what_is_noted_lives_and_dies_with_its_batch(owner: Engine, entries: list[int]) -> None:
    """Told of each batch, and what it raises ends the purge before that one; what it wrote is gone with it."""
    noted: list[tuple[int, int]] = []

    def note(connection: sa.Connection, number: int, last_id: int) -> None:
        connection.execute(sa.text("UPDATE log_head SET revision = revision + 1000 WHERE org_id = 1"))
        noted.append((number, last_id))
        if len(noted) == 2:
            raise CutShortError

    before = revision(owner)
    with pytest.raises(CutShortError):
        purge(owner, 1, entries[24], note=note)

    (gone, last_id), _ = noted
    assert (there(owner), entries[gone - 1]) == (entries[gone:], last_id)
    assert 1000 < revision(owner) - before < 2000
    assert purge(owner, 1, entries[24], note=lambda *told: noted.append(told[1:])) == 25 - gone
    assert sum(number for number, _ in noted[2:]) == 25 - gone


def test_the_oldest_go_and_who_and_why_stay(owner: Engine, entries: list[int]) -> None:
    told: list[int] = []
    theirs, before = everything(owner, 2), revision(owner)
    assert count_up_to(owner, 1, entries[24]) == 25

    assert purge(owner, 1, entries[24], progress=told.append) == 25

    assert there(owner) == entries[25:]
    assert sum(told) == 25
    assert len(told) > 1
    with Session(owner) as session:
        purges = session.scalars(sa.select(Purge).order_by(Purge.id)).all()
    assert {(row.org_id, row.who, row.why) for row in purges} == {(1, OPERATOR, "retention")}
    assert [row.up_to_id for row in purges] == sorted({row.up_to_id for row in purges} | {entries[24]})
    assert len(purges) == len(told)
    assert revision(owner) == before + len(told)
    assert everything(owner, 2) == theirs
    assert Doctor(owner).examine(1) == Doctor(owner).examine(2) == []


def test_the_order_keeps_the_places_of_what_is_gone(owner: Engine, session: Session, entries: list[int]) -> None:
    """Those that no sealer had taken yet get theirs, in the order in which they were recorded."""
    late = [a_bid(session, occurred_at=NOON - timedelta(days=days)).id for days in (80, 70, 75)]
    session.commit()

    assert purge(owner, 1, entries[4]) == 8

    assert order(owner) == [*entries, *late]
    assert asked(owner, sa.select(SealQueue.event_id)) == []
    assert Doctor(owner).examine(1) == []


def test_nothing_to_purge_leaves_no_trace(owner: Engine, entries: list[int]) -> None:
    before = everything(owner)

    assert purge(owner, 1, entries[0] - 1) == 0
    assert purge(owner, 3, ids.LAST_ID) == 0

    assert everything(owner) == before


@pytest.mark.parametrize("given", [(" ", "retention"), (OPERATOR, "")])
def test_without_who_and_why_nothing_goes(owner: Engine, entries: list[int], given: tuple[str, str]) -> None:
    before = everything(owner)

    with pytest.raises(IntegrityError, match="ck_purge_wh"):
        purger.purge(owner, 1, entries[4], who=given[0], why=given[1])

    assert everything(owner) == before


def test_a_batch_cut_short_changes_nothing(owner: Engine, entries: list[int]) -> None:
    before = everything(owner)

    with patch("auditweb.ledger.purger.change_head", side_effect=CutShortError), pytest.raises(CutShortError):
        purge(owner, 1, entries[4])

    assert everything(owner) == before


@pytest.mark.parametrize("more", [0, 2], ids=["nothing more to purge", "a little more"])
def test_words_of_what_a_killed_purge_took_go_with_the_next(owner: Engine, entries: list[int], more: int) -> None:
    """Till then the index notes them."""
    words = sa.select(Posting.word).where(Posting.org_id == 1)
    with pytest.raises(CutShortError):
        purge(owner, 1, entries[-1], progress=cut_short)
    assert {GONE, "lot0", "lot29"} <= set(asked(owner, words))
    assert Doctor(owner).examine(1) == []

    assert purge(owner, 1, entries[10 + more] - 1) == more

    assert {GONE, "lot0", "lot29"} & set(asked(owner, words)) == {"lot29"}
    assert Doctor(owner).examine(1) == []


def test_the_server_cannot_purge(fresh: Database, owner: Engine, entries: list[int]) -> None:
    before = everything(owner)

    with server_engine(fresh.url) as engine, pytest.raises(DBAPIError):
        purge(engine, 1, entries[4])

    assert everything(owner) == before


def test_pages_are_right_after_each_batch(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, owner: Engine, at_now: None
) -> None:
    """Their numbers, which were remembered, the places of pages, bars, and what searches find."""
    left = fill(117)
    with app.app_context():
        Sealer(db.engine).run()
    batches = 0

    def look(gone: int) -> None:
        nonlocal batches
        batches += 1
        del left[len(left) - gone :]
        total = len(left)
        for query in ("", "?q=-raised"):
            page = reader.get(LOG + query)
            assert all_tab(page) == str(total)
            assert where(page) == f"1–50 of {total}"
        oldest = follow(reader, page, "#pager-oldest")
        assert rows(oldest) == spelled(left[-50:])
        assert where(oldest) == f"{total - 49}–{total} of {total}"

    with patch("auditweb.ledger.turns.SMALLEST", 9), patch("auditweb.ledger.turns.LARGEST", 9):
        look(0)
        assert purge(owner, organisation.id, left[100].id, progress=look) == 17
    assert batches == 3
    assert len(left) == 100


def all_tab(page: Page) -> str:
    tab = page.select_one("#tab-all [title]")
    assert tab is not None
    return str(tab["title"])


def where(page: Page) -> str:
    tag = page.select_one(".pager .where")
    assert tag is not None
    return tag.get_text()


def test_entries_of_old_dates_that_come_meanwhile_go_too(
    owner: Engine, session: Session, entries: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between working out a batch and writing it, and after: none is left behind, none goes uncounted."""
    real, come = purger._prepare, 0

    def prepare(*given: Any) -> Any:
        nonlocal come
        batch = real(*given)
        if come < 3 and (owner.dialect.name == "postgresql" or transactions.is_reading()):
            come += 1
            transactions.set_reading(False)
            a_bid(session, occurred_at=NOON - timedelta(days=59, hours=-come))
            session.commit()
            transactions.set_reading(owner.dialect.name == "sqlite")
        return batch

    monkeypatch.setattr(purger, "_prepare", prepare)

    assert purge(owner, 1, entries[4]) == 5 + 3

    assert come == 3
    assert there(owner) == entries[5:]
    assert Doctor(owner).examine(1) == []


def test_entries_of_old_dates_that_come_afterwards_stay(owner: Engine, session: Session, entries: list[int]) -> None:
    """Until the next purge, that is; they are counted and found as ever."""
    purge(owner, 1, entries[4])
    late = a_bid(session, occurred_at=NOON - timedelta(days=59)).id
    session.commit()
    Sealer(owner).run()

    assert there(owner) == [late, *entries[5:]]
    assert Doctor(owner).examine(1) == []
    assert purge(owner, 1, entries[4]) == 1
    assert Doctor(owner).examine(1) == []


@pytest.fixture
def crowd(session: Session) -> list[int]:
    """Twenty-one entries of organisation 3, a minute apart; not sealed."""
    crowd = [a_bid(session, org_id=3, occurred_at=NOON - timedelta(minutes=30 - number)).id for number in range(21)]
    session.commit()
    return crowd


def test_what_comes_late_may_outlast_all_that_was_newer(owner: Engine, session: Session, crowd: list[int]) -> None:
    """A purge that has passed by its place takes it last: till then it is the newest there is, and counted so."""
    Sealer(owner).run()

    def look(_number: int) -> None:
        if there(owner, 3) == crowd[10:]:
            a_bid(session, org_id=3, occurred_at=NOON - timedelta(minutes=40))
            session.commit()
            Sealer(owner).run()
        assert Doctor(owner).examine(3) == []

    assert purge(owner, 3, crowd[-1], progress=look) == 22


def test_where_few_are_left_there_are_no_marks_to_move(owner: Engine, session: Session, crowd: list[int]) -> None:
    """The sealer looks for none among so few."""
    Sealer(owner).run()
    purge(owner, 3, crowd[18])
    a_bid(session, org_id=3, occurred_at=NOON - timedelta(minutes=40))
    session.commit()
    Sealer(owner).run()

    assert Doctor(owner).examine(3) == []


def test_where_as_many_go_as_come_counting_stays_quick(owner: Engine, session: Session, crowd: list[int]) -> None:
    """Marks are placed by how many entries there are, and here that hardly changes."""
    for _ in range(15):
        a_bid(session, org_id=3, occurred_at=NOON)
        session.commit()
        Sealer(owner).run()
        purge(owner, 3, there(owner, 3)[0])

    assert len(there(owner, 3)) == len(crowd)
    assert Doctor(owner).examine(3) == []


def test_a_ledger_under_repair_is_left_alone(owner: Engine, entries: list[int]) -> None:
    """Also one whose repair was cut short; once it is finished, purging goes on, with what waits to be sealed anew."""
    with patch.object(Doctor, "_clear", side_effect=CutShortError), pytest.raises(CutShortError):
        Doctor(owner).put_back(1)
    before = everything(owner)
    for take in (partial(purge, up_to_id=entries[4]), erase):
        with pytest.raises(UnderRepairError, match="organisation 1"):
            take(owner, 1)
    assert everything(owner) == before

    Doctor(owner).put_back(1)
    Sealer(owner).seal_batch(1)
    assert purge(owner, 1, entries[14]) == 15

    assert Doctor(owner).examine(1) == []
    Sealer(owner).run()
    assert Doctor(owner).examine(1) == []


def test_a_repair_leaves_alone_what_was_purged(owner: Engine, entries: list[int]) -> None:
    """Readers look at some thousand that wait: were those on the queue that are gone, others would not be counted."""
    purge(owner, 1, entries[9])

    Doctor(owner).put_back(1)

    assert asked(owner, sa.select(SealQueue.event_id).order_by(SealQueue.event_id)) == entries[10:]
    assert Sealer(owner).run() == 20
    steps: list[int] = []
    assert Doctor(owner).examine(1, steps.append) == []
    assert (Doctor(owner).count_leaves(1), Doctor(owner).count_sealed(1)) == (30, 20)
    assert sum(steps) == 30 + STEPS * 20


def work(url: str, what: str, up_to_id: int) -> None:
    """Purge in a process of its own, or record and seal there."""
    if what == "purge":
        with operator_engine(url) as engine:
            purge(engine, 1, up_to_id)
        return
    with server_engine(url) as engine, Session(engine) as session:
        for number in range(30):
            a_bid(session, occurred_at=NOON - timedelta(days=number * 2))
            session.commit()
            Sealer(engine).run()


def test_two_purges_at_once_among_writers_and_sealers(fresh: Database, owner: Engine, entries: list[int]) -> None:
    purges = [(fresh.owner_url, "purge", entries[place]) for place in (19, 24)]
    others = [(fresh.url, "record and seal", 0)] * 2

    assert in_processes(work, [*others, *purges]) == [0] * 4
    # Those processes have marks as far apart as they usually are.
    with patch("auditweb.ledger.marks.EVERY", 256), patch("auditweb.ledger.marks.MOST", 512):
        assert Doctor(owner).examine(1) == []
        purge(owner, 1, entries[24])
        Sealer(owner).run()
        assert Doctor(owner).examine(1) == Doctor(owner).examine(2) == []

    left = there(owner)
    assert left[0] > entries[24]
    assert set(entries[25:]) <= set(left)
    assert len(order(owner)) == 30 + 60


# Erasing


def test_erasing_takes_the_log_and_nothing_else(owner: Engine, session: Session, entries: list[int]) -> None:
    a_bid(session)
    session.commit()
    theirs = everything(owner, 2)
    told: list[int] = []
    steps = count_to_erase(owner, 1)

    assert erase(owner, 1, progress=told.append) == 31

    gone = everything(owner, 1)
    assert {table for table, found in gone.items() if found} == {"purge"}
    assert everything(owner, 2) == theirs
    assert Doctor(owner).organisations() == [2]
    assert steps == 61  # the one that was not sealed got its place in the order on the way out
    assert sum(told) == 62
    assert erase(owner, 1) == 0
    assert everything(owner, 1) == gone


def test_erasing_may_be_cut_short_anywhere(owner: Engine, entries: list[int]) -> None:
    """Each time it goes one step further; the doctor finds what is left sound."""
    times = 0
    while True:
        try:
            erase(owner, 1, progress=cut_short)
            break
        except CutShortError:
            times += 1
            assert Doctor(owner).examine(1) == Doctor(owner).examine(2) == []

    assert times > 5
    assert Doctor(owner).organisations() == [2]


def cut_short(_number: int) -> None:
    raise CutShortError


def test_entries_recorded_while_a_log_is_erased_go_too(owner: Engine, session: Session, entries: list[int]) -> None:
    """Also one that is sealed when the order is half gone."""
    heads: list[int] = []

    def step(_number: int) -> None:
        size = asked(owner, sa.select(LogHead.size).where(LogHead.org_id == 1))
        if size == [14] and not heads:
            heads.extend(size)
            a_bid(session)
            session.commit()
            assert Sealer(owner).run() == 1

    assert erase(owner, 1, progress=step) == 31

    assert heads == [14]
    assert Doctor(owner).organisations() == [2]


def test_a_log_begun_anew_is_not_taken_for_the_old_one(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, owner: Engine, at_now: None
) -> None:
    """Numbers are remembered by the revision of the head: that of a new one must not be one there was."""
    fill(3)
    with app.app_context():
        Sealer(db.engine).run()
    assert all_tab(reader.get(LOG)) == "3"
    erase(owner, organisation.id)
    fill(4)
    with app.app_context():
        Sealer(db.engine).run()

    assert all_tab(reader.get(LOG)) == "4"


def test_what_a_damaged_ledger_leaves_behind_goes_too(owner: Engine, entries: list[int]) -> None:
    with owner.begin() as connection:
        connection.exec_driver_sql("UPDATE tally SET n = n + 5 WHERE org_id = 1")
        connection.exec_driver_sql("UPDATE posting SET word = 'hondas' WHERE org_id = 1 AND word = 'honda'")
        connection.exec_driver_sql("UPDATE mark SET id = id + 1 WHERE org_id = 1")

    assert erase(owner, 1) == 30

    assert {table for table, found in everything(owner, 1).items() if found} == {"purge"}


# What it asks of the database

ASKED = re.compile(rf"\b({'|'.join(partitions.TABLES)})\b")


def test_every_statement_has_its_index(owner: Engine, entries: list[int]) -> None:
    """However long the log is, a batch looks at what it takes and at little else."""
    seen: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if ASKED.search(statement) and not statement.startswith("INSERT"):
            seen.setdefault(statement, parameters[0] if many else parameters)

    sa.event.listen(owner, "before_cursor_execute", note)
    purge(owner, 1, entries[4])
    with pytest.raises(CutShortError):
        purge(owner, 1, entries[-1], progress=cut_short)
    purge(owner, 1, 0)
    erase(owner, 1)
    sa.event.remove(owner, "before_cursor_execute", note)

    assert len(seen) > 20
    with owner.connect() as connection:
        if owner.dialect.name == "postgresql":
            connection.exec_driver_sql("SET enable_seqscan = off")
        for statement, parameters in seen.items():
            explain = "EXPLAIN QUERY PLAN" if owner.dialect.name == "sqlite" else "EXPLAIN"
            plan = [str(tuple(row)) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)]
            read = [step for step in plan if re.search(rf"(SCAN|Seq Scan on) ({'|'.join(partitions.TABLES)})", step)]
            assert not read, (statement, plan)
