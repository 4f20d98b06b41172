"""
Who is known in an organisation: its members, former members and API keys, as they are called today.

Every page of the log asks. What was found is remembered for as long as two stamps are the same, which the database
draws anew with every change of an organisation's people and keys, and of anybody's name. So no answer is out of date.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import (
    ColumnElement,
    Engine,
    Row,
    Select,
    String,
    case,
    cast,
    literal,
    or_,
    select,
    union_all,
)

from auditweb.database import storable
from auditweb.extensions import db
from auditweb.models import ApiKey, Membership, Person
from auditweb.parties import ActorRef, ActorType
from auditweb.viewer import ActorProfile, Standing

MOST_REMEMBERED: Final = (
    10_000  # of all organisations together: three megabytes, twenty with the longest ids there can be
)

_Found = Row[str, str, str, str, int]
_Stamps = tuple[int, int]
_Memory = dict[tuple[int, _Stamps, ActorRef], ActorProfile | None]

_remembered: WeakKeyDictionary[Engine, _Memory] = WeakKeyDictionary()

_KNOWN_HERE = (ActorType.MEMBER, ActorType.API_KEY)
_person, _membership, _api_key = Person.__table__.c, Membership.__table__.c, ApiKey.__table__.c


def find_profiles(org_id: int, stamps: _Stamps, refs: Collection[ActorRef]) -> Mapping[ActorRef, ActorProfile]:
    """
    Return what is known of each of *refs* in an organisation, in one query or none; the unknown ones are left out.

    *stamps* are the `people_stamp` of the organisation and the `names_stamp` of all, read before, in the same request:
    what was found since they were drawn still holds.
    """
    memory = _remembered.setdefault(db.engine, {})
    known = {ref: memory.get((org_id, stamps, ref), ...) for ref in refs if ref.type in _KNOWN_HERE}
    if new := [ref for ref, profile in known.items() if profile is ...]:
        found = dict.fromkeys(new) | {profile.ref: profile for profile in _look_up(org_id, new)}
        if len(memory) + len(found) > MOST_REMEMBERED:
            memory.clear()  # old stamps and all; what is needed is soon back
        memory.update({(org_id, stamps, ref): profile for ref, profile in found.items()})
        known.update(found)
    return {ref: profile for ref, profile in known.items() if isinstance(profile, ActorProfile)}


def profiles_of(org_id: int, refs: Collection[ActorRef]) -> Mapping[ActorRef, ActorProfile]:
    """Return the same for who has read no stamps, in a query each time."""
    return {profile.ref: profile for profile in _look_up(org_id, refs)}


def search_profiles(org_id: int, text: str, *, limit: int) -> Sequence[ActorProfile]:
    """Return members, former members and API keys whose name or address contains *text*, current ones first."""
    found = union_all(
        _members(org_id).where(contains(text, _person.name, _person.email)),
        _api_keys(org_id).where(contains(text, _api_key.name, _api_key.id)),
    ).subquery()
    ordered = select(found).order_by(found.c.gone, found.c.name, found.c.id).limit(limit)
    return [_profile(row) for row in db.session.connection().execute(ordered)]


def contains(text: str, *columns: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that one of *columns* has *text* in it, in capital or small letters."""
    text = storable(text)
    # SQLite compares only A to Z without regard to case, so other letters are tried as names have them.
    spellings = dict.fromkeys((text, text.lower(), text.title()))
    return or_(*(column.icontains(spelling, autoescape=True) for column in columns for spelling in spellings))


def _look_up(org_id: int, refs: Collection[ActorRef]) -> list[ActorProfile]:
    people = sorted(int(ref.id) for ref in refs if ref.type == ActorType.MEMBER and _is_person_id(ref.id))
    keys = sorted(storable(ref.id) for ref in refs if ref.type == ActorType.API_KEY)
    if not people and not keys:
        return []
    members = _members(org_id).where(_membership.person_id.in_(people))
    api_keys = _api_keys(org_id).where(_api_key.id.in_(keys))
    question = union_all(members, api_keys) if people and keys else members if people else api_keys
    return [_profile(row) for row in db.session.connection().execute(question)]


def _members(org_id: int) -> Select[str, str, str, str, int]:
    return (
        select(
            literal(ActorType.MEMBER.value).label("type"),
            cast(_person.id, String).label("id"),
            _person.name.label("name"),
            _person.email.label("note"),
            case((_membership.removed_at.is_(None), 0), else_=1).label("gone"),
        )
        .join_from(Membership.__table__, Person.__table__, _person.id == _membership.person_id)
        .where(_membership.org_id == org_id)
    )


def _api_keys(org_id: int) -> Select[str, str, str, str, int]:
    return (
        select(
            literal(ActorType.API_KEY.value).label("type"),
            _api_key.id.label("id"),
            _api_key.name.label("name"),
            (literal("made by ") + _person.name).label("note"),
            case((_api_key.revoked_at.is_(None), 0), else_=1).label("gone"),
        )
        .join_from(ApiKey.__table__, Person.__table__, _person.id == _api_key.maker_id)
        .where(_api_key.org_id == org_id)
    )


def _profile(row: _Found) -> ActorProfile:
    type_, id_, name, note, gone = row
    return ActorProfile(ActorRef(type_, id_), name, Standing.FORMER if gone else Standing.CURRENT, note)


def _is_person_id(text: str) -> bool:
    """Tell whether *text* is a member's id as we write them; a host's or a damaged one is nobody here."""
    return text.isascii() and text.isdigit() and len(text) < 10 and str(int(text)) == text
