"""record_many() writes what record() writes, refuses what it refuses, and gives way where it does."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from auditweb import bulk, catalogue, clock, database, ids, recorder
from auditweb.bulk import CHUNK, record_many
from auditweb.models import Event, SealQueue
from auditweb.parties import Actor, ActorType, Origin, Outcome, Target
from auditweb.recordable import REDACTED, RecordError
from auditweb.recorder import IdempotencyConflict, record
from tests.ledgers import FEED, HANA, NOON, STEPWGN, a_bid

MANY = CHUNK * 2 + CHUNK // 2 + 57  # chunks, and what is left over, in all sizes it is written in
BID: dict[str, Any] = {"action": catalogue.BID_RAISED, "actor": HANA, "target": STEPWGN}


def bids(number: int) -> Iterator[dict[str, Any]]:
    return (BID | {"facts": {"lot": str(lot)}, "occurred_at": NOON - timedelta(minutes=lot)} for lot in range(number))


AWKWARD = 'tab\t, line\nfeed, \r, back\\slash, \\N, \\., "quote", 日本語, \x01, \u2028 and 🚗'
EVERYTHING: list[dict[str, Any]] = [
    BID,
    BID | {"action": "vehicle.bid_raised", "outcome": Outcome.DENIED, "via": FEED, "occurred_at": NOON},
    BID | {"facts": {"lot": AWKWARD, "sale": "\\N"}, "actor": Actor(ActorType.SYSTEM, "job\t\\", AWKWARD)},
    BID | {"facts": {"lot": ""}, "target": Target("vehicle", "\\.", AWKWARD, "https://example.org/?q=\\".strip("\\"))},
    BID | {"origin": Origin("::ffff:203.0.113.5", "Mozilla\\/5.0 " * 90, "7c1e94b0"), "idempotency_key": "one"},
    {"action": catalogue.SIGNED_OUT, "actor": HANA},
]


def test_writes_what_record_writes(session: Session) -> None:
    with clock.set_to(NOON):
        written = record_many(EVERYTHING, org_id=1, session=session)
        for given in EVERYTHING:
            record(org_id=2, session=session, **given)
    session.commit()

    assert written == len(EVERYTHING)
    ours, theirs = _rows(session, 1), _rows(session, 2)
    assert ours == theirs
    assert len(ours) == len(EVERYTHING)


def test_many_are_written_in_order(session: Session) -> None:
    assert record_many(bids(MANY), org_id=1, session=session) == MANY
    session.commit()

    facts = session.scalars(sa.select(Event.facts).order_by(Event.id.desc())).all()
    assert facts == [{"lot": str(lot)} for lot in range(MANY)]
    assert session.scalar(sa.select(sa.func.count()).select_from(SealQueue)) == MANY


def test_nothing_is_a_number_too(session: Session) -> None:
    assert record_many([], org_id=1, session=session) == 0


def test_is_the_apps_session_if_none_is_given(app_context: None) -> None:
    assert record_many(bids(3), org_id=1) == 3


def test_secrets_are_replaced(session: Session) -> None:
    catalogue.add(catalogue.Action("door.opened", catalogue.Category.TEAM, "Opened a door", details=("pin_code",)))
    record_many([{"action": "door.opened", "actor": HANA, "facts": {"pin_code": "1234"}}], org_id=1, session=session)

    assert session.scalars(sa.select(Event.facts)).one() == {"pin_code": REDACTED}


def test_rollback_takes_all_of_it_back(session: Session) -> None:
    a_bid(session)
    with session.begin_nested() as savepoint:
        record_many(bids(MANY), org_id=1, session=session)
        savepoint.rollback()
    session.commit()

    assert _number(session) == 1


@pytest.mark.parametrize("place", [0, 7, CHUNK + 3, MANY - 1])
def test_one_that_cannot_be_recorded_takes_all_back(session: Session, place: int) -> None:
    """Which one it was is told, and the caller's transaction goes on."""
    events = list(bids(MANY))
    events[place]["occurred_at"] = "yesterday"
    a_bid(session)

    with pytest.raises(RecordError, match="occurred_at") as error:
        record_many(events, org_id=1, session=session)
    a_bid(session)
    session.commit()

    assert error.value.index == place
    assert _number(session) == 2


def test_error_of_the_callers_own_takes_all_back(session: Session) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield from bids(CHUNK + 5)
        raise LookupError

    with pytest.raises(LookupError):
        record_many(broken(), org_id=1, session=session)
    session.commit()

    assert _number(session) == 0


