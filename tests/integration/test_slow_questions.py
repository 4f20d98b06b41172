"""A question that takes longer than a page may: a clean answer that leads to narrower ones, and the next one works."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from auditweb import transactions
from auditweb.accounts import sessions
from auditweb.extensions import db
from auditweb.web import actors, audit_log
from tests.integration.conftest import FillLog
from tests.integration.test_time_limits import ENDLESS
from tests.log_pages import LOG, rows
from tests.readers import Reader

pytestmark = pytest.mark.usefixtures("at_now")


@pytest.fixture
def endless(engine_name: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Something to ask the database that it never answers, with a tenth of a second for it."""
    monkeypatch.setattr(transactions, "STATEMENT_TIMEOUT", 0.1)

    def ask(*_: object, **__: object) -> Any:
        if engine_name == "postgresql":
            db.session.execute(sa.text("SET LOCAL statement_timeout = 100"))
        return db.session.execute(sa.text(ENDLESS[engine_name])).all()

    return ask


@pytest.mark.parametrize("asked", ["find_page", "find_numbers"])
def test_a_page_says_so_and_offers_narrower_questions(
    reader: Reader, fill: FillLog, monkeypatch: pytest.MonkeyPatch, endless: Callable[..., Any], asked: str
) -> None:
    fill(2)
    with monkeypatch.context() as patch:
        patch.setattr(audit_log, asked, endless)
        page = reader.get(f"{LOG}?category=vehicles&q=stepwgn&oldest=1")

    assert page.status == 503
    assert page.heading() == "This question takes too long"
    assert {link.get_text(): str(link["href"]) for link in page.select("main .problem a")} == {
        "Only the last 7 days": f"{LOG}?category=vehicles&last=7d&q=stepwgn",
        "Without the search": f"{LOG}?category=vehicles",
        "Try again": f"{LOG}?category=vehicles&q=stepwgn&oldest=1",
        "See the whole log": LOG,
    }
    assert len(rows(reader.get(f"{LOG}?category=vehicles"))) == 2


def test_a_fragment_is_the_reason_alone(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, endless: Callable[..., Any]
) -> None:
    monkeypatch.setattr(audit_log, "find_page", endless)

    part = reader.get(f"{LOG}?last=7d", htmx=True)

    assert (part.status, part.response.mimetype) == (503, "text/plain")
    assert part.text.endswith("Narrow the question by dates, an actor or a category.")
    links = {link.get_text() for link in reader.get(f"{LOG}?last=7d").select("main .problem a")}
    assert links == {"Try again", "See the whole log"}


def test_the_list_of_actors_too(reader: Reader, monkeypatch: pytest.MonkeyPatch, endless: Callable[..., Any]) -> None:
    monkeypatch.setattr(actors, "count_actors", endless)

    page = reader.get(f"{LOG}/actors?name=ada")

    assert page.status == 503
    assert page.heading() == "This question takes too long"


def test_who_asks_is_no_part_of_the_question(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, endless: Callable[..., Any]
) -> None:
    """Where even that takes too long, the page asks for nothing more."""
    monkeypatch.setattr(sessions, "find", endless)

    for address in (LOG, "/profile"):
        page = reader.get(address)
        assert page.status == 503
        assert "takes too long" not in page.words
