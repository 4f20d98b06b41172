"""Sharing a part of the log: making the link, looking after it, and its end."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import clock
from auditweb.accounts.permissions import Role
from auditweb.extensions import db
from auditweb.models import Share, ShareAlias
from tests.integration.conftest import FillLog, Operate, SignedInAs
from tests.log_pages import NOW, spelled
from tests.readers import Place, Reader, leave, set_role
from tests.sharing import MASKS, about_shares, add_over, ask, entries, form, open_, share

pytestmark = pytest.mark.usefixtures("at_now")


# Making


def test_the_page_says_exactly_what_would_be_shared(
    reader: Reader, organisation: Place, fill: FillLog, app: Flask
) -> None:
    fill(60)

    log = reader.get(f"{organisation.log}?category=vehicles&last=24h")
    link = log.select_one("#share-slice")
    assert link is not None
    page = reader.get(str(link["href"]))

    assert page.heading() == "Share with support"
    assert "Vehicles entries, 22 to 23 November 2026 (London), up to 23 November 2026, 10:42:07" in page.words
    assert "In all 35 entries First entry 22 Nov 2026, 00:41:07 GMT Updated the details of" in page.words
    assert "Last entry 23 Nov 2026, 10:41:07 GMT" in page.words
    assert {str(box["value"]) for box in page.select("[name=masks][checked]")} == set(MASKS)
    assert not page.select("[name=audience]")  # nobody is support staff
    assert [str(each["value"]) for each in page.select("[name=recipient]")] == [""]
    assert about_shares(app) == []


def test_a_link_is_shown_once_and_its_making_is_an_entry(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog
) -> None:
    fill(2)

    page = ask(reader, organisation, "?category=vehicles", masks=["names"], note="Look at the second one.")

    tag = page.select_one(".handout .secret")
    assert tag is not None
    token = tag.get_text().rpartition("/")[2]
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)
    assert page.select_one("[data-copy]") is not None
    with app.app_context():
        (stored,) = db.session.scalars(sa.select(Share))
        assert token not in repr(vars(stored))
    (event,) = entries(app, "audit_log.shared")
    assert event.category == "data_export"
    assert event.summary == "Shared part of the audit log with support"
    assert event.facts["filter"] == "Vehicles entries, up to 23 November 2026, 10:42:07 (London)"
    assert (event.facts["until"], event.facts["masks"]) == ("30 November 2026, 10:42 (London)", "Names of people")
    assert (event.actor_name, event.ip) == ("Ines Ferreira", "127.0.0.1")
    for address in ("/shares", f"/shares/{stored.id}"):
        assert token not in reader.get(f"/o/northgate/settings{address}").text


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"recipient": ""}, "recipient"),
        ({"recipient": "x" * 81}, "recipient"),
        ({"recipient": "sup\u202eport"}, "recipient"),
        ({"period": "31 days"}, "period"),
        ({"period": ""}, "period"),
        ({"period": []}, "period"),
        ({"period": ["7 days", "1 hour"]}, "period"),
        ({"extent": "all"}, "extent"),
        ({"extent": []}, "extent"),
        ({"extent": ["frozen", "following"]}, "extent"),
        ({"audience": "zzz"}, "audience"),
        ({"audience": "support"}, "audience"),
        ({"masks": ["names", "faces"]}, "masks"),
        ({"note": "x" * 1001}, "note"),
        ({"note": "\0"}, "note"),
        ({"note": "\u202e"}, "note"),
        ({"seen": "7ZZZZZZZZZZZZ"}, "seen"),
        ({"seen": "nonsense"}, "seen"),
        ({"seen": "0000000000000"}, "seen"),
        ({"seen": []}, "seen"),
    ],
)
def test_what_cannot_be_meant_is_refused_beside_its_field(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, fields: dict[str, str | list[str]], field: str
) -> None:
    fill(1)

    page = (
        ask(reader, organisation, **fields)
        if "seen" not in fields
        else reader.post(f"{organisation.log}/share", form(**fields))
    )

    assert page.status == 422
    assert page.select_one(f"#{field}-error") is not None
    assert [str(each["name"]) for each in page.select("main [autofocus]")] == ([field] if field != "seen" else [])
    assert about_shares(app) == []


def test_what_has_an_end_follows_nothing(app: Flask, reader: Reader, organisation: Place, fill: FillLog) -> None:
    exact = f"?upto={spelled(fill(2))[0]}"
    assert not reader.get(f"{organisation.log}/share{exact}").select("[name=extent]")

    refused = ask(reader, organisation, exact, extent="following")

    assert (refused.status, about_shares(app)) == (422, [])
    assert refused.select_one("#extent-error") is not None
    assert ask(reader, organisation, exact, extent=[]).status == 200


def test_nothing_is_not_shared_unless_more_may_come(app: Flask, reader: Reader, organisation: Place) -> None:
    refused = ask(reader, organisation, "?category=customers")

    assert (refused.status, about_shares(app)) == (409, [])
    assert ask(reader, organisation, "?category=customers", extent="following").status == 200


def test_a_damaged_filter_shares_nothing(app: Flask, reader: Reader, organisation: Place) -> None:
    for query in ("?category=boats", "?from=2026-13-01", "?org=2", "?q=...", "?action=boat.sunk"):
        assert reader.get(f"{organisation.log}/share{query}").status == 400
        assert reader.post(f"{organisation.log}/share{query}", form()).status == 400
    assert about_shares(app) == []


@pytest.mark.parametrize(("role", "status"), [("owner", 200), ("admin", 200), ("auditor", 403), ("member", 403)])
def test_who_may_share(signed_in_as: SignedInAs, organisation: Place, fill: FillLog, role: str, status: int) -> None:
    fill(1)
    someone = signed_in_as(role)

    for address in (f"{organisation.log}/share", "/o/northgate/settings/shares", "/o/northgate/settings/shares/over"):
        assert someone.get(address).status == status
    if role != "member":
        assert bool(someone.get(organisation.log).select("#share-slice")) is (status == 200)
        assert not someone.get(f"{organisation.log}?flag=any").select("#share-slice"), "what is flagged is not shared"


def test_somebody_demoted_meanwhile_shares_nothing(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog
) -> None:
    fill(1)
    assert reader.someone is not None
    address = f"{organisation.log}/share"
    seen = reader.get(address).select_one("[name=seen]")
    assert seen is not None
    set_role(app, organisation, reader.someone, Role.AUDITOR)

    assert reader.post(address, form(seen=str(seen["value"]))).status == 403
    assert about_shares(app) == []


# Its end


def test_revoking_asks_first_and_is_an_entry(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, visitor: Reader
) -> None:
    fill(1)
    address = open_(visitor, share(reader, organisation, recipient="Ticket 48213", masks=MASKS))
    (shown,) = [str(each["href"]) for each in reader.get("/o/northgate/settings/shares").select(".whoname a")]

    assert "End the share with Ticket 48213?" in reader.get(f"{shown}/revoke").words
    assert visitor.get(address).status == 200
    assert [reader.post(f"{shown}/revoke").status for _ in range(2)] == [303, 303]

    assert visitor.get(address).status == 404
    with app.app_context():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(ShareAlias)) == 0
    assert about_shares(app) == ["audit_log.shared", "audit_log.share_opened", "audit_log.share_revoked"]
    (revoked,) = entries(app, "audit_log.share_revoked")
    assert revoked.summary == "Stopped sharing part of the audit log with Ticket 48213"
    over = reader.get("/o/northgate/settings/shares/over")
    assert "revoked" in over.words
    assert "Revoked" in reader.get(shown).words
    assert not reader.get("/o/northgate/settings/shares").select(".whoname a")


def test_the_purge_tells_once_of_what_expired(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, operate: Operate
) -> None:
    fill(1)
    share(reader, organisation, period="1 day")
    share(reader, organisation, period="8 hours")

    with clock.set_to(NOW + timedelta(hours=9)):
        assert "1 share of the log whose time is over would be ended" in operate("purge --dry-run").said
        assert "ended 1 share of the log whose time is over" in operate("purge").said
        assert "Nothing is due" in operate("purge").said

    (expired,) = entries(app, "audit_log.share_expired")
    assert expired.occurred_at == NOW + timedelta(hours=8)
    assert expired.summary == "Ended the sharing of part of the audit log with support, as its time was over"
    assert "Expired" not in reader.get("/o/northgate/settings/shares").words


def test_a_share_goes_on_when_its_maker_leaves_and_says_so(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, visitor: Reader, signed_in_as: SignedInAs
) -> None:
    fill(1)
    address = open_(visitor, share(reader, organisation))
    assert reader.someone is not None

    leave(app, organisation, reader.someone)

    assert visitor.get(address).status == 200
    page = signed_in_as("owner").get("/o/northgate/settings/shares")
    assert "made by Ines Ferreira , who may share no longer," in page.words


def test_over_is_paged(app: Flask, reader: Reader, organisation: Place) -> None:
    add_over(app, organisation, reader.someone, 51)

    first = reader.get("/o/northgate/settings/shares/over")
    second = reader.get(str(first.select("a[rel=next]")[0]["href"]))

    assert len(first.select(".whoname a")) == 50
    assert len(second.select(".whoname a")) == 1
    assert not second.select("a[rel=next]")
