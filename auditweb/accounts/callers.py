"""
Who calls the API: the key behind a request, what it may do there, and its use.

A token is `aw_`, the letters and digits that name the key (ten; of older keys fewer), and a secret of 32 random bytes.
Only the secret's SHA-256 is stored: it has nothing that could be guessed, so a slow hash would protect nothing.
"""

import hashlib
import hmac
import ipaddress
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import structlog
from sqlalchemy import bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from auditweb import clock, ids, transactions
from auditweb.catalogue import Category
from auditweb.database import OUT_OF_REACH
from auditweb.extensions import db
from auditweb.models import ApiKey, ApiKeyUse, Organisation
from auditweb.parties import Actor, ActorType

PREFIX: Final = "key_"
NOTED_EVERY: Final = timedelta(minutes=1)

_log = structlog.stdlib.get_logger("auditweb.api")

_TOKEN = re.compile(r"aw_([0-9A-Z]{4,10})_([A-Za-z0-9_-]{43})", re.ASCII)
_NOBODY = hashlib.sha256(b"nobody").hexdigest()


class Scope(StrEnum):
    """What a key may do."""

    WRITE = "events:write"
    READ = "events:read"


class UnknownCallerError(Exception):
    """
    No key opens with this token here and now.

    It is not one, or not the secret; it was revoked, has expired, or is used from an address that it is not for; or its
    organisation is switched off. Nobody learns which.
    """


@dataclass(frozen=True, slots=True)
class Caller:
    """
    A key, as the database knows it at this moment, and the organisation that it writes to and reads from.

    *categories* are those it may write; None stands for all of them. *used_at* is when that was last noted.
    """

    key_id: str
    name: str
    org_id: int
    org_slug: str
    org_zone: str
    scopes: frozenset[Scope]
    categories: frozenset[Category] | None
    used_at: datetime | None

    @property
    def actor(self) -> Actor:
        return Actor(ActorType.API_KEY, self.key_id, self.name)

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes

    def may_write(self, category: Category) -> bool:
        return self.categories is None or category in self.categories


def new_key_id() -> str:
    """Return a fresh name for a key, fifty random bits."""
    return PREFIX + ids.random_name(10).upper()


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def token_of(key_id: str, secret: str) -> str:
    """Return what the owner of a key sends along, shown to them once."""
    return f"aw_{key_id.removeprefix(PREFIX)}_{secret}"


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def find_caller(token: str, ip: str | None) -> Caller:
    """
    Return the caller who sends *token* from the address *ip*, in one statement; UnknownCallerError if none does.

    It has a transaction of its own, so that nobody waits for this request while its body comes in.
    """
    parts = _TOKEN.fullmatch(token)
    if parts is None:
        raise UnknownCallerError
    key_id, secret = PREFIX + parts[1], hashed(parts[2])
    with transactions.reading(), db.engine.connect() as connection:  # not the session, which takes as long as the rest
        row = connection.execute(_FIND, {"key_id": key_id}).first()
    now = clock.now()
    good = hmac.compare_digest(secret, (row.secret_hash if row else None) or _NOBODY)
    if row is not None and row.former_until is not None and now < row.former_until:
        good |= hmac.compare_digest(secret, row.former_hash or _NOBODY)
    if row is None or not good or (row.expires_at is not None and row.expires_at <= now):
        raise UnknownCallerError
    if not _is_within(ip, row.networks.split()):
        raise UnknownCallerError
    return Caller(
        row.id,
        row.name,
        row.org_id,
        row.slug,
        row.zone,
        frozenset(map(Scope, row.scopes.split())),
        frozenset(map(Category, row.categories.split())) or None,
        row.used_at,
    )


def note_use(caller: Caller, ip: str | None) -> None:
    """
    Write down that a key was used, once a minute at most, in a transaction of its own: what the session has begun ends.

    Where the database cannot do that, it is left for the next request: what that asked for is done, and told.
    """
    now = clock.now()
    if caller.used_at is not None and now - caller.used_at < NOTED_EVERY:
        return
    db.session.rollback()
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    used = {"used_at": now, "ip": ip}
    noted = insert(ApiKeyUse).values(key_id=caller.key_id, org_id=caller.org_id, **used)
    try:
        with db.engine.begin() as connection:
            connection.execute(noted.on_conflict_do_update(index_elements=["key_id"], set_=used))
    except SQLAlchemyError as error:
        if not isinstance(error, OUT_OF_REACH):
            _log.warning("the use of a key was not noted", exc_info=error)


def _is_within(ip: str | None, networks: list[str]) -> bool:
    if not networks:
        return True
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in ipaddress.ip_network(network) for network in networks)


# Columns of tables, not of entities: this runs at every request.
_key, _use, _organisation = ApiKey.__table__.c, ApiKeyUse.__table__.c, Organisation.__table__.c
_FIND = (
    select(
        _key.id,
        _key.name,
        _key.org_id,
        _organisation.slug,
        _organisation.zone,
        _key.secret_hash,
        _key.former_hash,
        _key.former_until,
        _key.scopes,
        _key.categories,
        _key.networks,
        _key.expires_at,
        _use.used_at,
    )
    .join_from(ApiKey.__table__, Organisation.__table__, _organisation.id == _key.org_id)
    .outerjoin(ApiKeyUse.__table__, _use.key_id == _key.id)
    .where(_key.id == bindparam("key_id"), _key.revoked_at.is_(None), _organisation.disabled_at.is_(None))
)
