"""The page about an actor: at a glance, the first week, the last one and what came after it."""

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
from auditweb.parties import Actor, ActorType, Origin, Target
from tests.integration.conftest import SignedInAs
from tests.log_pages import NOW, rows, statements
from tests.people import MONDAY, NIGHTLY, Tell, about, facts, hrefs, lanes, priya, since, tell
from tests.place_files import place, write_places
from tests.readers import Place, Reader, Someone, add_key, add_person, join, leave, open_session
from tests.second_factors import enrol

# ruff: noqa: F401, F811  (fixtures are imported)

pytestmark = pytest.mark.usefixtures("at_now")


# Who has a page


def test_whoever_an_entry_or_a_membership_knows_has_a_page(
    app: Flask, reader: Reader, organisation: Place, priya: Someone, tell: Tell
) -> None:
    key_maker = add_person(app, "Maya Okafor")
    add_key(app, organisation, "key_1", "Dealer feed", key_maker)
    tell(MONDAY, NIGHTLY)
    tell(MONDAY, Actor(ActorType.SYSTEM, "a/b", "Odd one"))
    tell(MONDAY, NIGHTLY, "two_factor.reset", target=Target("member", "host-7", "Somebody of a host"))

    for ref, name in (
        (f"member:{priya.id}", "Priya Raman"),
        ("api_key:key_1", "Dealer feed"),
        ("system:nightly", "Nightly import"),
        ("system:a%252Fb", "Odd one"),
        ("system:a/b", "Odd one"),
        ("member:host-7", "host-7"),
    ):
        page = reader.get(about(organisation, ref))
        assert (page.status, page.heading()) == (200, name), ref


def test_nobody_else_has(
    app: Flask, reader: Reader, organisation: Place, other_organisation: Place, signed_in_as: SignedInAs
) -> None:
    kenji = signed_in_as("owner", other_organisation, name="Kenji Mori").someone
    assert kenji is not None
    add_key(app, other_organisation, "key_osaka", "Showroom website", kenji)
    missing = reader.get(f"{organisation.log}/nowhere/at/all")

    for ref in (
        f"member:{kenji.id}",
        "api_key:key_osaka",
        "member:999",
        "member:",
        "nonsense",
        "pirate:1",
        "system:none",
        "system:%00",
        "member:99999999999999999999",
        "system:" + "x" * 300,
    ):
        page = reader.get(about(organisation, ref))
        assert page.status == 404, ref
        assert page.heading() == missing.heading()
        assert "Kenji" not in page.text


@pytest.mark.parametrize("role", ["owner", "admin", "auditor", "member"])
def test_those_who_read_the_log_read_the_pages(
    signed_in_as: SignedInAs, organisation: Place, priya: Someone, role: str
) -> None:
    someone = signed_in_as(role)

    for part in ("", "?part=first-week", "?part=last-week"):
        assert someone.get(about(organisation, priya, part)).status == (403 if role == "member" else 200)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("part=third-week", "third-week"),
        ("part=first-week&part=last-week", "more than one part"),
        ("part=first-week&category=team", "category"),
        ("part=first-week&after=nonsense", "after which entry"),
        ("category=boats", "boats"),
        ("actor=member:1", "one actor"),
        ("oldest=1", "one actor"),
        ("colour=red", "colour"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    reader: Reader, organisation: Place, priya: Someone, query: str, name: str
) -> None:
    page = reader.get(about(organisation, priya, f"?{query}"))

    assert page.status == 400
    assert name in page.words


# At a glance


def test_what_is_known_of_a_member(app: Flask, reader: Reader, organisation: Place, priya: Someone, tell: Tell) -> None:
    ines = reader.someone
    assert ines is not None
    enrol(app, priya)
    as_target = Target("member", str(priya.id), priya.name)
    invited = tell(MONDAY - timedelta(days=3), ines, "member.invited", facts={"email": priya.email, "role": "member"})
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


# First week


def test_the_first_week_is_read_from_its_beginning_with_what_others_did(
    reader: Reader, organisation: Place, priya: Someone, tell: Tell
) -> None:
    ines = reader.someone
    assert ines is not None
    as_target = Target("member", str(priya.id), priya.name)
    invited = tell(MONDAY - timedelta(days=3), ines, "member.invited", facts={"email": priya.email, "role": "member"})
    tell(MONDAY, priya, "member.joined", facts={"role": "member"})
    tell(MONDAY + timedelta(hours=1), ines, "member.role_raised", target=as_target, facts={"role": "admin"})
    tell(MONDAY + timedelta(days=6, hours=15), priya)
    tell(MONDAY + timedelta(days=6, hours=15, minutes=6), priya, "sign_out.completed")  # 00:01 on the eighth day

    page = reader.get(about(organisation, priya, "?part=first-week"))

    assert "2 to 8 November 2026 , whole days in London. Oldest first , unlike the log" in page.words
    assert lanes(page) == [
        ("other", f"Invited {priya.email} as member"),
        ("own", "Accepted the invitation and joined as member"),
        ("other", "Raised the role of Priya Raman to admin Sensitive"),
        ("own", "Updated the details of 2021 Toyota Alphard"),
    ]
    did, told, invitation = hrefs(page, ".weekhead a")
    assert "2 entries by Priya Raman , 1 entry about them, and the invitation" in page.words
    assert invitation.endswith(ids.to_text(invited.id))
    assert (len(rows(reader.get(did))), len(rows(reader.get(told)))) == (2, 1)


