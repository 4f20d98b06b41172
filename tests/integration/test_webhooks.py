"""Webhooks: what they tell, once and in order, also of one that is paused, resumed or given a new secret."""

import base64
import hashlib
import hmac
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import clock
from auditweb.accounts.key_rights import InvalidError
from auditweb.accounts.permissions import Role
from auditweb.accounts.team import RefusedError
from auditweb.extensions import db
from auditweb.ledger.sealer import Sealer
from auditweb.models import Finding, Organisation, ReviewCursor, Webhook, WebhookDelivery
from auditweb.webhooks import hooks
from auditweb.webhooks.sources import MOST
from auditweb.webhooks.watch import Watcher
from tests.export_jobs import ORIGIN
from tests.integration.conftest import AnEvent, FillLog, SignedInAs
from tests.log_pages import NOW
from tests.readers import Place, Someone
from tests.receivers import Receiver
from tests.webhooks import (
    SITE,
    act,
    deliveries,
    hooked,
    items,
    log_of,
    look,
    make,
    maya,
    member,
    receiving,
    seal,
    send,
    stored,
)

# ruff: noqa: F401, F811  (fixtures are imported)

pytestmark = pytest.mark.usefixtures("at_now")


def fits(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Tell whether one of the signatures of a delivery was made with *secret*."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return expected in headers["webhook-signature"].split(" ")


# What is told


def test_new_entries_of_a_view_are_told_as_the_api_gives_them(
    app: Flask, organisation: Place, maya: Someone, an_event: AnEvent, hooked: Receiver
) -> None:
    an_event("vehicle.updated", org_id=organisation.id)  # before there was a webhook
    look(app)
    view = {"view": "Team by Hana", "query": "?category=team&actor=member:hana-sato"}
    hook_id, secret = make(app, organisation, maya, hooked.url, **view)
    an_event("vehicle.updated", org_id=organisation.id, actor="Hana Sato")
    an_event("member.invited", org_id=organisation.id, actor="Ada Okafor")
    told = an_event("member.invited", org_id=organisation.id, actor="Hana Sato", facts={"email": "x@example.org"})

    assert (look(app), send(app, hooked)) == (1, 1)

    (call,) = hooked.calls
    assert call.headers["content-type"] == "application/json"
    assert fits(secret, call.headers, call.body)
    assert call.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    body = call.json
    events = body.pop("events")
    assert body == {
        "type": "entries",
        "timestamp": "2026-11-23T10:42:07.000000Z",
        "organisation": "northgate",
        "webhook": {"id": hook_id, "name": "Duty channel"},
        "view": {"name": "Team by Hana", "url": log_of("northgate") + view["query"]},
    }
    (event,) = events
    assert (event["action"], event["facts"]["email"]) == ("member.invited", "x@example.org")
    assert event["url"].startswith(f"{SITE}/o/northgate/settings/audit-log/entries/")
    with app.app_context():
        Sealer(db.engine).run()
    assert event["summary"] == told.summary
    (delivery,) = deliveries(app, hook_id)
    assert (delivery.id, delivery.state, delivery.status, delivery.tries) == (call.id, "delivered", 204, 1)
    assert stored(app, hook_id).answered_at == NOW


def test_open_findings_are_told_once(
    app: Flask, organisation: Place, other_organisation: Place, maya: Someone, hooked: Receiver
) -> None:
    make(app, organisation, maya, hooked.url, kind="findings")
    with app.app_context():
        for place, number, state in (
            (organisation, 1, "set_aside"),
            (organisation, 2, "open"),
            (other_organisation, 3, "open"),
        ):
            told = {"subject_type": "member", "subject_id": "7", "subject_name": "Hana Sato", "place": "", "note": ""}
            told |= {"sentence": "Hana Sato deleted 60 vehicles in an hour.", "unusual": "12 at most before."}
            made = {"at": NOW, "found_at": NOW, "run": 1, "state": state, "number": number}
            db.session.add(Finding(org_id=place.id, id=f"f{number}", kind="burst", **told, **made))
        db.session.add(ReviewCursor(org_id=organisation.id, position=9, run=1, found=2))
        db.session.commit()

    assert (look(app), send(app, hooked), look(app), send(app, hooked)) == (1, 1, 0, 0)

    (call,) = hooked.calls
    assert call.json["type"] == "findings"
    assert call.json["findings"] == [
        {
            "id": "f2",
            "url": f"{log_of('northgate')}/review/f2",
            "kind": "burst",
            "title": "Burst of activity",
            "at": "2026-11-23T10:42:07.000000Z",
            "about": {"type": "member", "id": "7", "name": "Hana Sato"},
            "sentence": "Hana Sato deleted 60 vehicles in an hour.",
            "unusual": "12 at most before.",
        }
    ]


def test_all_entries_in_their_order_fifty_at_once(
    app: Flask, organisation: Place, maya: Someone, fill: FillLog, hooked: Receiver
) -> None:
    hook_id, _ = make(app, organisation, maya, hooked.url)
    look(app)
    send(app, hooked)  # of its own making
    hooked.calls.clear()
    fill(2 * MOST + 7)

    assert (look(app), look(app), send(app, hooked)) == (3, 0, 3)

    told = [event["leaf_index"] for call in hooked.calls for event in call.json["events"]]
    assert [len(call.json["events"]) for call in hooked.calls] == [MOST, MOST, 7]
    assert told == sorted(told)
    assert told == list(range(told[0], told[0] + 2 * MOST + 7))
    assert items(app, hook_id)[1:] == told
    assert "view" not in hooked.calls[0].json


def test_what_was_searched_for_is_told_too(
    app: Flask, organisation: Place, maya: Someone, an_event: AnEvent, hooked: Receiver
) -> None:
    make(app, organisation, maya, hooked.url, view="Lot", query="?q=%22lot+7%22+-hana")
    for lot, actor in (("7", "Ada Okafor"), ("8", "Ada Okafor"), ("7", "Hana Sato")):
        an_event("member.invited", org_id=organisation.id, actor=actor, facts={"email": f"lot {lot}", "role": "x"})

    assert look(app) == 1
    send(app, hooked)
    (event,) = hooked.calls[0].json["events"]
    assert (event["facts"]["email"], event["actor"]["name"]) == ("lot 7", "Ada Okafor")


def test_nothing_of_another_organisation(
    app: Flask, organisation: Place, other_organisation: Place, maya: Someone, an_event: AnEvent, hooked: Receiver
) -> None:
    make(app, organisation, maya, hooked.url, query="?category=team")
    an_event("member.invited", org_id=other_organisation.id)
    assert look(app) == 0
    an_event("member.invited", org_id=organisation.id, facts={"email": "ours"})
    look(app)
    send(app, hooked)
    assert [event["facts"]["email"] for event in hooked.calls[0].json["events"]] == ["ours"]


def test_what_commits_late_is_told_once(app: Flask, organisation: Place, maya: Someone, an_event: AnEvent) -> None:
    """An entry with an older id, which a reader by id would have passed already."""
    hook_id, _ = make(app, organisation, maya, query="?category=team")
    with app.app_context():
        eye = Watcher(db.engine)
        an_event("member.invited", org_id=organisation.id, occurred_at=NOW)
        look(app, eye)
        an_event("member.invited", org_id=organisation.id, occurred_at=NOW - timedelta(days=3))
        look(app, eye)
        look(app, eye)
    told = items(app, hook_id)
    assert len(told) == len(set(told)) == 2


def test_whoever_has_much_to_look_through_holds_up_nobody_else(
    app: Flask, organisation: Place, other_organisation: Place, maya: Someone, fill: FillLog, signed_in_as: SignedInAs
) -> None:
    """A look has an end, and the next one goes on with whose turn it is."""
    kenji = member(signed_in_as(Role.OWNER, other_organisation, name="Kenji Mori"))
    made = [make(app, organisation, maya, name=f"All {number}")[0] for number in range(3)]
    made += [make(app, organisation, maya, name="Sought", query="?q=nothing")[0]]
    made += [make(app, other_organisation, kenji)[0]]
    fill(3 * MOST)
    seal(app)
    with app.app_context():
        watcher = Watcher(db.engine, lasts=0)
        told = [watcher.look() for _ in range(len(made))]
        assert sorted(told) == [0, 1, 1, 1, 1]
        for hook_id in made[:3]:
            assert len(items(app, hook_id)) == MOST
        assert len(items(app, made[-1])) == 1  # of its own making
        assert sum(watcher.look() for _ in range(20)) == 9
        for hook_id in made[:3]:
            assert items(app, hook_id) == list(range(3 * MOST + 4))


def test_a_cursor_is_not_written_for_nothing(
    app: Flask, organisation: Place, maya: Someone, an_event: AnEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view into which little comes costs no write a second; restarted, it looks through the same again."""
    hook_id, _ = make(app, organisation, maya, query="?category=shipments")
    begun = stored(app, hook_id).cursor
    with app.app_context():
        watcher = Watcher(db.engine)
        for _ in range(3):
            an_event("member.invited", org_id=organisation.id)
            look(app, watcher)
            assert stored(app, hook_id).cursor == begun
        monkeypatch.setattr("auditweb.webhooks.watch._TOLD_AFTER", 3)
        look(app, Watcher(db.engine))
    assert stored(app, hook_id).cursor == begun + 4  # its own making among them


def test_entries_that_were_purged_meanwhile_are_left_out(
    app: Flask, organisation: Place, maya: Someone, an_event: AnEvent, hooked: Receiver
) -> None:
    make(app, organisation, maya, hooked.url, query="?category=team")
    an_event("member.invited", org_id=organisation.id)
    look(app)
    with app.app_context():
        missing = sa.update(WebhookDelivery).values(items="[0, 1, 987654]")
        db.session.execute(missing)
        db.session.commit()
    assert send(app, hooked) == 1
    assert [event["leaf_index"] for event in hooked.calls[0].json["events"]] == [0, 1]


# What is done about one


def test_while_paused_nothing_is_sent_and_nothing_lost(
    app: Flask, organisation: Place, maya: Someone, an_event: AnEvent, hooked: Receiver
) -> None:
    hook_id, _ = make(app, organisation, maya, hooked.url, query="?category=team")
    an_event("member.invited", org_id=organisation.id, facts={"email": "before"})
    look(app)
    assert act(app, organisation, maya, "pause", hook_id, origin=ORIGIN)
    assert not act(app, organisation, maya, "pause", hook_id, origin=ORIGIN)
    an_event("member.invited", org_id=organisation.id, facts={"email": "meanwhile"})
    assert (look(app), send(app, hooked)) == (0, 0)
    for do, more in (("send_test", {}), ("send_again", {"delivery_id": deliveries(app, hook_id)[0].id})):
        with pytest.raises(RefusedError, match="is paused"):
            act(app, organisation, maya, do, hook_id, **more)
    assert act(app, organisation, maya, "resume", hook_id, from_now=False, origin=ORIGIN)
    assert not act(app, organisation, maya, "resume", hook_id, from_now=False, origin=ORIGIN)
    look(app)
    send(app, hooked)
    told = [event["facts"]["email"] for call in hooked.calls for event in call.json["events"]]
    assert told == ["before", "meanwhile"]


def test_resumed_from_now_on(
    app: Flask, organisation: Place, maya: Someone, an_event: AnEvent, hooked: Receiver
) -> None:
    hook_id, _ = make(app, organisation, maya, hooked.url, query="?category=team")
    an_event("member.invited", org_id=organisation.id, facts={"email": "before"})
    look(app)
    act(app, organisation, maya, "pause", hook_id, origin=ORIGIN)
    an_event("member.invited", org_id=organisation.id, facts={"email": "meanwhile"})
    look(app)
    act(app, organisation, maya, "resume", hook_id, from_now=True, origin=ORIGIN)
    an_event("member.invited", org_id=organisation.id, facts={"email": "after"})
    look(app)
    send(app, hooked)
    told = [event["facts"]["email"] for call in hooked.calls for event in call.json["events"]]
    assert told == ["after"]


def test_two_secrets_sign_while_one_is_replaced(
    app: Flask, organisation: Place, maya: Someone, hooked: Receiver
) -> None:
    hook_id, former = make(app, organisation, maya, hooked.url, query="?category=team")
    with app.app_context():
        version = hooks.find_hook(organisation.id, hook_id).version
    given = {"overlap": "1 hour", "version": version, "origin": ORIGIN}
    secret = act(app, organisation, maya, "rotate", hook_id, **given).secret
    assert secret != former
    with pytest.raises(RefusedError, match="replaced a moment ago"):
        act(app, organisation, maya, "rotate", hook_id, **given)
    for later, with_former in ((0, True), (59, True), (60, False)):
        with clock.set_to(NOW + timedelta(minutes=later)):
            act(app, organisation, maya, "send_test", hook_id)
            assert send(app, hooked) == 1
        call = hooked.calls[-1]
        assert fits(secret, call.headers, call.body)
        assert fits(former, call.headers, call.body) is with_former
        assert call.json["type"] == "test"


def test_an_organisation_that_is_switched_off_tells_nothing(
    app: Flask, organisation: Place, maya: Someone, an_event: AnEvent, hooked: Receiver
) -> None:
    make(app, organisation, maya, hooked.url, query="?category=team")
    an_event("member.invited", org_id=organisation.id)
    look(app)
    an_event("member.invited", org_id=organisation.id)
    with app.app_context():
        db.session.execute(sa.update(Organisation).values(disabled_at=NOW))
        db.session.commit()
    assert (look(app), send(app, hooked)) == (0, 0)


def test_what_is_refused(app: Flask, organisation: Place, maya: Someone, monkeypatch: pytest.MonkeyPatch) -> None:
    for field, draft in (
        ("url", {"url": "http://hooks.example.org/"}),
        ("url", {"url": "https://127.1/"}),
        ("name", {"name": " "}),
        ("name", {"name": "x" * 81}),
        ("view", {"query": "?upto=32ST6QNF15NM7"}),
        ("view", {"query": "?category=gossip"}),
        ("view", {"query": "?flag=any&last=7d"}),
    ):
        with pytest.raises(InvalidError) as refused:
            make(app, organisation, maya, **draft)
        assert refused.value.field == field
    make(app, organisation, maya)
    with pytest.raises(InvalidError, match="There is a webhook of this name"):
        make(app, organisation, maya, name="duty CHANNEL")
    monkeypatch.setattr(hooks, "MOST", 1)
    with pytest.raises(RefusedError, match="There are 1 webhooks already"):
        make(app, organisation, maya, name="Another")
    with app.app_context():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Webhook)) == 1
