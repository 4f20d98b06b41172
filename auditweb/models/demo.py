"""The mark on a database that holds the demo."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from auditweb.models.base import Base, Moment


class DemoMark(Base):
    """
    Tells that this database holds the demo, whose password everyone knows; there is one row or none.

    *until* and *entries* are what was asked for, *loaded* is how much is in: an interrupted loading goes on from there.
    """

    __tablename__ = "demo_mark"

    id: Mapped[int] = mapped_column(primary_key=True)
    until: Mapped[datetime] = mapped_column(Moment)
    entries: Mapped[int]
    loaded: Mapped[int]
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
