"""The mail about the week that is over: who gets it, when, once, and what it says."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import clock
from auditweb.accounts.permissions import Role
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.models import Finding, Organisation, Person, ReviewCursor, WeeklyMail
from auditweb.parties import Outcome
from auditweb.reading.flags import Flag
from auditweb.web import mailing
from auditweb.webhooks import summary
from auditweb.webhooks.summary import Week
from auditweb.webhooks.weekly import PAUSE, WeeklyMails, last_monday
from tests.integration.conftest import AnEvent, SignedInAs
from tests.log_pages import LOG
from tests.mail_servers import MailServer, mail_server
from tests.readers import Place, Reader, Someone, join, leave, set_role
from tests.teams import notice
from tests.webhooks import SITE, log_of, member, seal

CHOSEN = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)  # a Thursday
DUE = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # the Monday after, in London
SETTING = f"{SITE}/profile#weekly-mail"


@pytest.fixture(scope="module")
def _post() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def post(_post: MailServer) -> MailServer:
    _post.messages.clear()
    _post.refused.clear()
    return _post


@pytest.fixture
def settings(settings: Settings, post: MailServer) -> Settings:
    return Settings(**{**settings.model_dump(), **post.settings})


@pytest.fixture
def ines(signed_in_as: SignedInAs) -> Iterator[Reader]:
    with clock.set_to(CHOSEN):
        yield signed_in_as(Role.ADMIN, name="Ines Ferreira")


@pytest.fixture
def mails() -> WeeklyMails:
    return WeeklyMails(log_of, lambda: SETTING)


def choose(reader: Reader, place: Place, choice: str = "on") -> int:
    return reader.post(f"/profile/weekly-mail/{place.slug}", {"weekly_mail": choice}).status


def send(app: Flask, mails: WeeklyMails, at: datetime) -> int:
    """Send what is due at a moment."""
    with clock.set_to(at), app.app_context():
        mailer = mailing.mailer()
        assert mailer is not None
        return mails.send(mailer)


def to(post: MailServer) -> list[str]:
    return sorted(str(message["To"]) for message in post.messages)


def test_chosen_by_oneself_and_ended_by_oneself(
    app: Flask, ines: Reader, organisation: Place, post: MailServer, mails: WeeklyMails
) -> None:
    assert "Mail me each week" in ines.get("/profile").words
    assert send(app, mails, DUE) == 0
    page = ines.post(f"/profile/weekly-mail/{organisation.slug}", {"weekly_mail": "on"})
    assert (page.status, page.location) == (303, "/profile#weekly-mail")
    shown = ines.get("/profile")
    assert notice(shown) == "You get a mail about Northgate Imports each Monday at 08:00 (London time)."
    assert "Stop the mail" in shown.words
    assert choose(ines, organisation) == 303  # pressed twice
    assert send(app, mails, DUE) == 1
    choose(ines, organisation, "off")
    assert send(app, mails, DUE + timedelta(days=7)) == 0
    assert to(post) == ["ines.ferreira@northgate.example"]


def test_what_it_says(
    app: Flask, ines: Reader, organisation: Place, post: MailServer, mails: WeeklyMails, an_event: AnEvent
) -> None:
    """Numbers of the whole week by the organisation's clocks, each the number behind its link."""
    monday = datetime(2026, 11, 16, 0, 0, tzinfo=UTC)
    given = {"org_id": organisation.id}
    with clock.set_to(DUE):
        for at in (monday - timedelta(seconds=1), monday + timedelta(days=7)):
            an_event("member.invited", **given, occurred_at=at)
        for at in (monday, monday + timedelta(days=7) - timedelta(seconds=1), CHOSEN):
            an_event("vehicle.updated", **given, occurred_at=at)
        for number in range(3):
            refused = {"occurred_at": CHOSEN + timedelta(minutes=number), "outcome": Outcome.DENIED}
            an_event("sign_in.refused", **given, **refused)
        an_event("audit_log.shared", **given, occurred_at=CHOSEN)
    choose(ines, organisation)
    with clock.set_to(DUE):
        seal(app)
    send(app, mails, DUE)

    (message,) = post.messages
    assert message["Subject"] == "Northgate Imports: the week from 16 to 22 November 2026"
    lines = message.get_content().splitlines()
    week = "from=2026-11-16&to=2026-11-22&tz=Europe/London"
    log = log_of("northgate")
    assert lines[:4] == [
        "Northgate Imports, 16 to 22 November 2026 (London time)",
        "",
        "7 entries in the audit log:",
        f"{log}?{week}",
    ]
    numbers = {line: below for line, below in pairwise(lines) if ": " in line}
    assert numbers["Authentication: 3"] == f"{log}?category=authentication&{week}"
    assert numbers["Vehicles: 3"] == f"{log}?category=vehicles&{week}"
    assert numbers["Data export: 1"] == f"{log}?category=data_export&{week}"
    assert numbers["Refused sign-ins: 3"] == f"{log}?action=sign_in.refused&{week}"
    assert numbers["Parts of the log shared: 1"] == f"{log}?action=audit_log.shared&{week}"
    assert "Exports of the log: none" in lines
    assert not [line for line in lines if line.startswith("Team")]
    assert lines[-1] == SETTING
    with clock.set_to(CHOSEN):
        for told, link in numbers.items():
            number = told.rpartition(" ")[2]
            if number.isdigit() and "/review" not in link:
                parts = urlsplit(link)
                assert f"of {number}" in ines.get(f"{LOG}?{parts.query}").words.replace(",", ""), told


