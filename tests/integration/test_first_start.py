"""The first start: a code that the server printed, then the first organisation and its owner, once."""

import re
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from auditweb import clock
from auditweb.accounts import first_start, passwords
from auditweb.accounts.founding import NewOrganisation, NewPerson, RefusedError
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.models import DeletedOrganisation, Event, Membership, Organisation, Person, SignInSession
from auditweb.parties import Origin
from auditweb.web.first_start import IS_OVER
from tests.log_pages import NOW
from tests.readers import Reader, add_organisation

SECRET = "s" * 32
GIVEN = {
    "organisation": "Northgate Imports",
    "slug": "northgate",
    "zone": "Europe/London",
    "name": "Maya Okafor",
    "email": " Maya@Northgate.example",
    "password": "heron lantern quarry",
}


@pytest.fixture
def fresh_app(app: Flask) -> Flask:
    """The app of a server that was never set up."""
    del app.extensions[IS_OVER]
    return app


@pytest.fixture
def newcomer(fresh_app: Flask) -> Reader:
    return Reader(fresh_app.test_client())


@pytest.fixture
def owner_to_be(newcomer: Reader) -> Reader:
    """Somebody who has shown the code."""
    assert newcomer.post("/setup", {"code": first_start.code(SECRET)}).location == "/setup/organisation"
    return newcomer


def everything(app: Flask) -> tuple[int, int, int]:
    with app.app_context():
        counts = [db.session.scalar(select(func.count()).select_from(table)) for table in (Organisation, Person, Event)]
        return counts[0] or 0, counts[1] or 0, counts[2] or 0


# The way there


def test_while_there_is_no_organisation_newcomers_are_led_to_the_first_run_page(newcomer: Reader) -> None:
    for address in ("/", "/sign-in"):
        assert newcomer.get(address).location == "/setup"
    assert newcomer.get("/profile").location == "/sign-in?next=/profile"

    page = newcomer.get("/setup")

    assert page.status == 200
    assert page.heading() == "Welcome to ImportOps"
    assert newcomer.get("/setup/organisation").location == "/setup"
    assert newcomer.post("/setup/organisation", GIVEN).location == "/setup"


def test_once_there_is_an_organisation_there_is_no_such_page(fresh_app: Flask, newcomer: Reader) -> None:
    token = newcomer.token()
    add_organisation(fresh_app, "northgate", "Northgate Imports")

    missing = newcomer.get("/nowhere")
    for address in ("/setup", "/setup/organisation"):
        for page in (newcomer.get(address), newcomer.post(address, {"code": first_start.code(SECRET)}, token=token)):
            assert page.status == 404
            assert page.heading() == missing.heading()
    assert newcomer.get("/").location == "/sign-in"
    assert newcomer.get("/sign-in").status == 200


def test_an_organisation_that_was_deleted_leaves_no_first_start(fresh_app: Flask, newcomer: Reader) -> None:
    """Who once saw the code must not get in with it when all is gone."""
    with fresh_app.app_context():
        db.session.add(DeletedOrganisation(org_id=1, name="Northgate", asked_by="Maya", asked_at=NOW, deleted_at=NOW))
        db.session.commit()

    assert newcomer.get("/setup").status == 404
    with fresh_app.app_context(), pytest.raises(RefusedError):
        first_start.by_operator(NewOrganisation("A", "aaa", "UTC"), NewPerson("a@b.example", "A", "hash"))


# The code


def test_code_is_the_same_for_all_workers_and_easily_read(
    settings: Settings, make_app: Callable[[Settings], Flask]
) -> None:
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){2}[0-9A-HJKMNP-TV-Z]{4}", first_start.code(SECRET))
    assert first_start.code(SECRET) != first_start.code("t" * 32)
    for _ in range(2):
        worker = make_app(settings)
        del worker.extensions[IS_OVER]
        page = Reader(worker.test_client()).post("/setup", {"code": first_start.code(SECRET)})
        assert page.location == "/setup/organisation"


def test_code_is_taken_however_it_is_written(newcomer: Reader) -> None:
    code = first_start.code(SECRET)
    plain = code.replace("-", "")
    for written in (code.lower(), f"  {code.replace('-', ' ')} ", plain.replace("0", "O").replace("1", "l")):
        assert newcomer.post("/setup", {"code": written}).location == "/setup/organisation", written


