"""The table of events, and the record of every purge, which is the one way out of it."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Index, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from auditweb.models.base import Base, Moment


class Event(Base):
    """
    One thing that happened, written once: triggers refuse UPDATE and DELETE on both engines.

    Nothing here refers to other tables, so that removing a person or a key changes no entry. Its indexes, checks and
    triggers stand in the migrations, each engine's own; on SQLite the key is *id* alone, an INTEGER PRIMARY KEY.
    """

    __tablename__ = "event"
    __table_args__ = (PrimaryKeyConstraint("org_id", "id"),)

    org_id: Mapped[int] = mapped_column(BigInteger)
    id: Mapped[int] = mapped_column(BigInteger, autoincrement=False)
    occurred_at: Mapped[datetime] = mapped_column(Moment)
    recorded_at: Mapped[datetime] = mapped_column(Moment)
    category: Mapped[str]
    action: Mapped[str]
    summary: Mapped[str]
    facts: Mapped[dict[str, str]] = mapped_column(JSON)
    actor_type: Mapped[str]
    actor_id: Mapped[str]
    actor_name: Mapped[str]
    via_type: Mapped[str | None]
    via_id: Mapped[str | None]
    via_name: Mapped[str | None]
    target_type: Mapped[str | None]
    target_id: Mapped[str | None]
    target_name: Mapped[str | None]
    target_url: Mapped[str | None]
    ip: Mapped[str | None]
    user_agent: Mapped[str | None]
    request_id: Mapped[str | None]
    outcome: Mapped[str]
    idempotency_key: Mapped[str | None]


class Purge(Base):
    """
    Leave to delete the events of an organisation up to *up_to_id*: who took it, and why. Each batch of a purge has its
    own, up to where it came.

    Written first in the transaction that deletes, and finished (*finished_at* set) last in it: a transaction cannot be
    committed with an unfinished purge, a finished one covers nothing more, and none is ever altered or deleted.
    """

    __tablename__ = "purge"
    __table_args__ = (Index("ix_purge_org_id_id", "org_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(BigInteger)
    up_to_id: Mapped[int] = mapped_column(BigInteger)
    who: Mapped[str]
    why: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
