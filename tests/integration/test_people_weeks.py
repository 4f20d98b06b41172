"""The page about an actor: their first week, the last one and what came after it."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import ids
from auditweb.extensions import db
from auditweb.models import ApiKey, ApiKeyUse
from auditweb.parties import Actor, ActorType, Target
from tests.integration.conftest import SignedInAs
from tests.log_pages import NOW, rows
from tests.people import MONDAY, NIGHTLY, Tell, about, facts, hrefs, lanes, priya, since, tell
from tests.readers import Place, Reader, Someone, add_key

# ruff: noqa: F401, F811  (fixtures are imported)

pytestmark = pytest.mark.usefixtures("at_now")


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
        ("key_5", "Expired one"),
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
        assert "Expired one" not in page.words
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
