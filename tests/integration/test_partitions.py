"""
The partitioned profile of PostgreSQL: each organisation in one partition of each table, and all held as ever.

The tests that are imported here run once more, on tables that are cut.
"""

# ruff: noqa: F401, F811

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from auditweb import database, partitions
from auditweb.ledger.safety import find_dangers
from auditweb.models import Base, Event, Purge, SealQueue
from tests.databases import PARTITIONS, Database, fresh_database
from tests.integration.conftest import Called
from tests.integration.test_command_line import says
from tests.integration.test_database import empty_database
from tests.integration.test_idempotency_keys import (
    test_content_sent_where_none_was_is_a_conflict,
    test_key_counts_within_its_organisation,
    test_key_of_what_was_rolled_back_is_free,
    test_omitted_target_and_its_address_are_not_compared,
    test_same_key_and_content_is_the_same_entry,
    test_same_key_and_other_content_is_a_conflict,
    test_same_key_within_one_transaction,
    test_what_is_omitted_is_not_compared,
)
from tests.integration.test_immutability import (
    COLUMNS,
    COPY,
    POSTGRESQL_ROWS,
    _refused,
    _try_all,
    recorded,
    test_copy_only_adds,
    test_server_on_postgresql_finds_no_way_round,
    test_server_reads_and_records_all_the_same,
    test_superuser_as_replica_is_held_by_the_triggers,
)
from tests.integration.test_purger import (
    entries,
    owner,
    test_entries_of_old_dates_that_come_meanwhile_go_too,
    test_erasing_takes_the_log_and_nothing_else,
    test_every_statement_has_its_index,
    test_the_oldest_go_and_who_and_why_stay,
    test_the_order_keeps_the_places_of_what_is_gone,
)
from tests.integration.test_recorder import (
    test_every_column_is_stored,
    test_record_apart_does_not_commit_the_callers,
    test_record_apart_stays_when_the_callers_is_rolled_back,
    test_returned_event_is_what_is_stored,
    test_run_of_taken_ids_is_leapt_over,
    test_taken_id_gets_a_fresh_one,
)
from tests.integration.test_recording_at_once import (
    test_equal_key_waits_for_the_transaction_that_has_it,
    test_equal_keys_give_one_entry,
    test_recorders_on_postgresql_do_not_wait_for_each_other,
    test_ten_thousand_events_of_one_millisecond,
)
from tests.ledgers import NOON, a_bid, operator_engine, server_engine

ORGANISATIONS = range(1, 25)
FROM_SEVERAL = 3


@pytest.fixture(params=["partitioned"])
def engine_name() -> str:
    """The one profile, also for what is imported from elsewhere."""
    return "partitioned"


def test_every_table_is_cut(fresh: Database) -> None:
    expected = {name for table in partitions.TABLES for name in partitions.names(table, PARTITIONS)}
    with operator_engine(fresh.owner_url) as engine, engine.connect() as connection:
        assert _names(connection, "relkind = 'p'") == set(partitions.TABLES)
        assert _names(connection, "relispartition AND relkind = 'r'") == expected
        assert partitions.count(connection) == PARTITIONS


def test_every_table_with_an_organisation_is_known() -> None:
    """One that is added must be cut too, or be among those that are kept whole on purpose."""
    accounts = {"membership", "api_key", "api_key_use", "invitation", "presence", "former_slug", "ownership_offer"}
    of_the_log = {"share", "share_opening", "share_alias", "saved_view", "member_review", "member_review_tick"}
    review = {"finding", "finding_event", "finding_pattern", "review_cursor", "review_memory"}
    told = {"webhook", "webhook_delivery", "weekly_mail"}
    whole = accounts | of_the_log | review | told | {"purge", "deleted_organisation", "export_job"}
    assert {table.name for table in Base.metadata.tables.values() if "org_id" in table.columns} == (
        set(partitions.TABLES) | whole
    )


def test_entries_are_spread_and_each_organisation_is_together(fresh: Database) -> None:
    with server_engine(fresh.url) as engine, Session(engine) as session, session.begin():
        for org_id in ORGANISATIONS:
            for _ in range(3):
                a_bid(session, org_id=org_id)
        for table in ("event", "seal_queue"):
            found = f"SELECT org_id, count(DISTINCT tableoid), min(tableoid::regclass::text) FROM {table} GROUP BY 1"
            rows = session.execute(sa.text(found)).all()
            assert {row[1] for row in rows} == {1}
            assert len({row[2] for row in rows}) >= FROM_SEVERAL


def test_plans_are_made_for_one_organisation(fresh: Database) -> None:
    with server_engine(fresh.url) as engine, engine.connect() as connection:
        assert connection.scalar(sa.text("SHOW plan_cache_mode")) == "force_custom_plan"


def test_every_entry_is_queued_by_whatever_way_it_came(recorded: Database) -> None:
    """Through the table or, by the owner, straight into a partition."""
    with operator_engine(recorded.owner_url) as engine, Session(engine) as session, session.begin():
        part = session.scalar(sa.text("SELECT tableoid::regclass::text FROM event"))
        for where in ("event", part):
            shift = "id + 1" if where == "event" else "id + 2"
            chosen = COPY.format(id=shift, key="NULL").replace(
                "FROM event", "FROM event WHERE idempotency_key = 'once'"
            )
            session.execute(sa.text(f"INSERT INTO {where} ({COLUMNS}) SELECT {chosen}"))
        queued = session.scalars(sa.select(SealQueue.event_id).order_by(SealQueue.event_id)).all()
        assert queued == session.scalars(sa.select(Event.id).order_by(Event.id)).all()
        assert len(queued) == 3


