"""The doctor sees what is wrong with a ledger, says so, and mends what may be mended."""

from collections.abc import Iterator
from datetime import timedelta
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from auditweb.ledger.doctor import STEPS, Doctor
from auditweb.ledger.locks import UnderRepairError
from auditweb.ledger.sealer import Sealer
from auditweb.models import Event
from tests.databases import Database
from tests.ledgers import NOON, a_bid, operator_engine, server_engine

OTHERS = 2  # entries of another organisation, which all that happens leaves alone


@pytest.fixture(autouse=True)
def _small_steps() -> Iterator[None]:
    with (
        patch("auditweb.ledger.marks.EVERY", 4),
        patch("auditweb.ledger.marks.MOST", 8),
        patch("auditweb.ledger.doctor._AT_ONCE", 3),
    ):
        yield


@pytest.fixture
def sealed(engine: Engine, session: Session) -> Doctor:
    """Thirty sealed entries of organisation 1 over three months, and some of another."""
    for number in range(30):
        a_bid(session, occurred_at=NOON - timedelta(days=2 * number), facts={"lot": str(number)})
    for _ in range(OTHERS):
        a_bid(session, org_id=2)
    session.commit()
    Sealer(engine).run()
    return Doctor(engine)


def damage(fresh: Database, *statements: str) -> None:
    with operator_engine(fresh.owner_url) as owner, owner.begin() as connection:
        if fresh.engine_name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER leaf_is_not_deleted")
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_a_sound_ledger_is_called_sound(sealed: Doctor) -> None:
    steps: list[int] = []

    assert sealed.organisations() == [1, 2]
    assert sealed.examine(1, steps.append) == []
    assert sum(steps) == sealed.count_leaves(1) + STEPS * sealed.count_sealed(1) == 30 + STEPS * 30
    assert sealed.examine(2) == []


LOST_LEAF = "DELETE FROM leaf WHERE org_id = 1 AND leaf_index = 7"
DAMAGES = {
    "a wrong last entry of a month": "UPDATE tally SET last_id = -1 WHERE org_id = 1",
    "a segment cut short": "UPDATE segment SET ids = substr(ids, 1, length(ids) - 3) WHERE org_id = 1",
    "an emptied segment": "UPDATE segment SET ids = substr(ids, 1, 0), size = 0 WHERE org_id = 1",
    "a head that lags behind": "UPDATE log_head SET size = 10 WHERE org_id = 1",
    "a wrong count": "UPDATE tally SET n = n + 1 WHERE org_id = 1 AND category = '' AND actor = ''",
    "a missing count": "DELETE FROM tally WHERE org_id = 1 AND category <> ''",
    "a wrong mark": "UPDATE mark SET n = n + 1 WHERE org_id = 1",
    "a mark of no entry": "UPDATE mark SET id = id + 1 WHERE org_id = 1 AND actor <> ''",
    "missing marks": "DELETE FROM mark WHERE org_id = 1",
    "a missing word": "DELETE FROM posting WHERE org_id = 1 AND word = 'honda'",
    "a word too many": "UPDATE posting SET word = 'hondas' WHERE org_id = 1 AND word = 'honda'",
    "a missing segment": "DELETE FROM segment WHERE org_id = 1",
}


@pytest.mark.parametrize("statement", DAMAGES.values(), ids=DAMAGES)
def test_counts_and_index_are_mended(fresh: Database, engine: Engine, sealed: Doctor, statement: str) -> None:
    damage(fresh, statement)
    assert sealed.examine(1)
    assert sealed.examine(2) == []

    sealed.put_back(1)
    assert Sealer(engine).run() == 30

    assert sealed.examine(1) == sealed.examine(2) == []
    assert sealed.count_sealed(1) == 30


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (LOST_LEAF, "Neither sealed nor waiting to be: 1 entry."),
        (LOST_LEAF, "The order has gaps"),
        (
            "INSERT INTO leaf SELECT 1, 30, event_id FROM leaf WHERE leaf_index = 7",
            "In more than one place of the order: 1 entry.",
        ),
        ("INSERT INTO leaf VALUES (1, 30, 12345)", "In the order, and neither there nor purged: 1 entry."),
    ],
)
def test_what_is_wrong_with_the_order_is_said(fresh: Database, sealed: Doctor, statement: str, said: str) -> None:
    damage(fresh, statement)

    assert any(problem.startswith(said) for problem in sealed.examine(1))


