"""record(): what it stores, what it refuses, and that it does neither by halves."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any, cast
from unittest.mock import Mock

import pytest
import sqlalchemy as sa
from markupsafe import Markup
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from auditweb import catalogue, clock, ids, recorder
from auditweb.catalogue import Action, Category
from auditweb.models import Event
from auditweb.parties import UNKNOWN_PERSON, Actor, ActorType, Origin, Outcome, Target
from auditweb.recorder import IdempotencyConflict, RecordError, record, record_apart
from tests.databases import Database
from tests.ledgers import FEED, HANA, NOON, STEPWGN, a_bid, operator_engine, server_engine

SECRETIVE = Action(
    "host.secrets_told",
    Category.ORGANISATION,
    "Set the password to {new_password}",
    details=(
        "access_key", "api_key", "auth", "authorization", "authorisation_header", "backup_codes", "bearer", "cookie",
        "client_secret", "credentials", "csrf_token", "cvc", "cvv", "jwt", "otp", "passcode", "passphrase", "password",
        "password_hash", "passwd", "pin", "private_key", "pwd", "recovery_code", "refresh_token", "secret",
        "session_id", "signing_key", "token", "totp_seed", "shipping", "pinned", "author",
    ),
)  # fmt: skip


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    with server_engine(database_url) as made:
        yield made


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as made:
        yield made


@pytest.fixture
def secretive(monkeypatch: pytest.MonkeyPatch) -> Action:
    """An action of a careless host, in the catalogue for this test."""
    monkeypatch.setattr(catalogue, "_actions", dict(catalogue._actions))
    catalogue.add(SECRETIVE)
    return SECRETIVE


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

    assert _row(session) == {
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

    row = _row(session)
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
    assert {name: getattr(event, name) for name in Event.__table__.columns.keys()} == _row(session)  # noqa: SIM118
    session.add(event)
    session.commit()
    assert len(session.scalars(sa.select(Event)).all()) == 1


def test_action_may_be_named_by_its_slug(session: Session) -> None:
    record("sign_out.completed", org_id=1, actor=HANA, session=session)

    assert _row(session)["summary"] == "Signed out"


def test_every_kind_of_actor_is_recorded(session: Session) -> None:
    for type_ in ActorType:
        a_bid(session, actor=Actor(type_, "x1", "Somebody"), via=UNKNOWN_PERSON, occurred_at=NOON)

    kinds = session.execute(sa.select(Event.actor_type, Event.via_type).order_by(Event.id)).all()
    assert [tuple(kind) for kind in kinds] == [(type_.value, "anonymous") for type_ in ActorType]


def test_facts_keep_their_order_and_their_script(session: Session, database_url: str) -> None:
    facts = {"lot": "三〇四一二", "sale": "横浜 🚗"}
    a_bid(session, facts=facts, actor=Actor(ActorType.MEMBER, "ü", "佐藤 花"))
    session.commit()

    assert list(cast(dict[str, str], _row(session)["facts"]).items()) == list(facts.items())
    raw = session.execute(sa.text("SELECT CAST(facts AS TEXT) FROM event")).scalar_one()
    assert raw == '{"lot":"三〇四一二","sale":"横浜 🚗"}'
    assert json.loads(raw) == facts


def test_texts_are_stored_as_received(session: Session) -> None:
    """Line ends, direction marks and zero-width characters are shown with care; they are not altered."""
    name = "a\r\nb\u202e\u200bc\x1b[31m "
    a_bid(session, target=Target("vehicle", "v", name), facts={"lot": " padded\t"})

    assert _row(session)["target_name"] == name
    assert _row(session)["facts"] == {"lot": " padded\t"}


def test_enums_and_markup_are_stored_as_plain_texts(session: Session) -> None:
    class Sale(StrEnum):
        YOKOHAMA = "USS Yokohama"

    a_bid(session, facts={"sale": Sale.YOKOHAMA, "lot": Markup("<b>1</b>")})

    assert _row(session)["facts"] == {"sale": "USS Yokohama", "lot": "<b>1</b>"}


def test_other_zones_are_the_same_moment(session: Session) -> None:
    tokyo = timezone(timedelta(hours=9))
    a_bid(session, occurred_at=NOON.astimezone(tokyo))

    assert _row(session)["occurred_at"] == NOON


def test_long_user_agent_is_cut(session: Session) -> None:
    """It is what a stranger sent: it must not keep their refused sign-in from being recorded."""
    a_bid(session, origin=Origin("203.0.113.58", "M" * 9000))

    assert _row(session)["user_agent"] == "M" * (recorder.MAX_USER_AGENT - 1) + "…"


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


# Secrets


def test_secrets_are_redacted_before_anything_is_stored(session: Session, secretive: Action, fresh: Database) -> None:
    harmless = {"shipping": "by sea", "pinned": "yes", "author": "Hana"}
    facts = dict.fromkeys(["new_password", *secretive.details], "hunter2-canary") | harmless

    event = record(secretive, org_id=1, actor=HANA, facts=facts, session=session)
    session.commit()

    assert event.summary == "Set the password to [redacted]"
    assert len(facts) - len(harmless) >= 30
    assert _row(session)["facts"] == dict.fromkeys(facts, "[redacted]") | harmless
    session.rollback()
    with operator_engine(fresh.owner_url) as engine, engine.connect() as connection:
        whole = [str(tuple(row)) for row in connection.execute(sa.text("SELECT * FROM event"))]
    assert whole
    assert not any("canary" in row for row in whole)


def test_errors_repeat_no_value(session: Session, secretive: Action) -> None:
    with pytest.raises(RecordError) as error:
        record(secretive, org_id=1, actor=HANA, facts={"new_password": "canary\0"}, session=session)

    assert "canary" not in str(error.value)


def test_database_errors_repeat_no_value(engine: Engine) -> None:
    """They end up in the application's log."""
    with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError) as error:
        connection.execute(sa.text("SELECT :told FROM nowhere"), {"told": "canary"})

    assert "canary" not in str(error.value)


