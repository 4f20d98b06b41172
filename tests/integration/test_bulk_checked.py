"""write_checked() writes rows that were checked one by one, and tells of each what became of it."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from auditweb import catalogue, recordable, recorder
from auditweb.bulk import CHUNK, Checked, find_conflicts, write_checked
from auditweb.catalogue import Category, ForeignAction
from auditweb.database import OUT_OF_REACH
from auditweb.models import Event
from auditweb.recordable import RecordError
from auditweb.recorder import IdempotencyConflict
from tests.ledgers import FEED, HANA, NOON, STEPWGN, a_bid

SHIPPED = ForeignAction("order.shipped", Category.SHIPMENTS, "Shipped the order 4471")


def a_row(place: int, key: str | None = None, **more: Any) -> Checked:
    given: dict[str, Any] = {"action": catalogue.BID_RAISED, "actor": HANA, "target": STEPWGN} | more
    row = recordable.checked(org_id=1, idempotency_key=key, **given)
    return Checked(row, place, recordable.omitted(**given))


def stored(session: Session) -> dict[int, str | None]:
    session.expire_all()
    return {row.id: row.idempotency_key for row in session.execute(sa.select(Event.id, Event.idempotency_key))}


@pytest.mark.parametrize("number", [0, 1, 49, 551, CHUNK])
def test_what_is_new_is_written_and_has_its_id(session: Session, number: int) -> None:
    items = [a_row(place, f"k{place}" if place % 2 else None) for place in range(number)]

    assert write_checked(items, org_id=1, session=session) == [True] * number
    session.commit()

    assert stored(session) == {item.row["id"]: item.row["idempotency_key"] for item in items}


def test_what_was_refused_together_may_be_tried_alone(session: Session) -> None:
    """With ids that fit their own moments, whatever was known of them."""
    known = a_bid(session, idempotency_key="k1").id
    a_bid(session, idempotency_key="k2")
    session.commit()
    time.sleep(0.002)  # ids are of milliseconds
    same, other = a_row(0, "k1"), a_row(1, "k2", target=None, action=SHIPPED)

    with pytest.raises(IdempotencyConflict):
        write_checked([same, other], org_id=1, session=session)
    assert len(find_conflicts([same, other], org_id=1, session=session)) == 1
    assert write_checked([same], org_id=1, session=session) == [False]

    assert same.row["id"] == known


def test_known_keys_get_the_ids_of_their_entries(session: Session) -> None:
    known = a_bid(session, idempotency_key="k1").id
    a_bid(session, org_id=2, idempotency_key="k2")
    items = [a_row(10), a_row(11, "k1"), a_row(12, "k2"), a_row(13, "k2"), a_row(14, "k1")]

    assert write_checked(items, org_id=1, session=session) == [True, False, True, False, False]
    session.commit()

    assert items[1].row["id"] == items[4].row["id"] == known
    assert items[2].row["id"] == items[3].row["id"]
    assert len(stored(session)) == 4


def test_a_conflict_takes_all_back_and_the_transaction_goes_on(session: Session) -> None:
    a_bid(session, idempotency_key="k1")
    items = [a_row(10), a_row(11, "k1", actor=FEED), a_row(12, "k2"), a_row(13, "k2", facts={"lot": "1"})]

    with pytest.raises(IdempotencyConflict) as error:
        write_checked(items, org_id=1, session=session)
    found = find_conflicts(items, org_id=1, session=session)
    assert write_checked([items[0], items[2]], org_id=1, session=session) == [True, True]
    session.commit()

    assert error.value.index == 11
    assert [(conflict.index, conflict.reason) for conflict in found] == [
        (11, "an entry with this key has another actor type, actor id, actor name"),
        (13, "an entry with this key has another facts"),
    ]
    assert len(stored(session)) == 3
    assert find_conflicts([], org_id=1, session=session) == []


def test_taken_ids_get_fresh_ones(session: Session) -> None:
    taken = a_bid(session, occurred_at=NOON).id
    items = [a_row(place, f"k{place}", occurred_at=NOON) for place in range(60)]
    items[7].row["id"] = items[30].row["id"] = taken

    assert write_checked(items, org_id=1, session=session) == [True] * 60
    session.commit()

    assert {item.row["id"]: item.row["idempotency_key"] for item in items} | {taken: None} == stored(session)


def test_writers_with_the_same_keys_write_each_once(engine: Engine) -> None:
    """Each is new for exactly one of them, and all are told the same id."""
    keys = [f"k{n}" for n in range(100)]
    at_once = Barrier(4)

    def write(_: int) -> tuple[Sequence[bool], list[int]]:
        with Session(engine) as session:
            items = [a_row(place, key) for place, key in enumerate(keys)]
            at_once.wait()
            new = write_checked(items, org_id=1, session=session)
            session.commit()
            return new, [item.row["id"] for item in items]

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(write, range(4)))

    assert [sum(flags) for flags in zip(*[new for new, _ in done], strict=True)] == [1] * 100
    assert len({tuple(ids) for _, ids in done}) == 1
    with Session(engine) as session:
        assert set(stored(session)) == set(done[0][1])


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)  # on SQLite there is one writer at a time
@pytest.mark.parametrize("same", [True, False], ids=["same content", "other content"])
def test_key_that_another_transaction_was_quicker_with(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    """It was not there to be found before; writing it finds it."""
    find = recorder.find_by_keys
    quicker: list[int] = []

    def find_and_be_overtaken(connection: Any, org_id: int, keys: Any) -> Any:
        found = find(connection, org_id, keys)
        if not quicker:
            with Session(engine) as other, other.begin():
                quicker.append(a_bid(other, idempotency_key="k", facts={"lot": "1" if same else "2"}).id)
        return found

    monkeypatch.setattr(recorder, "find_by_keys", find_and_be_overtaken)
    items = [a_row(0), a_row(1, "k", facts={"lot": "1"}), a_row(2, "l")]
    with Session(engine) as session:
        if same:
            assert write_checked(items, org_id=1, session=session) == [True, False, True]
            assert [items[1].row["id"]] == quicker
        else:
            with pytest.raises(IdempotencyConflict) as error:
                write_checked(items, org_id=1, session=session)
            assert error.value.index == 1
        session.commit()
        assert len(stored(session)) == (3 if same else 1)


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_many_keys_are_looked_up_one_by_one_in_a_log_that_has_just_been_filled(session: Session) -> None:
    """PostgreSQL, which knows nothing of the table yet, would compare each entry with each key: 1.5 s for 40,000."""
    write_checked([a_row(place, f"k{place}") for place in range(CHUNK)], org_id=1, session=session)
    session.commit()
    keys = [f"k{place}" for place in range(0, CHUNK, 2)]

    asked = str(recorder._FIND_EACH.compile(session.connection()))
    values = {"keys": keys, "org_id": 1, "param_1": 1}
    plan = "\n".join(step for (step,) in session.connection().exec_driver_sql(f"EXPLAIN {asked}", values))

    assert "Index Scan using uq_event_idempotency_key" in plan
    assert recorder.find_by_keys(session.connection(), 1, keys).keys() == set(keys)


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_two_that_wait_for_each_other_are_told_to_come_again(engine: Engine) -> None:
    """Not one error of the driver's gets through, whichever of the two has to give way."""
    at_once = Barrier(2)

    def write(keys: list[str]) -> str:
        with Session(engine) as session:
            try:
                write_checked([a_row(0, keys[0])], org_id=1, session=session)
                at_once.wait()
                write_checked([a_row(1, keys[1])], org_id=1, session=session)
                session.commit()
            except OUT_OF_REACH:
                return "gave way"
            return "wrote"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(write, [["a", "b"], ["b", "a"]])) == ["gave way", "wrote"]


