"""Idempotency keys: the same entry for the same content, a conflict for any other."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from auditweb import catalogue
from auditweb.models import Event
from auditweb.parties import ActorType, Origin, Outcome
from auditweb.recordable import RecordError
from auditweb.recorder import IdempotencyConflict, record
from tests.ledgers import FEED, HANA, NOON, STEPWGN, a_bid

SENT: dict[str, Any] = {
    "facts": {"lot": "1"},
    "via": FEED,
    "outcome": Outcome.SUCCESS,
    "occurred_at": NOON,
    "origin": Origin("203.0.113.58", "Mozilla/5.0", "7c1e94b0"),
}


def test_same_key_and_content_is_the_same_entry(session: Session) -> None:
    first = a_bid(session, idempotency_key="k", **SENT)
    session.commit()

    again = a_bid(session, idempotency_key="k", **SENT)
    session.commit()

    assert again.id == first.id
    assert again.recorded_at == first.recorded_at
    assert sa.inspect(again).detached
    assert len(session.scalars(sa.select(Event.id)).all()) == 1


def test_same_key_within_one_transaction(session: Session) -> None:
    assert a_bid(session, idempotency_key="k").id == a_bid(session, idempotency_key="k").id


def test_key_counts_within_its_organisation(session: Session) -> None:
    assert a_bid(session, org_id=1, idempotency_key="k").id != a_bid(session, org_id=2, idempotency_key="k").id


def test_what_is_omitted_is_not_compared(session: Session) -> None:
    first = a_bid(session, idempotency_key="k", **SENT)

    for name in SENT:
        again = a_bid(session, idempotency_key="k", **{key: value for key, value in SENT.items() if key != name})
        assert again.id == first.id, name


def test_omitted_target_and_its_address_are_not_compared(session: Session) -> None:
    signed_out: dict[str, Any] = {"org_id": 1, "actor": HANA, "session": session, "idempotency_key": "k"}
    first = record(catalogue.SIGNED_OUT, target=STEPWGN, **signed_out)

    assert record(catalogue.SIGNED_OUT, **signed_out).id == first.id
    assert record(catalogue.SIGNED_OUT, target=replace(STEPWGN, url=None), **signed_out).id == first.id


OTHER_CONTENT: list[tuple[dict[str, Any], str]] = [
    ({"action": catalogue.BID_PLACED}, "action"),
    ({"facts": {"lot": "2"}}, "facts"),
    ({"facts": {}}, "facts"),
    ({"facts": {"lot": "1", "sale": "x"}}, "facts"),
    ({"actor": replace(HANA, id="43")}, "actor id"),
    ({"actor": replace(HANA, name="Hana S.")}, "actor name"),
    ({"actor": replace(HANA, type=ActorType.SYSTEM)}, "actor type"),
    ({"target": replace(STEPWGN, id="veh_1")}, "target id"),
    ({"target": replace(STEPWGN, url="/elsewhere")}, "target url"),
    ({"via": replace(FEED, id="key_8")}, "via id"),
    ({"outcome": Outcome.FAILURE}, "outcome"),
    ({"occurred_at": NOON + timedelta(microseconds=1)}, "occurred at"),
    ({"origin": Origin("203.0.113.59")}, "ip"),
]


def test_same_key_and_other_content_is_a_conflict(session: Session) -> None:
    a_bid(session, idempotency_key="k", **SENT)

    for given, differs in OTHER_CONTENT:
        with pytest.raises(IdempotencyConflict, match=f"another {differs}$") as error:
            a_bid(session, idempotency_key="k", **(SENT | given))
        assert isinstance(error.value, RecordError)

    session.commit()
    assert len(session.scalars(sa.select(Event.id)).all()) == 1


def test_content_sent_where_none_was_is_a_conflict(session: Session) -> None:
    a_bid(session, idempotency_key="k")

    with pytest.raises(IdempotencyConflict, match="via type"):
        a_bid(session, idempotency_key="k", via=FEED)


def test_key_of_what_was_rolled_back_is_free(session: Session) -> None:
    first = a_bid(session, idempotency_key="k", facts={"lot": "1"})
    session.rollback()

    second = a_bid(session, idempotency_key="k", facts={"lot": "2"})
    session.commit()

    assert second.id != first.id
