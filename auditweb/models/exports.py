"""Exports that are prepared in the background."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from auditweb.models.base import Base, Moment

UNDER_WAY = text("state IN ('queued', 'running')")
ENDED = text("state IN ('failed', 'cancelled', 'expired')")
READY = text("state = 'done'")


class ExportJob(Base):
    """
    A file that somebody asked for and that is prepared in the background, or was.

    *kind* is log (what *question*, a canonical query string, selects, told in *words* where that is not all) or
    organisation (all there is). *log* is the whole address of the log, as it was reached.

    *claimed_by* is who works on it, for the *tries*-th time, and said so last at *heartbeat_at*. Of about *total*
    entries, where that is known, *done* are written. Once all are, *file* of *size* bytes lies in the folder of exports
    until *expires_at*. *reason* says why it failed, or why the file of one that expired did not stay until then.
    """

    __tablename__ = "export_job"
    __table_args__ = (
        CheckConstraint("kind IN ('log', 'organisation')", name="kind"),
        CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'expired')", name="state"),
        Index("ix_export_job_org_id_created_at_id", "org_id", "created_at", "id"),
        Index(
            "ix_export_job_under_way",
            "org_id",
            "created_at",
            "id",
            sqlite_where=UNDER_WAY,
            postgresql_where=UNDER_WAY,
        ),
        Index("ix_export_job_ended", "finished_at", "id", sqlite_where=ENDED, postgresql_where=ENDED),
        Index("ix_export_job_ready", "expires_at", "id", sqlite_where=READY, postgresql_where=READY),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    maker_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    kind: Mapped[str]
    question: Mapped[str]
    words: Mapped[str]
    log: Mapped[str]
    format: Mapped[str]
    zone: Mapped[str]
    state: Mapped[str]
    tries: Mapped[int]
    done: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int | None] = mapped_column(BigInteger)
    claimed_by: Mapped[str | None]
    heartbeat_at: Mapped[datetime | None] = mapped_column(Moment)
    file: Mapped[str | None]
    file_name: Mapped[str | None]
    size: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None]
    reason: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Moment)
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
