"""Views of the log that people keep by name: private ones, shared ones, and those that every organisation has."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import catalogue
from auditweb.accounts import saved_views
from auditweb.accounts.permissions import Role
from auditweb.accounts.team import MissingError
from auditweb.extensions import db
from auditweb.models import SavedView
from auditweb.reading.filters import read_query
from auditweb.web.ready_views import READY
from tests.export_jobs import signed_in
from tests.integration.conftest import FillLog, SignedInAs
from tests.log_pages import rows
from tests.readers import Page, Place, Reader, leave, set_role

pytestmark = pytest.mark.usefixtures("at_now")

VIEWS = "/o/northgate/settings/audit-log/views"
LOG = "/o/northgate/settings/audit-log"


@pytest.fixture
def ines(signed_in_as: SignedInAs) -> Reader:
    return signed_in_as("admin", name="Ines Ferreira")


@pytest.fixture
def auditor(signed_in_as: SignedInAs) -> Reader:
    return signed_in_as("auditor", name="Ola Nordmann")


def keep(reader: Reader, query: str, name: str, audience: str = "private") -> Page:
    return reader.post(f"{VIEWS}/new{query}", {"name": name, "audience": audience})


def menu(reader: Reader) -> dict[str, str]:
    """Return the views to choose from beside the log, by name."""
    page = reader.get(LOG)
    return {link.get_text(strip=True): str(link["href"]) for link in page.select("#views-pop a")}


def first(reader: Reader, name: str) -> str:
    """Return where a view is changed."""
    (link,) = [
        str(each["href"])
        for each in reader.get(VIEWS).select(".does a[aria-label^=Change]")
        if name in str(each["aria-label"])
    ]
    return link


def test_a_view_is_a_name_for_an_address(ines: Reader, organisation: Place, fill: FillLog) -> None:
    fill(3)
    asked = ines.get(f"{VIEWS}/new?last=7d&category=vehicles&before=32ST6QNF15NM7")
    assert "Vehicles entries, last 7 days" in asked.words

    kept = keep(ines, "?last=7d&category=vehicles&before=32ST6QNF15NM7", "  This   week ")

    assert (kept.status, kept.location) == (303, f"{LOG}?category=vehicles&last=7d")
    assert "You find it under Views as “This week”" in ines.get(LOG).words
    assert menu(ines)["This week"] == f"{LOG}?category=vehicles&last=7d"
    assert rows(ines.get(menu(ines)["This week"])) == rows(ines.get(f"{LOG}?category=vehicles&last=7d"))


def test_the_list_of_views_is_the_first_that_the_menu_leads_to(ines: Reader) -> None:
    """However many views there are, it is not at an end that is out of sight."""
    for number in range(3):
        keep(ines, "?category=team", f"View {number}")

    links = [link.get_text(strip=True) for link in ines.get(LOG).select("#views-pop a")]

    assert links[:3] == ["Keep this view…", "All views", "View 0"]


def test_private_views_are_nobody_elses(app: Flask, ines: Reader, auditor: Reader, organisation: Place) -> None:
    keep(ines, "?category=team", "Mine")
    keep(auditor, "?category=team", "Theirs")

    assert "Mine" in menu(ines)
    assert "Theirs" not in menu(ines)
    assert "Mine" not in auditor.get(VIEWS).words
    change = first(ines, "Mine")
    for method in (auditor.get, auditor.post):
        assert method(change).status == 404
    assert auditor.post(f"{change}/delete").status == 404
    assert "Mine" in menu(ines)


def test_shared_views_are_for_all_who_read_and_changed_by_those_who_may(
    ines: Reader, auditor: Reader, signed_in_as: SignedInAs, organisation: Place
) -> None:
    keep(ines, "?outcome=failure", "Went wrong", "shared")

    assert menu(auditor)["Went wrong"] == f"{LOG}?outcome=failure"
    page = auditor.get(VIEWS)
    assert "Kept by Ines Ferreira" in page.words
    assert not page.select(".does a")
    change = first(ines, "Went wrong")
    assert auditor.get(change).status == 404
    owner = signed_in_as("owner", name="Maya Okafor")
    assert owner.post(change, {"name": "What went wrong", "audience": "shared"}).status == 303
    assert "What went wrong" in menu(auditor)
    assert owner.post(change, {"name": "What went wrong", "audience": "private"}).status == 303
    assert "What went wrong" in menu(owner)  # whose it is from now on
    assert "What went wrong" not in menu(ines)
    assert owner.post(f"{change}/delete").status == 303
    assert "What went wrong" not in menu(owner)


def test_an_auditor_shares_no_view(app: Flask, ines: Reader, auditor: Reader, organisation: Place) -> None:
    assert not auditor.get(f"{VIEWS}/new").select("[name=audience]")

    assert keep(auditor, "?category=team", "For all", "shared").status == 403
    assert "For all" not in menu(auditor)
    assert keep(auditor, "?category=team", "For all").status == 303
    assert auditor.post(first(auditor, "For all"), {"name": "For all", "audience": "shared"}).status == 403
    assert "For all" in menu(auditor)
    assert "For all" not in menu(ines)


def test_somebody_demoted_meanwhile_changes_nothing_for_others(
    app: Flask, ines: Reader, auditor: Reader, organisation: Place
) -> None:
    keep(ines, "?category=team", "Ours", "shared")
    change = first(ines, "Ours")
    assert ines.someone is not None
    set_role(app, organisation, ines.someone, Role.AUDITOR)

    assert ines.post(change, {"name": "Mine"}).status == 404
    assert ines.post(f"{change}/delete").status == 404
    assert "Ours" in menu(auditor)


def test_a_view_that_is_not_shared_any_more_is_its_makers_alone(
    app: Flask, ines: Reader, signed_in_as: SignedInAs, organisation: Place
) -> None:
    """Even where somebody else looked it up a moment before."""
    keep(ines, "?category=team", "Ours", "shared")
    other = signed_in_as("admin", name="Tom Lindqvist").someone
    assert other is not None
    with app.app_context():
        (view,) = saved_views.find_views(organisation.id, other.id)
        db.session.execute(sa.update(SavedView).values(shared=False))
        by = signed_in(other)
        with pytest.raises(MissingError):
            saved_views.change(organisation.id, by, view, name="Mine", shared=True)
        with pytest.raises(MissingError):
            saved_views.remove(organisation.id, by, view)
        kept = db.session.scalars(sa.select(SavedView)).one()
        assert (kept.name, kept.shared) == ("Ours", False)


@pytest.mark.parametrize(
    ("name", "audience", "problem"),
    [
        ("", "private", "Say what the view is to be called."),
        ("x" * 61, "private", "Use 60 characters at most."),
        ("a\u202eb", "private", "Leave out characters that cannot be seen."),
        ("a\0b", "private", "Leave out characters that cannot be seen."),
        ("Good", "world", "Choose one of these."),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(
    app: Flask, ines: Reader, organisation: Place, name: str, audience: str, problem: str
) -> None:
    page = keep(ines, "?category=team", name, audience)

    assert page.status == 422
    assert problem in page.words
    with app.app_context():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(SavedView)) == 0


def test_a_name_is_taken_once_and_a_hundred_are_too_many(
    ines: Reader, organisation: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_views, "MOST", 2)
    assert keep(ines, "", "One").status == 303
    taken = keep(ines, "", "ONE", "shared")
    assert taken.status == 409
    assert "There is a view called “ONE” already." in taken.words
    assert keep(ines, "", "Two").status == 303
    assert "There are 2 views already." in keep(ines, "", "Three").words
    assert keep(ines, "", "Three", "shared").status == 303
    page = ines.post(first(ines, "Three"), {"name": "Three", "audience": "private"})
    assert page.status == 409


@pytest.mark.parametrize(
    "query", ["?category=boats", "?actor=x", "?actor=member:1&actor=member:2", "?from=2026-01-01&to=2025-01-01"]
)
def test_a_damaged_filter_is_not_kept(ines: Reader, organisation: Place, query: str) -> None:
    assert ines.get(f"{VIEWS}/new{query}").status == 400
    assert keep(ines, query, "Damaged").status == 400
    assert "Damaged" not in menu(ines)


def test_names_of_actors_are_told_and_hostile_names_are_text(ines: Reader, organisation: Place) -> None:
    assert ines.someone is not None
    keep(ines, f"?actor=member:{ines.someone.id}", "<script>alert(1)</script>")

    page = ines.get(VIEWS)

    assert "Entries by Ines Ferreira" in page.words
    assert "<script>alert" not in page.text
    assert "<script>alert" not in ines.get(LOG).text


def test_the_way_to_keeping_a_view_follows_the_filter(ines: Reader, organisation: Place, fill: FillLog) -> None:
    fill(1)
    fragment = ines.get(f"{LOG}?category=team&oldest=1", htmx=True)

    (link,) = fragment.select("#keep-view")
    assert link["href"] == f"{VIEWS}/new?category=team"
    assert link["hx-swap-oob"]
    assert not fragment.select("#views-pop")


def test_another_organisation_has_its_own(
    app: Flask, ines: Reader, organisation: Place, other_organisation: Place, signed_in_as: SignedInAs
) -> None:
    keep(ines, "?category=team", "Ours", "shared")
    change = first(ines, "Ours").rpartition("/")[2]
    kenji = signed_in_as("owner", other_organisation, name="Kenji Mori")

    assert kenji.get(f"/o/osaka-bay/settings/audit-log/views/{change}").status == 404
    assert kenji.get(f"{VIEWS}").status == 404
    assert "Ours" not in kenji.get("/o/osaka-bay/settings/audit-log/views").words


def test_shared_views_stay_when_their_maker_leaves(
    app: Flask, ines: Reader, auditor: Reader, organisation: Place
) -> None:
    keep(ines, "?category=team", "Ours", "shared")
    assert ines.someone is not None
    leave(app, organisation, ines.someone)

    assert "Ours" in menu(auditor)


@pytest.mark.parametrize("audience", ["shared", "private"])
def test_pressed_often_it_is_kept_once_and_the_others_are_told(
    app: Flask, ines: Reader, organisation: Place, audience: str
) -> None:
    ines.token()
    with ThreadPoolExecutor(6) as pool:
        contexts = [copy_context() for _ in range(6)]  # in which it is NOW
        statuses = sorted(pool.map(lambda each: each.run(keep, ines, "", "Once", audience).status, contexts))

    assert statuses == [303, *[409] * 5]


def test_the_list_knows_no_filter(ines: Reader, organisation: Place) -> None:
    assert ines.get(f"{VIEWS}?category=team").status == 400


def test_what_every_organisation_has_can_be_asked(ines: Reader, organisation: Place) -> None:
    for _, views in READY:
        for view in views:
            wanted = read_query(view.query, org_id=organisation.id, org_zone="UTC")
            assert wanted.query() == view.query
            assert not wanted.action or catalogue.find(wanted.action)
            assert menu(ines)[view.name] == LOG + view.query