def test_another_code_opens_nothing(newcomer: Reader) -> None:
    reasons = {
        "": "Enter the code.",
        "AAAA-AAAA-AAAA": "This is not the code.",
        "é" * 12: "This is not",
        "0" * 101: "long",
    }
    for code, reason in reasons.items():
        page = newcomer.post("/setup", {"code": code})

        assert page.status == 422
        problem, field = page.select_one("#code-error"), page.select_one("#code")
        assert problem is not None
        assert field is not None
        assert reason in problem.get_text()
        assert field["value"] == code
    assert newcomer.get("/setup/organisation").location == "/setup"


def test_code_cannot_be_tried_at_will(fresh_app: Flask, newcomer: Reader) -> None:
    code = first_start.code(SECRET)
    with clock.set_to(NOW):
        for _ in range(first_start.FREE_TRIES):
            assert newcomer.post("/setup", {"code": "wrong"}).status == 422
        page = newcomer.post("/setup", {"code": code})
        assert page.status == 429
        assert page.response.headers["Retry-After"] == "30"
        assert "Too many tries. Wait 30 seconds" in page.words
        elsewhere = Reader(fresh_app.test_client())
        elsewhere.client.environ_base["REMOTE_ADDR"] = "127.0.0.9"
        assert elsewhere.post("/setup", {"code": code}).location == "/setup/organisation"

    with clock.set_to(NOW + timedelta(seconds=70)):
        assert newcomer.post("/setup", {"code": code}).location == "/setup/organisation"


