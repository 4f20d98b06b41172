"""What was counted is remembered only for as long as it is true."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from flask import Flask

from auditweb import clock
from auditweb.database import TooSlow
from auditweb.extensions import db
from auditweb.ledger.purger import purge
from auditweb.ledger.sealer import Sealer
from auditweb.models import Event, FindingEvent
from auditweb.reading.counts import Counted, count
from auditweb.reading.flags import Flag
from auditweb.reading.matches import find_matches
from tests.findings import Find, find
from tests.ledgers import operator_engine
from tests.log_pages import LOG, fill_log, statements
from tests.readers import Page, Place, Reader

# ruff: noqa: F401, F811  (fixtures are imported)

NOW = datetime(2026, 11, 23, 10, 42, 7, tzinfo=UTC)


@pytest.fixture
def seal(app: Flask) -> Callable[[], None]:
    def all_there_is() -> None:
        with app.app_context():
            Sealer(db.engine).run()

    return all_there_is


def total(page: Page) -> str:
    tab = page.select_one("#tab-all [title]")
    assert tab is not None
    return str(tab["title"])


def test_what_nothing_changed_is_not_counted_again(
    app: Flask, reader: Reader, organisation: Place, seal: Callable[[], None]
) -> None:
    fill_log(app, organisation, 60)
    seal()
    with clock.set_to(NOW):
        reader.get(LOG)
        with statements(app) as seen:
            assert total(reader.get(LOG)) == "60"

    assert not [statement for statement in seen if "tally" in statement]


def test_a_search_that_nothing_changed_is_not_counted_again(
    app: Flask, reader: Reader, organisation: Place, an_event: Callable[..., Event], seal: Callable[[], None]
) -> None:
    fill_log(app, organisation, 60)
    seal()
    with clock.set_to(NOW):
        first = reader.get(f"{LOG}?q=stepwgn")
        with patch("auditweb.reading.counts.find_matches", side_effect=AssertionError):
            assert total(reader.get(f"{LOG}?q=stepwgn")) == total(first) == "60"
        second = reader.get(str(first.select("#pager-older")[0]["href"]))
        assert "51–60 of 60" in second.words
        an_event(org_id=organisation.id, occurred_at=NOW - timedelta(days=1))
        assert total(reader.get(f"{LOG}?q=stepwgn")) == "61"


def test_new_entries_count_at_once_sealed_or_not(
    app: Flask, reader: Reader, organisation: Place, an_event: Callable[..., Event], seal: Callable[[], None]
) -> None:
    fill_log(app, organisation, 60)
    seal()
    with clock.set_to(NOW):
        assert total(reader.get(LOG)) == "60"
        an_event(org_id=organisation.id, occurred_at=NOW - timedelta(days=1))
        assert total(reader.get(LOG)) == "61"
        seal()
        assert total(reader.get(LOG)) == "61"
        assert total(reader.get(f"{LOG}?category=team")) == "61"


def test_what_is_flagged_is_counted_again_when_other_entries_are(
    app: Flask,
    owner_url: str,
    reader: Reader,
    organisation: Place,
    an_event: Callable[..., Event],
    find: Find,
    seal: Callable[[], None],
) -> None:
    """And not when others are recorded. What was counted while flags changed is not taken for what was before."""
    events = fill_log(app, organisation, 3)
    oldest = min(event.id for event in events)
    find(Flag.BURST, [event.id for event in events[:2]])
    flagged = f"{LOG}?flag=any"

    def counted() -> tuple[str, int]:
        with patch("auditweb.reading.counts.find_matches", wraps=find_matches) as counting:
            return total(reader.get(flagged)), counting.call_count

    def show(shown: int) -> None:
        with app.app_context():
            db.session.execute(sa.update(FindingEvent).values(shown=shown))
            db.session.commit()

    with clock.set_to(NOW):
        assert [counted(), counted()] == [("2", 1), ("2", 0)]
        newest = an_event(org_id=organisation.id, occurred_at=NOW)
        seal()
        assert counted() == ("2", 0)
        find(Flag.ODD_HOURS, [events[2].id])
        assert [counted(), counted()] == [("3", 1), ("3", 0)]
        show(0)
        assert counted() == ("0", 1)
        show(1)
        assert counted() == ("3", 0)
        with operator_engine(owner_url) as engine:
            assert purge(engine, organisation.id, oldest, who="Jo", why="due") == 1
        assert [counted(), counted()] == [("2", 1), ("2", 0)], "though its flag is still there"

        with app.app_context():
            other = sa.update(FindingEvent).where(FindingEvent.event_id == events[1].id)
            db.session.execute(other.values(event_id=newest.id))
            db.session.commit()
        assert [counted(), counted()] == [("2", 1), ("2", 0)], "as many, but others"

        def set_aside_before(*asked: Any, **more: Any) -> Counted:
            show(0)
            return count(*asked, **more)

        find(Flag.KEY_WITHOUT_MAKER, [events[1].id])
        with patch("auditweb.reading.numbers.count", set_aside_before):
            reader.get(flagged)
        show(1)
        assert counted()[0] == "3"


def test_in_a_flood_numbers_may_be_a_second_old(
    app: Flask, reader: Reader, organisation: Place, an_event: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditweb.reading.numbers._LONG", -1)
    seconds = 1_000.0
    monkeypatch.setattr("auditweb.reading.numbers.monotonic", lambda: seconds)
    fill_log(app, organisation, 60)
    with clock.set_to(NOW):
        assert total(reader.get(LOG)) == "60"
        an_event(org_id=organisation.id, occurred_at=NOW - timedelta(days=1))
        assert total(reader.get(LOG)) == "61", "sixty are no flood"
        monkeypatch.setattr("auditweb.reading.numbers.FLOOD", 50)
        seconds += 0.1
        assert total(reader.get(LOG)) == "61"
        an_event(org_id=organisation.id, occurred_at=NOW - timedelta(days=1))
        assert total(reader.get(LOG)) == "61"
        assert total(reader.get(f"{LOG}?category=team")) == "62", "each question is counted for itself"
        seconds += 1.1
        assert total(reader.get(LOG)) == "62"


def test_in_a_flood_what_is_flagged_is_as_it_is_now(
    app: Flask, reader: Reader, organisation: Place, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditweb.reading.numbers._LONG", -1)
    monkeypatch.setattr("auditweb.reading.numbers.FLOOD", 0)
    events = fill_log(app, organisation, 3)
    for number, kind in enumerate((Flag.BURST, Flag.ODD_HOURS), start=1):
        find(kind, [events[number].id])
        with clock.set_to(NOW):
            assert total(reader.get(f"{LOG}?flag=any")) == str(number)


def test_the_place_of_a_page_is_found_beside_what_is_remembered(
    app: Flask, reader: Reader, organisation: Place, an_event: Callable[..., Event], seal: Callable[[], None]
) -> None:
    """And not asked for where it follows from the page that leads to it."""
    fill_log(app, organisation, 260)
    seal()

    def follow(page: Page, link: str) -> Page:
        return reader.get(str(page.select(link)[0]["href"]))

    def place(page: Page) -> str:
        where = page.select_one(".where")
        assert where is not None
        return str(where.get_text()).strip()

    with clock.set_to(NOW):
        first = reader.get(LOG)
        with statements(app) as seen:
            pages = [second := follow(first, "#pager-older")]
            pages += [
                third := follow(second, "#pager-older"),
                follow(first, "#pager-older"),
                follow(third, "#pager-newer"),
            ]
        assert [place(page) for page in pages] == ["51–100 of 260", "101–150 of 260", "51–100 of 260", "51–100 of 260"]
        assert not [statement for statement in seen if "tally" in statement]

        last = follow(first, "#pager-oldest")
        before_last = follow(last, "#pager-newer")
        assert (place(last), place(before_last)) == ("211–260 of 260", "161–210 of 260")
        address = str(second.select("#pager-older")[0]["href"])
        an_event(org_id=organisation.id, occurred_at=NOW - timedelta(days=1))
        seal()
        assert place(reader.get(address)) == "102–151 of 261"
        with statements(app) as seen:
            assert place(reader.get(address)) == "102–151 of 261"
        assert not [statement for statement in seen if "tally" in statement]


def test_a_question_that_takes_too_long_gets_a_clean_page(reader: Reader) -> None:
    with patch("auditweb.web.audit_log.find_page", side_effect=TooSlow("stopped")):
        page = reader.get(f"{LOG}?category=team&q=honda")
        part = reader.get(f"{LOG}?category=team&q=honda", htmx=True)

    assert page.status == part.status == 503
    assert "This question takes too long" in page.words
    assert page.select_one('a[href$="?category=team&last=7d&q=honda"]') is not None
    assert "Narrow the question" in part.words
