"""Other systems that call the API: a key of an organisation, and what is sent with it."""

from collections.abc import Iterable
from datetime import datetime

from flask import Flask

from auditweb import clock
from auditweb.accounts.callers import Scope, hashed, new_key_id, new_secret, token_of
from auditweb.catalogue import Category
from auditweb.extensions import db
from auditweb.models import ApiKey
from tests.readers import Place, Someone


def new_key(
    app: Flask,
    place: Place,
    maker: Someone,
    *,
    scopes: Iterable[Scope | str],
    categories: Iterable[Category | str] = (),
    networks: Iterable[str] = (),
    expires_at: datetime | None = None,
    name: str = "Vehicle system",
) -> str:
    """Make a key without the entry that making it on its page leaves in the log; return its token."""
    key_id, secret = new_key_id(), new_secret()
    with app.app_context():
        db.session.add(
            ApiKey(
                id=key_id,
                org_id=place.id,
                name=name,
                maker_id=maker.id,
                created_at=clock.now(),
                secret_hash=hashed(secret),
                scopes=" ".join(scopes),
                categories=" ".join(categories),
                networks=" ".join(networks),
                expires_at=expires_at,
            )
        )
        db.session.commit()
    return token_of(key_id, secret)
