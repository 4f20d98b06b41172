"""The operator's support staff: they see what is shared with support, and nothing else."""

import pytest
from flask import Flask

from tests.integration.conftest import FillLog, Operate
from tests.readers import Place, Reader, add_person, open_session
from tests.sharing import about_shares, entries, form, gone, open_, share

pytestmark = pytest.mark.usefixtures("at_now")


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
