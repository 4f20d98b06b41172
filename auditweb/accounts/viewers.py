"""A member looking at their organisation's log: the standalone product's answer to `Viewer`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from auditweb.accounts import directory, saved_views
from auditweb.accounts.permissions import Right
from auditweb.accounts.sessions import Place, SignedIn
from auditweb.parties import ActorRef
from auditweb.viewer import ActorProfile, NamedView


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
    def retention_months(self) -> int | None:
        return self.place.retention_months

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
    def may_share_log(self) -> bool:
        return self.place.may(Right.SHARE_LOG)

    @property
    def absolute_times(self) -> bool:
        return self.person.absolute_times

    @property
    def shortcuts(self) -> bool:
        return self.person.shortcuts

    def actors(self, refs: Collection[ActorRef]) -> Mapping[ActorRef, ActorProfile]:
        """Return what is known today of each of *refs*, in one query at most; the unknown ones are left out."""
        return directory.find_profiles(self.org_id, (self.place.people_stamp, self.person.names_stamp), refs)

    def find_actors(self, text: str, *, limit: int) -> Sequence[ActorProfile]:
        """Return members, former members and API keys whose name or address contains *text*, current ones first."""
        return directory.search_profiles(self.org_id, text, limit=limit)

    def views(self) -> Sequence[NamedView]:
        """Return the views that they and their organisation keep, by name."""
        return saved_views.find_views(self.org_id, self.person.person_id)
