"""
Entries as events of the Open Cybersecurity Schema Framework (OCSF 1.5.0), for a SIEM.

Signing in and out is Authentication (3002); what is done to an account is Account Change (3001); all else is Entity
Management (3004), about what the entry is about or, where it names nothing, the organisation. Whatever OCSF has no
place for stands under `unmapped`, so that nothing of an entry is lost.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from auditweb import ids
from auditweb.parties import ActorType, Outcome
from auditweb.reading.as_json import entry_object
from auditweb.reading.pages import WholeRow

VERSION = "1.5.0"
IDENTITY_AND_ACCESS = 3  # the category of all three classes
ACCOUNT_CHANGE, AUTHENTICATION, ENTITY_MANAGEMENT = 3001, 3002, 3004
OTHER = 99

_CLASS_NAMES = {
    ACCOUNT_CHANGE: "Account Change",
    AUTHENTICATION: "Authentication",
    ENTITY_MANAGEMENT: "Entity Management",
}
_LOGON, _LOGOFF = (1, "Logon"), (2, "Logoff")
_CREATE, _READ, _UPDATE, _DELETE = (1, "Create"), (2, "Read"), (3, "Update"), (4, "Delete")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

# Actions by what OCSF calls them. Whom they are about is their target or, where they have none, who did them.
_AUTHENTICATION = {
    "sign_in.succeeded": _LOGON,
    "sign_in.new_device_seen": _LOGON,
    "sign_in.new_place_seen": _LOGON,
    "sign_in.refused": _LOGON,
    "sign_in.blocked": _LOGON,
    "recovery_codes.used": _LOGON,
    "sign_out.completed": _LOGOFF,
    "session.ended": _LOGOFF,
    "session.all_ended": _LOGOFF,
    "session.others_ended": _LOGOFF,
    "session.expired": _LOGOFF,
}
_ACCOUNT_CHANGE = {
    "member.joined": (1, "Create"),
    "member.added": (1, "Create"),
    "member.reinstated": (2, "Enable"),
    "password.changed": (3, "Password Change"),
    "password.reset": (4, "Password Reset"),
    "password.set": (4, "Password Reset"),
    "member.suspended": (5, "Disable"),
    "member.removed": (6, "Delete"),
    "member.left": (6, "Delete"),
    "member.role_changed": (7, "Attach Policy"),
    "member.role_raised": (7, "Attach Policy"),
    "member.auditor_appointed": (7, "Attach Policy"),
    "member.auditor_dismissed": (8, "Detach Policy"),
    "two_factor.enrolled": (10, "MFA Factor Enable"),
    "two_factor.removed": (11, "MFA Factor Disable"),
    "two_factor.reset": (11, "MFA Factor Disable"),
    "passkey.added": (10, "MFA Factor Enable"),
    "passkey.removed": (11, "MFA Factor Disable"),
}
# What the last word of an action says about its target. Of others, OCSF is told the action's own name.
_VERBS = {
    **dict.fromkeys(("created", "added", "uploaded", "opened"), _CREATE),
    **dict.fromkeys(("viewed", "downloaded", "exported", "read"), _READ),
    **dict.fromkeys(("updated", "changed", "replaced", "renamed", "edited", "status_changed", "rotated"), _UPDATE),
    **dict.fromkeys(("deleted", "removed", "purged"), _DELETE),
}
_KINDS = {
    ActorType.MEMBER: (1, "User"),
    ActorType.SUPPORT: (2, "Admin"),
    ActorType.SYSTEM: (3, "System"),
    ActorType.API_KEY: (OTHER, "API key"),
    ActorType.ANONYMOUS: (0, "Unknown"),
}
_MAPPED = {"id", "occurred_at", "recorded_at", "summary", "actor", "via", "ip", "user_agent", "request_id"}


class _Kind(NamedTuple):
    class_uid: int
    activity_id: int
    activity_name: str


def event_of(row: WholeRow, *, organisation: str, log: str) -> dict[str, Any]:
    """Return an entry as an OCSF event. *organisation* is the slug of whose it is, *log* the address of its log."""
    kind = _kind_of(row)
    succeeded = row.outcome == Outcome.SUCCESS
    return {
        "activity_id": kind.activity_id,
        "activity_name": kind.activity_name,
        "category_uid": IDENTITY_AND_ACCESS,
        "category_name": "Identity & Access Management",
        "class_uid": kind.class_uid,
        "class_name": _CLASS_NAMES[kind.class_uid],
        "type_uid": kind.class_uid * 100 + kind.activity_id,
        "severity_id": 1 if succeeded else 2,
        "severity": "Informational" if succeeded else "Low",
        "status_id": 1 if succeeded else 2,
        "status": "Success" if succeeded else "Failure",
        "status_code": row.outcome,
        "time": _milliseconds(row.occurred_at),
        "message": row.summary,
        "metadata": {
            "version": VERSION,
            "product": {"name": "auditweb", "vendor_name": "auditweb"},
            "uid": ids.to_text(row.id),
            "event_code": row.action,
            "log_name": "Audit log",
            "logged_time": _milliseconds(row.recorded_at),
            "tenant_uid": organisation,
        },
        "actor": _actor(row),
        **_subject(row, kind, organisation),
        **_origin(row),
        "unmapped": _unmapped(entry_object(row, organisation=organisation, log=log)),
    }


def _kind_of(row: WholeRow) -> _Kind:
    if row.action in _AUTHENTICATION:
        return _Kind(AUTHENTICATION, *_AUTHENTICATION[row.action])
    if row.action in _ACCOUNT_CHANGE:
        return _Kind(ACCOUNT_CHANGE, *_ACCOUNT_CHANGE[row.action])
    verb = _VERBS.get(row.action.rpartition(".")[2]) if row.target_type else None
    return _Kind(ENTITY_MANAGEMENT, *(verb or (OTHER, row.action)))


def _actor(row: WholeRow) -> dict[str, Any]:
    actor: dict[str, Any] = {"user": _user(row.actor_type, row.actor_id, row.actor_name)}
    if row.via_type:
        actor |= {"app_name": row.via_name, "app_uid": row.via_id}
    return actor


def _user(type_: str, id_: str, name: str) -> dict[str, Any]:
    type_id, told = _KINDS.get(ActorType(type_), (OTHER, type_))
    return {"uid": id_, "name": name, "type_id": type_id, "type": told}


def _subject(row: WholeRow, kind: _Kind, organisation: str) -> dict[str, Any]:
    """Return whom or what an event is about."""
    if kind.class_uid != ENTITY_MANAGEMENT:
        user = (
            {"uid": row.target_id, "name": row.target_name, "type_id": 1, "type": "User"}
            if row.target_type
            else _user(row.actor_type, row.actor_id, row.actor_name)
        )
        service = {"service": {"name": "auditweb"}} if kind.class_uid == AUTHENTICATION else {}
        return {"user": user, **service}
    if row.target_type:
        return {"entity": {"uid": row.target_id, "name": row.target_name, "type": row.target_type}}
    return {"entity": {"uid": organisation, "name": organisation, "type": "organisation"}}


def _origin(row: WholeRow) -> dict[str, Any]:
    """Return where an event came from, as far as it is known."""
    origin: dict[str, Any] = {"src_endpoint": {"ip": row.ip}} if row.ip else {}
    if row.user_agent or row.request_id:
        known = {"user_agent": row.user_agent, "uid": row.request_id}
        origin["http_request"] = {name: value for name, value in known.items() if value}
    return origin


def _unmapped(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in _MAPPED and value is not None}


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND
