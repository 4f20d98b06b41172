"""Who may see which log, and where `/` leads."""

import pytest
from flask import Flask

from auditweb.accounts.permissions import GRANTED, Right, Role, may
from tests.integration.conftest import SignedInAs
from tests.readers import Place, Reader, Someone, add_person, join, leave, open_session, without_tokens


@pytest.mark.parametrize(
    ("role", "status"), [(Role.OWNER, 200), (Role.ADMIN, 200), (Role.AUDITOR, 200), (Role.MEMBER, 403)]
)
def test_what_each_role_may_see(signed_in_as: SignedInAs, organisation: Place, role: Role, status: int) -> None:
    reader = signed_in_as(role)

    assert reader.get(organisation.log).status == status
    assert reader.get(organisation.log, htmx=True).status == status
    assert reader.get(f"{organisation.log}/actors").status == status
    assert may(role, Right.READ_LOG) is (status == 200)


def test_every_right_says_who_has_it() -> None:
    assert set(GRANTED) == set(Right)


def test_a_member_is_told_who_can_help(app: Flask, organisation: Place, signed_in_as: SignedInAs) -> None:
    reader = signed_in_as(Role.MEMBER, name="Tom Price")
    signed_in_as(Role.ADMIN, name="Ines Ferreira")
    signed_in_as(Role.OWNER, name="Maya Okafor")
    signed_in_as(Role.AUDITOR, name="Olu Adeyemi")
    gone = add_person(app, "Former Owner")
    join(app, organisation, gone, "owner")
    leave(app, organisation, gone)

    page = reader.get(organisation.log)

    assert page.status == 403
    assert [tag.get_text() for tag in page.select(".helpers b")] == ["Maya Okafor", "Ines Ferreira"]
    assert "owners, admins and auditors" in page.words
    assert "Olu Adeyemi" not in page.text
    assert "Former Owner" not in page.text


def test_a_member_sees_no_link_to_what_they_may_not_open(organisation: Place, signed_in_as: SignedInAs) -> None:
    page = signed_in_as(Role.MEMBER).get("/profile")

    assert not page.select(f'a[href="{organisation.log}"]')


def test_someone_elses_organisation_and_a_missing_one_are_the_same_page(
    reader: Reader, other_organisation: Place
) -> None:
    theirs, missing = reader.get(other_organisation.log), reader.get("/o/osaka-boy/settings/audit-log")

    assert theirs.status == missing.status == 404
    assert without_tokens(theirs.text) == without_tokens(missing.text)
    assert other_organisation.name not in theirs.text


def test_the_signed_out_are_sent_to_sign_in_wherever_they_knock(organisation: Place, visitor: Reader) -> None:
    for address in ("/", "/profile", organisation.log, "/o/nobody/settings/audit-log"):
        answer = visitor.get(address)
        assert answer.status == 302
        assert (answer.location or "").startswith("/sign-in")


def test_home_is_the_log_of_the_only_organisation(reader: Reader, organisation: Place) -> None:
    assert reader.get("/").location == organisation.log


def test_a_member_is_led_to_what_they_may_see(organisation: Place, signed_in_as: SignedInAs) -> None:
    reader = signed_in_as(Role.MEMBER)
    own = f"/o/{organisation.slug}/my-log"

    assert reader.get("/").location == own
    links = reader.get(own).select("nav[aria-label=Settings] a")
    assert [(link.get_text(strip=True), link.get("aria-current")) for link in links] == [
        ("My log", "page"),
        ("Sign-in", None),
    ]
    refused = reader.get(organisation.log)
    assert [link["href"] for link in refused.select("main a.btn.primary")] == [own]
    damaged = reader.get(f"{own}?actor=member:1")
    assert [link["href"] for link in damaged.select("main a.btn")] == [own]


def test_home_of_someone_in_several_is_a_choice_and_then_the_last_used(
    app: Flask, organisation: Place, other_organisation: Place, somebody: Someone
) -> None:
    join(app, organisation, somebody, "member")
    join(app, other_organisation, somebody, "owner")
    reader = open_session(app, app.test_client(), somebody)
    own = f"/o/{organisation.slug}/my-log"

    page = reader.get("/")
    assert [link["href"] for link in page.select(".choices a")] == [own, other_organisation.log]
    assert not reader.get("/profile").select('#account-menu a[href$="my-log"]'), "of which organisation?"

    reader.get(other_organisation.log)
    assert reader.get("/").location == other_organisation.log
    leave(app, other_organisation, somebody)
    assert reader.get("/").location == own


def test_home_of_someone_in_none_says_so(app: Flask, somebody: Someone) -> None:
    page = open_session(app, app.test_client(), somebody).get("/")

    assert page.status == 200
    assert "you do not belong to an organisation" in page.words


def test_the_switcher_offers_the_organisations_one_belongs_to(
    app: Flask, organisation: Place, other_organisation: Place, somebody: Someone
) -> None:
    join(app, organisation, somebody, "member")
    join(app, other_organisation, somebody, "owner")
    reader = open_session(app, app.test_client(), somebody)

    page = reader.get(other_organisation.log)

    offered = {str(link["href"]): link.get("aria-current") for link in page.select("#organisations-menu a")}
    assert offered == {f"/o/{organisation.slug}/my-log": None, other_organisation.log: "true"}


def test_the_log_is_the_current_page_of_the_sidebar(reader: Reader, organisation: Place) -> None:
    links = reader.get(f"{organisation.log}?category=team").select("nav[aria-label=Settings] a")

    assert [link["href"] for link in links if link.get("aria-current") == "page"] == [organisation.log]


def test_the_help_page_is_for_everyone(reader: Reader, visitor: Reader) -> None:
    for browser in (reader, visitor):
        page = browser.get("/help/audit-log")
        assert page.status == 200
        assert "Data export" in page.words
