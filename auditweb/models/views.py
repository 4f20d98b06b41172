"""Views of the log that people keep by name."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from auditweb.models.base import Base, Moment


class SavedView(Base):
    """
    A name for an address of the log: *query* is its query string, without the place in it.

    It is its maker's own, or, if *shared*, for everybody who may read the log.
    """

    __tablename__ = "saved_view"
    __table_args__ = (Index("ix_saved_view_org_id", "org_id", "maker_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    maker_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    name: Mapped[str]
    query: Mapped[str]
    shared: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(Moment)
