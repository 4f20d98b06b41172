"""record(): what it stores, what it refuses, and that it does neither by halves."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import cast
from unittest.mock import Mock

import pytest
import sqlalchemy as sa
from markupsafe import Markup
from sqlalchemy.orm import Session

from auditweb import catalogue, clock, ids, recordable
from auditweb.models import Event
from auditweb.parties import UNKNOWN_PERSON, Actor, ActorType, Origin, Outcome, Target
from auditweb.recordable import RecordError
from auditweb.recorder import record, record_apart
from tests.ledgers import FEED, HANA, NOON, STEPWGN, a_bid, only_row

# What is stored


def test_every_column_is_stored(session: Session) -> None:
    with clock.set_to(NOON + timedelta(minutes=2)):
        event = record(
            catalogue.BID_RAISED,
            org_id=7,
            actor=HANA,
            target=STEPWGN,
            facts={"sale": "USS Yokohama, 1562", "lot": "30412"},
            via=FEED,
            outcome=Outcome.DENIED,
            occurred_at=NOON + timedelta(microseconds=123456),
            origin=Origin("203.0.113.58", "Mozilla/5.0", "7c1e94b0"),
            idempotency_key="raise-1",
            session=session,
        )
    session.commit()

    assert only_row(session) == {
        "org_id": 7,
        "id": event.id,
        "occurred_at": datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC),
        "recorded_at": datetime(2026, 11, 23, 12, 2, tzinfo=UTC),
        "category": "vehicles",
        "action": "vehicle.bid_raised",
        "summary": "Raised the bid on 2020 Honda Stepwgn Spada",
        "facts": {"sale": "USS Yokohama, 1562", "lot": "30412"},
        "actor_type": "member",
        "actor_id": "42",
        "actor_name": "Hana Sato",
        "via_type": "api_key",
        "via_id": "key_7",
        "via_name": "Dealer feed",
        "target_type": "vehicle",
        "target_id": "veh_4471",
        "target_name": "2020 Honda Stepwgn Spada",
        "target_url": "/vehicles/4471",
        "ip": "203.0.113.58",
        "user_agent": "Mozilla/5.0",
        "request_id": "7c1e94b0",
        "outcome": "denied",
        "idempotency_key": "raise-1",
    }
    assert ids.moment_of(event.id) == datetime(2026, 11, 23, 12, 0, 0, 123000, tzinfo=UTC)


def test_what_is_left_out_is_empty_or_ordinary(session: Session) -> None:
    with clock.set_to(NOON):
        record(catalogue.SIGNED_OUT, org_id=1, actor=HANA, session=session)

    row = only_row(session)
    empty = {name for name, value in row.items() if value is None}
    assert empty == {
        "via_type", "via_id", "via_name", "target_type", "target_id", "target_name", "target_url",
        "ip", "user_agent", "request_id", "idempotency_key",
    }  # fmt: skip
    assert row["outcome"] == "success"
    assert row["facts"] == {}
    assert row["occurred_at"] == row["recorded_at"] == NOON


def test_returned_event_is_what_is_stored(session: Session) -> None:
    """It belongs to no session, so the caller can keep it; adding it writes nothing again."""
    event = a_bid(session, facts={"lot": "1"})

    state = sa.inspect(event)
    assert state.detached
    assert {name: getattr(event, name) for name in Event.__table__.columns.keys()} == only_row(session)  # noqa: SIM118
    session.add(event)
    session.commit()
    assert len(session.scalars(sa.select(Event)).all()) == 1


def test_action_may_be_named_by_its_slug(session: Session) -> None:
    record("sign_out.completed", org_id=1, actor=HANA, session=session)

    assert only_row(session)["summary"] == "Signed out"


def test_every_kind_of_actor_is_recorded(session: Session) -> None:
    for type_ in ActorType:
        a_bid(session, actor=Actor(type_, "x1", "Somebody"), via=UNKNOWN_PERSON, occurred_at=NOON)

    kinds = session.execute(sa.select(Event.actor_type, Event.via_type).order_by(Event.id)).all()
    assert [tuple(kind) for kind in kinds] == [(type_.value, "anonymous") for type_ in ActorType]


def test_facts_keep_their_order_and_their_script(session: Session, database_url: str) -> None:
    facts = {"lot": "三〇四一二", "sale": "横浜 🚗"}
    a_bid(session, facts=facts, actor=Actor(ActorType.MEMBER, "ü", "佐藤 花"))
    session.commit()

    assert list(cast(dict[str, str], only_row(session)["facts"]).items()) == list(facts.items())
    raw = session.execute(sa.text("SELECT CAST(facts AS TEXT) FROM event")).scalar_one()
    assert raw == '{"lot":"三〇四一二","sale":"横浜 🚗"}'
    assert json.loads(raw) == facts


def test_texts_are_stored_as_received(session: Session) -> None:
    """Line ends, direction marks and zero-width characters are shown with care; they are not altered."""
    name = "a\r\nb\u202e\u200bc\x1b[31m "
    a_bid(session, target=Target("vehicle", "v", name), facts={"lot": " padded\t"})

    assert only_row(session)["target_name"] == name
    assert only_row(session)["facts"] == {"lot": " padded\t"}


def test_enums_and_markup_are_stored_as_plain_texts(session: Session) -> None:
    class Sale(StrEnum):
        YOKOHAMA = "USS Yokohama"

    a_bid(session, facts={"sale": Sale.YOKOHAMA, "lot": Markup("<b>1</b>")})

    assert only_row(session)["facts"] == {"sale": "USS Yokohama", "lot": "<b>1</b>"}


def test_other_zones_are_the_same_moment(session: Session) -> None:
    tokyo = timezone(timedelta(hours=9))
    a_bid(session, occurred_at=NOON.astimezone(tokyo))

    assert only_row(session)["occurred_at"] == NOON


def test_long_user_agent_is_cut(session: Session) -> None:
    """It is what a stranger sent: it must not keep their refused sign-in from being recorded."""
    a_bid(session, origin=Origin("203.0.113.58", "M" * 9000))

    assert only_row(session)["user_agent"] == "M" * (recordable.MAX_USER_AGENT - 1) + "…"


def test_address_has_one_spelling(session: Session) -> None:
    spellings = {
        "203.0.113.58": "203.0.113.58",
        "2001:DB8:0:0:0:0:0:1": "2001:db8::1",
        "::ffff:203.0.113.58": "203.0.113.58",
        "::FFFF:CB00:713A": "203.0.113.58",
        "fe80::1%<b>": "fe80::1",
    }
    for given in spellings:
        a_bid(session, origin=Origin(given), occurred_at=NOON)

    assert list(session.scalars(sa.select(Event.ip).order_by(Event.id))) == list(spellings.values())


def test_addresses_that_may_be_links(session: Session) -> None:
    urls = ["/vehicles/4471", "/", "/a?b=c&d=//e#f", "https://a.example/v/1", "https://a.example:8443/", "/車両/1"]
    for url in urls:
        a_bid(session, target=replace(STEPWGN, url=url), occurred_at=NOON)

    assert list(session.scalars(sa.select(Event.target_url).order_by(Event.id))) == urls


def test_entries_of_one_transaction_keep_their_order(session: Session) -> None:
    """Also within one millisecond, and in bulk."""
    recorded = [a_bid(session, occurred_at=NOON, facts={"lot": str(n)}).id for n in range(500)]
    session.commit()

    assert recorded == sorted(set(recorded))
    assert list(session.scalars(sa.select(Event.id).order_by(Event.id))) == recorded


# Ids that are taken


def test_taken_id_gets_a_fresh_one(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never an error for the caller, and what they did before in the same transaction stays."""
    first = a_bid(session, occurred_at=NOON)
    session.commit()
    a_bid(session, occurred_at=NOON - timedelta(days=1))
    monkeypatch.setattr(ids, "new_id", lambda moment: first.id)

    second = a_bid(session, occurred_at=NOON, facts={"lot": "2"})
    session.commit()

    assert second.id > first.id
    assert second.id >> 22 == first.id >> 22
    assert len(session.scalars(sa.select(Event.id)).all()) == 3


