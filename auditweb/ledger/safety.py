"""Whether the database keeps what it has acknowledged when the power fails, and whether the server could alter it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection


def find_dangers(connection: Connection) -> list[str]:
    """Return which settings are not safe and which guards are missing, a sentence each."""
    return list(_on_sqlite(connection) if connection.dialect.name == "sqlite" else _on_postgresql(connection))


def _on_sqlite(connection: Connection) -> Iterator[str]:
    if (mode := connection.exec_driver_sql("PRAGMA journal_mode").scalar()) != "wal":
        yield f"journal_mode is {mode}: in another mode than WAL, readers and writers wait for each other."
    if (level := connection.exec_driver_sql("PRAGMA synchronous").scalar()) not in (2, 3):
        yield f"synchronous is {level}: an entry could be lost when the power fails. It must be FULL (2)."
    triggers = connection.scalars(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
    yield from _missing(_TRIGGERS_ON_SQLITE.difference(triggers))
    path = Path(connection.engine.url.database or "")
    if path.stat().st_mode & 0o077:
        yield f"{path} can be read by others. Run: chmod 600 {path}"


def _on_postgresql(connection: Connection) -> Iterator[str]:
    for setting, reason in _UNSAFE_WHEN_OFF.items():
        if connection.scalar(sa.text("SELECT current_setting(:name)"), {"name": setting}) == "off":
            yield f"{setting} is off: {reason}."
    for table, is_purge, enabled in connection.execute(_ENABLED):
        names = _TRIGGERS_OF_PURGE if is_purge else _TRIGGERS_OF_EVENT
        yield from _missing(f"{name} of {table}" for name in names.difference(enabled))
    may = "SELECT has_table_privilege('event', 'UPDATE') OR has_table_privilege('event', 'DELETE')"
    if connection.scalar(sa.text(may)):
        yield (
            "this role may change and delete entries, were it not for the triggers. Let the server run as another one "
            "(docs/operate.md, PostgreSQL)."
        )


def _missing(names: Iterable[str]) -> Iterator[str]:
    for name in sorted(names):
        yield f"the trigger {name} is missing or switched off: what is recorded is not protected, or not sealed."


_UNSAFE_WHEN_OFF = {
    "fsync": "entries and even the database could be lost when the power fails",
    "full_page_writes": "the database could be damaged when the power fails",
    "synchronous_commit": "the newest entries could be lost when the power fails",
}
_TRIGGERS_ON_SQLITE = frozenset({
    "event_is_added", "event_is_not_changed", "event_is_not_deleted", "event_is_queued",
    "purge_is_added", "purge_is_only_finished", "purge_is_not_deleted", "leaf_is_not_changed", "leaf_is_not_deleted",
})  # fmt: skip
_TRIGGERS_OF_EVENT = frozenset({"event_is_kept", "event_is_not_truncated", "event_is_queued"})
_TRIGGERS_OF_PURGE = frozenset({"purge_is_kept", "purge_is_not_truncated"})
# Partitions have triggers of their own, which can be switched off one by one.
_ENABLED = sa.text("""
    SELECT c.relname, c.oid = 'purge'::regclass,
        array(SELECT CAST(t.tgname AS TEXT) FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgenabled = 'A')
    FROM pg_class c WHERE c.oid IN ('event'::regclass, 'purge'::regclass)
        OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'event'::regclass)
    ORDER BY c.relname
""")
