"""What an API key may do, until when and from where: as a value, as people write it, as it is stored."""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from auditweb import clock
from auditweb.accounts.callers import Scope
from auditweb.catalogue import Category
from auditweb.reading import days

MOST_NETWORKS: Final = 20  # of a key, so that an entry can name all of them
LONGEST_LIFE: Final = timedelta(days=3660)

_NETWORK = re.compile(r"[0-9A-Fa-f:.]+(/[0-9]{1,3})?", re.ASCII)
_BETWEEN = re.compile(r"[\s,;]+")
_WORDS: Mapping[Scope, str] = {Scope.WRITE: "write", Scope.READ: "read"}


class InvalidError(Exception):
    """What was given as *field* (name, scopes, networks, expires) cannot be: *reason* is a sentence."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Rights:
    """
    What a key may do, for how long, and from where.

    No *categories* stand for all of them, no *networks* for everywhere; without *expires_at* it lasts until revoked.
    """

    scopes: frozenset[Scope]
    categories: frozenset[Category] = frozenset()
    networks: tuple[str, ...] = ()
    expires_at: datetime | None = None


def read(scopes: str, categories: str, networks: str, expires_at: datetime | None) -> Rights:
    """Return the rights that the columns of a key hold."""
    known = frozenset(map(Category, categories.split()))
    return Rights(frozenset(map(Scope, scopes.split())), known, tuple(networks.split()), expires_at)


def columns(rights: Rights) -> dict[str, str | datetime | None]:
    """Return what the columns of a key hold for these rights."""
    return {
        "scopes": " ".join(scope for scope in Scope if scope in rights.scopes),
        "categories": " ".join(each for each in Category if each in rights.categories),
        "networks": " ".join(rights.networks),
        "expires_at": rights.expires_at,
    }


def check(rights: Rights) -> None:
    """Raise InvalidError for rights that no key can have."""
    if not rights.scopes:
        raise InvalidError("scopes", "Choose at least one.")
    now, expires_at = clock.now(), rights.expires_at
    if expires_at is not None and not now < expires_at <= now + LONGEST_LIFE:
        raise InvalidError("expires", "Choose a day that is not over, at most ten years from now.")


def facts_of(rights: Rights, zone: str) -> dict[str, str]:
    """Tell what a key may do from now on, for the entry's details, in the days of *zone*."""
    facts = {"scope": scope_words(rights.scopes)}
    if rights.categories:
        facts["categories"] = ", ".join(each.label for each in Category if each in rights.categories)
    if rights.networks:
        facts["addresses"] = ", ".join(rights.networks)
    if rights.expires_at is not None:
        last_day = days.day_of(rights.expires_at - timedelta(microseconds=1), zone)
        facts["expires"] = days.spelled(last_day)
    return facts


def scope_words(scopes: Iterable[Scope]) -> str:
    """Tell scopes in words: "write and read"."""
    return " and ".join(words for scope, words in _WORDS.items() if scope in scopes)


def parse_networks(text: str) -> tuple[str, ...]:
    """Read addresses and ranges with blanks, commas or lines between them, each once; InvalidError names the bad."""
    words = [word for word in _BETWEEN.split(text) if word]
    networks, problems = dict[str, None](), list[str]()
    for word in words[: 2 * MOST_NETWORKS]:
        try:
            networks[_network(word)] = None
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise InvalidError("networks", " ".join(problems[:3]))
    if len(networks) > MOST_NETWORKS or len(words) > 2 * MOST_NETWORKS:
        raise InvalidError("networks", f"Give at most {MOST_NETWORKS} addresses and ranges.")
    return tuple(networks)


def _network(word: str) -> str:
    """Return an address or a range in its one spelling; ValueError says what is wrong."""
    if not _NETWORK.fullmatch(word):
        raise ValueError(f"“{word[:60]}” is neither an address nor a range such as 203.0.113.0/24.")
    try:
        network = ipaddress.ip_network(word, strict=False)
    except ValueError:
        raise ValueError(f"“{word[:60]}” is neither an address nor a range such as 203.0.113.0/24.") from None
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise ValueError(f"Write “{word}” as the IPv4 address that it stands for.")
    if "/" in word and ipaddress.ip_address(word.partition("/")[0]) != network.network_address:
        raise ValueError(f"“{word}” is an address inside of a range: write {network} or the address alone.")
    return str(network)
