"""Reviewing what is sealed: found once, whoever is stopped when, and the same again from the beginning."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from auditweb import catalogue, clock
from auditweb.insights import runs, storage
from auditweb.insights.runs import Review
from auditweb.insights.storage import Log
from auditweb.insights.watch import review_thread
from auditweb.ledger import purger
from auditweb.ledger.sealer import Sealer
from auditweb.models import Event, Finding, FindingEvent, FindingPattern, Organisation, Person, ReviewCursor
from auditweb.parties import UNKNOWN_PERSON, Actor, ActorType, Origin, Outcome, Target
from auditweb.recorder import record
from tests.databases import Database
from tests.ledgers import NOON, operator_engine, wait_for

DECLAN = Actor(ActorType.MEMBER, "7", "Declan Whyte")
HIM = Target("member", "7", "Declan Whyte")


@pytest.fixture(autouse=True)
def _organisation(session: Session) -> Iterator[None]:
    with clock.set_to(NOON + timedelta(days=30)):
        for org_id in (1, 2):
            zone = "Europe/London"
            session.add(Organisation(id=org_id, slug=f"o{org_id}", name="O", zone=zone, created_at=NOON))
        session.add(Person(id=7, email="d@o.example", name="Declan Whyte", password_hash="", created_at=NOON))
        session.commit()
        yield


def tell(session: Session, minutes: float, action: catalogue.Action, **more: Any) -> Event:
    given: dict[str, Any] = {"org_id": 1, "actor": DECLAN, "origin": Origin(ip="192.0.2.7")} | more
    return record(action, session=session, occurred_at=NOON + timedelta(minutes=minutes), **given)


def a_break_in(session: Session, minutes: float = 0, **more: Any) -> list[int]:
    """Six refused sign-ins and one that worked, with a recovery code, after which there is no second factor."""
    refused = {"actor": UNKNOWN_PERSON, "target": HIM, "outcome": Outcome.FAILURE}
    facts = {"email": "d@o.example", "reason": "wrong password"}
    told = [
        tell(session, minutes + number, catalogue.SIGN_IN_REFUSED, facts=facts, **refused, **more)
        for number in range(6)
    ]
    told.append(tell(session, minutes + 7, catalogue.RECOVERY_CODE_USED, **more))
    told.append(tell(session, minutes + 8, catalogue.TWO_FACTOR_REMOVED, **more))
    session.commit()
    return [event.id for event in told]


def found(session: Session, org_id: int = 1) -> dict[str, tuple[str, list[int]]]:
    """Return the state and the evidence of what was found, by kind."""
    session.rollback()
    query = sa.select(Finding.kind, Finding.state, FindingEvent.event_id).where(
        Finding.org_id == org_id, FindingEvent.org_id == org_id, FindingEvent.finding_id == Finding.id
    )
    told: dict[str, tuple[str, list[int]]] = {}
    for kind, state, event_id in session.execute(query.order_by(FindingEvent.event_id)):
        told.setdefault(kind, (state, []))[1].append(event_id)
    session.rollback()  # nobody else writes meanwhile on SQLite
    return told


def test_what_is_sealed_is_reviewed_once(engine: Engine, session: Session) -> None:
    ids = a_break_in(session)
    review = Review(engine)
    assert review.run() == 0  # nothing is sealed yet

    Sealer(engine).run()

    assert review.run() == len(ids)
    expected = {
        "guessed_password": ("open", ids[:7]),
        "recovery_code": ("open", [ids[6]]),
        "two_factor_off": ("open", [ids[7]]),
    }
    assert found(session) == expected
    assert found(session, 2) == {}
    assert review.run() == 0
    assert Review(engine).run() == 0
    assert found(session) == expected


def test_logs_take_turns(engine: Engine, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much there is of one, the others wait for a stretch of it."""
    for org_id in (1, 1, 1, 2):
        a_break_in(session, org_id=org_id)
    Sealer(engine).run()
    monkeypatch.setattr(runs, "STRETCH", 8)
    review, read = Review(engine), list[int]()
    read_on = review.read_on

    def noted(log: Log) -> int:
        read.append(log.org_id)
        return read_on(log)

    monkeypatch.setattr(review, "read_on", noted)

    review.run()

    assert read[:3] == [1, 2, 1]
    assert found(session, 2).keys() == {"guessed_password", "recovery_code", "two_factor_off"}


