"""record(): the one way to write an event. It lives or dies with the change it tells of."""

from collections.abc import Collection, Mapping, Set
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Table, Text, bindparam, func, insert, join, select, true
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, class_mapper, scoped_session
from sqlalchemy.orm.attributes import instance_dict, instance_state

from auditweb import ids, transactions
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.parties import Actor, Origin, Outcome, Target
from auditweb.recordable import AnyAction, RecordError, checked, omitted

AnySession = Session | scoped_session[Session]


class IdempotencyConflict(RecordError):  # noqa: N818  (its name says what it is)
    """The idempotency key belongs to an entry that says something else; *recorder* is who sent that, by type and id."""

    recorder: tuple[str | None, str | None] = (None, None)


def record(
    action: AnyAction | str,
    *,
    org_id: int,
    actor: Actor,
    target: Target | None = None,
    facts: Mapping[str, str] | None = None,
    via: Actor | None = None,
    outcome: Outcome | None = None,
    occurred_at: datetime | None = None,
    origin: Origin | None = None,
    idempotency_key: str | None = None,
    session: AnySession | None = None,
) -> Event:
    """
    Add an event to the transaction of *session* (the app's own if none is given) and return it, not yet committed.

    It is written at once; a rollback, also to a savepoint, takes it back. The outcome is a success and the time is now
    unless said otherwise. With an *idempotency_key* that the organisation's log knows, the entry that has it is
    returned instead, or IdempotencyConflict raised where anything said now differs from it. Values of facts with names
    such as password or token are replaced before anything is stored.

    Raises RecordError, before writing anything, for whatever cannot be recorded.
    """
    event = checked(action, org_id, actor, target, facts, via, outcome, occurred_at, origin, idempotency_key)
    connection = (db.session if session is None else session).connection(bind_arguments={"mapper": Event})
    return _detached(write(connection, event, omitted(action, facts, outcome, occurred_at)))


def record_apart(action: AnyAction | str, *, session: AnySession | None = None, **event: Any) -> Event:
    """
    Record an attempt that failed in a transaction of its own, so that it stays when the caller's is rolled back.

    Takes what `record` takes. On SQLite, where writers take turns, the caller's own transaction must be over first.
    """
    callers = db.session if session is None else session
    callers = callers() if isinstance(callers, scoped_session) else callers
    bind = callers.get_bind(Event)
    if bind.dialect.name == "sqlite" and callers.in_transaction() and not transactions.is_reading():
        raise RuntimeError("commit or roll back first: on SQLite your transaction holds the lock that is needed here")
    with Session(bind.engine) as own, own.begin():
        return record(action, session=own, **event)


_event = cast(Table, Event.__table__)
_INSERT = insert(_event)
_INSERT_IF_FREE = postgresql.insert(_event).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


def write(connection: Connection, event: dict[str, Any], omitted: Set[str]) -> dict[str, Any]:
    """
    Write a checked row and return it, or the one that has its idempotency key; IdempotencyConflict if that differs.

    A row whose id is taken gets a fresh one.
    """
    while not _insert(connection, event):
        key = event["idempotency_key"]
        if key is not None and (known := find_by_keys(connection, event["org_id"], [key]).get(key)):
            compare(known, event, omitted)
            return known
        event["id"] = ids.another_id(event["id"])
    return event


def _insert(connection: Connection, event: dict[str, Any]) -> bool:
    """Write the row, unless its id or idempotency key is taken; the transaction stays good either way."""
    if connection.dialect.name == "postgresql":
        # An error would spoil the transaction there.
        return connection.execute(_INSERT_IF_FREE, event).rowcount == 1
    try:
        # SQLite undoes only the statement that fails. Its trigger refuses a taken id aloud, so this must not ignore it.
        connection.execute(_INSERT, event)
    except IntegrityError:
        if _is_taken(connection, event):
            return False
        raise
    return True


def _is_taken(connection: Connection, event: dict[str, Any]) -> bool:
    if connection.execute(select(_event.c.id).where(_event.c.id == event["id"])).first():
        return True
    key = event["idempotency_key"]
    return key is not None and key in find_by_keys(connection, event["org_id"], [key])


def find_by_keys(connection: Connection, org_id: int, keys: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return the rows of an organisation that have these idempotency keys, by key."""
    if connection.dialect.name == "postgresql":
        rows = connection.execute(_FIND_EACH, {"org_id": org_id, "keys": list(keys)})
    else:
        rows = connection.execute(select(_event).where(_event.c.org_id == org_id, _event.c.idempotency_key.in_(keys)))
    return {row.idempotency_key: dict(row._mapping) for row in rows}


# One look into the index for each key. Asked for all in one list, PostgreSQL may rather read an organisation's whole
# log and compare each entry with each key: it does while it knows nothing of a table that has just been filled.
_asked = func.unnest(bindparam("keys", type_=postgresql.ARRAY(Text))).table_valued("asked", name="asked")
_held = (
    select(_event)
    .where(_event.c.org_id == bindparam("org_id"), _event.c.idempotency_key == _asked.c.asked)
    .limit(1)
    .correlate(_asked)
    .lateral("held")
)
_FIND_EACH = select(_held).select_from(join(_asked, _held, true()))


_COMPARED = (
    "action", "category", "summary", "facts", "outcome", "occurred_at", "actor_type", "actor_id", "actor_name",
    "via_type", "via_id", "via_name", "target_type", "target_id", "target_name", "target_url", "ip", "user_agent",
    "request_id",
)  # fmt: skip


def compare(known: dict[str, Any], sent: dict[str, Any], omitted: Set[str]) -> None:
    """Raise IdempotencyConflict unless *known* says all that was *sent* now; what was *omitted* may differ."""
    compared = [name for name in _COMPARED if name not in omitted and sent[name] is not None]
    if different := [name for name in compared if sent[name] != known[name]]:
        error = IdempotencyConflict(
            "idempotency_key", f"an entry with this key has another {', '.join(different).replace('_', ' ')}"
        )
        through = "via" if known["via_type"] is not None else "actor"
        error.recorder = known[f"{through}_type"], known[f"{through}_id"]
        raise error


def _detached(row: dict[str, Any]) -> Event:
    # Filled as when it is loaded: setting two dozen attributes one by one would cost as much as all else.
    mapper = class_mapper(Event)
    event = mapper.class_manager.new_instance()
    instance_dict(event).update(row)
    instance_state(event).key = mapper.identity_key_from_primary_key((row["org_id"], row["id"]))
    return event