# What is refused

BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "unknown action": ("action", {"action": "vehicle.exploded"}),
    "no action": ("action", {"action": None}),
    "action that is not in the catalogue": ("action", {"action": Action("a.b_done", Category.TEAM, "Did")}),
    "action that says it otherwise": ("action", {"action": replace(catalogue.BID_RAISED, summary="Bid on {target}")}),
    "action of half a character": ("action", {"action": "\ud800.a"}),
    "no organisation": ("org_id", {"org_id": None}),
    "organisation zero": ("org_id", {"org_id": 0}),
    "negative organisation": ("org_id", {"org_id": -1}),
    "organisation beyond 64 bits": ("org_id", {"org_id": 2**63}),
    "organisation as text": ("org_id", {"org_id": "1"}),
    "organisation as truth": ("org_id", {"org_id": True}),
    "missing fact": ("facts", {"action": catalogue.MEMBER_INVITED, "facts": {"email": "a@b.example"}}),
    "missing all facts": ("facts", {"action": catalogue.MEMBER_INVITED}),
    "extra fact": ("facts", {"facts": {"colour": "red"}}),
    "facts as a list": ("facts", {"facts": [("lot", "1")]}),
    "facts as text": ("facts", {"facts": "lot"}),
    "fact called by a number": ("facts", {"facts": {1: "1"}}),
    "fact as a number": ("facts.lot", {"facts": {"lot": 1}}),
    "fact as None": ("facts.lot", {"facts": {"lot": None}}),
    "fact as bytes": ("facts.lot", {"facts": {"lot": b"1"}}),
    "fact as a list": ("facts.lot", {"facts": {"lot": ["1"]}}),
    "fact too long": ("facts.lot", {"facts": {"lot": "1" * 1001}}),
    "fact with NUL": ("facts.lot", {"facts": {"lot": "a\0b"}}),
    "fact with half a character": ("facts.lot", {"facts": {"lot": "a\ud800"}}),
    "fact name with half a character": ("facts", {"facts": {"lot\udfff": "a"}}),
    "blank fact in the sentence": (
        "facts.role",
        {"action": catalogue.MEMBER_INVITED, "facts": {"email": "a@b.example", "role": " "}},
    ),
    "no target": ("target", {"target": None}),
    "target as text": ("target", {"target": "veh_1"}),
    "target without type": ("target.type", {"target": Target("", "1", "Alphard")}),
    "target type with a colon": ("target.type", {"target": Target("a:b", "1", "Alphard")}),
    "target type in capitals": ("target.type", {"target": Target("Vehicle", "1", "Alphard")}),
    "target without id": ("target.id", {"target": Target("vehicle", "", "Alphard")}),
    "target id as a number": ("target.id", {"target": Target("vehicle", cast(str, 1), "Alphard")}),
    "target id too long": ("target.id", {"target": Target("vehicle", "1" * 201, "Alphard")}),
    "target without name": ("target.name", {"target": Target("vehicle", "1", "")}),
    "target name too long": ("target.name", {"target": Target("vehicle", "1", "A" * 301)}),
    "target name with NUL": ("target.name", {"target": Target("vehicle", "1", "\0")}),
    "no actor": ("actor", {"actor": None}),
    "actor as text": ("actor", {"actor": "Hana"}),
    "actor of an unknown type": ("actor", {"actor": Actor(cast(ActorType, "robot"), "1", "R2")}),
    "actor of a type that cannot be": ("actor", {"actor": Actor(cast(ActorType, []), "1", "R2")}),
    "actor without id": ("actor.id", {"actor": Actor(ActorType.MEMBER, "", "Hana")}),
    "actor id as a number": ("actor.id", {"actor": Actor(ActorType.MEMBER, cast(str, 42), "Hana")}),
    "actor without name": ("actor.name", {"actor": Actor(ActorType.MEMBER, "42", " ")}),
    "actor name with half a character": ("actor.name", {"actor": Actor(ActorType.MEMBER, "42", "\udcff")}),
    "via as text": ("via", {"via": "feed"}),
    "via without id": ("via.id", {"via": Actor(ActorType.API_KEY, "", "Feed")}),
    "unknown outcome": ("outcome", {"outcome": "maybe"}),
    "outcome as a number": ("outcome", {"outcome": 1}),
    "time without zone": ("occurred_at", {"occurred_at": datetime(2026, 1, 1)}),  # noqa: DTZ001
    "time as text": ("occurred_at", {"occurred_at": "2026-01-01T00:00:00Z"}),
    "time in the future": ("occurred_at", {"occurred_at": NOON + timedelta(minutes=5, microseconds=1)}),
    "time far in the future": ("occurred_at", {"occurred_at": datetime.max.replace(tzinfo=UTC)}),
    "time before 2000": ("occurred_at", {"occurred_at": datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)}),
    "time long ago": ("occurred_at", {"occurred_at": datetime.min.replace(tzinfo=timezone(timedelta(hours=9)))}),
    "origin as text": ("origin", {"origin": "203.0.113.58"}),
    "address that is none": ("origin.ip", {"origin": Origin("203.0.113.256")}),
    "address with a port": ("origin.ip", {"origin": Origin("203.0.113.1:80")}),
    "address as a number": ("origin.ip", {"origin": Origin(cast(str, 1))}),
    "empty address": ("origin.ip", {"origin": Origin("")}),
    "agent with NUL": ("origin.user_agent", {"origin": Origin(user_agent="a\0")}),
    "agent as bytes": ("origin.user_agent", {"origin": Origin(user_agent=cast(str, b"a"))}),
    "request id too long": ("origin.request_id", {"origin": Origin(request_id="1" * 201)}),
    "empty key": ("idempotency_key", {"idempotency_key": ""}),
    "key too long": ("idempotency_key", {"idempotency_key": "k" * 201}),
    "key as a number": ("idempotency_key", {"idempotency_key": 1}),
    "key with NUL": ("idempotency_key", {"idempotency_key": "k\0"}),
}  # fmt: skip
for _url in (
    "", "vehicles/1", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "/a\\b",
    "http://a.example", "HTTPS://a.example", "https:/a.example", "https:a.example", "https://", "https:///a",
    "https://user@a.example", "https://user:pass@a.example", "https://[::1", "https://a.example:99999",
    "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "ftp://a.example", "mailto:a@b.example",
    " /a", "/a b", "/a\tb", "/a\nb", "/a\rb", "/a\u2028b", "/a\x7f", "/a\u202eb",
    "\t//evil.example", "/\t/evil.example", "/" + "a" * 2000, "/\udfff",
):  # fmt: skip
    BAD[f"address {_url!r:.40}"] = ("target.url", {"target": replace(STEPWGN, url=_url)})