def test_whoever_is_stopped_while_writing_loses_and_doubles_nothing(
    engine: Engine, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = a_break_in(session)
    Sealer(engine).run()
    monkeypatch.setattr(runs, "AT_ONCE", 2)
    monkeypatch.setattr(runs, "STRETCH", 3)  # which is over with the reading that passes it
    put, left = storage._put, iter([0, 1])

    def stopped(*given: Any) -> None:
        put(*given)
        if next(left, None) is not None:
            raise KeyboardInterrupt

    monkeypatch.setattr(storage, "_put", stopped)
    review = Review(engine)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            review.run()
        assert found(session) == {}
    review.run()

    assert {kind: evidence for kind, (_, evidence) in found(session).items()} == {
        "guessed_password": ids[:7],
        "recovery_code": [ids[6]],
        "two_factor_off": [ids[7]],
    }
    assert session.scalar(sa.select(ReviewCursor.position)) == len(ids)


def test_what_is_worked_out_twice_is_written_once(engine: Engine, session: Session) -> None:
    a_break_in(session)
    Sealer(engine).run()
    one, other = Review(engine), Review(engine)
    (log,) = [log for log in one.logs() if log.org_id == 1]

    one.read_on(log)
    other.read_on(log)

    assert session.scalar(sa.select(ReviewCursor.position)) == 8
    assert len(found(session)) == 3
    a_break_in(session, 600)
    Sealer(engine).run()
    other.run()
    assert session.scalar(sa.select(sa.func.count()).select_from(Finding)) == 6


def test_read_again_it_finds_the_same_and_what_was_decided_stays(engine: Engine, session: Session) -> None:
    """What only another version of the review would find goes, if it is still open."""
    ids = a_break_in(session)
    Sealer(engine).run()
    Review(engine).run()
    decided = {"state": "confirmed", "note": "It was me.", "decided_by": 7, "decided_at": NOON}
    session.execute(sa.update(Finding).where(Finding.kind == "recovery_code").values(decided))
    row = {
        column.key: getattr(session.scalars(sa.select(Finding)).first(), column.key) for column in sa.inspect(Finding).c
    }
    for id_, more in (("old", {}), ("older", decided)):
        session.execute(
            sa.insert(Finding).values({**row, "id": id_, "kind": "burst", "run": 1, "state": "open"} | more)
        )
    session.commit()

    runs.begin_again(engine)
    assert Review(engine).run() == len(ids)

    assert found(session) == {
        "guessed_password": ("open", ids[:7]),
        "recovery_code": ("confirmed", [ids[6]]),
        "two_factor_off": ("open", [ids[7]]),
    }
    assert set(session.scalars(sa.select(Finding.id).where(Finding.kind == "burst"))) == {"older"}
    assert session.scalar(sa.select(Finding.note).where(Finding.kind == "recovery_code")) == "It was me."


def test_a_pattern_sets_aside_what_is_found_later(engine: Engine, session: Session) -> None:
    about = {"subject_type": "member", "subject_id": "7", "place": ""}
    pattern = FindingPattern(org_id=1, kind="recovery_code", note="Drill", decided_by=7, decided_at=NOON, **about)
    session.add(pattern)
    ids = a_break_in(session)
    Sealer(engine).run()
    Review(engine).run()

    assert {kind: state for kind, (state, _) in found(session).items()} == {
        "guessed_password": "open",
        "recovery_code": "set_aside",
        "two_factor_off": "open",
    }
    shown = sa.select(FindingEvent.shown).where(FindingEvent.kind == "recovery_code", FindingEvent.event_id == ids[6])
    assert session.scalar(shown) == 0


def test_findings_go_with_the_entries_they_are_about(fresh: Database, engine: Engine, session: Session) -> None:
    ids = a_break_in(session)
    a_break_in(session, 600)
    Sealer(engine).run()
    Review(engine).run()
    with operator_engine(fresh.owner_url) as owner:
        purger.purge(owner, 1, ids[-1], who="Operator", why="A test")

    Review(engine).run()

    assert len(found(session)) == 3
    assert session.scalar(sa.select(sa.func.count()).where(FindingEvent.event_id <= ids[-1])) == 0


def test_nobody_sets_a_second_factor_up_again(engine: Engine, session: Session) -> None:
    """What is waited for is found when its time is over, though nothing more is recorded."""
    tell(session, 0, catalogue.TWO_FACTOR_RESET, target=HIM, actor=Actor(ActorType.MEMBER, "8", "Ines Duarte"))
    session.commit()
    Sealer(engine).run()
    with clock.set_to(NOON + timedelta(hours=23)):
        Review(engine).run()
        assert found(session) == {}
    review = Review(engine)
    with clock.set_to(NOON + timedelta(hours=25)):
        review.run()

    assert set(found(session)) == {"two_factor_reset"}


def test_a_thread_of_the_server_reviews_what_is_sealed(fresh: Database, engine: Engine, session: Session) -> None:
    thread = review_thread(fresh.url)
    thread.start()
    try:
        a_break_in(session)
        Sealer(engine).run()
        wait_for(lambda: len(found(session)) == 3)
    finally:
        thread.stop(within=10)

    assert not thread.is_alive()
