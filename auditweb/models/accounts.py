"""Organisations, people, their memberships and sessions: the standalone product's own tables."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from auditweb.models.base import Base, Moment


class Organisation(Base):
    """
    A business whose people share one log. *zone* is an IANA name such as Europe/London.

    *people_stamp* is a random number that triggers draw anew with every change of its memberships and API keys.
    *two_factor_rule* is optional, admins or everyone, and counts from *two_factor_from*. Its people are signed out
    after *idle_minutes* without use, and *session_hours* after signing in.

    Entries are kept for *retention_months*, for good if empty; from *shorter_from* on for *shorter_months*, where that
    has been announced. *purged_entries* were removed because they were kept for *purged_months* only, the newest of
    them being *purged_up_to*, and no entry tells of it yet.

    *deletion_due_at* is when all of it will be deleted, as the person *deletion_asked_by* wanted at
    *deletion_asked_at*. While *disabled_at* is set nobody gets in.
    """

    __tablename__ = "organisation"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    zone: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(Moment)
    people_stamp: Mapped[int] = mapped_column(BigInteger, server_default="0")
    two_factor_rule: Mapped[str] = mapped_column(server_default="optional")
    two_factor_from: Mapped[datetime | None] = mapped_column(Moment)
    idle_minutes: Mapped[int] = mapped_column(server_default="30")
    session_hours: Mapped[int] = mapped_column(server_default="12")
    retention_months: Mapped[int | None]
    shorter_months: Mapped[int | None]
    shorter_from: Mapped[datetime | None] = mapped_column(Moment)
    purged_entries: Mapped[int] = mapped_column(BigInteger, server_default="0")
    purged_up_to: Mapped[int | None] = mapped_column(BigInteger)
    purged_months: Mapped[int | None]
    deletion_due_at: Mapped[datetime | None] = mapped_column(Moment)
    deletion_asked_by: Mapped[int | None]
    deletion_asked_at: Mapped[datetime | None] = mapped_column(Moment)
    disabled_at: Mapped[datetime | None] = mapped_column(Moment)


class FormerSlug(Base):
    """An address that an organisation had once: its old links lead to the new one, and nobody else gets it."""

    __tablename__ = "former_slug"

    slug: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    given_up_at: Mapped[datetime] = mapped_column(Moment)


class DeletedOrganisation(Base):
    """What remains of an organisation: who asked for its deletion and when; without *deleted_at* it is under way."""

    __tablename__ = "deleted_organisation"

    org_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    asked_by: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(Moment)
    deleted_at: Mapped[datetime | None] = mapped_column(Moment)


class OwnershipOffer(Base):
    """An owner has offered their place to another member, who has not answered yet."""

    __tablename__ = "ownership_offer"

    org_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    from_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    to_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    offered_at: Mapped[datetime] = mapped_column(Moment)


class Person(Base):
    """
    Someone who can sign in. *email* is stored in lower case; an empty *zone* means the organisation's.

    *must_enrol*: their second factor was reset, and they set one up before they go anywhere else. Those who are
    *support* staff of the operator belong to no organisation, and see nothing but what is shared with support.
    """

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
    must_enrol: Mapped[bool] = mapped_column(default=False, server_default=false())
    support: Mapped[bool] = mapped_column(default=False, server_default=false())
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


class Presence(Base):
    """When someone last opened a page of an organisation, to the minute."""

    __tablename__ = "presence"

    org_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)
    seen_at: Mapped[datetime] = mapped_column(Moment)


class Invitation(Base):
    """
    An open invitation; once it is accepted or withdrawn the row is gone, and the log tells of it.

    *token_hash* is the SHA-256 of the random token in its link. *sent_at* is when the link was made, first or anew;
    *mail* what became of the message: none (the inviter passed the link on), sent or failed.
    """

    __tablename__ = "invitation"
    __table_args__ = (
        UniqueConstraint("org_id", "email"),
        CheckConstraint("role IN ('owner', 'admin', 'auditor', 'member')", name="role"),
        CheckConstraint("mail IN ('none', 'sent', 'failed')", name="mail"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    email: Mapped[str]
    role: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    inviter_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime] = mapped_column(Moment)
    sent_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    mail: Mapped[str] = mapped_column(server_default="none")


class ApiKey(Base):
    """
    What another system writes and reads with; its entries name it and its maker, also after it was revoked.

    *secret_hash* is the SHA-256 of its secret, without which nothing opens; until *former_until* the one before works,
    too. *scopes*, *categories* and *networks* are lists with blanks between; an empty one of the last two means all.
    """

    __tablename__ = "api_key"

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    name: Mapped[str]
    maker_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)
    secret_hash: Mapped[str | None]
    former_hash: Mapped[str | None]
    former_until: Mapped[datetime | None] = mapped_column(Moment)
    scopes: Mapped[str] = mapped_column(server_default="")
    categories: Mapped[str] = mapped_column(server_default="")
    networks: Mapped[str] = mapped_column(server_default="")
    expires_at: Mapped[datetime | None] = mapped_column(Moment)


class ApiKeyUse(Base):
    """When an API key was last used, to the minute, and from which address."""

    __tablename__ = "api_key_use"

    key_id: Mapped[str] = mapped_column(ForeignKey("api_key.id"), primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    used_at: Mapped[datetime] = mapped_column(Moment)
    ip: Mapped[str | None]


class FormerName(Base):
    """A name that somebody had before: entries of that time hold it, and it is masked where theirs is."""

    __tablename__ = "former_name"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)


class Directory(Base):
    """One row: *names_stamp* is a random number that triggers draw anew when a name or an address changes."""

    __tablename__ = "directory"

    id: Mapped[int] = mapped_column(primary_key=True)
    names_stamp: Mapped[int] = mapped_column(BigInteger)


class SignInSession(Base):
    """
    One signed-in browser. *id_hash* is the SHA-256 of the random id in its cookie.

    The row is deleted at sign-out, so an old cookie opens nothing. While it *awaits_code*, only the password was
    right, and nothing but the page that asks for the second factor is open.
    """

    __tablename__ = "sign_in_session"

    id_hash: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    started_at: Mapped[datetime] = mapped_column(Moment)
    seen_at: Mapped[datetime] = mapped_column(Moment)
    ip: Mapped[str | None]
    user_agent: Mapped[str | None]
    awaits_code: Mapped[bool] = mapped_column(default=False, server_default=false())


class TwoFactor(Base):
    """
    The secret that someone's authenticator app shares with us (base32); in use once *enrolled_at* is set.

    *last_step* is the latest step of thirty seconds whose code was taken: no code counts twice.
    """

    __tablename__ = "two_factor"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    secret: Mapped[str]
    last_step: Mapped[int] = mapped_column(BigInteger)
    enrolled_at: Mapped[datetime | None] = mapped_column(Moment)


class RecoveryCode(Base):
    """A recovery code not used yet: the SHA-256 of it."""

    __tablename__ = "recovery_code"

    code_hash: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)


class PasswordReset(Base):
    """A link, sent by mail, that sets a new password once. *token_hash* is the SHA-256 of its token."""

    __tablename__ = "password_reset"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    expires_at: Mapped[datetime] = mapped_column(Moment)


class Rate(Base):
    """
    How often *key* was hit in its present window, which began at *window* (seconds since 1970).

    All workers count in the same row, so they agree; it starts anew once the window is over. Of a window longer than a
    quarter of an hour, *window* is when its last quarter begins.
    """

    __tablename__ = "rate"

    key: Mapped[str] = mapped_column(primary_key=True)
    window: Mapped[int] = mapped_column(BigInteger, index=True)
    hits: Mapped[int]
