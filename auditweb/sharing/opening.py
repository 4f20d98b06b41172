"""
Opening a share: whom a token lets in, what is put on record about it, and for how long that counts.

An altered, a guessed, an expired and a revoked link are one and the same to whoever has it: ClosedError. So is one of
an organisation that is switched off or deleted.
"""

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.dialects import postgresql, sqlite

from auditweb import clock
from auditweb.accounts.sessions import SignedIn
from auditweb.catalogue import LOG_SHARE_OPENED
from auditweb.database import storable
from auditweb.extensions import db
from auditweb.models import Directory, Organisation, Person, Share, ShareOpening
from auditweb.parties import LINK_HOLDER, Actor, ActorType, Origin
from auditweb.reading.filters import LogFilter, read_query
from auditweb.recorder import record
from auditweb.sharing.masking import Mask
from auditweb.sharing.shares import as_target, hashed, read_masks


class ClosedError(Exception):
    """Nothing is open there."""


@dataclass(frozen=True, slots=True)
class Slice:
    """
    An open share, as its readers read it: *part* is what of the log they see.

    *stamps* are those of the organisation's people and of all names. *zone* is that in which times are told.
    """

    id: str
    org_id: int
    org_name: str
    org_zone: str
    part: LogFilter
    masks: frozenset[Mask]
    follows: bool
    support_only: bool
    recipient: str
    note: str
    maker: str
    expires_at: datetime
    stamps: tuple[int, int]

    @property
    def zone(self) -> str:
        return self.part.tz or self.org_zone


def find_by_token(token: str) -> Slice:
    """Return the share that a link opens; ClosedError if none."""
    return _found(Share.token_hash == hashed(token))


def find_slice(share_id: str) -> Slice:
    """Return an open share; ClosedError if there is none with this id."""
    return _found(Share.id == storable(share_id))


def find_for_support() -> Sequence[Slice]:
    """Return all that is open for support staff, by organisation, and of each the newest first."""
    found = _live().where(Share.support_only.is_(True)).order_by(Organisation.name, Share.org_id)
    return [_slice(*row) for row in db.session.execute(found.order_by(Share.created_at.desc(), Share.id))]


def open_slice(slice_: Slice, person: SignedIn | None, *, origin: Origin) -> bool:
    """
    Put on record that somebody opened a share: once for each reader and hour. Tell whether this was the first time.

    Who is signed in is named if they belong to the organisation or to support; anybody else had the link. ClosedError
    if somebody has ended the share meanwhile: after that entry there is none of an opening.
    """
    still_open = select(Share.id).where(Share.id == slice_.id, Share.ended_at.is_(None))
    if db.session.scalar(still_open.with_for_update()) is None:
        raise ClosedError
    now = clock.now()
    actor = _actor(slice_, person)
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    opened = insert(ShareOpening).values(
        share_id=slice_.id,
        reader=_reader(actor, origin),
        hour=int(now.timestamp()) // 3600,
        org_id=slice_.org_id,
        opened_at=now,
        who=actor.name,
        ip=origin.ip,
        user_agent=origin.user_agent,
    )
    if db.session.scalar(opened.on_conflict_do_nothing().returning(ShareOpening.share_id)) is None:
        return False
    record(
        LOG_SHARE_OPENED,
        org_id=slice_.org_id,
        actor=actor,
        target=as_target(slice_.id, slice_.recipient),
        facts={"recipient": slice_.recipient},
        origin=origin,
    )
    return True


def _actor(slice_: Slice, person: SignedIn | None) -> Actor:
    if person is not None and person.is_support:
        return Actor(ActorType.SUPPORT, str(person.person_id), person.name)
    if person is not None and any(place.org_id == slice_.org_id for place in person.places):
        return person.actor
    return LINK_HOLDER


def _reader(actor: Actor, origin: Origin) -> str:
    """Return what tells readers apart: who they are or, of those who only have the link, from where they come."""
    # Not with what: a browser says of itself what it likes, and each would be a reader and an entry of its own.
    told = str(actor.ref) if actor is not LINK_HOLDER else _network(origin.ip)
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:32]


def _network(ip: str | None) -> str:
    """Return an address, or of IPv6 the network that one connection has."""
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return str(ip)
    return str(ipaddress.ip_network(f"{address}/64", strict=False)) if address.version == 6 else str(address)


def _found(which: ColumnElement[bool]) -> Slice:
    row = db.session.execute(_live().where(which)).first()
    if row is None:
        raise ClosedError
    return _slice(*row)


_Columns = Select[
    str, int, str, str, str, str, bool, bool, str, str, str, datetime, int, int
]  # fmt: skip


def _live() -> _Columns:
    return (
        select(
            Share.id,
            Share.org_id,
            Organisation.name,
            Organisation.zone,
            Share.filter,
            Share.masks,
            Share.follows,
            Share.support_only,
            Share.recipient,
            Share.note,
            Person.name,
            Share.expires_at,
            Organisation.people_stamp,
            select(Directory.names_stamp).scalar_subquery(),
        )
        .join_from(Share, Organisation, Organisation.id == Share.org_id)
        .join(Person, Person.id == Share.maker_id)
        .where(Share.ended_at.is_(None), Share.expires_at > clock.now(), Organisation.disabled_at.is_(None))
    )


def _slice(
    id_: str,
    org_id: int,
    org_name: str,
    org_zone: str,
    filter_: str,
    masks: str,
    follows: bool,
    support_only: bool,
    recipient: str,
    note: str,
    maker: str,
    expires_at: datetime,
    people_stamp: int,
    names_stamp: int,
) -> Slice:
    return Slice(
        id=id_,
        org_id=org_id,
        org_name=org_name,
        org_zone=org_zone,
        part=read_query(filter_, org_id=org_id, org_zone=org_zone),
        masks=read_masks(masks),
        follows=follows,
        support_only=support_only,
        recipient=recipient,
        note=note,
        maker=maker,
        expires_at=expires_at,
        stamps=(people_stamp, names_stamp),
    )
