"""Organisations, people, their memberships and sessions: the standalone product's own tables."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from auditweb.models.base import Base, Moment


class Organisation(Base):
    """
    A business whose people share one log. *zone* is an IANA name such as Europe/London.

    *people_stamp* is a random number that triggers draw anew with every change of its memberships and API keys.
    """

    __tablename__ = "organisation"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    zone: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(Moment)
    people_stamp: Mapped[int] = mapped_column(BigInteger, server_default="0")


class Person(Base):
    """Someone who can sign in. *email* is stored in lower case; an empty *zone* means the organisation's."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    zone: Mapped[str] = mapped_column(default="")
    absolute_times: Mapped[bool] = mapped_column(default=False)
    shortcuts: Mapped[bool] = mapped_column(default=True)
    theme: Mapped[str] = mapped_column(default="system")
    created_at: Mapped[datetime] = mapped_column(Moment)


class Membership(Base):
    """
    A person's place in an organisation, kept after they leave so that their entries still explain themselves.

    *role* is owner, admin, auditor or member; *removed_at* is empty while they belong.
    """

    __tablename__ = "membership"
    __table_args__ = (
        UniqueConstraint("org_id", "person_id"),
        CheckConstraint("role IN ('owner', 'admin', 'auditor', 'member')", name="role"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    role: Mapped[str]
    joined_at: Mapped[datetime] = mapped_column(Moment)
    removed_at: Mapped[datetime | None] = mapped_column(Moment)


class ApiKey(Base):
    """What another system writes with; its entries name it and its maker, also after it was revoked."""

    __tablename__ = "api_key"

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    name: Mapped[str]
    maker_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)


class Directory(Base):
    """One row: *names_stamp* is a random number that triggers draw anew when a name or an address changes."""

    __tablename__ = "directory"

    id: Mapped[int] = mapped_column(primary_key=True)
    names_stamp: Mapped[int] = mapped_column(BigInteger)


class SignInSession(Base):
    """
    One signed-in browser. *id_hash* is the SHA-256 of the random id in its cookie.

    The row is deleted at sign-out, so an old cookie opens nothing.
    """

    __tablename__ = "sign_in_session"

    id_hash: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    started_at: Mapped[datetime] = mapped_column(Moment)
    seen_at: Mapped[datetime] = mapped_column(Moment)
    ip: Mapped[str | None]
    user_agent: Mapped[str | None]


class Rate(Base):
    """
    How often *key* was hit in its present window, which began at *window* (seconds since 1970).

    All workers count in the same row, so they agree; it starts anew once the window is over.
    """

    __tablename__ = "rate"

    key: Mapped[str] = mapped_column(primary_key=True)
    window: Mapped[int] = mapped_column(BigInteger, index=True)
    hits: Mapped[int]
