"""What looks like a secret is redacted before it is stored, compared or repeated."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from auditweb import catalogue
from auditweb.catalogue import Action, Category
from auditweb.recordable import RecordError
from auditweb.recorder import record
from tests.databases import Database
from tests.ledgers import HANA, only_row, operator_engine

SECRETIVE = Action(
    "host.secrets_told",
    Category.ORGANISATION,
    "Set the password to {new_password}",
    details=(
        "access_key", "api_key", "auth", "authorization", "authorisation_header", "backup_codes", "bearer", "cookie",
        "client_secret", "credentials", "csrf_token", "cvc", "cvv", "jwt", "otp", "passcode", "passphrase", "password",
        "password_hash", "passwd", "pin", "private_key", "pwd", "recovery_code", "refresh_token", "secret",
        "session_id", "signing_key", "token", "totp_seed", "pass", "pw", "pin_code", "otp_code", "one_time_code",
        "mfa_code", "verification_code", "hmac_key", "encryption_key", "ssh_key", "basic_auth",
        "shipping", "pinned", "author", "passport", "shipping_code",
    ),
)  # fmt: skip


@pytest.fixture
def secretive() -> Action:
    """An action of a careless host, in the catalogue for this test."""
    catalogue.add(SECRETIVE)
    return SECRETIVE


def test_secrets_are_redacted_before_anything_is_stored(session: Session, secretive: Action, fresh: Database) -> None:
    harmless = {"shipping": "by sea", "pinned": "yes", "author": "Hana", "passport": "seen", "shipping_code": "EXW"}
    facts = dict.fromkeys(["new_password", *secretive.details], "hunter2-canary") | harmless

    event = record(secretive, org_id=1, actor=HANA, facts=facts, session=session)
    session.commit()

    assert event.summary == "Set the password to [redacted]"
    assert len(facts) - len(harmless) >= 40
    assert only_row(session)["facts"] == dict.fromkeys(facts, "[redacted]") | harmless
    session.rollback()
    with operator_engine(fresh.owner_url) as engine, engine.connect() as connection:
        whole = [str(tuple(row)) for row in connection.execute(sa.text("SELECT * FROM event"))]
    assert whole
    assert not any("canary" in row for row in whole)


def test_errors_repeat_no_value(session: Session, secretive: Action) -> None:
    with pytest.raises(RecordError) as error:
        record(secretive, org_id=1, actor=HANA, facts={"new_password": "canary\0"}, session=session)

    assert "canary" not in str(error.value)


def test_database_errors_repeat_no_value(engine: Engine) -> None:
    """They end up in the application's log."""
    with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError) as error:
        connection.execute(sa.text("SELECT :told FROM nowhere"), {"told": "canary"})

    assert "canary" not in str(error.value)


def test_contents_are_compared_after_redaction(session: Session, secretive: Action) -> None:
    """What was redacted is not there to be compared."""
    told: dict[str, Any] = {"org_id": 1, "actor": HANA, "session": session, "idempotency_key": "k"}
    first = record(secretive, facts={"new_password": "one"}, **told)

    assert record(secretive, facts={"new_password": "two"}, **told).id == first.id
