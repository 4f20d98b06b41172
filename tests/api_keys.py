"""What the tests of API keys do again and again."""

from flask import Flask
from sqlalchemy import select

from auditweb.accounts import api_keys
from auditweb.accounts.api_keys import Key
from auditweb.accounts.callers import Caller, Scope, UnknownCallerError, find_caller
from auditweb.accounts.key_rights import Rights
from auditweb.extensions import db
from auditweb.models import ApiKey
from tests.readers import PASSWORD, Page, Place, Reader, Someone

Form = dict[str, str | list[str]]

BOTH = Rights(frozenset(Scope))


def keys(place: Place, rest: str = "") -> str:
    return f"/o/{place.slug}/settings/api-keys{rest}"


def form(**fields: str | list[str]) -> Form:
    """Return what a form about a key sends, with the proof it asks for."""
    return {"scopes": ["events:write"], "networks": "", "expires": "", "password": PASSWORD, **fields}


def create(reader: Reader, place: Place, name: str = "Dealer feed", **fields: str | list[str]) -> tuple[str, str]:
    """Make a key on its page, and return its id and its token."""
    page = reader.post(keys(place, "/new"), form(name=name, **fields))
    assert page.status == 200, page.words
    token = token_on(page)
    return f"key_{token.split('_')[1]}", token


def rotate(reader: Reader, place: Place, key_id: str, overlap: str, **fields: str) -> Page:
    address = keys(place, f"/{key_id}/secret")
    version = reader.get(address).select_one("[name=version]")
    sent = {"version": str(version["value"]) if version else "", "overlap": overlap, "password": PASSWORD}
    return reader.post(address, {**sent, **fields})


def token_on(page: Page) -> str:
    """Return the token that a page hands out."""
    tag = page.select_one(".handout .secret")
    assert tag is not None, page.words
    return tag.get_text()


def add(app: Flask, place: Place, maker: Someone, rights: Rights = BOTH, *, id_: str = "key_0123456789") -> str:
    """Put a key into the database, and return its token."""
    secret = "s" * 43
    with app.app_context():
        api_keys.add(place.id, id_, f"Feed {id_[-4:]}", maker.id, rights, secret=secret)
        db.session.commit()
    return f"aw_{id_.removeprefix('key_')}_{secret}"


def caller(app: Flask, token: str, ip: str | None = "127.0.0.1") -> Caller | None:
    """Return who calls with a token, or None."""
    with app.app_context():
        try:
            return find_caller(token, ip)
        except UnknownCallerError:
            return None


def found(app: Flask, place: Place, key_id: str) -> Key:
    with app.app_context():
        return api_keys.find_key(place.id, key_id)


def stored(app: Flask, place: Place) -> list[ApiKey]:
    with app.app_context():
        return list(db.session.scalars(select(ApiKey).where(ApiKey.org_id == place.id).order_by(ApiKey.id)))
