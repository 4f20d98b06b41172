"""Fresh proof of who is there, asked for again before what cannot be taken back."""

from dataclasses import dataclass

from sqlalchemy import select

from auditweb.accounts import passwords, rate_limits, two_factor
from auditweb.accounts.rate_limits import Limit
from auditweb.extensions import db
from auditweb.models import Person

FREE_TRIES = 5


@dataclass(frozen=True, slots=True)
class Proof:
    """
    What became of a try: proven, or which of *password* and *code* was wrong.

    After too many tries neither was looked at, and the next may be made after *seconds*.
    """

    wrong: frozenset[str] = frozenset()
    seconds: int = 0

    @property
    def good(self) -> bool:
        return not self.wrong and not self.seconds


def prove(person_id: int, password: str, code: str = "") -> Proof:
    """
    Check someone's password and, if they have a second factor, a code of it or a recovery code, which is used up.

    Commits, so that a try counts whatever becomes of the request, and no lock is held while argon2 works: call it
    before the transaction that needs it.
    """
    limit = Limit(f"proof:{person_id}", FREE_TRIES)
    verdict = rate_limits.count(limit)
    hashed = db.session.scalar(select(Person.password_hash).where(Person.id == person_id, Person.active.is_(True)))
    db.session.commit()
    if verdict.refused:
        return Proof(seconds=verdict.seconds)
    if not passwords.verify(hashed, password):
        return Proof(wrong=frozenset({"password"}))  # the code is not used up by a wrong password
    if two_factor.is_enrolled(person_id) and not two_factor.take_any_code(person_id, code):
        db.session.rollback()
        return Proof(wrong=frozenset({"code"}))
    rate_limits.forget(limit.key)
    db.session.commit()
    return Proof()