def test_caller_may_read_meanwhile(session: Session) -> None:
    """What gives the events may use the same session to find them."""
    record_many(bids(CHUNK), org_id=2, session=session)

    def copied() -> Iterator[dict[str, Any]]:
        for id_ in session.scalars(sa.select(Event.id).where(Event.org_id == 2)).all():
            facts = session.scalars(sa.select(Event.facts).where(Event.org_id == 2, Event.id == id_)).one()
            yield BID | {"facts": facts}

    assert record_many(copied(), org_id=1, session=session) == CHUNK


# Keys and ids that are taken


def test_known_keys_are_not_written_again(session: Session) -> None:
    keyed = [event | {"idempotency_key": f"k{lot}"} for lot, event in enumerate(bids(60))]
    record(org_id=1, session=session, **keyed[3])
    record(org_id=2, session=session, **keyed[5])

    assert record_many([*keyed, keyed[59], BID], org_id=1, session=session) == 60
    assert record_many(keyed, org_id=1, session=session) == 0
    assert record_many([keyed[0] | {"facts": None, "occurred_at": None}], org_id=1, session=session) == 0
    session.commit()

    assert session.scalar(sa.select(sa.func.count()).where(Event.org_id == 1)) == 61


@pytest.mark.parametrize("known", [True, False], ids=["in the log", "among them"])
def test_key_of_other_content_is_a_conflict(session: Session, known: bool) -> None:
    if known:
        a_bid(session, idempotency_key="k", facts={"lot": "1"})
    events = [
        BID | {"idempotency_key": "k", "facts": {"lot": "1"}},
        BID,
        BID | {"idempotency_key": "k", "facts": {"lot": "2"}},
    ]

    with pytest.raises(IdempotencyConflict, match="another facts") as error:
        record_many(events, org_id=1, session=session)
    session.commit()

    assert error.value.index == 2
    assert _number(session) == known


def test_taken_ids_get_fresh_ones(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = [a_bid(session, occurred_at=NOON).id for _ in range(3)]
    session.commit()
    monkeypatch.setattr(ids, "_sequence", ids._Sequence())
    monkeypatch.setattr("auditweb.ids.Random.getrandbits", lambda _, bits: taken[0] & (1 << ids.SEQUENCE_BITS) - 1)

    assert record_many([BID | {"occurred_at": NOON}] * 70, org_id=1, session=session) == 70
    session.commit()

    assert _number(session) == 73


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)  # on SQLite there is one writer at a time
@pytest.mark.parametrize("same", [True, False], ids=["same content", "other content"])
def test_key_that_another_transaction_was_quicker_with(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    """It was not there to be found before; writing it finds it."""
    find = recorder.find_by_keys
    asked: list[Any] = []

    def find_and_be_overtaken(connection: Any, org_id: int, keys: Any) -> Any:
        found = find(connection, org_id, keys)
        if not asked:
            asked.append(keys)
            with Session(engine) as other, other.begin():
                a_bid(other, idempotency_key="k", facts={"lot": "1" if same else "2"})
        return found

    monkeypatch.setattr(recorder, "find_by_keys", find_and_be_overtaken)
    events = [BID, BID | {"idempotency_key": "k", "facts": {"lot": "1"}}, BID | {"idempotency_key": "l"}]
    with Session(engine) as session:
        if same:
            assert record_many(events, org_id=1, session=session) == 2
        else:
            with pytest.raises(IdempotencyConflict):
                record_many(events, org_id=1, session=session)
        session.commit()
        assert _number(session) == (3 if same else 1)


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_waiting_too_long_is_the_error_that_it_is_elsewhere(engine: Engine) -> None:
    with Session(engine) as first, Session(engine) as second:
        a_bid(first, idempotency_key="k")
        second.execute(sa.text("SET LOCAL statement_timeout = 100"))
        with pytest.raises(database.TooSlow):
            record_many([BID | {"idempotency_key": "k"}], org_id=1, session=second)
        assert record_many([BID], org_id=1, session=second) == 1
        second.commit()


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_other_errors_of_the_database_are_sqlalchemys(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_json", lambda facts: "[]")
    with pytest.raises(sa.exc.DBAPIError, match="ck_event_facts"):
        record_many([BID], org_id=1, session=session)


def _rows(session: Session, org_id: int) -> list[dict[str, Any]]:
    found = session.execute(sa.select(Event.__table__).where(Event.org_id == org_id)).all()
    rows = [{**row._mapping, "id": row.id >> ids.SEQUENCE_BITS, "org_id": None} for row in found]
    return sorted(rows, key=str)


def _number(session: Session) -> int:
    return len(session.scalars(sa.select(Event.id)).all())
