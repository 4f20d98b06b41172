"""Second factors of people in tests."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyotp
from flask import Flask

from auditweb import clock
from auditweb.accounts import two_factor
from auditweb.extensions import db
from tests.readers import Someone


@dataclass
class Phone:
    """Somebody's authenticator app, and the recovery codes they kept."""

    secret: str
    recovery_codes: Sequence[str] = field(default_factory=list)

    def code(self, *, steps: int = 0) -> str:
        """Return the code that the app shows now, or that it shows so many *steps* later."""
        return pyotp.TOTP(self.secret).generate_otp(two_factor.step_at(clock.now()) + steps)

    def wrong_code(self) -> str:
        """Return six digits that the app shows neither now nor a little earlier or later."""
        shown = {self.code(steps=steps) for steps in (-1, 0, 1)}
        return next(code for code in ("000000", "000001", "000002", "000003") if code not in shown)


def enrol(app: Flask, someone: Someone) -> Phone:
    """Give someone a second factor none of whose codes of now was taken, without an entry in the log."""
    with app.app_context():
        two_factor.begin(someone.id)
        secret = two_factor.pending_secret(someone.id)
        assert secret is not None
        phone = Phone(secret)
        assert two_factor.enrol(someone.id, phone.code(steps=-1))
        phone.recovery_codes = two_factor.new_recovery_codes(someone.id)
        db.session.commit()
    return phone
