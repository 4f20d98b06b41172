"""Sign-ins from where somebody has not been seen before, and from two places too far apart for the time between."""

from math import asin, cos, radians, sin, sqrt
from typing import Any

from auditweb.insights import thresholds as t
from auditweb.insights.detectors.desk import Desk, counted, earlier, keep_newest
from auditweb.insights.entries import DAY, HOUR, Entry, network_of
from auditweb.insights.found import Found
from auditweb.places import Spot
from auditweb.reading.flags import Flag

SIGN_INS = frozenset({"sign_in.succeeded", "sign_in.new_device_seen", "sign_in.new_place_seen", "recovery_codes.used"})
_EARTH_KM = 6371.0
_MOST = 400  # places of one person that are remembered


class Places:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def hear(self, entry: Entry) -> None:
        if entry.action not in SIGN_INS or not entry.is_members or entry.outcome != "success":
            return
        network = network_of(entry.ip)
        spot = self._desk.spot_of(entry.ip) if network else None
        told = entry.fact("place") if entry.action == "sign_in.new_place_seen" else ""
        place = spot.country if spot else network or told
        if not place:
            return
        kept = self._desk.of(entry.actor, "places")
        seen: dict[str, int] = kept.setdefault("seen", {})
        today = entry.ms // DAY
        oldest = today - t.REMEMBERED_DAYS
        if told or (self._is_known(entry, kept) and seen.get(place, -1) < oldest and not self._is_ours(network, today)):
            self._report(entry, kept, place, spot.name if spot else told, network)
        if spot is not None and spot.latitude is not None and spot.longitude is not None:
            self._look_at_the_way(entry, kept, spot)
        kept["n"] = kept.get("n", 0) + 1
        kept["last_days"] = [*kept.get("last_days", ()), today][-t.FEW_SIGN_INS :]
        seen[place] = max(today, seen.get(place, 0))
        keep_newest(seen, oldest, _MOST)
        if network:
            who = self._desk.of(f"network:{network}", "who")
            who[entry.actor_id] = today
            keep_newest(who, oldest, 2 * t.COLLEAGUES)

    def _is_known(self, entry: Entry, kept: dict[str, Any]) -> bool:
        """Tell whether this member has signed in often enough lately for a new place to mean something."""
        lately: list[int] = kept.get("last_days", [])
        if len(lately) < t.FEW_SIGN_INS or lately[0] < entry.ms // DAY - t.REMEMBERED_DAYS:
            return False
        return self._desk.known_days(entry.actor, entry.ms) >= t.LEARNING_DAYS

    def _is_ours(self, network: str, today: int) -> bool:
        """Tell whether so many have signed in from a network that it is the organisation's own."""
        who: dict[str, int] = self._desk.of(f"network:{network}", "who")
        return sum(day >= today - t.REMEMBERED_DAYS for day in who.values()) >= t.COLLEAGUES

    def _report(self, entry: Entry, kept: dict[str, Any], place: str, name: str, network: str) -> None:
        where = name or f"the network {network}"
        what = "place" if name else "network"
        lately = sum(day >= entry.ms // DAY - t.REMEMBERED_DAYS for day in kept["seen"].values())
        before = kept["seen"].get(place)
        told = f"Before this one, {counted(kept.get('n', 0), 'sign-in')}, from {counted(lately, 'place')} in the last"
        told += f" {t.REMEMBERED_DAYS} days; "
        told += "never from here." if before is None else f"last from here {earlier(entry.ms // DAY - before)}."
        self._desk.report(
            Found(
                Flag.UNFAMILIAR_PLACE,
                entry.actor,
                entry.actor_name,
                entry.id,
                entry.at,
                f"{entry.actor_name} signed in from {where}, a {what} where they had not been seen in "
                f"{t.REMEMBERED_DAYS} days.",
                told,
                (entry.id,),
                place,
            )
        )

    def _look_at_the_way(self, entry: Entry, kept: dict[str, Any], spot: Spot) -> None:
        last = kept.get("last")
        kept["last"] = [entry.ms, entry.id, spot.name, spot.latitude, spot.longitude]
        if last is None or last[0] > entry.ms:
            return
        ms, id_, name, latitude, longitude = last
        assert spot.latitude is not None
        assert spot.longitude is not None
        distance = _kilometres(latitude, longitude, spot.latitude, spot.longitude)
        hours = max((entry.ms - ms) / HOUR, 1 / 60)
        if distance < t.NEAREST_KM or distance / hours <= t.FASTEST_KMH:
            return
        minutes = counted(max(1, (entry.ms - ms) / 60_000), "minute") if hours < 2 else counted(hours, "hour")
        self._desk.report(
            Found(
                Flag.IMPOSSIBLE_TRAVEL,
                entry.actor,
                entry.actor_name,
                entry.id,
                entry.at,
                f"{entry.actor_name} signed in from {spot.name} {minutes} after signing in from {name}, about "
                f"{round(distance, -1):,.0f} km away.",
                f"Nobody travels at {round(distance / hours, -1):,.0f} km/h: an airliner flies at {t.FASTEST_KMH:.0f}.",
                (id_, entry.id),
                spot.country,
            )
        )


def _kilometres(latitude: float, longitude: float, latitude2: float, longitude2: float) -> float:
    """Return the way between two places along a great circle (haversine)."""
    up, across = radians(latitude2 - latitude), radians(longitude2 - longitude)
    chord = sin(up / 2) ** 2 + cos(radians(latitude)) * cos(radians(latitude2)) * sin(across / 2) ** 2
    return 2 * _EARTH_KM * asin(min(1.0, sqrt(chord)))
