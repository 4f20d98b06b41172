"""Sharing a part of the log: making the link, opening it, looking after it, and its end."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import catalogue, clock
from auditweb.accounts.permissions import Role
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.models import Event, Share, ShareAlias, ShareOpening
from auditweb.parties import Origin
from auditweb.sharing.opening import ClosedError, find_by_token, open_slice
from tests.integration.conftest import FillLog, Operate, SignedInAs
from tests.log_pages import NOW, rows, spelled
from tests.readers import PASSWORD, Place, Reader, add_person, leave, open_session, set_role
from tests.sharing import MASKS, add_over, ask, form, open_, outsider, share

pytestmark = pytest.mark.usefixtures("at_now")


@pytest.fixture
def visitor(app: Flask) -> Reader:
    return outsider(app)


def entries(app: Flask, *slugs: str) -> list[Event]:
    """Return the entries with these actions, in order."""
    with app.app_context():
        found = sa.select(Event).where(Event.action.in_(slugs)).order_by(Event.occurred_at, Event.id)
        return list(db.session.scalars(found))


def about_shares(app: Flask) -> list[str]:
    return [
        event.action for event in entries(app, *(each.slug for each in catalogue.all_actions() if "share" in each.slug))
    ]


def gone(reader: Reader, address: str) -> str:
    """Return the answer of an address where nothing is open, without what differs from page to page."""
    page = reader.get(address)
    assert page.status == 404, (address, page.words)
    return re.sub(r'name="csrf_token" value="[^"]*"', "", page.text)


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


# Opening


def test_a_preview_tells_nothing_and_records_nothing(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, visitor: Reader
) -> None:
    fill(1)
    link = share(reader, organisation)

    page = visitor.get(link)

    for private in ("Northgate", "Honda", "Ada", "Ines", "support"):
        assert private not in page.text
    assert page.response.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in page.response.headers["X-Robots-Tag"]
    assert "slice" not in str(page.response.headers.getlist("Set-Cookie"))
    assert visitor.client.head(link).status_code == 200
    assert about_shares(app) == ["audit_log.shared"]


def test_each_reader_counts_once_an_hour(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, visitor: Reader
) -> None:
    fill(1)
    link = share(reader, organisation)
    with clock.set_to(NOW + timedelta(minutes=5)):
        for browser in (visitor, visitor, outsider(app)):  # the last with other cookies, and the same address and agent
            open_(browser, link)
        open_(outsider(app, **{"User-Agent": "Another"}), link)  # whatever it says it is: the address counts
    with clock.set_to(NOW + timedelta(hours=1)):
        address = open_(visitor, link)
        assert visitor.get(address).status == 200

    opened = entries(app, "audit_log.share_opened")
    assert len(opened) == 2
    assert {(event.actor_type, event.actor_name, event.ip) for event in opened} == {
        ("anonymous", "Someone with the link", "127.0.0.1")
    }
    page = reader.get("/o/northgate/settings/shares")
    assert "127.0.0.1 2 times in all" in page.words
    detail = reader.get(str(page.select("a[href*='/shares/']")[-1]["href"]))
    assert detail.words.count("Someone with the link") == 2
    assert "127.0.0.1" in detail.words


def test_two_presses_at_once_are_one_opening(app: Flask, reader: Reader, organisation: Place, fill: FillLog) -> None:
    fill(1)
    link = share(reader, organisation)
    browsers = [outsider(app) for _ in range(4)]
    for browser in browsers:
        browser.token()

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda browser: browser.post(link).status, browsers))

    assert statuses == [303] * 4
    assert about_shares(app) == ["audit_log.shared", "audit_log.share_opened"]


def test_no_opening_is_recorded_after_the_end(app: Flask, reader: Reader, organisation: Place, fill: FillLog) -> None:
    """Whoever found the share open just before it was ended opens nothing."""
    fill(1)
    link = share(reader, organisation)
    with app.app_context():
        found = find_by_token(link.rpartition("/")[2])
        db.session.rollback()
        reader.post(f"/o/northgate/settings/shares/{found.id}/revoke")
        with pytest.raises(ClosedError):
            open_slice(found, None, origin=Origin())
        db.session.rollback()
    assert about_shares(app) == ["audit_log.shared", "audit_log.share_revoked"]


def test_a_member_who_opens_a_link_is_named(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, signed_in_as: SignedInAs, other_organisation: Place
) -> None:
    fill(1)
    link = share(reader, organisation)

    open_(signed_in_as("member", name="Tom Lindqvist"), link)
    open_(signed_in_as("owner", other_organisation, name="Kenji Mori"), link)

    assert [event.actor_name for event in entries(app, "audit_log.share_opened")] == [
        "Tom Lindqvist",
        "Someone with the link",
    ]


def test_the_form_needs_its_token_and_no_referrer(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, visitor: Reader
) -> None:
    fill(1)
    link = share(reader, organisation)

    assert visitor.post(link, token="made up").status == 400
    assert visitor.client.post(link).status_code == 400
    token = visitor.token()
    answer = visitor.client.post(link, data={"csrf_token": token})
    assert answer.status_code == 303
    (cookie,) = [each for each in answer.headers.getlist("Set-Cookie") if "slice" in each]
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; ")[1:])
    assert "Max-Age=43200" in cookie


def test_the_cookie_is_for_one_share_only_and_for_half_a_day(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, visitor: Reader
) -> None:
    fill(1)
    first, second = (share(reader, organisation) for _ in range(2))
    address = open_(visitor, first)
    other = open_(outsider(app), second)
    nothing = gone(visitor, other)

    cookie = visitor.client.get_cookie(f"auditweb-slice-{address.rpartition('/')[2]}")
    assert cookie is not None
    visitor.client.set_cookie(f"auditweb-slice-{other.rpartition('/')[2]}", cookie.value)
    assert gone(visitor, other) == nothing
    visitor.client.set_cookie(f"auditweb-slice-{other.rpartition('/')[2]}", cookie.value[:-1] + "x")
    assert gone(visitor, other) == nothing
    with clock.set_to(NOW + timedelta(hours=12)):
        assert gone(visitor, address) == nothing
    assert visitor.get(address).status == 200


def test_an_address_within_is_where_the_link_leads_next(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, visitor: Reader
) -> None:
    fill(3)
    link, other = share(reader, organisation), share(reader, organisation)
    address = open_(visitor, link)
    copied = visitor.get(f"{address}?category=vehicles").select_one("#copy-link")
    assert copied is not None
    assert str(copied["data-copy"]) == f"http://localhost{address}?category=vehicles"
    assert visitor.get(f"{address}?category=vehicles", htmx=True).select_one("#copy-link") == copied
    entry = f"{address}/entries/{rows(visitor.get(address))[0]}"

    for place in (f"{address}?category=vehicles&q=honda%20x", entry):
        colleague = outsider(app)
        assert gone(colleague, place) == gone(outsider(app), "/slices/guessed")
        assert open_(colleague, link) == place
        assert open_(colleague, link) == address  # once
    for place in (f"{address}x", "/slices/guessed", f"{address}/../../o/northgate"):
        colleague = outsider(app)
        colleague.get(place)
        assert open_(colleague, link) == address
    colleague = outsider(app)
    gone(colleague, entry)
    assert entry not in open_(colleague, other)
    gone(colleague, f"{open_(colleague, link)}/entries/nonsense")  # what is not there is no place to go
    assert open_(colleague, link) == address


def test_a_browser_keeps_the_cookies_of_so_many_shares(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, visitor: Reader
) -> None:
    fill(1)
    opened = []
    for number in range(22):
        with clock.set_to(NOW + timedelta(seconds=number)):
            opened.append(open_(visitor, share(reader, organisation)))

    assert [visitor.get(address).status for address in opened] == [404] * 2 + [200] * 20


# Who should not get in


def test_whatever_is_not_open_gets_the_same_404(
    app: Flask,
    reader: Reader,
    organisation: Place,
    other_organisation: Place,
    fill: FillLog,
    visitor: Reader,
    signed_in_as: SignedInAs,
) -> None:
    fill(3)
    link = share(reader, organisation, "?category=vehicles", period="1 hour")
    address = open_(visitor, link)
    page = visitor.get(address)
    entry = f"{address}/entries/{rows(page)[0]}"
    assert visitor.get(entry).status == 200
    nothing = gone(visitor, "/shared/guessed")

    altered = link[:-1] + ("A" if link[-1] != "A" else "B")
    widened = [f"{address}?{query}" for query in ("category=team", "upto=7ZZZZZZZZZZZZ")]
    for other in (altered, link.lower(), f"{link}A", "/slices/guessed", f"{address}x", *widened):
        assert gone(visitor, other) == nothing, other
    for other in (f"{address}/entries/7ZZZZZZZZZZZZ", f"{address}/entries/nonsense"):
        assert gone(visitor, other) == nothing, other
    for other in (address, entry):  # a colleague without the cookie
        assert gone(outsider(app), other) == nothing
        assert "open that link in this browser first" in outsider(app).get(other).words
    kenji = signed_in_as("owner", other_organisation, name="Kenji Mori")
    assert gone(kenji, address) == nothing
    with clock.set_to(NOW + timedelta(hours=1)):
        for other in (link, address, entry):
            assert gone(visitor, other) == nothing, other
        assert visitor.post(link).status == 404
    (id_,) = [str(each["href"]) for each in reader.get("/o/northgate/settings/shares").select(".whoname a")]
    reader.post(f"{id_}/revoke")
    for other in (link, address, entry):
        assert gone(visitor, other) == nothing, other
    assert visitor.post(link).status == 404
    assert visitor.get(address, htmx=True).status == 404


def test_an_organisation_that_is_switched_off_or_deleted_shares_nothing(
    app: Flask,
    organisation: Place,
    fill: FillLog,
    visitor: Reader,
    signed_in_as: SignedInAs,
    operate: Operate,
    owner_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(1)
    owner = signed_in_as("owner")
    link = share(owner, organisation)
    address = open_(visitor, link)

    operate("org disable northgate --yes")

    assert gone(visitor, address) == gone(visitor, link) == gone(visitor, "/shared/guessed")
    operate("org enable northgate")
    assert visitor.get(address).status == 200
    masked = open_(visitor, share(owner, organisation, period="30 days", masks=["names"]))
    assert "Person 1" in visitor.get(masked).words
    owner.post("/o/northgate/settings/data/delete", {"typed": organisation.name, "password": PASSWORD})
    with clock.set_to(NOW + timedelta(days=5)):  # it can still be called off
        open_(visitor, link)
    monkeypatch.setenv("AUDITWEB_DATABASE_URL", owner_url)
    with clock.set_to(NOW + timedelta(days=15)):
        assert "deleted" in operate("purge").said
    with app.app_context():
        for model in (Share, ShareOpening, ShareAlias):
            assert db.session.scalar(sa.select(sa.func.count()).select_from(model)) == 0


def test_another_organisations_shares_are_the_same_404(
    app: Flask, reader: Reader, organisation: Place, other_organisation: Place, fill: FillLog, signed_in_as: SignedInAs
) -> None:
    fill(1)
    address = open_(outsider(app), share(reader, organisation)).rpartition("/")[2]
    kenji = signed_in_as("owner", other_organisation, name="Kenji Mori")

    for rest in ("", "/revoke"):
        theirs = kenji.get(f"/o/osaka-bay/settings/shares/{address}{rest}")
        missing = kenji.get(f"/o/osaka-bay/settings/shares/nothing{rest}")
        assert theirs.status == missing.status == 404
        assert kenji.get(f"/o/northgate/settings/shares/{address}{rest}").status == 404
    assert kenji.post(f"/o/osaka-bay/settings/shares/{address}/revoke").status == 404
    assert "Nothing is shared" in kenji.get("/o/osaka-bay/settings/shares").words
    assert kenji.get(f"/o/osaka-bay/settings/shares/over?after={address}").status == 404


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


# Support staff


@pytest.fixture
def robin(app: Flask, operate: Operate) -> Reader:
    """Somebody of the operator's support, signed in."""
    someone = add_person(app, "Robin Hale", "robin@support.example")
    assert "reads what is shared with support from now on" in operate("user support robin@support.example").said
    return open_session(app, app.test_client(), someone)


