"""Parts of a log that are shared with people outside the organisation: links, who opened them, and what masks say."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from auditweb.models.base import Base, Moment


class Share(Base):
    """
    A part of the log that whoever has its link may read until *expires_at*.

    *token_hash* is the SHA-256 of the random token in the link. *filter* is the query string of the part, in the
    organisation's zone where it names no other, and *described* the same in words; *masks* are those of
    `sharing/masking.py`, with blanks between. A share that *follows* takes in new entries. One for *support_only*
    opens for signed-in support staff alone. *recipient* is what the organisation calls its readers, *note* what they
    are told. It is over once *ended_at* is set; *ended_how* then says how: revoked or expired.
    """

    __tablename__ = "share"
    __table_args__ = (Index("ix_share_org_id_ended_at", "org_id", "ended_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    token_hash: Mapped[str] = mapped_column(unique=True)
    maker_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    recipient: Mapped[str]
    note: Mapped[str] = mapped_column(server_default="")
    filter: Mapped[str] = mapped_column(server_default="")
    described: Mapped[str]
    masks: Mapped[str] = mapped_column(server_default="")
    follows: Mapped[bool] = mapped_column(default=False, server_default=false())
    support_only: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_how: Mapped[str | None]


class ShareOpening(Base):
    """
    Somebody opened a share: once for each *reader* (a hash of who or where they are) and *hour* (since 1970).

    *who* is what they are called: someone with the link, or a signed-in person.
    """

    __tablename__ = "share_opening"

    share_id: Mapped[str] = mapped_column(ForeignKey("share.id"), primary_key=True)
    reader: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    opened_at: Mapped[datetime] = mapped_column(Moment)
    who: Mapped[str]
    ip: Mapped[str | None]
    user_agent: Mapped[str | None]


class ShareAlias(Base):
    """
    What a masked value of a share is called instead: of its *kind*, the one with this *number* ("Person 2").

    *key* is a hash of the value. *ref* is what a link to its entries leads to: a type, a colon and an id, or nothing.
    A person and the name they have elsewhere may be two values with one number.
    """

    __tablename__ = "share_alias"
    share_id: Mapped[str] = mapped_column(ForeignKey("share.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    number: Mapped[int]
    ref: Mapped[str | None]
