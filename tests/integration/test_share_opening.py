"""Opening a shared part of the log: by its link, for half a day, and the same 404 for whoever should not get in."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import clock
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.models import Share, ShareAlias, ShareOpening
from auditweb.parties import Origin
from auditweb.sharing.opening import ClosedError, find_by_token, open_slice
from tests.integration.conftest import FillLog, Operate, SignedInAs
from tests.log_pages import NOW, rows
from tests.readers import PASSWORD, Place, Reader
from tests.sharing import about_shares, entries, gone, open_, outsider, share

pytestmark = pytest.mark.usefixtures("at_now")


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
