"""A member looking at their organisation's log: the standalone product's answer to `Viewer`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    String,
    bindparam,
    case,
    cast,
    literal,
    or_,
    select,
    union_all,
)

from auditweb.accounts.sessions import Place, SignedIn
from auditweb.extensions import db
from auditweb.models import ApiKey, Membership, Person
from auditweb.parties import ActorRef, ActorType
from auditweb.viewer import ActorProfile, Standing


@dataclass(frozen=True, slots=True)
class MemberViewer:
    """*person*, in the organisation of *place*. Whatever it looks up, it looks up in that organisation only."""

    person: SignedIn
    place: Place

    @property
    def org_id(self) -> int:
        return self.place.org_id

    @property
    def org_slug(self) -> str:
        return self.place.slug

    @property
    def org_name(self) -> str:
        return self.place.name

    @property
    def org_zone(self) -> str:
        return self.place.zone

    @property
    def name(self) -> str:
        return self.person.name

    @property
    def ref(self) -> ActorRef:
        return self.person.actor.ref

    @property
    def zone(self) -> str:
        return self.person.zone or self.place.zone

    @property
    def role(self) -> str:
        return self.place.role.value

    @property
    def may_read_log(self) -> bool:
        return self.place.may_read_log

    @property
    def absolute_times(self) -> bool:
        return self.person.absolute_times

    @property
    def shortcuts(self) -> bool:
        return self.person.shortcuts

    def actors(self, refs: Collection[ActorRef]) -> Mapping[ActorRef, ActorProfile]:
        """Return what is known today of each of *refs*, in one query; the unknown ones are left out."""
        people = sorted(int(ref.id) for ref in refs if ref.type == ActorType.MEMBER and _is_person_id(ref.id))
        keys = sorted(_storable(ref.id) for ref in refs if ref.type == ActorType.API_KEY)
        if not people and not keys:
            return {}
        statement = _KNOWN if people and keys else _KNOWN_MEMBERS if people else _KNOWN_API_KEYS
        given = {"org_id": self.org_id, "people": people, "keys": keys}
        return {profile.ref: profile for profile in map(_profile, db.session.connection().execute(statement, given))}

    def find_actors(self, text: str, *, limit: int) -> Sequence[ActorProfile]:
        """Return members, former members and API keys whose name or address contains *text*, current ones first."""
        text = _storable(text)
        found = union_all(
            _members(self.org_id).where(_contains(text, _person.name, _person.email)),
            _api_keys(self.org_id).where(_contains(text, _api_key.name, _api_key.id)),
        ).subquery()
        ordered = select(found).order_by(found.c.gone, found.c.name, found.c.id).limit(limit)
        return [_profile(row) for row in db.session.connection().execute(ordered)]


_Found = Row[str, str, str, str, int]

_person, _membership, _api_key = Person.__table__.c, Membership.__table__.c, ApiKey.__table__.c


def _members(org_id: int | ColumnElement[int]) -> Select[str, str, str, str, int]:
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


def _api_keys(org_id: int | ColumnElement[int]) -> Select[str, str, str, str, int]:
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


# Every page of the log asks who its actors are. Building the question takes four times as long as answering it.
_KNOWN_MEMBERS = _members(bindparam("org_id", type_=Integer)).where(
    _membership.person_id.in_(bindparam("people", expanding=True))
)
_KNOWN_API_KEYS = _api_keys(bindparam("org_id", type_=Integer)).where(
    _api_key.id.in_(bindparam("keys", expanding=True))
)
_KNOWN = union_all(_KNOWN_MEMBERS, _KNOWN_API_KEYS)


def _profile(row: _Found) -> ActorProfile:
    type_, id_, name, note, gone = row
    return ActorProfile(ActorRef(type_, id_), name, Standing.FORMER if gone else Standing.CURRENT, note)


def _contains(text: str, *columns: ColumnElement[str]) -> ColumnElement[bool]:
    # SQLite compares only A to Z without regard to case, so other letters are tried as names have them.
    spellings = dict.fromkeys((text, text.lower(), text.title()))
    return or_(*(column.icontains(spelling, autoescape=True) for column in columns for spelling in spellings))


def _is_person_id(text: str) -> bool:
    """Tell whether *text* is a member's id as we write them; a host's or a damaged one is nobody here."""
    return text.isascii() and text.isdigit() and len(text) < 10 and str(int(text)) == text


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd")  # PostgreSQL takes no NUL, not even in a question