def test_run_of_taken_ids_is_leapt_over(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = [a_bid(session, occurred_at=NOON).id for _ in range(2500)]
    counted = Mock(wraps=ids.another_id)
    monkeypatch.setattr(ids, "new_id", lambda moment: taken[0])
    monkeypatch.setattr(ids, "another_id", counted)

    a_bid(session, occurred_at=NOON)

    assert 1 <= counted.call_count < 20


def test_raw_insert_of_a_taken_id_is_refused_aloud(session: Session) -> None:
    a_bid(session)
    row = only_row(session)

    with pytest.raises(sa.exc.IntegrityError), session.begin_nested():
        session.execute(sa.insert(Event).values(row | {"idempotency_key": None}))


# A transaction of its own


def test_record_apart_stays_when_the_callers_is_rolled_back(session: Session) -> None:
    session.rollback()
    event = record_apart(catalogue.SIGNED_OUT, org_id=1, actor=HANA, outcome=Outcome.DENIED, session=session)
    session.rollback()

    assert only_row(session)["id"] == event.id


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_record_apart_does_not_commit_the_callers(session: Session) -> None:
    a_bid(session)
    event = record_apart(catalogue.SIGNED_OUT, org_id=1, actor=HANA, session=session)
    session.rollback()

    assert session.scalars(sa.select(Event.id)).all() == [event.id]


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_record_apart_says_at_once_that_it_would_wait_for_ever(session: Session) -> None:
    a_bid(session)

    with pytest.raises(RuntimeError, match="commit or roll back first"):
        record_apart(catalogue.SIGNED_OUT, org_id=1, actor=HANA, session=session)


def test_record_apart_refuses_what_record_refuses(session: Session) -> None:
    with pytest.raises(RecordError, match="org_id"):
        record_apart(catalogue.SIGNED_OUT, org_id=0, actor=HANA, session=session)

    assert session.scalars(sa.select(Event.id)).all() == []