def test_support_staff_see_what_is_shared_with_support_and_nothing_else(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, robin: Reader
) -> None:
    fill(2)
    link = share(reader, organisation, audience="support", note="Since Tuesday.")
    share(reader, organisation, recipient="the auditors", audience="link")

    home = robin.get("/")
    assert home.location == "/support"
    page = robin.get("/support")
    assert "Northgate Imports support" in page.words
    assert "Since Tuesday." in page.words
    assert "the auditors" not in page.words
    (opening,) = [str(each["action"]) for each in page.select(".does")]
    address = robin.post(opening).location
    assert address is not None
    shown = robin.get(address)
    assert shown.status == 200
    assert "Shared with support, for reading only" in shown.words
    assert shown.select(".slicebar a[href='/support']")
    assert robin.get(organisation.log).status == 404
    (event,) = entries(app, "audit_log.share_opened")
    assert (event.actor_type, event.actor_name) == ("support", "Robin Hale")
    assert open_(robin, link) == address


def test_nobody_else_opens_what_is_for_support_only(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, robin: Reader, visitor: Reader, operate: Operate
) -> None:
    fill(1)
    link = share(reader, organisation, audience="support")
    address = open_(robin, link)

    assert "Sign in to open it" in visitor.get(link).words
    assert str(visitor.post(link).location).startswith("/sign-in?next=/shared/")
    assert gone(reader, link) == gone(reader, "/shared/guessed")
    assert reader.post(link).status == 404
    cookie = robin.client.get_cookie(f"auditweb-slice-{address.rpartition('/')[2]}")
    assert cookie is not None
    visitor.client.set_cookie(cookie.key, cookie.value)
    assert gone(visitor, address) == gone(visitor, "/slices/guessed")
    for someone in (reader, visitor):
        assert someone.get("/support").status in {302, 404}
        assert someone.post(f"/support/{address.rpartition('/')[2]}").status in {302, 404}
    assert "is support staff no longer" in operate("user support robin@support.example --end").said
    assert robin.get(address).status == 404


