"""
Which addresses webhooks may call, so that nobody reaches with one what only this server can reach.

A name is looked up once, each address that it has is checked, and what connects goes to those: a name that means
something else a moment later changes nothing.
"""

import re
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self
from urllib.parse import urlsplit

from auditweb.config import Settings

PORTS: Final = (443, 8443)
LONGEST: Final = 500  # characters

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Of what Python calls global: what stands for an IPv4 address, leads to whoever is near, or is for documentation.
_NOT_REALLY_GLOBAL: Final = tuple(
    map(
        ip_network,
        (
            "192.0.0.0/24",
            "192.88.99.0/24",
            "2001::/23",
            "2002::/16",
            "3fff::/20",
        ),
    )
)
_GLOBAL_IPV6: Final = IPv6Network("2000::/3")  # all that was ever given out
_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?"
)
_NUMBER: Final = re.compile(r"(0x[0-9a-f]*|[0-9]+)\.?")


class TargetError(Exception):
    """An address that may not be called, or that there is not; the text is a sentence for whoever gave it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """
    What whoever runs this server allows: *networks* that are not of the internet, and the *proxy* to go through.

    A proxy looks names up itself, so that what may be reached by a name is its to decide.
    """

    networks: tuple[Network, ...] = ()
    proxy: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(tuple(map(ip_network, settings.webhook_networks.split())), settings.webhook_proxy)

    def allows(self, address: Address) -> bool:
        return any(address.version == each.version and address in each for each in self.networks) or is_public(address)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook calls: *path* is what stands after host and port, with its query."""

    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read the address of a webhook; TargetError if none may be like that."""
        if len(url) > LONGEST:
            raise TargetError(f"An address has at most {LONGEST} characters.")
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise TargetError("This address has characters in it that no address has. Write others with % signs.")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise TargetError("This is no address: one looks like https://hooks.example.org/in.") from None
        if parts.scheme != "https":
            raise TargetError("The address has to start with https://, so that nobody reads along.")
        if "@" in parts.netloc:
            raise TargetError("Leave the user name and the password out: deliveries are signed instead.")
        if "#" in url:
            raise TargetError("Leave the part from # on out: it is never sent.")
        port = 443 if port is None else port
        if port not in PORTS:
            raise TargetError(f"Port {port} cannot be called, only {PORTS[0]} and {PORTS[1]}.")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(_host(parts.hostname or "", bracketed="[" in parts.netloc), port, path)

    @property
    def authority(self) -> str:
        """Host and port as they stand in a request."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 else f"{host}:{self.port}"


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the internet's, and stands for no other that may not be."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if any(address.version == each.version and address in each for each in _NOT_REALLY_GLOBAL):
        return False
    return address.version == 4 or (address in _GLOBAL_IPV6 and not _is_isatap(address))


def _is_isatap(address: IPv6Address) -> bool:
    """Tell whether an address ends in an IPv4 address by RFC 5214, whatever network it is in."""
    return int(address) >> 32 & 0xFDFF_FFFF == 0x0000_5EFE


def resolve(target: Target, policy: Policy, *, within: float) -> Sequence[Address]:
    """
    Return the addresses that may be connected to, none if a proxy is to find them.

    TargetError if one of them may not be, or if none is found *within* so many seconds.
    """
    literal = _literal(target.host)
    if literal is None and policy.proxy:
        if target.host.rstrip(".").rpartition(".")[2] in ("", "localhost"):
            raise TargetError(_REFUSED.format(host=target.host))
        return ()
    found = [literal] if literal is not None else _looked_up(target, within)
    if not all(map(policy.allows, found)):
        raise TargetError(_REFUSED.format(host=target.host))
    return () if policy.proxy else found


def look_up(host: str, port: int) -> Sequence[str]:
    """Ask the resolver of this machine for the addresses of a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


_REFUSED: Final = "{host} is no address of the internet, and this server calls no others."


def _looked_up(target: Target, within: float) -> list[Address]:
    missing = TargetError(f"No address is known for {target.host}.")
    try:
        answers = _in_time(lambda: look_up(target.host, target.port), within)
    except TimeoutError:
        raise TargetError(f"Looking up {target.host} took too long.") from None
    except (OSError, UnicodeError):
        raise missing from None
    # A zone, as in fe80::1%eth0, is this machine's own, and so is such an address.
    found = [ip_address(answer.partition("%")[0]) for answer in answers]
    if not found:
        raise missing
    return found


def _in_time(ask: Callable[[], Sequence[str]], seconds: float) -> Sequence[str]:
    """Return what *ask* does; TimeoutError after so many seconds, as resolvers have their own idea of time."""
    answers: list[Sequence[str]] = []
    failures: list[Exception] = []

    def run() -> None:
        try:
            answers.append(ask())
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            failures.append(error)

    thread = threading.Thread(target=run, name="resolver", daemon=True)
    thread.start()
    thread.join(max(seconds, 0))
    if failures:
        raise failures[0]
    if not answers:
        raise TimeoutError
    return answers[0]


def _host(host: str, *, bracketed: bool) -> str:
    """Return a name or an address as it is spelled everywhere; what resolvers make an address of is none."""
    wrong = TargetError("There is no such host name: it looks like hooks.example.org.")
    if bracketed:
        literal = _literal(host)
        if literal is None or "%" in host:
            raise wrong
        return str(literal)
    if _NUMBER.fullmatch(host.rpartition(".")[2] or host.rstrip(".").rpartition(".")[2]):
        literal = _literal(host)  # 127.1, 0x7f000001 and 2130706433 are other ways to write 127.0.0.1
        if literal is None:
            raise TargetError("Write an IP address as four numbers, such as 203.0.113.7, or rather a name.")
        return str(literal)
    if not _NAME.fullmatch(host):
        raise wrong
    return host


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
