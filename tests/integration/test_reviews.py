"""Reviews of what new and departing members did: ticks, a note, and the entry that a finished one is."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import clock, ids
from auditweb.accounts.permissions import Right, Role, may
from auditweb.extensions import db
from auditweb.ledger import purger
from auditweb.ledger.sealer import Sealer
from auditweb.models import Event, MemberReview, MemberReviewTick
from auditweb.parties import Actor, ActorType, Target
from tests.databases import Database
from tests.integration.conftest import SignedInAs
from tests.ledgers import operator_engine
from tests.log_pages import NOW
from tests.people import MONDAY, NIGHTLY, Tell, about, lanes, priya, since, tell
from tests.readers import Page, Place, Reader, Someone
from tests.teams import at_once

# ruff: noqa: F401, F811  (fixtures are imported)

pytestmark = pytest.mark.usefixtures("at_now")


@pytest.fixture
def three(priya: Someone, tell: Tell) -> list[Event]:
    """What Priya did in her first week, and what was done to her."""
    as_target = Target("member", str(priya.id), priya.name)
    return [
        tell(MONDAY, priya, "member.joined", facts={"role": "member"}),
        tell(MONDAY + timedelta(hours=1), NIGHTLY, "two_factor.reset", target=as_target),
        tell(MONDAY + timedelta(days=1), priya),
    ]


def begin(reader: Reader, place: Place, someone: Someone, kind: str = "joining") -> Page:
    return reader.post(f"{place.log}/reviews", {"person": str(someone.id), "kind": kind})


def open_(reader: Reader, place: Place, someone: Someone, kind: str = "joining") -> str:
    answer = begin(reader, place, someone, kind)
    assert answer.status == 303, answer.words
    return str(answer.location)


def see_all(reader: Reader, address: str) -> list[str]:
    """Mark all entries of a review as seen, and return them."""
    shown = list(boxes(reader.get(address)))
    assert reader.post(address, {"shown": shown, "do": "all", "note": ""}).status == 303
    return shown


def boxes(page: Page) -> dict[str, bool]:
    return {str(box["value"]): box.has_attr("checked") for box in page.select("input[name=seen]")}


def entries(app: Flask, *actions: str) -> list[Event]:
    with app.app_context():
        return list(db.session.scalars(sa.select(Event).where(Event.action.in_(actions)).order_by(Event.id)))


def test_a_reviewer_of_a_joiner_from_the_log_to_the_record(
    app: Flask, reader: Reader, organisation: Place, priya: Someone, three: list[Event]
) -> None:
    clicks = 0

    def click(page: Page, selector: str) -> Page:
        nonlocal clicks
        clicks += 1
        (link, *_) = page.select(selector)
        return reader.get(str(link["href"]))

    def press(page: Page, button: str, **filled: str) -> Page:
        nonlocal clicks
        clicks += 1
        (pressed,) = [each for each in page.select("main form button") if button in each.get_text()]
        form = pressed.find_parent("form")
        assert form is not None
        values: dict[str, list[str]] = {}
        for box in form.select("input[name]"):
            if box.get("type") != "checkbox" or box.has_attr("checked"):
                values.setdefault(str(box["name"]), []).append(str(box["value"]))
        token = values.pop("csrf_token")[0]
        done = {str(pressed["name"]): [str(pressed["value"])]} if pressed.has_attr("name") else {}
        answer = reader.post(str(form["action"]), {**values, **filled, **done}, token=token)
        assert answer.status == 303, answer.words
        return reader.get(str(answer.location))

    log = reader.get(organisation.log)
    person = click(log, f"a.whois[href$='member:{priya.id}']")
    week = click(person, ".tabs a[href*='first-week']")
    review = press(week, "Start a review")
    assert list(boxes(review).values()) == [False] * 3
    review = press(review, "Mark all 3 as seen")
    assert list(boxes(review).values()) == [True] * 3
    clicks += 1  # into the note
    done = press(review, "Finish the review", note="Looked at with Sofia.\r\nNothing unusual.")

    assert clicks < 10
    assert "3 of 3 entries seen" in done.words
    assert not done.select("input[type=checkbox], main form button")
    (entry,) = entries(app, "member.onboarding_reviewed")
    assert (entry.category, entry.summary) == ("team", "Reviewed the first week of Priya Raman")
    assert entry.facts == {"seen": "3 of 3 entries", "note": "Looked at with Sofia.\nNothing unusual."}
    assert (entry.target_id, entry.ip) == (str(priya.id), "127.0.0.1")
    back = click(reader.get(organisation.log), ".row .tgt[href*='/reviews/']")
    assert back.heading() == done.heading() == "Review of Priya Raman , first week"
    assert "Looked at with Sofia." in reader.get(about(organisation, priya)).words


def test_a_reviewer_of_a_leaver_sees_the_red_and_what_came_later(
    app: Flask, reader: Reader, organisation: Place, priya: Someone, tell: Tell
) -> None:
    left = MONDAY + timedelta(days=10)
    assert begin(reader, organisation, priya, "leaving").location == about(organisation, priya, "?part=last-week")
    assert "has not left" in reader.get(about(organisation, priya, "?part=last-week")).words
    since(app, priya, MONDAY, left)
    tell(left - timedelta(days=1), priya)
    tell(left + timedelta(days=2), priya, "sign_out.completed")
    address = open_(reader, organisation, priya, "leaving")

    page = reader.get(address)

    assert len(boxes(page)) == 2
    assert page.select(".aftermath")
    assert reader.post(address, {"shown": list(boxes(page)), "do": "finish", "note": "", "anyway": "y"}).status == 303
    tell(NOW, priya)
    assert "0 of 2 entries seen" in reader.get(address).words
    assert len(lanes(reader.get(address), ".ticked")) == 2
    (entry,) = entries(app, "member.offboarding_reviewed")
    assert entry.facts == {"seen": "0 of 2 entries"}


def test_who_finishes_with_entries_unseen_is_asked_once_and_loses_no_tick(
    app: Flask, reader: Reader, organisation: Place, priya: Someone, three: list[Event]
) -> None:
    address = open_(reader, organisation, priya)
    first, second, third = boxes(reader.get(address))
    form: dict[str, str | list[str]] = {
        "shown": [first, second, third],
        "seen": [second],
        "do": "finish",
        "note": "So far.",
    }

    assert not reader.get(address).select("input[name=anyway]")
    asked = reader.post(address, form)

    assert asked.status == 422
    assert "Only 1 of 3 entries are ticked." in asked.words
    assert asked.select("input[name=anyway]")
    assert not entries(app, "member.onboarding_reviewed")
    kept = reader.get(address)
    assert boxes(kept) == {first: False, second: True, third: False}
    assert kept.select("textarea")[0].get_text().strip() == "So far."
    assert "None of the 3 entries is ticked." in reader.post(address, {**form, "was": [second], "seen": []}).words
    done = reader.post(address, {**form, "anyway": "y"})
    assert (done.status, done.location) == (303, address)
    (row,) = reader.get(f"{organisation.log}?action=member.onboarding_reviewed").select("tr.row .c-sum")
    assert " ".join(row.get_text().split()) == "Reviewed the first week of Priya Raman Seen 1 of 3 entries"
    assert reader.post(address, {"do": "finish", "note": ""}).location == address  # it is finished: nobody is asked


def test_the_way_back_to_the_start_keeps_what_is_ticked(
    reader: Reader, organisation: Place, priya: Someone, three: list[Event]
) -> None:
    address = open_(reader, organisation, priya)
    first, second, third = boxes(reader.get(address))

    page = reader.get(f"{address}?after={first}")
    assert not page.select(".reviewbar a")
    back = reader.post(
        f"{address}?after={first}", {"shown": [second, third], "seen": [third], "do": "first", "note": ""}
    )

    assert back.location == address
    assert boxes(reader.get(address)) == {first: False, second: False, third: True}


def test_the_invitation_is_part_of_the_review_of_a_joiner(
    app: Flask, reader: Reader, organisation: Place, priya: Someone, three: list[Event], tell: Tell
) -> None:
    by = {"facts": {"email": priya.email, "role": "member"}}
    invitation = ids.to_text(tell(MONDAY - timedelta(days=3), NIGHTLY, "member.invited", **by).id)
    week = reader.get(about(organisation, priya, "?part=first-week"))
    address = open_(reader, organisation, priya)

    page = reader.get(address)

    assert "1 entry about them, and the invitation" in week.words
    assert "0 of 4 entries ticked" in page.words
    assert list(boxes(page)) == [invitation, *(ids.to_text(event.id) for event in three)]
    assert lanes(page)[0] == ("other", f"Invited {priya.email} as member")
    reader.post(address, {"shown": list(boxes(page)), "seen": [invitation], "do": "save", "note": ""})
    assert boxes(reader.get(address))[invitation]
    assert "1 of 4 entries ticked" in reader.get(address).words
    reader.post(address, {"shown": list(boxes(page)), "do": "all", "note": ""})
    done = reader.get(str(reader.post(address, {"do": "finish", "note": ""}).location))
    assert "4 of 4 entries seen" in done.words
    assert len(lanes(done)) == 4
    assert len(done.select("td.c-tick .ic")) == 4
    other = tell(
        MONDAY - timedelta(days=2), NIGHTLY, "member.invited", facts={"email": "b@c.example", "role": "member"}
    )
    again = open_(reader, organisation, priya)
    forged: dict[str, str | list[str]] = {
        "shown": [ids.to_text(other.id)],
        "seen": [ids.to_text(other.id)],
        "do": "save",
        "note": "",
    }
    assert reader.post(again, forged).status == 404


def test_a_review_that_was_finished_without_the_invitation_stays_so(
    app: Flask, reader: Reader, organisation: Place, priya: Someone, three: list[Event], tell: Tell
) -> None:
    address = open_(reader, organisation, priya)
    see_all(reader, address)
    reader.post(address, {"do": "finish", "note": ""})
    tell(MONDAY - timedelta(days=3), NIGHTLY, "member.invited", facts={"email": priya.email, "role": "member"})

    page = reader.get(address)

    assert "3 of 3 entries seen" in page.words
    assert len(lanes(page)) == 3


def test_what_is_recorded_after_it_was_finished_is_told_apart(
    reader: Reader,
    organisation: Place,
    priya: Someone,
    three: list[Event],
    tell: Tell,
    an_event: Callable[..., Event],
) -> None:
    tell(MONDAY - timedelta(days=3), NIGHTLY, "member.invited", facts={"email": priya.email, "role": "member"})
    address = open_(reader, organisation, priya)
    see_all(reader, address)
    reader.post(address, {"do": "finish", "note": ""})
    with clock.set_to(NOW + timedelta(minutes=5)):
        by = Actor(ActorType.MEMBER, str(priya.id), priya.name)
        an_event(org_id=organisation.id, actor=by, occurred_at=MONDAY + timedelta(hours=2))
        page = reader.get(address)

    assert "4 of 4 entries seen" in page.words
    marks = [" ".join(cell.get_text(" ").split()) for cell in page.select("td.c-tick")]
    assert marks == ["Seen", "Seen", "Seen", "Later", "Seen"]
    assert lanes(page)[0] == ("other", f"Invited {priya.email} as member")


def test_ticks_are_kept_and_taken_away_page_by_page(
    app: Flask, reader: Reader, organisation: Place, priya: Someone, three: list[Event]
) -> None:
    address = open_(reader, organisation, priya)
    first, second, third = boxes(reader.get(address))
    shown = [first, second, third]

    reader.post(address, {"shown": shown, "seen": [first, third], "do": "save", "note": "so\r\nfar"})
    page = reader.get(address)
    assert boxes(page) == {first: True, second: False, third: True}
    assert "2 of 3 entries ticked" in page.words
    assert page.select("textarea")[0].get_text().strip() == "so\nfar"

    reader.post(address, {"shown": [second], "seen": [second], "do": "save", "note": "so\nfar"})
    reader.post(address, {"shown": [first], "was": [first], "do": "save", "note": "so\nfar"})
    assert boxes(reader.get(address)) == {first: False, second: True, third: True}
    later = reader.post(address, {"shown": shown, "seen": shown, "do": "later", "note": "so\nfar"})
    assert later.location == f"{address}?after={third}"
    assert "no entry by or about Priya Raman" in reader.get(str(later.location)).words
    assert len(entries(app, "member.onboarding_reviewed")) == 0


def test_what_a_colleague_has_done_meanwhile_is_not_undone(
    reader: Reader, signed_in_as: SignedInAs, organisation: Place, priya: Someone, three: list[Event]
) -> None:
    """Both have opened the review before either saves it."""
    maya, address = signed_in_as("admin", name="Maya Okafor"), open_(reader, organisation, priya)
    first, second, third = shown = list(boxes(reader.get(address)))
    reader.post(address, {"shown": shown, "seen": [first], "do": "save", "note": "Begun."})
    (noted,) = {
        str(field["value"])
        for page in (reader.get(address), maya.get(address))
        for field in page.select("input[name=noted]")
    }
    of_both: dict[str, str | list[str]] = {"shown": shown, "was": [first], "noted": noted, "do": "save"}

    assert maya.post(address, of_both | {"seen": [first, second], "note": "Ask Sofia."}).status == 303
    refused = reader.post(address, of_both | {"seen": [third], "note": "Nothing unusual."})

    assert refused.status == 409
    assert "Somebody else has changed the note meanwhile. It says now: “Ask Sofia.”." in refused.words
    assert boxes(refused) == {first: False, second: False, third: True}
    assert refused.select("textarea")[0].get_text().strip() == "Nothing unusual."
    assert boxes(reader.get(address)) == {first: True, second: True, third: False}
    now: dict[str, str | list[str]] = {
        name: [str(field["value"]) for field in refused.select(f"input[name={name}]")] for name in ("was", "noted")
    }
    assert reader.post(address, of_both | now | {"seen": [third], "note": "Nothing unusual."}).status == 303
    page = reader.get(address)
    assert boxes(page) == {first: False, second: True, third: True}
    assert "Nothing unusual." in page.words


def test_what_was_purged_since_is_no_part_of_what_was_seen(
    app: Flask, reader: Reader, organisation: Place, priya: Someone, three: list[Event], fresh: Database
) -> None:
    address = open_(reader, organisation, priya)
    shown = see_all(reader, address)
    with app.app_context():
        Sealer(db.engine).run()
    with operator_engine(fresh.owner_url) as engine:
        purger.purge(engine, organisation.id, ids.from_text(shown[1]), who="Ada", why="Past its time")

    assert "1 of 1 entries ticked" in reader.get(address).words
    reader.post(address, {"do": "finish", "note": ""})

    (entry,) = entries(app, "member.onboarding_reviewed")
    assert entry.facts == {"seen": "1 of 1 entries"}


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"do": "shred"}, 400),
        ({"shown": ["nonsense"], "do": "save"}, 400),
        ({"shown": ["0"] * 102, "do": "save"}, 400),
        ({"shown": ["7ZZZZZZZZZZZZ"], "seen": ["7ZZZZZZZZZZZZ"], "do": "save"}, 404),
        ({"shown": ["0000000000001"], "seen": ["0000000000001"], "do": "finish"}, 404),
        ({"do": "finish", "note": "x" * 1_001}, 422),
        ({"do": "finish", "note": "a\0b"}, 422),
        ({"do": "finish", "note": "a\u202eb"}, 422),
    ],
)
def test_what_cannot_be_meant_changes_nothing(
    app: Flask,
    reader: Reader,
    organisation: Place,
    priya: Someone,
    three: list[Event],
    form: dict[str, str | list[str]],
    status: int,
) -> None:
    address = open_(reader, organisation, priya)

    page = reader.post(address, {"note": "kept", **form})

    assert page.status == status
    if status == 422:
        assert page.select("#note-error")
    with app.app_context():
        assert db.session.scalar(sa.select(MemberReview.note)) == ""
        assert db.session.scalar(sa.select(sa.func.count()).select_from(MemberReviewTick)) == 0
    assert not entries(app, "member.onboarding_reviewed")


def test_entries_of_others_cannot_be_ticked(
    reader: Reader, organisation: Place, priya: Someone, three: list[Event], tell: Tell
) -> None:
    address = open_(reader, organisation, priya)
    between = ids.to_text(tell(MONDAY + timedelta(hours=2), NIGHTLY).id)
    after = ids.to_text(tell(MONDAY + timedelta(days=9), priya).id)

    for foreign in (between, after):
        assert reader.post(address, {"shown": [foreign], "seen": [foreign], "do": "save", "note": ""}).status == 404


@pytest.mark.parametrize("role", list(Role))
def test_who_may_review(
    signed_in_as: SignedInAs, reader: Reader, organisation: Place, priya: Someone, three: list[Event], role: Role
) -> None:
    someone, address = signed_in_as(role), open_(reader, organisation, priya)
    allowed = may(role, Right.REVIEW_MEMBERS)

    assert begin(someone, organisation, priya).status == (303 if allowed else 403)
    page = someone.get(address)
    assert page.status == (200 if may(role, Right.READ_LOG) else 403)
    assert bool(page.select("main form")) is allowed
    assert someone.post(address, {"do": "finish", "note": "", "anyway": "y"}).status == (303 if allowed else 403)
    if may(role, Right.READ_LOG) and not allowed:
        assert "Owners and admins tick entries and finish it." in page.words
        assert not someone.get(about(organisation, priya, "?part=first-week")).select("main form")


def test_another_organisations_review_is_not_there(
    reader: Reader, organisation: Place, other_organisation: Place, priya: Someone, signed_in_as: SignedInAs
) -> None:
    address = open_(reader, organisation, priya).replace("northgate", "osaka-bay")
    kenji = signed_in_as("owner", other_organisation, name="Kenji Mori")

    assert kenji.get(address).status == 404
    assert kenji.post(address, {"do": "finish", "note": ""}).status == 404
    assert begin(kenji, other_organisation, priya).status == 404
    for person in ("", "x", "999", "1\0"):
        answer = kenji.post(f"{other_organisation.log}/reviews", {"person": person, "kind": "joining"})
        assert answer.status == 404, person
    assert kenji.post(f"{other_organisation.log}/reviews", {"person": "1", "kind": "firing"}).status == 400


def test_one_that_is_finished_stays_as_it_is(
    app: Flask, reader: Reader, organisation: Place, priya: Someone, three: list[Event]
) -> None:
    address = open_(reader, organisation, priya)
    assert open_(reader, organisation, priya) == address  # there is one of each kind at a time
    (first, *_) = boxes(reader.get(address))
    reader.post(address, {"do": "finish", "note": "done", "anyway": "y"})

    answer = reader.post(address, {"shown": [first], "seen": [first], "do": "finish", "note": "again"})

    assert answer.status == 303
    page = reader.get(address)
    assert "finished a moment ago" in page.words
    assert "0 of 3 entries seen" in page.words
    assert "again" not in page.words
    assert len(entries(app, "member.onboarding_reviewed")) == 1
    assert open_(reader, organisation, priya) != address


def test_two_who_press_at_once_end_in_one(
    app: Flask, signed_in_as: SignedInAs, organisation: Place, priya: Someone, three: list[Event]
) -> None:
    people = [signed_in_as("owner", name="Maya Okafor"), signed_in_as("admin", name="Ben Harker")]
    for each in people:
        each.token()

    def pressing(what: Callable[[Reader], Page]) -> list[Page]:
        return at_once(*[partial(clock.set_to(NOW)(what), each) for each in people])

    addresses = {str(page.location) for page in pressing(lambda each: begin(each, organisation, priya))}
    assert len(addresses) == 1
    (address,) = addresses
    finished = {"do": "finish", "note": "", "anyway": "y"}
    assert {page.status for page in pressing(lambda each: each.post(address, finished))} == {303}
    assert len(entries(app, "member.onboarding_reviewed")) == 1
