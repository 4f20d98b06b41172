"""What the first page asks by itself: how many entries are newer than the one it begins with."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, select

from auditweb import clock, ids
from auditweb.accounts.sessions import IDLE_LIMIT
from auditweb.extensions import db
from auditweb.models import SignInSession
from auditweb.reading import questions, search
from tests.integration.conftest import AnEvent, FillLog, SignedInAs
from tests.log_pages import LOG, NOW, follow, rows, spelled, statements
from tests.readers import Page, Place, Reader

pytestmark = pytest.mark.usefixtures("at_now")


def question(page: Page) -> str:
    tag = page.select_one("#audit-new")
    assert tag is not None
    assert tag["hx-trigger"] == "every 30s"
    return str(tag["hx-get"])


def test_nothing_new_is_no_answer(reader: Reader, fill: FillLog) -> None:
    events = fill(3)
    asked = question(reader.get(LOG))

    answer = reader.get(asked, htmx=True)

    assert asked == f"{LOG}/new?after={spelled(events)[0]}"
    assert (answer.status, answer.text) == (204, "")
    assert answer.response.headers["Cache-Control"] == "private, no-store"


def test_what_is_new_is_said_once(reader: Reader, organisation: Place, an_event: AnEvent, fill: FillLog) -> None:
    fill(3)
    asked = question(reader.get(LOG))
    for _ in range(3):
        an_event(org_id=organisation.id, occurred_at=NOW)

    pill = reader.get(asked, htmx=True)
    again = reader.get(question(pill), htmx=True)
    an_event(org_id=organisation.id, occurred_at=NOW)
    more = reader.get(question(pill), htmx=True)

    link, status = pill.select_one("a.newbar"), pill.select_one("#audit-status[hx-swap-oob=innerHTML]")
    assert link is not None
    assert status is not None
    assert link["href"] == link["hx-get"] == LOG
    assert link.get_text(strip=True) == status.get_text() == "3 new entries"
    assert again.status == 204
    assert "4 new entries" in more.words
    assert more.select("#audit-status") == []
    assert len(rows(follow(reader, pill, "a.newbar"))) == 7


def test_only_what_the_filters_let_through_is_new(
    reader: Reader, organisation: Place, an_event: AnEvent, fill: FillLog
) -> None:
    fill(3)
    asked = question(reader.get(f"{LOG}?category=vehicles&actor=member:ada-okafor&last=7d"))
    an_event("member.invited", org_id=organisation.id, occurred_at=NOW)
    an_event(org_id=organisation.id, occurred_at=NOW, actor="Hana Sato")

    assert reader.get(asked, htmx=True).status == 204

    an_event(org_id=organisation.id, occurred_at=NOW)
    pill = reader.get(asked, htmx=True)

    link = pill.select_one("a.newbar")
    assert link is not None
    assert link["href"] == f"{LOG}?category=vehicles&actor=member:ada-okafor&last=7d"
    assert link.get_text(strip=True) == "1 new entry"


def test_a_search_is_asked_for_what_it_finds(
    reader: Reader, organisation: Place, an_event: AnEvent, fill: FillLog
) -> None:
    fill(3)
    asked = question(reader.get(f"{LOG}?q=stepwgn"))
    assert reader.get(asked, htmx=True).status == 204

    an_event(org_id=organisation.id, occurred_at=NOW)

    assert "1 new entry" in reader.get(asked, htmx=True).words


def test_a_search_looks_only_at_what_is_newer(
    reader: Reader, organisation: Place, an_event: AnEvent, fill: FillLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a phrase the texts decide: those that the page showed already are not read again."""
    fill(30)
    asked = question(reader.get(f"{LOG}?q=%22honda+stepwgn%22"))
    an_event(org_id=organisation.id, occurred_at=NOW)
    read: list[int] = []
    real = questions.read_events

    def note(connection: Connection, org_id: int, event_ids: Sequence[int], *more: Any) -> dict[int, Any]:
        read.extend(event_ids)
        return real(connection, org_id, event_ids, *more)

    monkeypatch.setattr(search, "read_events", note)

    assert "1 new entry" in reader.get(asked, htmx=True).words
    assert len(read) == 1


