"""Files of places for tests, in MaxMind's format: https://maxmind.github.io/MaxMind-DB/."""

from collections.abc import Mapping
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import Any

_MARKER = b"\xab\xcd\xefMaxMind.com"
_RECORD = 24  # bits
_BITS = 128


def write_places(path: Path, places: Mapping[str, Any]) -> Path:
    """Write a file that knows of each network in *places* what it is mapped to, and return its path."""
    nodes: list[list[int | None]] = [[None, None]]
    data = b""
    ends: list[tuple[int, int, int]] = []  # of which node which side leads to what in the data
    for network, known in places.items():
        address = ip_network(network)
        mapped = isinstance(address, IPv4Network)
        bits = int(address.network_address)
        length = address.prefixlen + (96 if mapped else 0)
        node = 0
        for at in range(length - 1):
            side = bits >> (_BITS - 1 - at) & 1
            if nodes[node][side] is None:
                nodes.append([None, None])
                nodes[node][side] = len(nodes) - 1
            node = nodes[node][side] or 0
        ends.append((node, bits >> (_BITS - length) & 1, len(data)))
        data += _encoded(known)
    for node, side, at in ends:
        nodes[node][side] = len(nodes) + 16 + at
    tree = b"".join(
        (len(nodes) if value is None else value).to_bytes(_RECORD // 8, "big") for pair in nodes for value in pair
    )
    about = {
        "node_count": _number(6, 4, len(nodes)),
        "record_size": _number(5, 2, _RECORD),
        "ip_version": _number(5, 2, 6),
        "database_type": "Test-City",
        "languages": [],
        "binary_format_major_version": _number(5, 2, 2),
        "binary_format_minor_version": _number(5, 2, 0),
        "build_epoch": _number(9, 8, 1),
        "description": {"en": "Places for tests"},
    }
    path.write_bytes(tree + bytes(16) + data + _MARKER + _encoded(about))
    return path


def place(city: str | None, country: str | None) -> dict[str, Any]:
    """Say where a network is, as files that can be had do."""
    named = {"city": city, "country": country}
    return {part: {"geoname_id": 1, "names": {"en": name, "de": "?"}} for part, name in named.items() if name}


def _encoded(value: Any) -> bytes:
    if isinstance(value, dict):
        return _head(7, len(value)) + b"".join(_encoded(key) + _encoded(inner) for key, inner in value.items())
    if isinstance(value, list):
        return _head(11, len(value)) + b"".join(map(_encoded, value))
    if isinstance(value, str):
        return _head(2, len(value.encode())) + value.encode()
    if isinstance(value, bytes):
        return value
    return _number(6, 4, value)


def _number(kind: int, size: int, value: int) -> bytes:
    return _head(kind, size) + value.to_bytes(size, "big")


def _head(kind: int, size: int) -> bytes:
    assert size < 29, "longer ones are written another way"
    return bytes([size, kind - 7]) if kind > 7 else bytes([kind << 5 | size])
