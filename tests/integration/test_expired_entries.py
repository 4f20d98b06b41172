"""`auditweb purge` and entries: those past their time go, one entry tells of it, and it is safe to kill."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import Engine

from auditweb import catalogue, clock
from auditweb.accounts import expiry
from auditweb.extensions import db
from auditweb.ledger.doctor import Doctor
from auditweb.models import Organisation, Purge
from tests.log_entries import entries_of
from tests.log_pages import NOW, rows
from tests.purging import OPERATOR, Killed, by_operator, days_old, decide, fill
from tests.readers import Place, Reader, add_organisation


def left(app: Flask, place: Place) -> list[int]:
    """Return the ages in days of the bids that are left, the oldest first."""
    bids = [entry for entry in entries_of(app, place) if entry.action == catalogue.BID_RAISED.slug]
    return [(NOW - entry.occurred_at).days for entry in bids]


@pytest.mark.usefixtures("at_now")
def test_entries_past_their_time_go_and_one_entry_tells_of_it(
    app: Flask, organisation: Place, other_organisation: Place, owner_engine: Engine
) -> None:
    for place in (organisation, other_organisation):
        fill(app, place, days_old(1, 364, 366, 700, 5000))
    decide(app, organisation, retention_months=12)

    (due,) = expiry.find_expiries(owner_engine)
    assert (due.months, due.entries, due.begins, due.left) == (12, 3, False, 0)
    seen: list[int] = []
    assert [gone.entries for gone in expiry.expire(owner_engine, organisation.id, seen.append)] == [3]

    assert sum(seen) == 3
    assert left(app, organisation) == [364, 1]
    assert left(app, other_organisation) == [5000, 700, 366, 364, 1]
    facts = {"entries": "3", "period": "1 year", "up_to": "22 November 2025"}
    assert by_operator(app, organisation) == [("log_purged", facts)]
    assert entries_of(app, organisation)[-1].summary == "Removed audit log entries older than 1 year, 3 in all"
    assert by_operator(app, other_organisation) == []
    with owner_engine.connect() as connection:
        assert {(row.who, row.why) for row in connection.execute(sa.select(Purge.who, Purge.why))} == {
            (OPERATOR, "entries are kept for 1 year")
        }
    assert expiry.find_expiries(owner_engine) == []
    assert expiry.expire(owner_engine, organisation.id) == []
    assert len(by_operator(app, organisation)) == 1
    assert Doctor(owner_engine).examine(organisation.id, lambda _: None) == []


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_whole_days_of_the_organisations_zone_go(app: Flask, owner_engine: Engine, zone: str) -> None:
    place = add_organisation(app, "far-away", "Far Away", zone)
    first_kept = {
        "Asia/Tokyo": datetime(2025, 11, 22, 15, tzinfo=UTC),
        "America/New_York": datetime(2025, 11, 23, 5, tzinfo=UTC),
    }
    edge = NOW - first_kept[zone]
    with clock.set_to(NOW):
        fill(app, place, [edge, edge + timedelta(milliseconds=1)])
        decide(app, place, retention_months=12)

        expiry.expire(owner_engine, place.id)

    bids = [entry for entry in entries_of(app, place) if entry.action == catalogue.BID_RAISED.slug]
    assert [entry.occurred_at for entry in bids] == [first_kept[zone]]
    assert by_operator(app, place)[0][1]["up_to"] == "22 November 2025"


def test_shorter_time_begins_when_its_day_has_come(app: Flask, organisation: Place, owner_engine: Engine) -> None:
    with clock.set_to(NOW):
        fill(app, organisation, days_old(1, 400))
        decide(app, organisation, shorter_months=12, shorter_from=NOW + timedelta(days=30))
        assert expiry.find_expiries(owner_engine) == []
        assert expiry.expire(owner_engine, organisation.id) == []
    with clock.set_to(NOW + timedelta(days=30)):
        (due,) = expiry.find_expiries(owner_engine)
        assert (due.months, due.begins, due.entries) == (12, True, 1)
        expiry.expire(owner_engine, organisation.id)
        assert expiry.find_expiries(owner_engine) == []

    assert by_operator(app, organisation) == [
        ("log_retention_changed", {"period": "1 year"}),
        ("log_purged", {"entries": "1", "period": "1 year", "up_to": "19 October 2025"}),
    ]
    with app.app_context():
        row = db.session.get_one(Organisation, organisation.id)
        assert (row.retention_months, row.shorter_months, row.shorter_from) == (12, None, None)


@pytest.fixture
def in_twos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a batch of a purge be of two entries."""
    monkeypatch.setattr("auditweb.ledger.turns.SMALLEST", 2)
    monkeypatch.setattr("auditweb.ledger.turns.LARGEST", 2)