def test_a_week_without_an_entry_says_so(
    app: Flask, ines: Reader, organisation: Place, post: MailServer, mails: WeeklyMails
) -> None:
    choose(ines, organisation)
    send(app, mails, DUE)
    lines = post.messages[0].get_content().splitlines()
    assert lines[2].startswith("Nothing was recorded in the audit log.")
    assert review(lines) == ["Findings: none"]


def review(lines: list[str]) -> list[str]:
    """Return what a mail tells of the security review, the blank lines apart."""
    start = lines.index("Security review") + 1
    following = [lines.index(line) for line in lines if line == "By category" or line.startswith("You get this")]
    return [line for line in lines[start : min(following)] if line]


def find(place: Place, number: int, at: datetime, state: str = "open", **more: Any) -> Finding:
    given = {"kind": Flag.BURST.value, "subject_name": f"Hana {number}", "sentence": f"Hana did {number} things."}
    about = {"subject_type": "member", "subject_id": "42", "place": "", "unusual": "", "note": ""}
    told = {"id": f"f{number}", "number": number, "at": at, "found_at": at, "run": 1, "state": state}
    return Finding(org_id=place.id, **given | about | told | more)


def test_what_the_review_found(
    app: Flask,
    ines: Reader,
    organisation: Place,
    other_organisation: Place,
    post: MailServer,
    mails: WeeklyMails,
    an_event: AnEvent,
) -> None:
    """The findings of the week one by one, the newest first; of those set aside and of earlier ones the number."""
    monday = datetime(2026, 11, 16, 0, 0, tzinfo=UTC)
    with app.app_context():
        db.session.add(find(other_organisation, 90, CHOSEN))
        db.session.add(find(organisation, 91, monday - timedelta(seconds=1)))
        db.session.add(find(organisation, 92, monday - timedelta(days=40)))
        db.session.add(find(organisation, 93, monday - timedelta(days=3), "confirmed"))
        db.session.add(find(organisation, 94, monday + timedelta(days=7)))
        eight = monday + timedelta(hours=8)  # when the mail about the week before was sent
        db.session.add(find(organisation, 95, monday - timedelta(hours=9), found_at=eight))
        db.session.add(find(organisation, 96, monday - timedelta(hours=9), "set_aside", found_at=eight))
        db.session.add(find(organisation, 97, monday - timedelta(days=7, hours=9), found_at=eight))
        for number in range(12):
            db.session.add(
                find(organisation, number, monday + timedelta(hours=number), "confirmed" if number == 11 else "open")
            )
        for number in (20, 21):
            db.session.add(find(organisation, number, CHOSEN, "set_aside"))
        db.session.commit()
    choose(ines, organisation)
    send(app, mails, DUE)

    lines = review(post.messages[0].get_content().splitlines())
    log = log_of("northgate")
    of_week, before = "from=2026-11-16&to=2026-11-22&tz=Europe/London&state=all", "to=2026-11-15&tz=Europe/London"
    told = [
        line
        for number in range(11, 1, -1)
        for line in (
            f"Burst of activity: Hana {number}{' (confirmed)' if number == 11 else ''}",
            f"Hana did {number} things.",
            f"{log}/review/f{number}",
        )
    ]
    assert lines == [
        "Findings: 14",
        f"{log}/review?{of_week}",
        *told,
        "4 more, 2 of them set aside",
        "Found since the last mail, of the week that it told of:",
        "Burst of activity: Hana 95",
        "Hana did 95 things.",
        f"{log}/review/f95",
        "Still open from before this week: 4",
        f"{log}/review?{before}",
    ]
    with clock.set_to(CHOSEN):
        for number, query in ((14, of_week), (4, before)):
            assert len(ines.get(f"{LOG}/review?{query}").select(".findings > .finding")) == number


