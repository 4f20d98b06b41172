"""Roles that were raised to admin or owner; and who has which, for other detectors."""

from auditweb.insights.detectors.desk import Desk, earlier, often
from auditweb.insights.entries import DAY, Entry
from auditweb.insights.found import Found
from auditweb.insights.memory import ORGANISATION
from auditweb.parties import ActorRef, ActorType
from auditweb.reading.flags import Flag

_HIGH = {"owner": "an owner", "admin": "an admin"}
_OF_TARGET = frozenset({"member.added", "member.role_changed", "member.role_raised"})
_MADE_OWNER = frozenset({"organisation.ownership_transferred", "organisation.ownership_accepted"})


class Roles:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def hear(self, entry: Entry) -> None:
        match entry.action:
            case "organisation.created":
                self._set(entry.actor, "owner")
            case "member.joined":
                self._set(entry.actor, entry.fact("role"))
            case "member.auditor_appointed" if entry.target_member:
                self._set(ActorRef(ActorType.MEMBER, entry.target_member), "auditor")
            case "organisation.ownership_accepted":
                self._raised(entry, entry.actor, entry.actor_name, "owner")
            case "organisation.ownership_transferred" if entry.target_member:
                who = ActorRef(ActorType.MEMBER, entry.target_member)
                self._raised(entry, who, entry.target_name or "A member", "owner")
            case action if action in _OF_TARGET and entry.target_member:
                who, role = ActorRef(ActorType.MEMBER, entry.target_member), entry.fact("role").lower()
                if action == "member.role_raised" and role in _HIGH:
                    self._raised(entry, who, entry.target_name or "A member", role)
                else:
                    self._set(who, role)

    def _set(self, who: ActorRef, role: str) -> None:
        self._desk.memory.of(str(who))["role"] = role.lower()

    def _raised(self, entry: Entry, who: ActorRef, name: str, role: str) -> None:
        self._set(who, role)
        ours, day = self._desk.of(ORGANISATION, "roles"), entry.ms // DAY
        times, last = ours.get(role, [0, day])
        told = f"The first time that anybody was made {_HIGH[role]} here."
        if times:
            told = f"Before this, somebody was made {_HIGH[role]} {often(times)}, last {earlier(day - last)}."
        ours[role] = [times + 1, day]
        by = "" if who == entry.actor else f", by {entry.actor_name}"
        self._desk.report(
            Found(
                Flag.ROLE_RAISED,
                who,
                name,
                entry.id,
                entry.at,
                f"{name} was made {_HIGH[role]}{by}: {_HIGH[role]} can change who else may do what.",
                told,
                (entry.id,),
                role,
            )
        )