def kill_after(batches: int) -> Callable[[int], None]:
    done: list[int] = []

    def progress(number: int) -> None:
        done.append(number)
        if len(done) == batches:
            raise Killed

    return progress


@pytest.mark.usefixtures("at_now", "in_twos")
def test_killed_half_way_the_entry_tells_of_all_that_went(
    app: Flask, organisation: Place, owner_engine: Engine
) -> None:
    fill(app, organisation, days_old(1, *range(400, 409)))
    decide(app, organisation, retention_months=12)

    for _ in range(2):
        with pytest.raises(Killed):
            expiry.expire(owner_engine, organisation.id, kill_after(1))
    gone = 9 - (len(left(app, organisation)) - 1)
    assert 0 < gone < 9
    assert by_operator(app, organisation) == []
    (due,) = expiry.find_expiries(owner_engine)
    assert (due.entries, due.left) == (9 - gone, gone)
    expiry.expire(owner_engine, organisation.id)

    assert expiry.find_expiries(owner_engine) == []
    assert by_operator(app, organisation) == [
        ("log_purged", {"entries": "9", "period": "1 year", "up_to": "19 October 2025"})
    ]


@pytest.mark.usefixtures("at_now", "in_twos")
def test_killed_and_not_wanted_any_more_what_went_is_told_of_all_the_same(
    app: Flask, organisation: Place, owner_engine: Engine
) -> None:
    fill(app, organisation, days_old(*range(400, 409)))
    decide(app, organisation, retention_months=12)
    with pytest.raises(Killed):
        expiry.expire(owner_engine, organisation.id, kill_after(1))
    decide(app, organisation, retention_months=None)

    (due,) = expiry.find_expiries(owner_engine)
    assert (due.months, due.entries, due.left, due.untidy) == (None, 0, 2, True)
    expiry.expire(owner_engine, organisation.id)

    assert expiry.find_expiries(owner_engine) == []
    assert [facts["period"] for _, facts in by_operator(app, organisation)] == ["1 year"]
    assert Doctor(owner_engine).examine(organisation.id, lambda _: None) == []


@pytest.mark.usefixtures("at_now")
def test_killed_before_its_entry_it_is_written_by_the_next_run(
    app: Flask, organisation: Place, owner_engine: Engine
) -> None:
    """With the period that those entries had, whatever it is by then."""
    fill(app, organisation, days_old(1, 400, 800))
    decide(app, organisation, retention_months=24)
    with pytest.raises(Killed):
        expiry.expire(owner_engine, organisation.id, kill_after(1))
    decide(app, organisation, retention_months=12)

    assert [gone.entries for gone in expiry.expire(owner_engine, organisation.id)] == [1, 1]
    assert expiry.find_expiries(owner_engine) == []

    assert [facts for _, facts in by_operator(app, organisation)] == [
        {"entries": "1", "period": "2 years", "up_to": "14 September 2024"},
        {"entries": "1", "period": "1 year", "up_to": "19 October 2025"},
    ]


@pytest.mark.usefixtures("at_now", "in_twos")
def test_whoever_keeps_them_longer_stops_it(app: Flask, organisation: Place, owner_engine: Engine) -> None:
    fill(app, organisation, days_old(1, *range(400, 409)))
    decide(app, organisation, retention_months=12)

    (gone,) = expiry.expire(owner_engine, organisation.id, lambda _: decide(app, organisation, retention_months=None))

    assert len(left(app, organisation)) == 10 - gone.entries
    assert 0 < gone.entries < 9
    assert [facts["entries"] for _, facts in by_operator(app, organisation)] == [str(gone.entries)]
    assert expiry.find_expiries(owner_engine) == []
    assert Doctor(owner_engine).examine(organisation.id, lambda _: None) == []


@pytest.mark.usefixtures("at_now")
def test_page_of_the_log_shows_what_is_left(
    app: Flask, organisation: Place, owner_engine: Engine, reader: Reader
) -> None:
    fill(app, organisation, days_old(1, 2, 400))
    decide(app, organisation, retention_months=12)
    expiry.expire(owner_engine, organisation.id)

    page = reader.get(organisation.log)

    assert len(rows(page)) == 3
    assert "Removed audit log entries older than 1 year" in page.words
    assert "1–3 of 3" in page.words