def test_bad_input_is_refused_and_nothing_written(session: Session) -> None:
    """One clear type of error, naming the field; the caller's transaction goes on."""
    before = a_bid(session)

    for case, (field, given) in BAD.items():
        with clock.set_to(NOON), pytest.raises(RecordError) as error:
            a_bid(session, **given)
        assert error.value.field == field, case
        assert str(error.value) == f"{field}: {error.value.reason}", case

    session.commit()
    assert session.scalars(sa.select(Event.id)).all() == [before.id]


def test_long_sentence_is_refused(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_actions", dict(catalogue._actions))
    wordy = Action("host.words_said", Category.TEAM, "Said {one}, {two} and {three}")
    catalogue.add(wordy)

    with pytest.raises(RecordError, match="longer than 2000"):
        record(wordy, org_id=1, actor=HANA, facts=dict.fromkeys(("one", "two", "three"), "a" * 900), session=session)


def test_limits_are_inclusive(session: Session) -> None:
    with clock.set_to(NOON):
        a_bid(
            session,
            org_id=2**63 - 1,
            actor=Actor(ActorType.MEMBER, "é" * 200, "名" * 300),
            target=Target("v" * 50, "🚗" * 200, "名" * 300, "/" + "a" * 1999),
            facts={"lot": "名" * 1000},
            idempotency_key="🔑" * 200,
            occurred_at=NOON + timedelta(minutes=5),
            origin=Origin("2001:db8::1", "é" * 500, "r" * 200),
        )
        a_bid(session, org_id=2**63 - 1, occurred_at=datetime(2000, 1, 1, tzinfo=UTC))
    session.commit()

    assert len(session.scalars(sa.select(Event.id)).all()) == 2


def test_braces_in_peoples_words_mean_nothing(session: Session) -> None:
    record(
        catalogue.MEMBER_INVITED,
        org_id=1,
        actor=HANA,
        facts={"email": "{role}{0}%s{{", "role": "{email}"},
        session=session,
    )

    assert _row(session)["summary"] == "Invited {role}{0}%s{{ as {email}"


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
    row = _row(session)

    with pytest.raises(sa.exc.IntegrityError), session.begin_nested():
        session.execute(sa.insert(Event).values(row | {"idempotency_key": None}))


# Idempotency keys

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


def test_contents_are_compared_after_redaction(session: Session, secretive: Action) -> None:
    """What was redacted is not there to be compared."""
    told: dict[str, Any] = {"org_id": 1, "actor": HANA, "session": session, "idempotency_key": "k"}
    first = record(secretive, facts={"new_password": "one"}, **told)

    assert record(secretive, facts={"new_password": "two"}, **told).id == first.id


def test_key_of_what_was_rolled_back_is_free(session: Session) -> None:
    first = a_bid(session, idempotency_key="k", facts={"lot": "1"})
    session.rollback()

    second = a_bid(session, idempotency_key="k", facts={"lot": "2"})
    session.commit()

    assert second.id != first.id


# A transaction of its own


def test_record_apart_stays_when_the_callers_is_rolled_back(session: Session) -> None:
    session.rollback()
    event = record_apart(catalogue.SIGNED_OUT, org_id=1, actor=HANA, outcome=Outcome.DENIED, session=session)
    session.rollback()

    assert _row(session)["id"] == event.id


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


def _row(session: Session) -> dict[str, Any]:
    """The one row there is, past the ORM."""
    table = Event.__table__
    return dict(session.connection().execute(sa.select(table)).one()._mapping)