def test_code_is_stored_nowhere(owner_to_be: Reader, fresh_app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    owner_to_be.post("/setup", {"code": "wrong"})
    with fresh_app.app_context(), db.engine.connect() as connection:
        kept = str(list(connection.exec_driver_sql("SELECT key FROM rate")))

    for place in (kept, owner_to_be.cookie() or "", *capsys.readouterr()):
        assert first_start.code(SECRET) not in place


# The organisation and its owner


def test_owner_sets_up_the_organisation_and_is_signed_in(fresh_app: Flask, owner_to_be: Reader) -> None:
    before = owner_to_be.cookie()

    page = owner_to_be.post("/setup/organisation", GIVEN, headers={"User-Agent": "Firefox"})

    assert (page.status, page.location) == (303, "/")
    assert owner_to_be.cookie() != before
    assert owner_to_be.get("/").location == "/o/northgate/settings/audit-log"
    log = owner_to_be.get("/o/northgate/settings/audit-log")
    assert "Welcome, Maya Okafor. From now on, what happens in Northgate Imports is recorded here." in log.words
    assert [tag.get_text(" ", strip=True) for tag in log.select(".c-sum[scope=row]")] == [
        "Signed in",
        "Created the organisation Northgate Imports",
    ]
    assert "Welcome" not in owner_to_be.get("/o/northgate/settings/audit-log").words
    with fresh_app.app_context():
        organisation = db.session.scalars(select(Organisation)).one()
        person = db.session.scalars(select(Person)).one()
        membership = db.session.scalars(select(Membership)).one()
        created, signed_in = db.session.scalars(select(Event).order_by(Event.id))
        assert (organisation.slug, organisation.name, organisation.zone) == (
            "northgate",
            GIVEN["organisation"],
            "Europe/London",
        )
        assert (person.email, person.name) == ("maya@northgate.example", "Maya Okafor")
        assert passwords.verify(person.password_hash, GIVEN["password"])
        assert (membership.org_id, membership.person_id, membership.role) == (organisation.id, person.id, "owner")
        assert (created.action, created.facts) == (
            "organisation.created",
            {"name": "Northgate Imports", "owner": "Maya Okafor"},
        )
        assert (created.target_type, created.target_id) == ("organisation", str(organisation.id))
        assert signed_in.action == "sign_in.succeeded"
        for event in (created, signed_in):
            assert (event.actor_type, event.actor_id, event.actor_name) == ("member", str(person.id), "Maya Okafor")
            assert (event.org_id, event.ip, event.user_agent) == (organisation.id, "127.0.0.1", "Firefox")
    assert owner_to_be.get("/setup").status == owner_to_be.get("/setup/organisation").status == 404


REFUSED = [
    ("organisation", "   ", "Enter a name."),
    ("organisation", "N" * 101, "too long"),
    ("organisation", "North\u200bgate", "cannot be seen"),
    ("slug", "North Gate", "small letters"),
    ("slug", "x", "3 to 40 characters"),
    ("zone", "", "Choose a time zone."),
    ("zone", "Europe/Loondon", "Not a valid choice."),
    ("name", "", "Enter a name."),
    ("name", "Maya\u202e", "cannot be seen"),
    ("email", "", "Enter your e-mail address."),
    ("email", "maya", "not an e-mail address"),
    ("email", "m@" + "x" * 300 + ".example", "not an e-mail address"),
    ("password", "", "Choose a password."),
    ("password", "short", "12 characters"),
    ("password", "password1234", "tried first"),
    ("password", "maya okafor 1", "your name"),
    ("password", "Northgate-Imports", "your name"),
    ("password", "x" * 1025, "1,024 characters"),
]


def test_what_cannot_be_used_is_said_beside_its_field_and_the_rest_is_kept(
    fresh_app: Flask, owner_to_be: Reader
) -> None:
    for field, value, reason in REFUSED:
        given = GIVEN | {field: value}

        page = owner_to_be.post("/setup/organisation", given)

        assert page.status == 422, (field, value)
        problems = page.select(".fielderror")
        assert [tag["id"] for tag in problems] == [f"{field}-error"], (field, value)
        assert reason in problems[0].get_text()
        wrong = page.select_one(f"#{field}")
        assert wrong is not None
        assert f"{field}-error" in str(wrong["aria-describedby"]).split()
        for name in ("organisation", "slug", "name", "email"):
            tag = page.select_one(f"#{name}")
            assert tag is not None
            assert str(tag["value"]) == " ".join(given[name].split()), (field, value, name)
        assert not given["password"] or given["password"] not in page.text
        chosen = page.select_one("#zone option[selected]")
        assert field == "zone" or (chosen is not None and chosen["value"] == "Europe/London")
    assert everything(fresh_app) == (0, 0, 0)


@pytest.mark.parametrize(("name", "slug"), [("Müller & Söhne", "muller-sohne"), ("大阪湾モータース", None)])
def test_an_address_is_made_of_the_name(owner_to_be: Reader, name: str, slug: str | None) -> None:
    page = owner_to_be.post("/setup/organisation", GIVEN | {"organisation": name, "slug": ""})

    if slug:
        assert owner_to_be.get("/").location == f"/o/{slug}/settings/audit-log"
    else:
        assert page.status == 422
        assert "No address can be made of this name: choose one." in page.words


def test_who_comes_second_is_told_so(fresh_app: Flask, owner_to_be: Reader) -> None:
    """Both have the form open; after the first has sent it, the page is gone for the other."""
    other = Reader(fresh_app.test_client())
    other.post("/setup", {"code": first_start.code(SECRET)})
    token = other.token()
    assert owner_to_be.post("/setup/organisation", GIVEN).status == 303

    page = other.post("/setup/organisation", GIVEN | {"slug": "southgate", "email": "eve@evil.example"}, token=token)

    assert page.status == 404
    assert everything(fresh_app) == (1, 1, 2)


def test_of_many_at_once_one_sets_up(fresh_app: Flask) -> None:
    """Several owners and operators at the same moment: one organisation, one owner, and clean refusals."""
    outcomes: list[str] = []
    start = threading.Barrier(6)

    def try_it(number: int) -> None:
        new = NewOrganisation(f"Organisation {number}", f"org-{number}", "UTC")
        owner = NewPerson(f"owner-{number}@org.example", f"Owner {number}", "hash")
        with fresh_app.app_context():
            start.wait()
            try:
                if number % 2:
                    first_start.by_operator(new, owner)
                else:
                    first_start.by_owner(new, owner, origin=Origin(ip="127.0.0.1"))
                outcomes.append(f"made {number}")
            except RefusedError as error:
                outcomes.append(str(error))

    threads = [threading.Thread(target=try_it, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcome == first_start.OVER for outcome in outcomes) == [False] + [True] * 5
    (made,) = (int(outcome.removeprefix("made ")) for outcome in outcomes if outcome != first_start.OVER)
    assert everything(fresh_app) == (1, 1, 1 if made % 2 else 2)
    with fresh_app.app_context():
        assert db.session.scalar(select(Organisation.slug)) == f"org-{made}"
        assert db.session.scalar(select(func.count()).select_from(SignInSession)) == (0 if made % 2 else 1)


def test_a_race_lost_on_the_page_is_explained(
    fresh_app: Flask, owner_to_be: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = owner_to_be.token()
    is_due = first_start.is_due
    answers = iter([True, False])
    monkeypatch.setattr(first_start, "is_due", lambda: next(answers, is_due()))

    page = owner_to_be.post("/setup/organisation", GIVEN, token=token)

    assert page.status == 409
    assert page.heading() == "Somebody else was quicker"
    assert "There is an organisation already" in page.words
    assert everything(fresh_app) == (0, 0, 0)
