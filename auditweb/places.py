"""The place of an address, out of a file that the operator supplies: in MaxMind's format, with cities or countries."""

from ipaddress import ip_address
from pathlib import Path
from typing import Self

import maxminddb


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
        try:
            found = self._reader.get(ip_address(ip or ""))
        except (ValueError, maxminddb.InvalidDatabaseError):  # no address, one that the file is not about, damage
            return None
        names = [_name(found, part) for part in ("city", "country")]
        return ", ".join(filter(None, names)) or None


def _name(found: object, part: str) -> str | None:
    """Return the English name of a *part* of what a file says of an address."""
    for key in (part, "names", "en"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None
