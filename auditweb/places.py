"""The place of an address, out of a file that the operator supplies: in MaxMind's format, with cities or countries."""

from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple, Self

import maxminddb


class Spot(NamedTuple):
    """A place on earth, about: its *name* ("Bristol, United Kingdom"), country, and degrees where the file has them."""

    name: str
    country: str
    latitude: float | None
    longitude: float | None


class Places:
    """A file of places, opened."""

    def __init__(self, reader: maxminddb.Reader) -> None:
        self._reader = reader

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file; ValueError if it is none, or not one of places."""
        try:
            return cls(maxminddb.open_database(path))
        except OSError as error:
            raise ValueError(f"cannot be read ({error.strerror})") from None
        except maxminddb.InvalidDatabaseError:
            raise ValueError("is not a file of places in MaxMind’s format (.mmdb)") from None

    def of(self, ip: str | None) -> str | None:
        """Tell where an address is ("Bristol, United Kingdom"), about; None where the file does not know."""
        spot = self.spot_of(ip)
        return spot.name if spot else None

    def spot_of(self, ip: str | None) -> Spot | None:
        """Return where an address is, about; None where the file does not know."""
        try:
            found = self._reader.get(ip_address(ip or ""))
        except (ValueError, maxminddb.InvalidDatabaseError):  # no address, one that the file is not about, damage
            return None
        city, country = (_name(found, part) for part in ("city", "country"))
        name = ", ".join(filter(None, (city, country)))
        return Spot(name, country or name, _degrees(found, "latitude"), _degrees(found, "longitude")) if name else None


def _name(found: object, part: str) -> str | None:
    """Return the English name of a *part* of what a file says of an address."""
    for key in (part, "names", "en"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None


def _degrees(found: object, part: str) -> float | None:
    for key in ("location", part):
        found = found.get(key) if isinstance(found, dict) else None
    return float(found) if isinstance(found, float | int) else None
