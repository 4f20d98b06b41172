"""One's own page: name, zone, times, shortcuts, theme."""

from zoneinfo import available_timezones

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb.extensions import db
from auditweb.models import FormerName, Person
from tests.readers import Page, Reader

FORM = {"name": "Ada Okafor", "zone": "Asia/Tokyo", "times": "absolute", "theme": "dark"}


def person(app: Flask, reader: Reader) -> Person:
    assert reader.someone is not None
    with app.app_context():
        return db.session.get_one(Person, reader.someone.id)


def values(page: Page) -> dict[str, str]:
    """Return what the form on *page* would send."""
    fields = page.select("form.stack input[name][value]:not([type=radio]), form.stack input[type=radio][checked]")
    found = {str(tag["name"]): str(tag["value"]) for tag in fields}
    for option in page.select("select[name=zone] option[selected]"):
        found["zone"] = str(option["value"])
    if not page.select("input[name=shortcuts][checked]"):
        found.pop("shortcuts", None)
    found.pop("csrf_token")
    return found


def test_what_is_saved_is_shown_again(app: Flask, reader: Reader) -> None:
    answer = reader.post("/profile", FORM | {"name": "  Ada   Okafor "})
    assert (answer.status, answer.location) == (303, "/profile")

    page = reader.get("/profile")

    assert values(page) == FORM
    assert "Your profile is saved." in page.words
    assert "Your profile is saved." not in reader.get("/profile").words
    saved = person(app, reader)
    assert (saved.name, saved.zone, saved.absolute_times, saved.shortcuts, saved.theme) == (
        "Ada Okafor", "Asia/Tokyo", True, False, "dark",
    )  # fmt: skip


def test_former_names_stay_on_record(app: Flask, reader: Reader) -> None:
    for name in ("Ines Mori", "Ines Ferreira", "Ines Mori", "Ines Mori"):
        reader.post("/profile", FORM | {"name": name})

    with app.app_context():
        assert sorted(db.session.scalars(sa.select(FormerName.name))) == ["Ines Ferreira", "Ines Mori"]


def test_the_organisations_own_zone_is_the_first_choice(app: Flask, reader: Reader) -> None:
    reader.post("/profile", FORM | {"zone": "", "shortcuts": "y"})

    page = reader.get("/profile")
    options = [str(option["value"]) for option in page.select("select[name=zone] option")]

    assert values(page) == FORM | {"zone": "", "shortcuts": "y"}
    assert options[0] == ""
    assert set(options[1:]) >= available_timezones() - {"Factory", "localtime", "posixrules"}


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        ({"name": "   "}, "name", "Enter your name."),
        ({"name": "x" * 101}, "name", "This is too long."),
        ({"name": "Ada\u202eOkafor"}, "name", "Leave out characters that cannot be seen."),
        ({"name": "Ada\x00"}, "name", "Leave out characters that cannot be seen."),
        ({"zone": "Europe/Atlantis"}, "zone", "Not a valid choice."),
        ({"times": "sideways"}, "times", "Not a valid choice."),
        ({"theme": "sepia"}, "theme", "Not a valid choice."),
    ],
)
def test_errors_stand_beside_their_field_and_what_was_typed_stays(
    app: Flask, reader: Reader, change: dict[str, str], field: str, problem: str
) -> None:
    before = person(app, reader)

    page = reader.post("/profile", FORM | {"name": "Ada King"} | change)

    assert page.status == 422
    error = page.select_one(f"#{field}-error")
    assert error is not None
    assert problem in error.get_text()
    for name, value in (FORM | {"name": "Ada King"}).items():
        if name not in change:
            assert values(page).get(name) == value
    after = person(app, reader)
    assert (after.name, after.zone, after.theme) == (before.name, before.zone, before.theme)


def test_a_name_is_anybodys_own_script(reader: Reader) -> None:
    for name in ("佐藤 花", "Ольга Ильина", "Zoë O’Brien-Ó Súilleabháin", "محمد", "نگین‌تاج"):
        assert reader.post("/profile", FORM | {"name": name}).status == 303
        assert values(reader.get("/profile"))["name"] == name


def test_the_theme_is_rendered_by_the_server_and_follows_the_person(reader: Reader, app: Flask) -> None:
    assert theme(reader.get("/profile")) is None

    reader.post("/theme", {"theme": "dark"})

    assert theme(reader.get("/profile")) == "dark"
    assert person(app, reader).theme == "dark"
    reader.client.delete_cookie("auditweb-theme")  # another browser of the same person
    assert theme(reader.get("/profile")) == "dark"


def test_the_theme_can_be_chosen_signed_out(visitor: Reader) -> None:
    answer = visitor.post("/theme", {"theme": "light"}, headers={"Referer": "http://localhost/sign-in?next=/profile"})

    assert (answer.status, answer.location) == (303, "/sign-in?next=/profile")
    assert theme(visitor.get("/sign-in")) == "light"
    visitor.post("/theme", {"theme": "system"})
    assert theme(visitor.get("/sign-in")) is None


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example/x", "/\\evil.example"])
def test_choosing_a_theme_leads_nowhere_else(visitor: Reader, back: str) -> None:
    assert visitor.post("/theme", {"theme": "dark", "next": back}, headers={"Referer": back}).location == "/"


def test_there_is_no_other_theme(visitor: Reader) -> None:
    assert visitor.post("/theme", {"theme": '"><script>'}).status == 400


def test_a_made_up_cookie_is_no_theme(visitor: Reader) -> None:
    visitor.client.set_cookie("auditweb-theme", "sepia")

    assert theme(visitor.get("/sign-in")) is None


def test_shortcuts_can_be_switched_off(reader: Reader) -> None:
    assert shortcuts(reader.get("/profile")) == "on"

    reader.post("/profile", FORM)

    assert shortcuts(reader.get("/profile")) == "off"


def theme(page: Page) -> str | None:
    html = page.select_one("html")
    assert html is not None
    chosen = html.get("data-theme")
    return str(chosen) if chosen else None


def shortcuts(page: Page) -> str:
    body = page.select_one("body")
    assert body is not None
    return str(body["data-shortcuts"])
