"""
The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for when the app is gone.

A code counts once, whoever types it first, and a recovery code is gone once it was used: both are decided by the
database, in one statement.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import pyotp
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.selectable import TypedReturnsRows

from auditweb import clock
from auditweb.extensions import db
from auditweb.models import RecoveryCode, TwoFactor

ISSUER: Final = "ImportOps"
STEP: Final = 30  # seconds that a code stands
DRIFT: Final = 1  # steps that a clock may be ahead or behind
RECOVERY_CODES: Final = 10
_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # 32 letters and digits that are not taken for one another
_LETTERS: Final = 24  # 120 bits
_GROUP: Final = 6


def is_enrolled(person_id: int) -> bool:
    """Tell whether someone has a second factor in use."""
    enrolled = select(TwoFactor.person_id).where(TwoFactor.person_id == person_id, TwoFactor.enrolled_at.is_not(None))
    return db.session.scalar(enrolled) is not None


def begin(person_id: int) -> None:
    """Make a new secret for an app to be set up with; nothing happens if one is in use."""
    fresh = {"secret": pyotp.random_base32(), "last_step": 0}
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    db.session.execute(
        insert(TwoFactor)
        .values(person_id=person_id, **fresh)
        .on_conflict_do_update(index_elements=["person_id"], set_=fresh, where=TwoFactor.enrolled_at.is_(None))
    )


def pending_secret(person_id: int) -> str | None:
    """Return the secret (base32) that an app is being set up with, or None if that has not begun, or is done."""
    pending = select(TwoFactor.secret).where(TwoFactor.person_id == person_id, TwoFactor.enrolled_at.is_(None))
    return db.session.scalar(pending)


def address_for_apps(secret: str, email: str) -> str:
    """Return what the QR code says: an otpauth:// address."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def enrol(person_id: int, code: str) -> bool:
    """Take the second factor into use if *code* is the app's present one; False, and nothing changed, otherwise."""
    if not _take(person_id, code, enrolled=False):
        return False
    in_use = update(TwoFactor).where(TwoFactor.person_id == person_id, TwoFactor.enrolled_at.is_(None))
    return _changed(in_use.values(enrolled_at=clock.now()).returning(TwoFactor.person_id))


def take_code(person_id: int, code: str) -> bool:
    """Tell whether *code* is one that the person's app shows now and that was not taken before; it is taken by this."""
    return _take(person_id, code, enrolled=True)


def take_recovery_code(person_id: int, code: str) -> bool:
    """Tell whether *code* is an unused recovery code of the person; it is used up by this."""
    used = delete(RecoveryCode).where(RecoveryCode.person_id == person_id, RecoveryCode.code_hash == _hash(code))
    return _changed(used.returning(RecoveryCode.person_id))


def take_any_code(person_id: int, code: str) -> bool:
    """Tell whether *code* is good, be it of the app or a recovery code; it is used up by this."""
    return take_code(person_id, code) or take_recovery_code(person_id, code)


def new_recovery_codes(person_id: int) -> Sequence[str]:
    """Make a new set of recovery codes in place of the old one and return it; only hashes of it are kept."""
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))
    codes = [_made_up() for _ in range(RECOVERY_CODES)]
    db.session.add_all(RecoveryCode(code_hash=_hash(code), person_id=person_id) for code in codes)
    db.session.flush()
    return codes


def count_recovery_codes(person_id: int) -> int:
    """Return how many recovery codes are left."""
    return db.session.scalar(select(func.count()).where(RecoveryCode.person_id == person_id)) or 0


def remove(person_id: int) -> bool:
    """Take someone's second factor away, recovery codes included; False if they have none in use."""
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))
    gone = delete(TwoFactor).where(TwoFactor.person_id == person_id).returning(TwoFactor.enrolled_at)
    return db.session.scalar(gone) is not None


def step_at(moment: datetime) -> int:
    """Return the number of the step of thirty seconds that *moment* lies in, counted from 1970."""
    return int(moment.timestamp()) // STEP


def _take(person_id: int, code: str, *, enrolled: bool) -> bool:
    state = TwoFactor.enrolled_at.is_not(None) if enrolled else TwoFactor.enrolled_at.is_(None)
    secret = db.session.scalar(select(TwoFactor.secret).where(TwoFactor.person_id == person_id, state))
    step = _step_of(secret, "".join(code.split())) if secret else None
    if step is None:
        return False
    taken = update(TwoFactor).where(TwoFactor.person_id == person_id, state, TwoFactor.last_step < step)
    return _changed(taken.values(last_step=step).returning(TwoFactor.person_id))


def _changed(statement: TypedReturnsRows[int]) -> bool:
    return db.session.scalar(statement) is not None


def _step_of(secret: str, code: str) -> int | None:
    """Return the step, around now, whose code this is."""
    totp, now = pyotp.TOTP(secret, interval=STEP), step_at(clock.now())
    typed = code.encode("ascii", "replace")
    for step in range(now - DRIFT, now + DRIFT + 1):
        if secrets.compare_digest(totp.generate_otp(step).encode(), typed):
            return step
    return None


def _made_up() -> str:
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))
    return "-".join(letters[i : i + _GROUP] for i in range(0, _LETTERS, _GROUP))


def _hash(code: str) -> str:
    plain = "".join(code.upper().replace("-", " ").split())
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()
