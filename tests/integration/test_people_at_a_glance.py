"""The page about an actor, at a glance: what is known of them, and what they did when, how often and from where."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import ids
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.models import ApiKey, ApiKeyUse
from auditweb.parties import Origin, Target
from tests.integration.conftest import SignedInAs
from tests.log_pages import NOW, rows
from tests.people import MONDAY, NIGHTLY, Tell, about, facts, hrefs, priya, since, tell
from tests.place_files import place, write_places
from tests.readers import Place, Reader, Someone, add_key, join, leave, open_session
from tests.second_factors import enrol

# ruff: noqa: F401, F811  (fixtures are imported)

pytestmark = pytest.mark.usefixtures("at_now")


def test_what_is_known_of_a_member(app: Flask, reader: Reader, organisation: Place, priya: Someone, tell: Tell) -> None:
    ines = reader.someone
    assert ines is not None
    enrol(app, priya)
    as_target = Target("member", str(priya.id), priya.name)
    invited = tell(
        MONDAY - timedelta(days=3), ines, "member.invited", facts={"email": priya.email.upper(), "role": "member"}
    )
    tell(MONDAY - timedelta(days=2), ines, "member.invited", facts={"email": "other@x.example", "role": "member"})
    tell(MONDAY, priya, "member.joined", facts={"role": "member"})
    tell(MONDAY + timedelta(days=2), ines, "member.role_raised", target=as_target, facts={"role": "admin"})
    tell(MONDAY + timedelta(days=4), ines, "member.role_changed", target=as_target, facts={"role": "member"})

    page = reader.get(about(organisation, priya))

    known = facts(page)
    assert known.pop("Two-factor").startswith("On since ")
    assert known == {
        "Invited": "30 Oct 2026 by Ines Ferreira",
        "Joined": "2 Nov 2026",
        "Role": "Member since 6 Nov 2026 before: admin, from 4 Nov 2026 before: member, from 2 Nov 2026",
        "Last active": "Never",
    }
    assert f"{organisation.log}/entries/{ids.to_text(invited.id)}" in hrefs(page, ".facts4 a")
    assert about(organisation, ines) in hrefs(page, ".facts4 a")


def test_who_leaves_and_comes_back_is_there(app: Flask, reader: Reader, organisation: Place, priya: Someone) -> None:
    leave(app, organisation, priya)
    assert "Left" in facts(reader.get(about(organisation, priya)))
    join(app, organisation, priya)
    assert "Left" not in facts(reader.get(about(organisation, priya)))


def test_a_role_given_twice_is_no_change(reader: Reader, organisation: Place, priya: Someone, tell: Tell) -> None:
    ines = reader.someone
    assert ines is not None
    as_target = Target("member", str(priya.id), priya.name)
    tell(MONDAY, priya, "member.joined", facts={"role": "auditor"})
    for days, action in ((0.1, "appointed"), (5, "dismissed"), (9, "appointed")):
        tell(MONDAY + timedelta(days=days), ines, f"member.auditor_{action}", target=as_target)
    tell(MONDAY + timedelta(days=12), ines, "member.role_changed", target=as_target, facts={"role": "member"})

    known = facts(reader.get(about(organisation, priya)))

    assert known["Role"] == (
        "Member since 14 Nov 2026 before: auditor, from 11 Nov 2026"
        " before: member, from 7 Nov 2026 before: auditor, from 2 Nov 2026"
    )


def test_what_is_known_of_a_key(app: Flask, reader: Reader, organisation: Place, priya: Someone) -> None:
    add_key(app, organisation, "key_1", "Dealer feed", priya)
    with app.app_context():
        db.session.execute(sa.update(ApiKey).values(created_at=MONDAY, revoked_at=MONDAY + timedelta(days=9)))
        used = MONDAY + timedelta(days=8)
        db.session.add(ApiKeyUse(key_id="key_1", org_id=organisation.id, used_at=used, ip=None))
        db.session.commit()

    page = reader.get(about(organisation, "api_key:key_1"))

    assert facts(page) == {
        "Made": "2 Nov 2026 by Priya Raman",
        "Last used": "10 Nov",
        "Revoked": "11 Nov 2026",
    }
    assert "has not done anything" in page.words


def test_a_key_that_outlives_its_maker_says_so(app: Flask, reader: Reader, organisation: Place, priya: Someone) -> None:
    """For as long as it works, also where it only reads and nothing else tells of it."""
    add_key(app, organisation, "key_1", "Security monitor", priya)
    address, says = about(organisation, "api_key:key_1"), "It goes on working although Priya Raman"
    assert says not in reader.get(address).words

    since(app, priya, MONDAY, MONDAY + timedelta(days=9))
    page = reader.get(address)
    assert says in page.words
    assert facts(page)["Made"].endswith("who has left")
    for ended in ({"revoked_at": NOW}, {"revoked_at": None, "expires_at": NOW}):
        with app.app_context():
            db.session.execute(sa.update(ApiKey).values(ended))
            db.session.commit()
        assert says not in reader.get(address).words


def test_every_number_is_what_the_log_shows(
    reader: Reader, organisation: Place, priya: Someone, tell: Tell, app: Flask
) -> None:
    office, home = Origin(ip="203.0.113.7"), Origin(ip="2001:db8::1")
    for hours in range(5):
        tell(MONDAY + timedelta(hours=hours), priya, origin=office)
    tell(MONDAY + timedelta(days=1), priya, "sign_out.completed", origin=home)
    tell(MONDAY + timedelta(days=14), priya, "member.joined", facts={"role": "member"})
    tell(MONDAY, NIGHTLY, "session.all_ended", target=Target("member", str(priya.id), priya.name))

    page = reader.get(about(organisation, priya))

    told = {
        link.select(".cat")[0].get_text(strip=True): (link.select("b")[0].get_text(), str(link["href"]))
        for link in page.select(".shares a")
    }
    assert {name: number for name, (number, _) in told.items()} == {"Team": "1", "Authentication": "1", "Vehicles": "5"}
    for number, href in told.values():
        assert len(rows(reader.get(href))) == int(number)
    days = {link.select("title")[0].get_text().partition(": ")[2]: str(link["href"]) for link in page.select(".year a")}
    assert len(page.select(".year a")) == 3
    assert len(rows(reader.get(days["5 entries"]))) == 5
    places = {link.get_text(): str(link["href"]) for link in page.select(".places a")}
    assert {ip: len(rows(reader.get(href))) for ip, href in places.items()} == {"203.0.113.7": 5, "2001:db8::1": 1}
    assert "No entry on 19 of 22 days, 2 to 23 November 2026. 13 of those are between Monday and Friday." in page.words
    silences = hrefs(page, ".silences a")
    assert [gap.get_text() for gap in page.select(".silences a")] == ["4 to 15 November 2026", "17 to 23 November 2026"]
    assert [rows(reader.get(href)) for href in silences] == [[], []]
    assert "08:00 to 13:00" in page.words
    (total, theirs) = hrefs(page, ".panelhead a")
    assert (len(rows(reader.get(total))), len(rows(reader.get(theirs)))) == (7, 1)
    assert [each.get_text() for each in page.select(".firstlast dt .link")] == ["2 Nov 08:55", "16 Nov 08:55"]


@pytest.mark.parametrize("most", [10_000, 1])
def test_days_are_counted_alike_however_many_entries_there_are(
    reader: Reader, organisation: Place, priya: Someone, tell: Tell, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("auditweb.reading.counts.CAP", most)
    for days, number in ((0, 3), (1, 1), (9, 2)):
        for minute in range(number):
            tell(MONDAY + timedelta(days=days, minutes=minute), priya)
    tell(MONDAY, NIGHTLY)

    page = reader.get(about(organisation, priya, "?from=2026-11-03&to=2026-11-20&tz=Europe/London"))
    whole = reader.get(about(organisation, priya))

    assert [day.get_text() for day in whole.select(".year a title")] == [
        "Monday 2 November 2026: 3 entries",
        "Tuesday 3 November 2026: 1 entry",
        "Wednesday 11 November 2026: 2 entries",
    ]
    assert [day.get_text()[-9:] for day in page.select(".year a title")] == [": 1 entry", "2 entries"]


def test_times_are_those_of_the_reader(
    signed_in_as: SignedInAs, organisation: Place, priya: Someone, tell: Tell
) -> None:
    tell(MONDAY.replace(hour=20), priya)
    tokyo = signed_in_as("auditor", name="Yuto Ishikawa", zone="Asia/Tokyo")

    page = tokyo.get(about(organisation, priya))

    assert "in the days of Tokyo" in page.words
    assert "05:00 to 06:00 in Tokyo" in page.words
    (day,) = page.select(".year a")
    assert "Tuesday 3 November 2026: 1 entry" in day.get_text()
    assert str(day["href"]).endswith("&from=2026-11-03&to=2026-11-03&tz=Asia/Tokyo")


def test_places_are_told_where_the_operator_has_a_file_of_them(
    make_app: Callable[[Settings], Flask],
    settings: Settings,
    reader: Reader,
    organisation: Place,
    priya: Someone,
    tell: Tell,
    tmp_path: Path,
) -> None:
    tell(MONDAY, priya, origin=Origin(ip="203.0.113.7"))
    file = write_places(tmp_path / "places.mmdb", {"203.0.113.0/24": place("Bristol", "United Kingdom")})
    knowing = make_app(settings.model_copy(update={"places_file": file}))
    assert reader.someone is not None

    page = open_session(knowing, knowing.test_client(), reader.someone).get(about(organisation, priya))

    assert "203.0.113.7 about Bristol, United Kingdom" in page.words
    assert "Bristol" not in reader.get(about(organisation, priya)).words


def test_the_page_obeys_the_filters_of_the_log(reader: Reader, organisation: Place, priya: Someone, tell: Tell) -> None:
    tell(MONDAY, priya)
    tell(MONDAY + timedelta(days=1), priya, "sign_out.completed")

    page = reader.get(about(organisation, priya, "?category=vehicles&from=2026-11-01&to=2026-11-02&tz=Europe/London"))
    none = reader.get(about(organisation, priya, "?category=suppliers"))
    searched = reader.get(about(organisation, priya, "?q=alphard"))

    assert "Only Vehicles entries by Priya Raman, 1 to 2 November 2026 (London)." in page.words
    assert [link.get_text(" ", strip=True) for link in page.select(".shares a")] == ["Vehicles 1"]
    assert "Of the one entry" in page.words
    assert "08:00 to 09:00 in London, once, on a Monday." in page.words
    assert "Nothing that Priya Raman did matches." in none.words
    assert "1 entry" in searched.words


def test_of_a_single_entry_no_habit_is_told(reader: Reader, organisation: Place, priya: Someone, tell: Tell) -> None:
    tell(NOW - timedelta(hours=1), priya, "sign_out.completed")

    page = reader.get(about(organisation, priya))

    assert "1 entry on 1 day." in page.words
    for words in ("No entry on", "No day without", "nine times in ten"):
        assert words not in page.words, words


def test_of_thousands_of_entries_a_sample_says_so(
    reader: Reader, organisation: Place, priya: Someone, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditweb.reading.lives.SAMPLE", 2)
    for minute in range(2):
        tell(MONDAY + timedelta(minutes=minute), priya, origin=Origin(ip="203.0.113.7"))

    page = reader.get(about(organisation, priya))

    assert "Of the last 2 entries, since 2 November 2026." in page.words
    assert "2 of them, last" in page.words
