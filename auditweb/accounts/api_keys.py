"""
The API keys of an organisation: making them, looking after them, and what is known of each.

Every function works in the open transaction. Those that change something wait for whoever is changing the
organisation's people or keys at the moment, and go by what is true afterwards. A secret is returned once, to whoever
had it made; what calls with one is found by `callers`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, func, literal, select, tuple_, update

from auditweb import clock
from auditweb.accounts import key_rights
from auditweb.accounts.callers import hashed, new_key_id, new_secret, token_of
from auditweb.accounts.charge import take_charge
from auditweb.accounts.key_rights import InvalidError, Rights, facts_of
from auditweb.accounts.permissions import Right
from auditweb.accounts.sessions import SignedIn
from auditweb.accounts.team import MissingError, RefusedError
from auditweb.catalogue import (
    API_KEY_CREATED,
    API_KEY_RENAMED,
    API_KEY_REVOKED,
    API_KEY_ROTATED,
    API_KEY_SCOPE_CHANGED,
    Action,
)
from auditweb.database import storable
from auditweb.extensions import db
from auditweb.models import ApiKey, ApiKeyUse, Membership, Organisation, Person
from auditweb.parties import Origin, Target
from auditweb.recorder import record

LONGEST_NAME: Final = 80
MOST_KEYS: Final = 100  # of an organisation, revoked ones apart
OVERLAPS: Final[Mapping[str, timedelta]] = {
    "at once": timedelta(0),
    "1 hour": timedelta(hours=1),
    "24 hours": timedelta(hours=24),
    "7 days": timedelta(days=7),
}
"""How long the former secret may go on working, by what that is called."""
PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Key:
    """
    A key as its organisation knows it.

    *maker_left*: whoever made it does not belong there any more. *former_until* is how long the secret before this one
    works; *version* tells this secret from others, and nothing about it.
    """

    id: str
    name: str
    rights: Rights
    maker: str
    maker_left: bool
    created_at: datetime
    revoked_at: datetime | None
    former_until: datetime | None
    has_secret: bool
    version: str
    used_at: datetime | None
    used_from: str | None

    @property
    def has_expired(self) -> bool:
        return self.rights.expires_at is not None and self.rights.expires_at <= clock.now()


@dataclass(frozen=True, slots=True)
class Made:
    """A key whose secret has just been made, and the token with it, which nobody can find out later."""

    id: str
    name: str
    token: str


@dataclass(frozen=True, slots=True)
class Keys:
    """A page of a list, and whether there are more after it."""

    rows: Sequence[Key]
    has_more: bool = False


# Which there are


def find_keys(org_id: int) -> Keys:
    """Return the keys that are not revoked, by name: there are never many."""
    found = _all(org_id).where(ApiKey.revoked_at.is_(None)).order_by(func.lower(ApiKey.name), ApiKey.id)
    return Keys([_key(*row) for row in db.session.execute(found)])


def find_revoked(org_id: int, *, after: str | None = None) -> Keys:
    """Return the revoked keys, the last one first, from the one *after* a key on; MissingError if that is not one."""
    found = _all(org_id).where(ApiKey.revoked_at.is_not(None))
    if after is not None:
        here = db.session.scalar(select(ApiKey.revoked_at).where(*_is(org_id, after)))
        if here is None:
            raise MissingError
        place = tuple_(literal(here, ApiKey.revoked_at.type), literal(after))
        found = found.where(tuple_(ApiKey.revoked_at, ApiKey.id) < place)
    rows = db.session.execute(found.order_by(ApiKey.revoked_at.desc(), ApiKey.id.desc()).limit(PAGE + 1)).all()
    return Keys([_key(*row) for row in rows[:PAGE]], has_more=len(rows) > PAGE)


def find_key(org_id: int, key_id: str) -> Key:
    """Return one key, revoked or not; MissingError unless the organisation has it."""
    row = db.session.execute(_all(org_id).where(*_is(org_id, key_id))).first()
    if row is None:
        raise MissingError
    return _key(*row)


def count(org_id: int) -> tuple[int, int]:
    """Return how many keys an organisation has, and how many it had."""
    revoked = func.count(ApiKey.revoked_at)
    row = db.session.execute(select(func.count() - revoked, revoked).where(ApiKey.org_id == org_id)).one()
    return row[0], row[1]


def made_by(org_id: int, person_id: int) -> Sequence[str]:
    """Return the names of the keys that someone made and that are not revoked."""
    theirs = ApiKey.org_id == org_id, ApiKey.maker_id == person_id, ApiKey.revoked_at.is_(None)
    return db.session.scalars(select(ApiKey.name).where(*theirs).order_by(func.lower(ApiKey.name), ApiKey.id)).all()


# Changing them


def create(org_id: int, by: SignedIn, name: str, rights: Rights, *, origin: Origin) -> Made:
    """Make a key, and return it with its secret, which is not kept."""
    organisation = take_charge(org_id, by, Right.MANAGE_KEYS).organisation
    check_name(org_id, name)
    key_rights.check(rights)
    if count(org_id)[0] >= MOST_KEYS:
        raise RefusedError(f"There are {MOST_KEYS} keys already. Revoke what is not needed any more first.")
    key_id, secret = new_key_id(), new_secret()
    add(organisation.id, key_id, name, by.person_id, rights, secret=secret)
    _record(
        API_KEY_CREATED, organisation, by, Target("api_key", key_id, name), origin, facts_of(rights, organisation.zone)
    )
    return Made(key_id, name, token_of(key_id, secret))


def rename(org_id: int, by: SignedIn, key_id: str, name: str, *, origin: Origin) -> bool:
    """Call a key something else; False, and nothing recorded, if that is its name. Older entries keep the old one."""
    organisation, key = _in_charge_of(org_id, by, key_id)
    if key.name == name:
        return False
    check_name(org_id, name, but=key_id)
    key.name = name
    db.session.flush()
    _record(API_KEY_RENAMED, organisation, by, Target("api_key", key_id, name), origin)
    return True


def change_rights(org_id: int, by: SignedIn, key_id: str, rights: Rights, *, origin: Origin) -> bool:
    """Let a key do something else, from its next request on; False, and nothing recorded, if it may just that."""
    organisation, key = _in_charge_of(org_id, by, key_id)
    if rights == key_rights.read(key.scopes, key.categories, key.networks, key.expires_at):
        return False
    key_rights.check(rights)
    for column, value in key_rights.columns(rights).items():
        setattr(key, column, value)
    db.session.flush()
    target = Target("api_key", key_id, key.name)
    _record(API_KEY_SCOPE_CHANGED, organisation, by, target, origin, facts_of(rights, organisation.zone))
    return True


def rotate(org_id: int, by: SignedIn, key_id: str, overlap: str, *, version: str, origin: Origin) -> Made:
    """
    Give a key another secret and return that; the former one goes on working for as long as *overlap* says.

    RefusedError if the secret is no longer the one of *version*: of two people who replace it at once the second would
    end what the first has just handed out.
    """
    organisation, key = _in_charge_of(org_id, by, key_id)
    if _version(key.secret_hash) != version:
        raise RefusedError("The secret was replaced a moment ago. Look first who did that: nothing was changed now.")
    if key.expires_at is not None and key.expires_at <= clock.now():
        raise RefusedError("This key has expired: let it last longer first. Nothing was changed.")
    secret, lasts = new_secret(), OVERLAPS[overlap]
    works_on = bool(lasts) and key.secret_hash is not None
    key.former_hash, key.former_until = (key.secret_hash, clock.now() + lasts) if works_on else (None, None)
    key.secret_hash = hashed(secret)
    db.session.flush()
    facts = {"overlap": overlap if works_on else "none"}
    _record(API_KEY_ROTATED, organisation, by, Target("api_key", key_id, key.name), origin, facts)
    return Made(key_id, key.name, token_of(key_id, secret))


def revoke(org_id: int, by: SignedIn, key_id: str, *, origin: Origin) -> bool:
    """End a key at once and for good; False, and nothing recorded, if that was done before. It stays on record."""
    organisation = take_charge(org_id, by, Right.MANAGE_KEYS).organisation
    name = db.session.scalar(select(ApiKey.name).where(*_is(org_id, key_id)))
    if name is None:
        raise MissingError
    if not end(org_id, key_id, clock.now()):
        return False
    _record(API_KEY_REVOKED, organisation, by, Target("api_key", key_id, name), origin)
    return True


# Without anybody who asks, and without an entry: for what fills a database


def add(
    org_id: int,
    key_id: str,
    name: str,
    maker_id: int,
    rights: Rights,
    *,
    secret: str | None = None,
    created_at: datetime | None = None,
) -> None:
    """Add a key; without a *secret* nothing opens with it."""
    key = ApiKey(
        id=key_id,
        org_id=org_id,
        name=name,
        maker_id=maker_id,
        created_at=created_at or clock.now(),
        secret_hash=None if secret is None else hashed(secret),
        **key_rights.columns(rights),
    )
    db.session.add(key)
    db.session.flush()


def end(org_id: int, key_id: str, revoked_at: datetime) -> bool:
    """Write down when a key was revoked, forget its secrets, and tell whether it was not revoked before."""
    gone = {"revoked_at": revoked_at, "secret_hash": None, "former_hash": None, "former_until": None}
    ended = update(ApiKey).where(*_is(org_id, key_id), ApiKey.revoked_at.is_(None)).values(gone).returning(ApiKey.id)
    return db.session.scalar(ended) is not None


# What is asked for, checked


def check_name(org_id: int, name: str, *, but: str = "") -> None:
    """Raise InvalidError for a name that is none, or that of another key than the one *but*."""
    if not name.strip() or len(name) > LONGEST_NAME:
        raise InvalidError("name", f"Enter a name of at most {LONGEST_NAME} characters.")
    others = select(ApiKey.name).where(ApiKey.org_id == org_id, ApiKey.revoked_at.is_(None), ApiKey.id != but)
    if name.casefold() in {other.casefold() for other in db.session.scalars(others)}:
        raise InvalidError("name", "There is a key of this name. Entries name their key, so give this one another.")


# The statements


def _in_charge_of(org_id: int, by: SignedIn, key_id: str) -> tuple[Organisation, ApiKey]:
    """Return a key that is to be changed: a revoked one cannot be."""
    organisation = take_charge(org_id, by, Right.MANAGE_KEYS).organisation
    found = select(ApiKey).where(*_is(org_id, key_id)).execution_options(populate_existing=True)
    key = db.session.scalars(found).first()
    if key is None:
        raise MissingError
    if key.revoked_at is not None:
        raise RefusedError("This key was revoked, and stays so. Make another one instead.")
    return organisation, key


def _record(
    action: Action,
    organisation: Organisation,
    by: SignedIn,
    target: Target,
    origin: Origin,
    facts: Mapping[str, str] | None = None,
) -> None:
    record(action, org_id=organisation.id, actor=by.actor, target=target, facts=facts, origin=origin)


def _is(org_id: int, key_id: str) -> tuple[ColumnElement[bool], ...]:
    # PostgreSQL takes no NUL, not even in a question.
    return ApiKey.org_id == org_id, ApiKey.id == storable(key_id)


_Columns = Select[
    str, str, str, str, str, datetime | None, str, datetime | None, datetime, datetime | None, datetime | None,
    str | None, datetime | None, str | None,
]  # fmt: skip


def _all(org_id: int) -> _Columns:
    belongs = and_(
        Membership.org_id == ApiKey.org_id, Membership.person_id == ApiKey.maker_id, Membership.removed_at.is_(None)
    )
    return (
        select(
            ApiKey.id,
            ApiKey.name,
            ApiKey.scopes,
            ApiKey.categories,
            ApiKey.networks,
            ApiKey.expires_at,
            Person.name,
            Membership.joined_at,
            ApiKey.created_at,
            ApiKey.revoked_at,
            ApiKey.former_until,
            ApiKey.secret_hash,
            ApiKeyUse.used_at,
            ApiKeyUse.ip,
        )
        .join_from(ApiKey, Person, Person.id == ApiKey.maker_id)
        .outerjoin(Membership, belongs)
        .outerjoin(ApiKeyUse, ApiKeyUse.key_id == ApiKey.id)
        .where(ApiKey.org_id == org_id)
    )


def _key(
    id_: str,
    name: str,
    scopes: str,
    categories: str,
    networks: str,
    expires_at: datetime | None,
    maker: str,
    maker_since: datetime | None,
    created_at: datetime,
    revoked_at: datetime | None,
    former_until: datetime | None,
    secret_hash: str | None,
    used_at: datetime | None,
    used_from: str | None,
) -> Key:
    return Key(
        id=id_,
        name=name,
        rights=key_rights.read(scopes, categories, networks, expires_at),
        maker=maker,
        maker_left=maker_since is None,
        created_at=created_at,
        revoked_at=revoked_at,
        former_until=former_until if former_until is not None and clock.now() < former_until else None,
        has_secret=secret_hash is not None,
        version=_version(secret_hash),
        used_at=used_at,
        used_from=used_from,
    )


def _version(secret_hash: str | None) -> str:
    return hashed(secret_hash or "")[:16]
