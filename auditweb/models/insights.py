"""What the security review found in each organisation's log, and how far it has read."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, false, text
from sqlalchemy.orm import Mapped, mapped_column

from auditweb.models.base import Base, Moment

SHOWN = text("shown = 1")


class Finding(Base):
    """
    Something in a log that a person should look at.

    *id* follows from what was found (`insights/found.py`), so that it is there once, however often it is found. It is
    about a subject, which is called *subject_name*; *place* narrows what is the same pattern. *run* is the last reading
    of the log that found it. It is open until *decided_at*: then *decided_by* has confirmed it or set it aside, and
    *note* says why. One that is set aside *by_itself* has the note of the pattern that it follows. *number* rises with
    each that is new in the organisation, in the order of commits.
    """

    __tablename__ = "finding"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'confirmed', 'set_aside')", name="state"),
        Index("ix_finding_org_id_at_id", "org_id", "at", "id"),
        Index("ix_finding_org_id_state_at_id", "org_id", "state", "at", "id"),
        Index("ix_finding_org_id_kind_at_id", "org_id", "kind", "at", "id"),
        Index("ix_finding_org_id_kind_state_at_id", "org_id", "kind", "state", "at", "id"),
        Index("ix_finding_org_id_number", "org_id", "number"),
        Index("ix_finding_org_id_subject", "org_id", "subject_type", "subject_id", "at", "id"),
    )

    org_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("organisation.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    kind: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[str]
    subject_name: Mapped[str]
    place: Mapped[str]
    at: Mapped[datetime] = mapped_column(Moment)
    sentence: Mapped[str]
    unusual: Mapped[str]
    run: Mapped[int] = mapped_column(BigInteger)
    found_at: Mapped[datetime] = mapped_column(Moment)
    state: Mapped[str]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    note: Mapped[str]
    by_itself: Mapped[bool] = mapped_column(default=False, server_default=false())


class FindingEvent(Base):
    """An entry that shows a finding. It is flagged with the finding's *kind* in the log while *shown* is 1."""

    __tablename__ = "finding_event"
    __table_args__ = (
        Index("ix_finding_event_org_id_event_id", "org_id", "event_id", sqlite_where=SHOWN, postgresql_where=SHOWN),
        Index(
            "ix_finding_event_org_id_kind_event_id",
            "org_id",
            "kind",
            "event_id",
            sqlite_where=SHOWN,
            postgresql_where=SHOWN,
        ),
    )

    org_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("organisation.id"), primary_key=True)
    finding_id: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    kind: Mapped[str]
    shown: Mapped[int] = mapped_column(BigInteger)


class FindingPattern(Base):
    """Findings of this *kind* about this subject at this *place* are set aside as they are found, with this *note*."""

    __tablename__ = "finding_pattern"

    org_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("organisation.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    subject_type: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[str] = mapped_column(primary_key=True)
    subject_name: Mapped[str] = mapped_column(default="", server_default="")
    note: Mapped[str]
    decided_by: Mapped[int] = mapped_column(ForeignKey("person.id"))
    decided_at: Mapped[datetime] = mapped_column(Moment)


class ReviewCursor(Base):
    """
    How far the review has read an organisation's log: *position* leaves, in its *run*-th reading.

    While a log is read again, *until* is how long it was when that began: what open findings an earlier reading found
    and this one does not are gone once it is reached. *found* is the last number that a finding was given.
    """

    __tablename__ = "review_cursor"

    org_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("organisation.id"), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    run: Mapped[int] = mapped_column(BigInteger)
    until: Mapped[int | None] = mapped_column(BigInteger)
    found: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


class ReviewMemory(Base):
    """What the review remembers of a subject of an organisation's log up to its cursor (`insights/memory.py`)."""

    __tablename__ = "review_memory"

    org_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("organisation.id"), primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    known: Mapped[bytes] = mapped_column(LargeBinary)