def test_an_entry_that_waits_is_nothing_wrong(engine: Engine, session: Session, sealed: Doctor) -> None:
    a_bid(session)
    session.commit()
    assert sealed.examine(1) == []


def test_a_repair_cut_short_is_seen_and_begun_anew(engine: Engine, session: Session, sealed: Doctor) -> None:
    with patch.object(Doctor, "_clear", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        sealed.put_back(1)

    assert sealed.examine(1) == ["A repair was begun and not finished."]
    a_bid(session)
    session.commit()
    assert Sealer(engine).run() == 0

    sealed.put_back(1)
    assert Sealer(engine).run() == 31
    assert sealed.examine(1) == []


def test_entries_recorded_during_a_repair_are_sealed_once(engine: Engine, session: Session, sealed: Doctor) -> None:
    sealed.put_back(1)
    a_bid(session)
    session.commit()

    assert Sealer(engine).run() == 31

    assert sealed.examine(1) == []
    assert session.scalar(sa.text("SELECT count(*) FROM leaf WHERE org_id = 1")) == 31


@pytest.mark.parametrize(
    "statements",
    [[LOST_LEAF], ["DELETE FROM leaf WHERE org_id = 1 AND leaf_index > 9", "UPDATE log_head SET size = 10"]],
    ids=["in the middle", "the last ones"],
)
def test_entries_that_were_lost_are_sealed_again(
    fresh: Database, engine: Engine, sealed: Doctor, statements: list[str]
) -> None:
    """What the order lacks, counts and search must not lack."""
    damage(fresh, *statements)

    sealed.put_back(1)
    assert Sealer(engine).run() == 30

    assert [problem for problem in sealed.examine(1) if not problem.startswith("The order has gaps")] == []


def test_two_repairs_at_once_are_one(engine: Engine, sealed: Doctor) -> None:
    """The second would put back what the first one's sealer has counted already."""
    refused: list[type[Exception]] = []

    def another(_org_id: int, **_values: int) -> None:
        with pytest.raises(UnderRepairError) as error:
            Doctor(engine).put_back(1)
        refused.append(error.type)

    with patch.object(Doctor, "_set_head", side_effect=another):
        sealed.put_back(1)

    assert refused == [UnderRepairError] * 2


def test_what_was_purged_is_no_damage(fresh: Database, engine: Engine, session: Session, sealed: Doctor) -> None:
    half = session.scalar(sa.select(Event.id).where(Event.org_id == 1).order_by(Event.id).offset(14).limit(1))
    session.rollback()
    now = {"sqlite": "1", "postgresql": "now()"}[fresh.engine_name]
    with operator_engine(fresh.owner_url) as owner, owner.begin() as connection:
        purge = "INSERT INTO purge (id, org_id, up_to_id, who, why, started_at) VALUES (1, 1, {}, 'Maya', 'age', {})"
        connection.exec_driver_sql(purge.format(half, now))
        connection.exec_driver_sql(f"DELETE FROM event WHERE org_id = 1 AND id <= {half}")
        connection.exec_driver_sql(f"UPDATE purge SET finished_at = {now} WHERE id = 1")
    assert sealed.examine(1)  # counts and words of what is gone

    sealed.put_back(1)
    Sealer(engine).run()

    assert sealed.examine(1) == []


def test_the_order_cannot_be_rewritten(fresh: Database, sealed: Doctor) -> None:
    with operator_engine(fresh.owner_url) as owner, server_engine(fresh.url) as server:
        for engine in (owner, server) if fresh.engine_name == "sqlite" else (server,):
            for statement in ("REPLACE INTO leaf VALUES (1, 2, 42)", "UPDATE leaf SET event_id = 42", LOST_LEAF):
                with engine.connect() as connection, pytest.raises(DBAPIError):
                    connection.exec_driver_sql(statement)
    assert sealed.examine(1) == []