def test_what_hides_in_a_finding_is_shown_and_what_was_not_reviewed_is_said(
    app: Flask, ines: Reader, organisation: Place, post: MailServer, mails: WeeklyMails, an_event: AnEvent
) -> None:
    choose(ines, organisation)
    with clock.set_to(DUE):
        for _ in range(3):
            an_event("vehicle.updated", org_id=organisation.id, occurred_at=CHOSEN)
        seal(app)
    with app.app_context():
        db.session.add(find(organisation, 1, CHOSEN, subject_name="A\r\nB\u202e", sentence="C\nD."))
        db.session.add(ReviewCursor(org_id=organisation.id, position=1, run=1, found=1))
        db.session.commit()
    send(app, mails, DUE)
    with app.app_context():
        db.session.execute(sa.update(ReviewCursor).values(position=3))
        db.session.commit()
    with clock.set_to(DUE + timedelta(days=1)):
        an_event("vehicle.updated", org_id=organisation.id)
        seal(app)
    _set(app, sa.update(WeeklyMail).values(monday="2026-11-16"))
    send(app, mails, DUE + timedelta(hours=30))

    first, second = (review(message.get_content().splitlines()) for message in post.messages)
    assert first[0] == "It has not come to the end of this week yet: 2 entries are still to be reviewed."
    assert first[1] == "Findings: 1"
    assert first[3:5] == [r"Burst of activity: A\u{d}\u{a}B\u{202e}", r"C\u{a}D."]
    assert second == first[1:]  # what waits is of another week


def test_on_monday_at_eight_by_the_clocks_of_the_organisation() -> None:
    for zone, moment in (
        ("Europe/London", datetime(2026, 11, 23, 8, 0, tzinfo=UTC)),
        ("Europe/London", datetime(2026, 7, 20, 7, 0, tzinfo=UTC)),
        ("Asia/Tokyo", datetime(2026, 11, 22, 23, 0, tzinfo=UTC)),
        ("America/Los_Angeles", datetime(2026, 11, 23, 16, 0, tzinfo=UTC)),
        ("Europe/London", datetime(2026, 10, 26, 8, 0, tzinfo=UTC)),  # the day after the clocks went back
        ("Pacific/Kiritimati", datetime(2026, 11, 22, 18, 0, tzinfo=UTC)),
    ):
        monday = last_monday(moment, zone)
        assert monday.weekday() == 0
        assert last_monday(moment - timedelta(microseconds=1), zone) == monday - timedelta(days=7)
        assert last_monday(moment + timedelta(days=7) - timedelta(hours=1, seconds=1), zone) == monday
    assert last_monday(DUE, "Europe/London") == date(2026, 11, 23)