# Actions of others

REFUSED: list[tuple[Callable[[], ForeignAction], str]] = [
    (lambda: ForeignAction("vehicle.bid_raised", Category.VEHICLES, "Raised it"), "action"),
    (lambda: ForeignAction("order." + "x" * 100, Category.VEHICLES, "Shipped it"), "action"),
    (lambda: ForeignAction("order.shipped", Category.VEHICLES, ""), "summary"),
    (lambda: ForeignAction("order.shipped", Category.VEHICLES, "x" * 2001), "summary"),
    (lambda: ForeignAction("order.shipped", Category.VEHICLES, "a\0b"), "summary"),
]


def test_a_foreign_action_brings_its_sentence(session: Session) -> None:
    assert write_checked([a_row(0, "k", action=SHIPPED, facts={"any": "fact"})], org_id=1, session=session) == [True]
    recorder.record(SHIPPED, org_id=1, actor=HANA, session=session)
    session.commit()

    found = session.execute(sa.select(Event.action, Event.category, Event.summary).distinct()).all()
    assert found == [("order.shipped", "shipments", "Shipped the order 4471")]


def test_foreign_actions_that_cannot_be_recorded() -> None:
    for make, field in REFUSED:
        with pytest.raises(RecordError) as error:
            recordable.checked(make(), 1, HANA)
        assert error.value.field == field
    for slug in ("shipped", "Order.shipped", "order.", "order shipped", ""):
        with pytest.raises(ValueError, match="no slug"):
            ForeignAction(slug, Category.VEHICLES, "Shipped it")


@pytest.mark.parametrize(
    ("change", "column"), [({"summary": "Shipped another"}, "summary"), ({"category": Category.VEHICLES}, "category")]
)
def test_other_words_with_the_same_key_are_a_conflict(session: Session, change: dict[str, Any], column: str) -> None:
    recorder.record(SHIPPED, org_id=1, actor=HANA, idempotency_key="k", session=session)
    words = {"slug": SHIPPED.slug, "category": SHIPPED.category, "summary": SHIPPED.summary} | change

    with pytest.raises(IdempotencyConflict, match=f"another {column}"):
        write_checked([a_row(0, "k", action=ForeignAction(**words), target=None)], org_id=1, session=session)
    assert write_checked([a_row(0, "k", action=SHIPPED, target=None)], org_id=1, session=session) == [False]