def test_support_that_ended_meanwhile_is_not_everybody_with_the_link(
    app: Flask, reader: Reader, organisation: Place, fill: FillLog, robin: Reader, operate: Operate
) -> None:
    fill(1)
    address = f"{organisation.log}/share"
    seen = reader.get(address).select_one("[name=seen]")
    assert seen is not None
    unsaid = reader.post(address, form(seen=str(seen["value"])))
    operate("user support robin@support.example --end")

    refused = reader.post(address, form(seen=str(seen["value"]), audience="support"))

    assert (unsaid.status, refused.status, about_shares(app)) == (422, 422, [])
    assert unsaid.select_one("#audience-error") is not None
    assert "There are no support staff any more" in refused.words
    assert [str(each["value"]) for each in refused.select("[name=audience]:checked")] == ["support"]
    assert reader.post(address, form(seen=str(seen["value"]), audience="link")).status == 200


def test_support_staff_belong_to_no_organisation(
    app: Flask, reader: Reader, organisation: Place, robin: Reader, operate: Operate
) -> None:
    assert reader.someone is not None
    refused = operate(f"user support {reader.someone.email}")
    assert (refused.code, "belong to none" in refused.refused) == (2, True)
    refused = operate("user create robin@support.example --organisation northgate")
    assert (refused.code, "support staff" in refused.refused) == (2, True)
    assert "does so already" in operate("user support robin@support.example").said
    made = operate("user support new@support.example --name New --password-stdin", stdin="seven gulls ate a sandwich\n")
    assert "New reads what is shared with support" in made.said
    assert "none (support)" in operate("user list").said
    refused = operate("org create --name Leith --slug leith --zone Europe/London --owner new@support.example")
    assert (refused.code, "support staff" in refused.refused) == (2, True)


def test_by_https_a_link_opens_without_a_referrer_and_its_cookie_is_locked(
    make_app: Callable[[Settings], Flask], settings: Settings, fill: FillLog, reader: Reader, organisation: Place
) -> None:
    fill(1)
    link = share(reader, organisation)
    by_https = make_app(settings.model_copy(update={"public_url": "https://audit.example.org"}))
    visitor = Reader(by_https.test_client(), base_url="https://audit.example.org")
    token = visitor.token()

    answer = visitor.client.post(link, base_url=visitor.base_url, data={"csrf_token": token})

    assert answer.status_code == 303
    (cookie,) = [each for each in answer.headers.getlist("Set-Cookie") if "slice" in each]
    assert cookie.startswith("__Host-auditweb-slice-")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; ")[1:])
    assert visitor.get(answer.headers["Location"]).status == 200