def test_each_in_the_zone_of_their_organisation(
    app: Flask,
    ines: Reader,
    organisation: Place,
    other_organisation: Place,
    signed_in_as: SignedInAs,
    post: MailServer,
    mails: WeeklyMails,
) -> None:
    kenji = signed_in_as(Role.OWNER, other_organisation, name="Kenji Mori")
    choose(ines, organisation)
    choose(kenji, other_organisation)
    assert send(app, mails, datetime(2026, 11, 22, 22, 59, tzinfo=UTC)) == 0
    assert send(app, mails, datetime(2026, 11, 22, 23, 0, tzinfo=UTC)) == 1
    assert to(post) == ["kenji.mori@osaka-bay.example"]
    assert send(app, mails, DUE - timedelta(seconds=1)) == 0
    assert send(app, mails, DUE) == 1
    assert send(app, mails, DUE + timedelta(minutes=1)) == 0
    assert "Osaka" not in post.messages[1].get_content()


def test_week_after_week(app: Flask, ines: Reader, organisation: Place, post: MailServer, mails: WeeklyMails) -> None:
    choose(ines, organisation)
    for week in range(3):
        for hours in (0, 1, 20, 90):
            send(app, mails, DUE + timedelta(days=7 * week, hours=hours))
    assert [str(message["Subject"]).partition("from ")[2] for message in post.messages] == [
        "16 to 22 November 2026",
        "23 to 29 November 2026",
        "30 November to 6 December 2026",
    ]


def test_a_server_that_was_down_for_long_sends_nothing_old(
    app: Flask, ines: Reader, organisation: Place, post: MailServer, mails: WeeklyMails
) -> None:
    choose(ines, organisation)
    assert send(app, mails, DUE + timedelta(hours=37)) == 0
    assert send(app, mails, DUE + timedelta(days=14, hours=35)) == 1
    assert "30 November to 6 December" in str(post.messages[0]["Subject"])


@pytest.mark.parametrize(
    "end",
    [
        lambda app, place, who: leave(app, place, who),
        lambda app, place, who: set_role(app, place, who, Role.MEMBER),
        lambda app, _place, _who: _set(app, sa.update(Person).values(active=False)),
        lambda app, _place, _who: _set(app, sa.update(Organisation).values(disabled_at=CHOSEN)),
    ],
)
def test_whoever_may_not_read_the_log_any_more_gets_none(
    app: Flask,
    ines: Reader,
    organisation: Place,
    post: MailServer,
    mails: WeeklyMails,
    end: Callable[[Flask, Place, Someone], None],
) -> None:
    choose(ines, organisation)
    end(app, organisation, member(ines))
    assert send(app, mails, DUE) == 0
    assert not post.messages


def _set(app: Flask, statement: sa.Update) -> None:
    with app.app_context():
        db.session.execute(statement)
        db.session.commit()


def test_let_in_again_they_choose_anew(
    app: Flask, ines: Reader, organisation: Place, other_organisation: Place, post: MailServer, mails: WeeklyMails
) -> None:
    join(app, other_organisation, member(ines), Role.AUDITOR)
    for place in (organisation, other_organisation):
        assert choose(ines, place) == 303
    leave(app, organisation, member(ines))
    join(app, organisation, member(ines), Role.ADMIN)
    send(app, mails, DUE)
    assert [str(message["Subject"]).partition(":")[0] for message in post.messages] == [other_organisation.name]
    assert choose(ines, organisation) == 303
    send(app, mails, DUE + timedelta(days=7))
    assert len(post.messages) == 3


def test_who_can_choose_it(
    app: Flask, ines: Reader, organisation: Place, other_organisation: Place, signed_in_as: SignedInAs
) -> None:
    tom = signed_in_as(Role.MEMBER, name="Tom Price")
    auditor = signed_in_as(Role.AUDITOR, name="Ola Nordmann")
    assert "A mail each week" not in tom.get("/profile").words
    assert [choose(tom, organisation), choose(ines, other_organisation), choose(auditor, organisation)] == [
        404,
        404,
        303,
    ]
    assert choose(ines, organisation, "perhaps") == 400


def test_several_workers_send_each_once(
    app: Flask, ines: Reader, organisation: Place, signed_in_as: SignedInAs, post: MailServer
) -> None:
    readers = [signed_in_as(Role.ADMIN, name=f"Admin {letter}") for letter in "abcdefg"]
    for reader in readers:
        choose(reader, organisation)
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(send, app, WeeklyMails(log_of, lambda: SETTING), DUE) for _ in range(4)]
        assert sum(each.result() for each in done) == 7
    assert len(set(to(post))) == len(post.messages) == 7


