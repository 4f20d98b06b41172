"""API keys that are used from a new network, or after whoever made them has left."""

from auditweb import ids
from auditweb.insights import thresholds as t
from auditweb.insights.detectors.desk import Desk, counted, keep_newest, often
from auditweb.insights.entries import DAY, Entry, network_of
from auditweb.insights.found import Found
from auditweb.parties import ActorRef, ActorType
from auditweb.reading.flags import Flag

_TAKES_CHARGE = frozenset({"api_key.created", "api_key.rotated"})
_COMES = frozenset({"member.joined", "member.added", "member.reinstated"})
_GOES = frozenset({"member.removed", "member.left"})


class Keys:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def hear(self, entry: Entry) -> None:
        if entry.actor_type == ActorType.API_KEY:
            self._used(entry, entry.actor_id, entry.actor_name, network_of(entry.ip))
        elif entry.via_type == ActorType.API_KEY and entry.via_id:  # its address is that of whom the key acts for
            self._used(entry, entry.via_id, entry.via_name or entry.via_id, "")
        if entry.action in _TAKES_CHARGE and entry.target_type == "api_key" and entry.actor_type == ActorType.MEMBER:
            kept = self._desk.of(f"api_key:{entry.target_id}", "key")
            kept["maker"] = entry.actor_id
            kept.pop("late", None)
        elif entry.action in _COMES or entry.action in _GOES:
            who = ActorRef(ActorType.MEMBER, entry.target_member or entry.actor_id)
            gone = self._desk.of(who, "membership")
            if entry.action in _GOES:
                gone["left"], gone["name"] = entry.ms, entry.target_name or entry.actor_name
            else:
                gone.pop("left", None)

    def _used(self, entry: Entry, id_: str, name: str, network: str) -> None:
        subject = ActorRef(ActorType.API_KEY, id_)
        kept = self._desk.of(subject, "key")
        used = kept.get("used", kept.get("n", 0))
        kept["used"] = used + 1
        maker = kept.get("maker")
        if maker is not None:
            gone = self._desk.of(ActorRef(ActorType.MEMBER, maker), "membership")
            if gone.get("left", entry.ms) < entry.ms:
                self._without_maker(entry, subject, name, gone["left"], gone["name"], used)
        if not network:
            return
        networks: dict[str, int] = kept.setdefault("networks", {})
        today = entry.ms // DAY
        oldest = today - t.REMEMBERED_DAYS
        lately = sum(day >= oldest for day in networks.values())
        if lately and networks.get(network, -1) < oldest and lately <= t.ROAMING and kept.get("n", 0) >= t.KEY_ENTRIES:
            self._new_network(entry, subject, name, network, kept["n"], lately)
        kept["n"] = kept.get("n", 0) + 1
        networks[network] = max(today, networks.get(network, 0))
        keep_newest(networks, oldest)

    def _new_network(self, entry: Entry, subject: ActorRef, name: str, network: str, used: int, lately: int) -> None:
        spot = self._desk.spot_of(entry.ip)
        where = f"{network}, in {spot.name}" if spot else network
        told = f"Before this one, {counted(used, 'entry', 'entries')} with it, from {counted(lately, 'other network')} "
        told += f"in the last {t.REMEMBERED_DAYS} days."
        self._desk.report(
            Found(
                Flag.KEY_NEW_NETWORK,
                subject,
                name,
                entry.id,
                entry.at,
                f"The API key {name} was used from the network {where}, from where it had never come.",
                told,
                (entry.id,),
                network,
            )
        )

    def _without_maker(self, entry: Entry, subject: ActorRef, name: str, left: int, maker: str, used: int) -> None:
        kept = self._desk.of(subject, "key")
        late = kept.get("late")
        if late is None or late["left"] != left:
            late = kept["late"] = {"left": left, "first": entry.id, "used": used, "evidence": []}
        if len(late["evidence"]) >= t.EVIDENCE:
            return
        late["evidence"].append(entry.id)
        times = often(len(late["evidence"]))
        times = f"at least {times}" if len(late["evidence"]) == t.EVIDENCE else times
        told = f"Before that, {counted(late.get('used', used), 'entry', 'entries')} with it."
        first = late["first"]
        self._desk.report(
            Found(
                Flag.KEY_WITHOUT_MAKER,
                subject,
                name,
                first,
                ids.moment_of(first),
                f"The API key {name} has been used {times} since {maker}, who made it, left on {self._desk.day(left)}.",
                told,
                tuple(late["evidence"]),
                maker,
            )
        )
