"""What record() refuses: one clear type of error that names the field, and nothing written."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, NoReturn, cast

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from auditweb import catalogue, clock
from auditweb.catalogue import Action, Category
from auditweb.models import Event
from auditweb.parties import Actor, ActorType, Origin, Target
from auditweb.recordable import RecordError
from auditweb.recorder import record
from tests.ledgers import HANA, NOON, STEPWGN, a_bid, only_row


class BrokenZone(tzinfo):
    """A zone of somebody's own."""

    def _fail(self, _moment: datetime | None) -> NoReturn:
        raise LookupError("no such year")

    utcoffset = dst = tzname = _fail


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
    "time of a zone that fails": ("occurred_at", {"occurred_at": datetime(2026, 1, 1, tzinfo=BrokenZone())}),
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


def test_long_sentence_is_refused(session: Session) -> None:
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

    assert only_row(session)["summary"] == "Invited {role}{0}%s{{ as {email}"
