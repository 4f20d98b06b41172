"""
The first start: the first organisation and its owner, made by whoever runs the server, once and never again.

On the page they show who they are with a code that the server prints when it starts. It is made of the secret key, so
that all workers know it and it is stored nowhere.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import exists, or_, select, text
from sqlalchemy.exc import IntegrityError

from auditweb.accounts import rate_limits, sessions
from auditweb.accounts.entries import OPERATOR, as_actor, record_in_each_organisation
from auditweb.accounts.founding import NewOrganisation, NewPerson, RefusedError, found
from auditweb.accounts.rate_limits import Limit
from auditweb.catalogue import SIGNED_IN
from auditweb.extensions import db
from auditweb.models import DeletedOrganisation, Organisation
from auditweb.parties import Origin

OVER = "There is an organisation already: setting up is for the first one, and is done once."
FREE_TRIES = 5

_LOCK = 0x61756469_74667374  # PostgreSQL's name for it: one first start at a time
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: a power of two, and none is taken for another
_MEANT = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None})
_GROUPS, _GROUP = 3, 4  # sixty bits


def is_due() -> bool:
    """Tell whether there has never been an organisation here. One that was deleted counts: what is left is no start."""
    ever = or_(exists().where(Organisation.id.is_not(None)), exists().where(DeletedOrganisation.org_id.is_not(None)))
    return not db.session.scalar(select(ever))


def code(secret: str) -> str:
    """Return the code that the server with this *secret* prints: three groups of four letters and digits."""
    digest = hmac.new(secret.encode(), b"first start", hashlib.sha256).digest()
    letters = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest)
    return "-".join(letters[start : start + _GROUP] for start in range(0, _GROUPS * _GROUP, _GROUP))


@dataclass(frozen=True, slots=True)
class Try:
    """What became of a try: whether the code was *right* or, after too many, how many *seconds* to wait."""

    right: bool
    seconds: int = 0


def try_code(typed: str, *, origin: Origin, secret: str) -> Try:
    """Compare what was *typed* with the code, and commit the count of tries from this address."""
    limit = Limit(f"first-start:{rate_limits.network(origin.ip)}", FREE_TRIES)
    verdict = rate_limits.count(limit)
    right = not verdict.refused and secrets.compare_digest(_plain(typed), _plain(code(secret)))
    if right:
        rate_limits.forget(limit.key)
    db.session.commit()
    return Try(right, verdict.seconds)


def by_owner(new: NewOrganisation, owner: NewPerson, *, origin: Origin) -> str:
    """Found the first organisation as its owner, sign them in and return the session's id; RefusedError if too late."""
    with _alone():
        _, person = found(new, owner, origin=origin)
        session_id = sessions.start(person.id, origin)
        record_in_each_organisation(SIGNED_IN, person.id, actor=as_actor(person.id, person.name), origin=origin)
    return session_id


def by_operator(new: NewOrganisation, owner: NewPerson) -> None:
    """Found the first organisation from the command line; RefusedError if there is one already."""
    with _alone():
        found(new, owner, actor=OPERATOR)


@contextmanager
def _alone() -> Iterator[None]:
    """
    Give a transaction in which there is no organisation yet and nobody else makes one, and commit it.

    On SQLite one that writes has the database to itself anyway.
    """
    try:
        if db.session.connection().dialect.name == "postgresql":
            db.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        if not is_due():
            raise RefusedError(OVER)
        yield
        db.session.commit()
    except IntegrityError:  # an organisation made by another way
        raise RefusedError(OVER) from None
    finally:
        db.session.rollback()


def _plain(typed: str) -> bytes:
    """Return a code as it is compared: however it was written down, in capitals and without blanks and hyphens."""
    return "".join(typed.split()).upper().translate(_MEANT).encode("utf-8", "replace")
