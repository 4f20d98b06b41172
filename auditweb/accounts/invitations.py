"""
Invitations: an address, a role, and a link that lets whoever has it join, once and within a week.

The link's token is random, and only its SHA-256 is stored: who lost the link gets a new one, and the old one is dead.
"""

import hashlib
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from auditweb import clock, mail
from auditweb.accounts import passwords, people, rate_limits, sessions
from auditweb.accounts.charge import RightsError, role_of, take_charge
from auditweb.accounts.entries import as_actor
from auditweb.accounts.people import lock_organisation, normalise_email
from auditweb.accounts.permissions import Right, Role, may_manage
from auditweb.accounts.rate_limits import Allowance
from auditweb.accounts.sessions import SignedIn
from auditweb.accounts.team import MissingError, RefusedError
from auditweb.catalogue import INVITATION_RESENT, INVITATION_WITHDRAWN, MEMBER_INVITED, MEMBER_JOINED
from auditweb.extensions import db
from auditweb.models import Invitation, Membership, Organisation, Person
from auditweb.parties import Origin
from auditweb.recorder import record

LIFETIME: Final = timedelta(days=7)
RESEND_AFTER: Final = timedelta(minutes=1)
AT_ONCE: Final = 30
A_DAY: Final = 100  # invitations and resendings of one organisation
PAGE: Final = 50

OWNERS_ONLY = "Only an owner can send an invitation to an owner again or withdraw it."
NOT_AS_OWNER = "Nobody is invited as an owner: a member can be made one."

_BETWEEN = re.compile(r"[\r\n,;]")


