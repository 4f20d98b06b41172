"""Reviews of what new and departing members did."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from auditweb.models.base import Base, Moment

OPEN = text("finished_at IS NULL")


class MemberReview(Base):
    """
    Somebody goes through what the person *person_id* did, and what was done to them, when joining or when leaving.

    The entries have ids from *since_id* to below *until_id*: seven whole days of *zone* or, of a leaver, all that come
    after the first of them. Finishing ends that, and then there were so many *entries*, *invitation_id* among them if a
    joiner's invitation was known. One at a time is open of each *kind*.
    """

    __tablename__ = "member_review"
    __table_args__ = (
        CheckConstraint("kind IN ('joining', 'leaving')", name="kind"),
        Index("ix_member_review_org_id_person_id_started_at", "org_id", "person_id", "started_at"),
        Index(
            "uq_member_review_open",
            "org_id",
            "person_id",
            "kind",
            unique=True,
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    kind: Mapped[str]
    zone: Mapped[str]
    since_id: Mapped[int] = mapped_column(BigInteger)
    until_id: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(server_default="")
    starter_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    started_at: Mapped[datetime] = mapped_column(Moment)
    finisher_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    entries: Mapped[int | None]
    invitation_id: Mapped[int | None] = mapped_column(BigInteger)


class MemberReviewTick(Base):
    """An entry that a reviewer, *person_id*, has ticked as seen."""

    __tablename__ = "member_review_tick"

    review_id: Mapped[str] = mapped_column(ForeignKey("member_review.id"), primary_key=True)
    event_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    ticked_at: Mapped[datetime] = mapped_column(Moment)