@pytest.mark.parametrize("query", ["", "&category=vehicles", "&outcome=denied", "&q=honda"])
def test_nothing_is_newer_than_the_last_id_there_can_be(reader: Reader, fill: FillLog, query: str) -> None:
    fill(3)
    assert reader.get(f"{LOG}/new?after={ids.to_text(ids.LAST_ID)}{query}", htmx=True).status == 204


def test_an_empty_log_waits_for_its_first_entry(reader: Reader, organisation: Place, an_event: AnEvent) -> None:
    asked = question(reader.get(LOG))
    assert asked == f"{LOG}/new?after=0000000000000"
    assert reader.get(asked, htmx=True).status == 204

    an_event(org_id=organisation.id, occurred_at=NOW)

    assert "1 new entry" in reader.get(asked, htmx=True).words


def test_counting_ends_at_a_hundred(reader: Reader, fill: FillLog) -> None:
    fill(130)

    pill = reader.get(f"{LOG}/new?after=0000000000000", htmx=True)

    assert "100+ new entries" in pill.words
    assert reader.get(question(pill), htmx=True).status == 204


@pytest.mark.parametrize("selector", ["#pager-older", "#pager-oldest"])
def test_other_pages_do_not_ask(reader: Reader, fill: FillLog, selector: str) -> None:
    fill(120)

    page = follow(reader, reader.get(LOG), selector)

    assert page.select("#audit-new") == []


def test_it_takes_one_statement_besides_the_sessions(app: Flask, reader: Reader, fill: FillLog) -> None:
    events = fill(60)
    asked = f"{LOG}/new?after={spelled(events)[55]}"
    reader.get(asked, htmx=True)

    with statements(app) as sent:
        assert "55 new entries" in reader.get(asked, htmx=True).words

    assert len([statement for statement in sent if statement != "BEGIN"]) == 2
    assert len([statement for statement in sent if "FROM event" in statement and "LIMIT 101" in statement]) == 1


def test_asking_does_not_keep_a_session_alive(app: Flask, reader: Reader, fill: FillLog) -> None:
    fill(1)
    asked = question(reader.get(LOG))

    def seen_at() -> object:
        with app.app_context():
            return db.session.scalars(select(SignInSession.seen_at)).one()

    with clock.set_to(NOW + timedelta(minutes=5)):
        reader.get(LOG)
    before = seen_at()
    for minutes in range(6, 35):
        with clock.set_to(NOW + timedelta(minutes=minutes)):
            assert reader.get(asked, htmx=True).status == 204

    assert seen_at() == before
    with clock.set_to(NOW + timedelta(minutes=6) + IDLE_LIMIT):
        answer = reader.get(asked, htmx=True)
        assert (answer.status, answer.text) == (401, "")
        assert "HX-Redirect" not in answer.response.headers
        assert "Location" not in answer.response.headers


@pytest.mark.parametrize(
    "query", ["", "?category=team", "?after=x", "?after=0000000000000&seen=x", "?after=0000000000000&p=1"]
)
def test_a_damaged_question_is_refused(reader: Reader, query: str) -> None:
    assert reader.get(f"{LOG}/new{query}", htmx=True).status == 400


def test_opened_as_a_page_it_leads_to_the_log(reader: Reader) -> None:
    answer = reader.get(f"{LOG}/new?category=team&after={ids.to_text(0)}")

    assert (answer.status, answer.location) == (302, f"{LOG}?category=team")


def test_only_for_those_who_may_read_the_log(
    signed_in_as: SignedInAs, other_organisation: Place, fill: FillLog
) -> None:
    fill(1)
    asked = f"{LOG}/new?after=0000000000000"

    assert signed_in_as("member").get(asked, htmx=True).status == 403
    kenji = signed_in_as("owner", other_organisation, name="Kenji Mori")
    assert kenji.get(asked, htmx=True).status == 404
    assert kenji.get(f"{other_organisation.log}/new?after=0000000000000", htmx=True).status == 204