class AddressesError(Exception):
    """Nobody was invited, because of these *problems* with what was typed, each a sentence."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(*problems)
        self.problems = problems


class TooManyError(Exception):
    """An allowance is used up, or this one was *just_sent*; *seconds* until it can be."""

    def __init__(self, seconds: int, *, just_sent: bool = False) -> None:
        super().__init__()
        self.seconds = seconds
        self.just_sent = just_sent


class UnusableError(Exception):
    """The link opens nothing: it was used or withdrawn, its week is over, or there never was one like it."""


class AccountExistsError(Exception):
    """Somebody with the invited address has an account by now: they sign in and join with it."""


@dataclass(frozen=True, slots=True)
class Made:
    """An invitation whose link has just been made, and the token of it, which nobody can find out later."""

    id: int
    email: str
    role: Role
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Open:
    """An invitation that nobody has accepted yet. *mail* is none, sent or failed."""

    id: int
    email: str
    role: Role
    inviter: str
    created_at: datetime
    sent_at: datetime
    expires_at: datetime
    mail: str

    @property
    def has_expired(self) -> bool:
        return self.expires_at <= clock.now()


@dataclass(frozen=True, slots=True)
class Offer:
    """What a link that can be used offers. *has_account*: somebody can sign in with the invited address."""

    org_id: int
    organisation: str
    slug: str
    email: str
    role: Role
    inviter: str
    expires_at: datetime
    has_account: bool


# By those who manage the team


def invite(org_id: int, by: SignedIn, text: str, role: Role, *, origin: Origin) -> Sequence[Made]:
    """
    Invite everybody whose address is in *text*, one on each line or with commas between them, or nobody.

    AddressesError names what is no address, and who belongs to the organisation or is invited already. An invitation
    that has expired makes way for the new one.
    """
    mine = take_charge(org_id, by, Right.MANAGE_TEAM).role
    if role is Role.OWNER or not may_manage(mine, role):
        raise RightsError(NOT_AS_OWNER)
    addresses = _addresses_in(org_id, text)
    _spend(org_id, len(addresses))
    db.session.execute(delete(Invitation).where(Invitation.org_id == org_id, Invitation.email.in_(addresses)))
    return [_invite(org_id, by, email, role, origin) for email in addresses]


def resend(org_id: int, by: SignedIn, invitation_id: int, *, origin: Origin) -> Made:
    """Make a new link, good for another week, in place of the old one."""
    row = _theirs_to_manage(org_id, by, invitation_id)
    now = clock.now()
    if (wait := row.sent_at + RESEND_AFTER - now) > timedelta(0):
        raise TooManyError(-(-wait // timedelta(seconds=1)), just_sent=True)
    _spend(org_id, 1)
    token = secrets.token_urlsafe(32)
    row.token_hash, row.sent_at, row.expires_at, row.mail = _hash(token), now, now + LIFETIME, "none"
    db.session.flush()
    record(INVITATION_RESENT, org_id=org_id, actor=by.actor, facts={"email": row.email}, origin=origin)
    return Made(row.id, row.email, Role(row.role), token, row.expires_at)


def withdraw(org_id: int, by: SignedIn, invitation_id: int, *, origin: Origin) -> str:
    """Take an invitation back: its link is dead. Returns the address."""
    row = _theirs_to_manage(org_id, by, invitation_id)
    email = row.email
    db.session.delete(row)
    record(INVITATION_WITHDRAWN, org_id=org_id, actor=by.actor, facts={"email": email}, origin=origin)
    return email


def note_mail(made: Sequence[Made], failed: Collection[str]) -> None:
    """Write down what became of the messages, those to the addresses in *failed* not having been taken."""
    for outcome, sent in (("sent", True), ("failed", False)):
        hashes = [_hash(one.token) for one in made if (one.email not in failed) is sent]
        if hashes:
            db.session.execute(update(Invitation).where(Invitation.token_hash.in_(hashes)).values(mail=outcome))


def find_open(org_id: int, *, after: int | None = None) -> tuple[Sequence[Open], bool]:
    """Return the invitations that nobody has accepted, the latest first, and whether there are more of them."""
    found = (
        select(
            Invitation.id,
            Invitation.email,
            Invitation.role,
            Person.name,
            Invitation.created_at,
            Invitation.sent_at,
            Invitation.expires_at,
            Invitation.mail,
        )
        .join_from(Invitation, Person, Person.id == Invitation.inviter_id)
        .where(Invitation.org_id == org_id)
    )
    if after is not None:
        found = found.where(Invitation.id < after)
    rows = db.session.execute(found.order_by(Invitation.id.desc()).limit(PAGE + 1)).all()
    return [_open(*row) for row in rows[:PAGE]], len(rows) > PAGE


def sent_by(org_id: int, person_id: int) -> Sequence[str]:
    """Return whom someone invited whose answer is still to come."""
    theirs = Invitation.org_id == org_id, Invitation.inviter_id == person_id, Invitation.expires_at > clock.now()
    return db.session.scalars(select(Invitation.email).where(*theirs).order_by(Invitation.email)).all()


# By the invited


def find_offer(token: str) -> Offer:
    """Return what a link offers, changing nothing; UnusableError if it can be used no more."""
    inviter = select(Person.name).where(Person.id == Invitation.inviter_id).scalar_subquery()
    account = select(Person.id).where(Person.email == Invitation.email).scalar_subquery()
    row = db.session.execute(
        select(
            Invitation.org_id,
            Organisation.name,
            Organisation.slug,
            Invitation.email,
            Invitation.role,
            inviter,
            Invitation.expires_at,
            account,
        )
        .join_from(Invitation, Organisation, Organisation.id == Invitation.org_id)
        .where(Invitation.token_hash == _hash(token), Invitation.expires_at > clock.now())
        .where(Organisation.disabled_at.is_(None))
    ).first()
    if row is None:
        raise UnusableError
    org_id, organisation, slug, email, role, name, expires_at, person_id = row
    return Offer(org_id, organisation, slug, email, Role(role), name, expires_at, person_id is not None)


def join(token: str, person: SignedIn, *, origin: Origin) -> None:
    """Make someone signed in a member, and commit. The link has to be for their address, and is used up."""
    offer = _taken(token)
    if offer.email != person.email:
        raise UnusableError
    if role_of(offer.org_id, person.person_id) is not None:
        raise RefusedError(f"You belong to {offer.organisation} already.")
    if person.is_support:
        raise RefusedError("You are support staff, who belong to no organisation. Use another address for it.")
    _make_member(offer, db.session.get_one(Person, person.person_id), origin)
    db.session.commit()


def join_as_new(token: str, name: str, password: str, *, origin: Origin) -> str:
    """
    Make an account for the invited address and its owner a member, commit, and return the id of their first session.

    No lock is held while argon2 works: the caller's transaction is over, and what comes after it goes by what is true
    then. Of two who use the link at once the second gets UnusableError.
    """
    db.session.rollback()
    hashed = passwords.hash_password(password)
    offer = _taken(token)
    person = Person(email=offer.email, name=name, password_hash=hashed, zone="", created_at=clock.now())
    try:
        with db.session.begin_nested():
            db.session.add(person)
            db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise AccountExistsError from None
    _make_member(offer, person, origin)
    session_id = sessions.start(person.id, origin)
    db.session.commit()
    return session_id


def _taken(token: str) -> Offer:
    """Use a link up: whoever comes second, or after it was withdrawn, finds none."""
    offer = find_offer(token)
    lock_organisation(offer.org_id)  # nobody is inviting, removing or joining there meanwhile
    gone = delete(Invitation).where(Invitation.token_hash == _hash(token)).returning(Invitation.role)
    role = db.session.scalar(gone)
    if role is None:
        raise UnusableError
    return offer


def _make_member(offer: Offer, person: Person, origin: Origin) -> None:
    organisation = db.session.get_one(Organisation, offer.org_id)
    people.add_member(organisation, person, offer.role)
    sessions.note_presence(offer.org_id, person.id)
    actor = as_actor(person.id, person.name)
    record(MEMBER_JOINED, org_id=offer.org_id, actor=actor, facts={"role": offer.role.value}, origin=origin)


# The statements


def _addresses_in(org_id: int, text: str) -> Sequence[str]:
    """Return whom to invite, each once."""
    words = [word for word in map(str.strip, _BETWEEN.split(text)) if word]
    known = {normalise_email(word): word for word in words if mail.is_address(word)}
    if len(known) > AT_ONCE:
        raise AddressesError([f"These are {len(known)} addresses. Invite at most {AT_ONCE} at once."])
    problems = [f"“{word}” is not an e-mail address." for word in words if not mail.is_address(word)]
    problems += [*_already_in(org_id, list(known)), *_already_invited(org_id, list(known))]
    if problems or not known:
        raise AddressesError(problems or ["There is no address here."])
    return list(known)


def _invite(org_id: int, by: SignedIn, email: str, role: Role, origin: Origin) -> Made:
    now, token = clock.now(), secrets.token_urlsafe(32)
    row = Invitation(
        org_id=org_id,
        email=email,
        role=role.value,
        token_hash=_hash(token),
        inviter_id=by.person_id,
        created_at=now,
        sent_at=now,
        expires_at=now + LIFETIME,
    )
    db.session.add(row)
    db.session.flush()
    facts = {"email": email, "role": role.value}
    record(MEMBER_INVITED, org_id=org_id, actor=by.actor, facts=facts, origin=origin)
    return Made(row.id, email, role, token, row.expires_at)


def _open(
    id_: int,
    email: str,
    role: str,
    inviter: str,
    created_at: datetime,
    sent_at: datetime,
    expires_at: datetime,
    mail: str,
) -> Open:
    return Open(id_, email, Role(role), inviter, created_at, sent_at, expires_at, mail)


def _theirs_to_manage(org_id: int, by: SignedIn, invitation_id: int) -> Invitation:
    mine = take_charge(org_id, by, Right.MANAGE_TEAM).role
    row = db.session.scalar(select(Invitation).where(Invitation.org_id == org_id, Invitation.id == invitation_id))
    if row is None:
        raise MissingError
    if not may_manage(mine, Role(row.role)):
        raise RightsError(OWNERS_ONLY)
    return row


def _already_in(org_id: int, addresses: Sequence[str]) -> list[str]:
    members = (
        select(Person.email)
        .join(Membership, Membership.person_id == Person.id)
        .where(Membership.org_id == org_id, Membership.removed_at.is_(None), Person.email.in_(addresses))
    )
    known = set(db.session.scalars(members))
    return [f"{email} is a member already." for email in addresses if email in known]


def _already_invited(org_id: int, addresses: Sequence[str]) -> list[str]:
    found = select(Invitation.email).where(
        Invitation.org_id == org_id, Invitation.email.in_(addresses), Invitation.expires_at > clock.now()
    )
    known = set(db.session.scalars(found))
    return [f"{email} has an open invitation already: send it again." for email in addresses if email in known]


def _spend(org_id: int, how_many: int) -> None:
    if seconds := rate_limits.spend(Allowance(f"invitations:{org_id}", A_DAY, 24 * 3600), how_many):
        raise TooManyError(seconds)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