def test_a_busy_week_is_turned_like_a_book(
    reader: Reader, organisation: Place, priya: Someone, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditweb.reading.lives.find_stretch.__kwdefaults__", {"size": 2, "did_only": False})
    told = [ids.to_text(tell(MONDAY + timedelta(minutes=minute), priya).id) for minute in range(5)]
    tell(MONDAY - timedelta(days=20), priya)

    seen: list[str] = []
    page = reader.get(about(organisation, priya, "?part=first-week"))
    assert "1 entry from before that" in page.words
    while True:
        seen += [str(sentence["data-entry"]) for sentence in page.select(".told-of")]
        later = page.select_one("a[rel=next]")
        if later is None:
            break
        page = reader.get(str(later["href"]))

    assert seen == told


def test_the_last_id_there_can_be_ends_a_week(reader: Reader, organisation: Place, priya: Someone, tell: Tell) -> None:
    tell(MONDAY, priya)

    page = reader.get(about(organisation, priya, "?part=first-week&after=7ZZZZZZZZZZZZ"))

    assert (page.status, lanes(page)) == (200, [])


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


def test_the_last_week_of_a_key_that_only_reads_ends_when_it_was_used(
    app: Flask, reader: Reader, organisation: Place, priya: Someone
) -> None:
    add_key(app, organisation, "key_1", "Dealer feed", priya)
    with app.app_context():
        db.session.execute(sa.update(ApiKey).values(created_at=MONDAY))
        used = MONDAY + timedelta(days=8)
        db.session.add(ApiKeyUse(key_id="key_1", org_id=organisation.id, used_at=used, ip=None))
        db.session.commit()

    assert "4 to 10 November 2026" in reader.get(about(organisation, "api_key:key_1", "?part=last-week")).words
    assert "2 to 8 November 2026" in reader.get(about(organisation, "api_key:key_1", "?part=first-week")).words


def test_someone_without_entries_has_an_empty_week(reader: Reader, organisation: Place, priya: Someone) -> None:
    assert "Nothing happened in these days" in reader.get(about(organisation, priya, "?part=first-week")).words


# Last week


def test_the_last_week_of_who_is_still_here_says_when_it_can_be_reviewed(
    app: Flask, reader: Reader, organisation: Place, priya: Someone, signed_in_as: SignedInAs
) -> None:
    told = "is still here. Their last week can be reviewed once they have left."
    auditor = signed_in_as("auditor")

    assert told in reader.get(about(organisation, priya, "?part=last-week")).words
    assert told not in reader.get(about(organisation, priya, "?part=first-week")).words
    assert told not in auditor.get(about(organisation, priya, "?part=last-week")).words
    since(app, priya, MONDAY, NOW)
    assert told not in reader.get(about(organisation, priya, "?part=last-week")).words


def test_the_last_week_of_a_leaver_and_nothing_after_it(
    app: Flask, reader: Reader, organisation: Place, priya: Someone, tell: Tell
) -> None:
    left = MONDAY + timedelta(days=10)
    since(app, priya, MONDAY, left)
    tell(MONDAY + timedelta(days=3), priya, "sign_out.completed")  # before the week
    tell(left - timedelta(days=2), priya)
    tell(left + timedelta(milliseconds=3), priya, "member.left")
    as_target = Target("member", str(priya.id), priya.name)
    tell(left + timedelta(seconds=1), NIGHTLY, "session.all_ended", target=as_target)

    page = reader.get(about(organisation, priya, "?part=last-week"))

    assert lanes(page) == [
        ("own", "Updated the details of 2021 Toyota Alphard"),
        ("own", "Left the organisation"),
        ("other", "Signed Priya Raman out on every device"),
    ]
    assert "nothing has happened under their name; they made no API keys" in page.words
    assert not page.select(".aftermath")
    glance = facts(reader.get(about(organisation, priya)))
    assert (glance["Left"], glance["Role until then"]) == ("12 Nov 2026 by themselves", "Member")
    assert "Two-factor" not in glance


def test_what_happens_after_the_last_day_is_said_in_red(
    app: Flask, reader: Reader, organisation: Place, priya: Someone, tell: Tell
) -> None:
    left = MONDAY + timedelta(days=10)
    since(app, priya, MONDAY, left)
    for key_id, name in (
        ("key_1", "Dealer feed"),
        ("key_2", "Monitor"),
        ("key_3", "Quiet one"),
        ("key_4", "Ended one"),
    ):
        add_key(app, organisation, key_id, name, priya)
    with app.app_context():
        revoked = sa.update(ApiKey).where(ApiKey.id == "key_4")
        db.session.execute(revoked.values(revoked_at=left))
        expired = sa.update(ApiKey).where(ApiKey.id == "key_5")
        db.session.execute(expired.values(expires_at=NOW - timedelta(days=1)))
        for key_id, used in (("key_2", left + timedelta(days=1)), ("key_3", left - timedelta(days=1))):
            db.session.add(ApiKeyUse(key_id=key_id, org_id=organisation.id, used_at=used, ip=None))
        db.session.commit()
    tell(left - timedelta(hours=1), Actor(ActorType.API_KEY, "key_1", "Dealer feed"))
    for days in (1, 2):
        tell(left + timedelta(days=days), Actor(ActorType.API_KEY, "key_1", "Dealer feed"))
    tell(left + timedelta(days=3), priya)

    for part in ("", "?part=last-week"):
        page = reader.get(about(organisation, priya, part))
        red = page.select_one(".aftermath")
        assert red is not None
        told = " ".join(red.get_text(" ").split())
        assert "1 entry under their name" in told
        assert lanes(page, ".aftermath .lanes") == [("own", "Updated the details of 2021 Toyota Alphard")]
        assert "2 entries by the API key Dealer feed" in told
        assert "The API key Monitor , which they made, was used" in told
        assert "Quiet one" not in told
        assert "Ended one" not in page.words
        still = [" ".join(each.get_text(" ").split()) for each in page.select(".notice.warn")]
        assert [each.partition(" ,")[0] for each in still] == [
            "The API key Dealer feed", "The API key Monitor", "The API key Quiet one",
        ]  # fmt: skip
        assert "nothing has happened under their name" not in page.words


def test_who_is_still_there_has_no_aftermath(reader: Reader, organisation: Place, priya: Someone, tell: Tell) -> None:
    tell(MONDAY + timedelta(days=12), priya)

    page = reader.get(about(organisation, priya, "?part=last-week"))

    assert "8 to 14 November 2026" in page.words
    assert len(lanes(page)) == 1
    assert not page.select(".aftermath, .notice")


# The ways there


def test_names_lead_to_their_pages_and_outside_the_log_nowhere(
    app: Flask, reader: Reader, organisation: Place, priya: Someone, tell: Tell, signed_in_as: SignedInAs
) -> None:
    event = tell(NOW - timedelta(minutes=5), priya)
    person, thing = about(organisation, priya), f"{organisation.log}/targets/vehicle/veh_1"

    log = reader.get(organisation.log)
    assert person in hrefs(log, ".row a.whois")
    details = reader.get(f"{organisation.log}/entries/{ids.to_text(event.id)}", htmx=True)
    assert {person, thing} <= set(hrefs(details, ".facts a"))
    narrowed = reader.get(f"{organisation.log}?actor=member:{priya.id}&target=vehicle:veh_1", htmx=True)
    assert hrefs(narrowed, "#about-actor, #about-target") == [person, thing]
    for address in (person, thing):
        assert reader.get(address).status == 200
    own = signed_in_as("member", name="Tom Lindqvist")
    assert own.someone is not None
    mine = tell(NOW, own.someone)
    for page in (own.get("/o/northgate/my-log"), own.get(f"/o/northgate/my-log/entries/{ids.to_text(mine.id)}")):
        assert "/people/" not in page.text
        assert "/targets/" not in page.text


def test_details_on_other_pages_swap_no_table_that_is_not_there(
    reader: Reader, organisation: Place, priya: Someone, tell: Tell
) -> None:
    address = f"{organisation.log}/entries/{ids.to_text(tell(MONDAY, priya).id)}"
    elsewhere = {"HX-Current-URL": f"http://localhost{organisation.log}/targets/vehicle/veh_1"}

    assert reader.get(address, htmx=True).select("[hx-target='#audit-table']")
    assert not reader.get(address, htmx=True, headers=elsewhere).select("[hx-target]")
    assert not reader.get(address).select("main [hx-target]")


def test_a_page_asks_as_little_of_a_long_life_as_of_a_short_one(
    app: Flask, reader: Reader, organisation: Place, priya: Someone, tell: Tell
) -> None:
    tell(MONDAY, priya)
    address = about(organisation, priya)
    reader.get(address)
    tell(MONDAY, priya)
    with statements(app) as few:
        reader.get(address)
    for hours in range(30):
        tell(MONDAY + timedelta(hours=hours), priya)
    with statements(app) as many:
        reader.get(address)

    assert len(many) == len(few) <= 26


def test_who_leaves_and_comes_back_is_there(app: Flask, reader: Reader, organisation: Place, priya: Someone) -> None:
    leave(app, organisation, priya)
    assert "Left" in facts(reader.get(about(organisation, priya)))
    join(app, organisation, priya)
    assert "Left" not in facts(reader.get(about(organisation, priya)))