def test_owner_finds_no_way_round(recorded: Database) -> None:
    # In the table itself, without its partitions, is nothing that could be deleted.
    ways = {way: statements for way, statements in POSTGRESQL_ROWS.items() if "only here" not in way}
    with operator_engine(recorded.owner_url) as engine:
        _try_all(recorded, engine, ways)


def test_partitions_are_held_by_themselves(recorded: Database) -> None:
    """The owner, who may write to them directly, is held there as at their table."""
    with operator_engine(recorded.owner_url) as engine, engine.connect() as connection:
        part = connection.scalar(sa.text("SELECT tableoid::regclass::text FROM event"))
        for way in (
            f"DELETE FROM {part}",
            f"UPDATE {part} SET summary = ''",
            f"UPDATE {part} SET org_id = org_id + 1",
            *(f"TRUNCATE {name}" for name in partitions.names("event", PARTITIONS)),
        ):
            assert _refused(connection, way), way
        assert connection.scalar(sa.text("SELECT count(*) FROM event")) == 1


def test_doctor_sees_a_guard_that_is_off(recorded: Database) -> None:
    with operator_engine(recorded.owner_url) as owner, owner.connect() as connection:
        assert not any("trigger" in danger for danger in find_dangers(connection) if "were it not" not in danger)
        connection.exec_driver_sql("ALTER TABLE event_p2 DISABLE TRIGGER event_is_kept")
        assert any("the trigger event_is_kept of event_p2" in danger for danger in find_dangers(connection))


def test_server_has_no_rights_on_partitions(recorded: Database) -> None:
    """Not even that to read or to add: there the queue could be passed by."""
    with server_engine(recorded.url) as engine, engine.connect() as connection:
        for table in partitions.TABLES:
            for part in partitions.names(table, PARTITIONS):
                for way in (
                    f"SELECT * FROM {part}",
                    f"INSERT INTO {part} SELECT * FROM {table}",
                    f"UPDATE {part} SET org_id = 1",
                    f"DELETE FROM {part}",
                    f"TRUNCATE {part}",
                    f"COPY {part} FROM STDIN",
                ):
                    assert _refused(connection, way), way


def test_purge_lets_go_what_it_covers_and_no_more(recorded: Database) -> None:
    with operator_engine(recorded.owner_url) as engine, Session(engine) as session:
        kept = a_bid(session, org_id=2, occurred_at=NOON).id
        session.commit()
        purge = Purge(org_id=1, up_to_id=2**63 - 1, who="Ada", why="Past its time", started_at=NOON)
        session.add(purge)
        session.flush()
        with pytest.raises(DBAPIError, match="never deleted"), session.begin_nested():
            session.execute(sa.delete(Event))
        session.execute(sa.delete(Event).where(Event.org_id == 1))
        purge.finished_at = NOON
        session.commit()
        assert session.scalars(sa.select(Event.id)).all() == [kept]


@pytest.mark.parametrize("profile", ["sqlite", "postgresql", "partitioned"])
def test_organisation_leads_every_key(profile: str, tmp_path: Path) -> None:
    """Of each table of the logs; on SQLite an event's id, which is unique in the file, is its rowid."""
    with fresh_database(profile, tmp_path) as fresh, operator_engine(fresh.owner_url) as engine:
        inspector = sa.inspect(engine)
        for table in partitions.TABLES:
            keys: list[list[str | None]] = [index["column_names"] for index in inspector.get_indexes(table)]
            if (profile, table) != ("sqlite", "event"):
                keys.append([*inspector.get_pk_constraint(table)["constrained_columns"]])
            keys += [[*unique["column_names"]] for unique in inspector.get_unique_constraints(table)]
            assert keys
            assert [key for key in keys if not key or key[0] != "org_id"] == [], table


# Making one


def test_upgrade_goes_on_with_partitions_that_are_there(fresh: Database, tmp_path: Path) -> None:
    """How many is said once, when the database is made; whatever comes later reads it off the tables."""
    with empty_database(fresh, tmp_path) as url:
        with operator_engine(url) as engine, engine.begin() as connection:
            config = database._alembic(connection)
            config.attributes["partitions"] = 3
            command.upgrade(config, "0004")
        database.upgrade(url)
        with operator_engine(url) as engine, engine.connect() as connection:
            assert len(_names(connection, "relispartition AND relkind = 'r'")) == 3 * len(partitions.TABLES)


def test_made_by_the_command_line(fresh: Database, tmp_path: Path, auditweb: Called) -> None:
    with empty_database(fresh, tmp_path) as url:
        done = auditweb("upgrade", "--partitions", "2", database_url=url)
        assert (done.returncode, done.stdout) == (0, "The database is ready, its tables cut into 2 partitions each.\n")
        again = auditweb("upgrade", database_url=url)
        assert (again.returncode, again.stdout) == (0, "The database was up to date already.\n"), again
        assert says(auditweb("upgrade", "--partitions", "2", database_url=url)).endswith(
            "cannot be cut into partitions: it has tables already, and only a database without any can be."
        )


def test_a_file_cannot_be_cut(tmp_path: Path, auditweb: Called) -> None:
    assert says(auditweb("upgrade", "--partitions", "2")).endswith("partitions are for PostgreSQL.")
    assert not (tmp_path / "data" / "auditweb.sqlite3").exists()


def _names(connection: Connection, condition: str) -> set[str]:
    found = f"SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND {condition}"
    return set(connection.exec_driver_sql(found).scalars())
