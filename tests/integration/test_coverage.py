"""What is recorded: which actions were ever seen, since when, how often; and which never were."""

from collections.abc import Callable
from datetime import timedelta
from unittest.mock import patch

import pytest
from flask import Flask

from auditweb import catalogue
from auditweb.extensions import db
from auditweb.ledger.purger import purge
from auditweb.models import Event
from auditweb.parties import Actor, ActorType
from auditweb.reading import coverage
from auditweb.reading.counts import Count
from auditweb.reading.coverage import find_recorded
from auditweb.reading.questions import execute
from auditweb.recorder import record
from auditweb.sentences import Category, ForeignAction
from tests.integration.conftest import SignedInAs
from tests.ledgers import operator_engine
from tests.log_pages import LOG, NOW, rows, statements
from tests.readers import Place, Reader

pytestmark = pytest.mark.usefixtures("at_now")

AnEvent = Callable[..., Event]


def lines(reader: Reader) -> dict[str, list[str]]:
    """Return what the page tells of each action, by its slug."""
    page = reader.get("/o/northgate/settings/audit-log/coverage")
    assert page.status == 200
    found = {}
    for row in page.select("tbody tr"):
        name, *told = [" ".join(cell.get_text(" ").split()) for cell in row.select("th, td")]
        found[name.rpartition(" ")[2]] = told
    return found


def test_each_action_says_since_when_how_often_and_when_last(
    app: Flask, reader: Reader, organisation: Place, other_organisation: Place, an_event: AnEvent
) -> None:
    for days in (400, 20, 1):
        an_event("vehicle.deleted", org_id=organisation.id, occurred_at=NOW - timedelta(days=days))
    an_event("vehicle.restored", org_id=other_organisation.id)

    told = lines(reader)

    assert told["vehicle.deleted"] == ["19 Oct 2025 11:42", "22 Nov 10:42", "3 3 entries"]
    assert told["vehicle.restored"] == ["Never recorded"]
    headings = reader.get("/o/northgate/settings/audit-log/coverage").words
    assert "recorded, since 19 Oct 2025 11:42 , last 22 Nov 10:42" in headings
    assert "Suppliers 0 of" in headings
    assert set(told) == {action.slug for action in catalogue.all_actions()}
    page = reader.get("/o/northgate/settings/audit-log/coverage")
    (link,) = [str(each["href"]) for each in page.select("td a") if "vehicle.deleted" in str(each["href"])]
    assert len(rows(reader.get(link))) == 3


def test_actions_of_other_systems_are_told_too(
    app: Flask, reader: Reader, organisation: Place, an_event: AnEvent
) -> None:
    with app.app_context():
        record(
            ForeignAction("crane.moved", Category.VEHICLES, "Moved the <b>crane</b>"),
            org_id=organisation.id,
            actor=Actor(ActorType.SYSTEM, "yard", "Yard"),
        )
        db.session.commit()

    page = reader.get("/o/northgate/settings/audit-log/coverage")

    assert "crane.moved From another system" in page.words


def test_of_many_it_only_says_that_they_are(
    app: Flask, organisation: Place, an_event: AnEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coverage, "MOST", 2)
    for _ in range(3):
        an_event("vehicle.deleted", org_id=organisation.id)
    for _ in range(2):
        an_event("vehicle.restored", org_id=organisation.id)

    with app.app_context():
        found = {each.action: each.number for each in find_recorded(organisation.id).recorded}

    assert found == {"vehicle.deleted": (2, False), "vehicle.restored": (2, True)}


def test_what_is_many_is_not_counted_again_until_the_next_purge(
    app: Flask, owner_url: str, an_event: AnEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coverage, "MOST", 2)
    first, *_ = [an_event("vehicle.deleted").id for _ in range(3)]
    an_event("vehicle.restored")

    def told() -> tuple[dict[str, Count], int]:
        """Return how many there are of each action, and how often this took counting many."""
        with app.app_context(), patch("auditweb.reading.coverage.execute", wraps=execute) as asked:
            found = {each.action: each.number for each in find_recorded(1).recorded}
        return found, sum("vehicle.deleted" in call.args[2]["actions"] for call in asked.call_args_list)

    assert [told(), told()] == [
        ({"vehicle.deleted": (2, False), "vehicle.restored": (1, True)}, times) for times in (1, 0)
    ]
    an_event("vehicle.restored")
    assert told() == ({"vehicle.deleted": (2, False), "vehicle.restored": (2, True)}, 0)
    with operator_engine(owner_url) as engine:
        assert purge(engine, 1, first, who="Jo", why="due") == 1
    assert told() == ({"vehicle.deleted": (2, True), "vehicle.restored": (2, True)}, 1)


def test_what_others_make_up_without_end_is_cut_and_hides_nothing_of_ours(
    app: Flask, reader: Reader, organisation: Place, an_event: AnEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coverage, "MOST_FOREIGN", 3)
    monkeypatch.setattr(catalogue, "_actions", {"vehicle.deleted": catalogue.VEHICLE_DELETED})
    an_event("vehicle.deleted", org_id=organisation.id)
    with app.app_context():
        for number in range(9):
            made_up = ForeignAction(f"crane.moved{number}", Category.VEHICLES, "Moved the crane")
            record(made_up, org_id=organisation.id, actor=Actor(ActorType.SYSTEM, "yard", "Yard"))
        db.session.commit()

    page = reader.get("/o/northgate/settings/audit-log/coverage")

    assert "not all of them are listed" in page.words
    assert page.words.count("From another system") == 5
    assert lines(reader)["vehicle.deleted"][-1] == "1 1 entry"


def test_it_costs_a_few_statements(app: Flask, reader: Reader, organisation: Place, an_event: AnEvent) -> None:
    an_event("vehicle.deleted", org_id=organisation.id)
    lines(reader)  # which also notes that somebody is there
    with statements(app) as sent:
        lines(reader)

    assert len([text for text in sent if not text.startswith("BEGIN")]) <= 7


@pytest.mark.parametrize("query", ["x=1", "category=team", "last=7d", "x"])
def test_it_takes_no_filter_and_says_so(reader: Reader, query: str) -> None:
    page = reader.get(f"{LOG}/coverage?{query}")

    assert page.status == 400
    assert f"no filter called “{query.partition('=')[0]}”" in page.words


@pytest.mark.parametrize(("role", "status"), [("owner", 200), ("auditor", 200), ("member", 403)])
def test_who_may_see_it(signed_in_as: SignedInAs, organisation: Place, role: str, status: int) -> None:
    assert signed_in_as(role).get("/o/northgate/settings/audit-log/coverage").status == status


def test_another_organisations_is_not_there(signed_in_as: SignedInAs, other_organisation: Place) -> None:
    kenji = signed_in_as("owner", other_organisation, name="Kenji Mori")

    assert kenji.get("/o/northgate/settings/audit-log/coverage").status == 404