def test_killed_while_sending_nobody_gets_two(
    app: Flask, ines: Reader, organisation: Place, post: MailServer, mails: WeeklyMails, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it was handed in is not known then, so that one is not sent again."""
    choose(ines, organisation)

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("auditweb.mail.Mailer.send", die)
        with pytest.raises(Killed):
            send(app, mails, DUE)
    assert send(app, WeeklyMails(log_of, lambda: SETTING), DUE + timedelta(hours=1)) == 0
    assert send(app, WeeklyMails(log_of, lambda: SETTING), DUE + timedelta(days=7)) == 1


def test_what_was_not_taken_is_tried_again(
    app: Flask, ines: Reader, organisation: Place, signed_in_as: SignedInAs, post: MailServer, mails: WeeklyMails
) -> None:
    maya = signed_in_as(Role.OWNER, name="Maya Okafor")
    for reader in (ines, maya):
        choose(reader, organisation)
    post.refused = {"ines.ferreira@northgate.example"}
    assert send(app, mails, DUE) == 1
    assert send(app, mails, DUE + PAUSE - timedelta(seconds=1)) == 0
    post.refused = set()
    assert send(app, mails, DUE + PAUSE) == 1
    assert to(post) == ["ines.ferreira@northgate.example", "maya.okafor@northgate.example"]
    with app.app_context():
        assert set(db.session.scalars(sa.select(WeeklyMail.monday))) == {"2026-11-23"}


def test_what_is_wrong_with_one_organisation_holds_up_no_other(
    app: Flask,
    ines: Reader,
    organisation: Place,
    other_organisation: Place,
    signed_in_as: SignedInAs,
    post: MailServer,
    mails: WeeklyMails,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("Kenji Mori", "Aiko Tanaka"):
        choose(signed_in_as(Role.OWNER, other_organisation, name=name), other_organisation)
    choose(ines, organisation)
    told = summary.tell
    tries: list[int] = []

    def fail_for_one(week: Week, **given: str) -> str:
        if week.org_id == first:
            tries.append(week.org_id)
            db.session.execute(sa.text("SELECT 1 FROM nothing"))  # which breaks the transaction as well
        return told(week, **given)

    first = min(organisation.id, other_organisation.id)
    monkeypatch.setattr(summary, "tell", fail_for_one)
    monkeypatch.setattr("auditweb.webhooks.weekly._AT_ONCE", 2)  # as if those that fail were very many
    for minutes in (0, 1, 14):
        send(app, mails, DUE + timedelta(minutes=minutes))
    theirs = 2 if first == organisation.id else 1
    assert (len(post.messages), len(tries)) == (theirs, 1)
    send(app, mails, DUE + PAUSE)
    assert len(tries) == 2
    monkeypatch.setattr(summary, "tell", told)
    for minutes in (0, 1, 2):
        send(app, mails, DUE + 2 * PAUSE + timedelta(minutes=minutes))
    assert len(set(to(post))) == len(post.messages) == 3


def test_a_hostile_name_breaks_no_line(
    app: Flask, ines: Reader, organisation: Place, post: MailServer, mails: WeeklyMails
) -> None:
    _set(app, sa.update(Organisation).values(name="North\r\nBcc: x@example.org\u202e"))
    choose(ines, organisation)
    assert send(app, mails, DUE) == 1
    (message,) = post.messages
    assert message["Bcc"] is None
    assert str(message["Subject"]).startswith(r"North\u{d}\u{a}Bcc: x@example.org\u{202e}: the week")


def test_without_a_mail_server_there_is_nothing_to_choose(
    settings: Settings, make_app: Callable[[Settings], Flask], ines: Reader, organisation: Place
) -> None:
    mute = Settings(**{**settings.model_dump(), "smtp_url": None, "mail_from": None})
    other = Reader(make_app(mute).test_client(), ines.someone)
    other.keep(ines.cookie())
    assert "A mail each week" not in other.get("/profile").words
