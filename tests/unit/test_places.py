"""The place of an address, out of a file that the operator supplies."""

from pathlib import Path

import pytest

from auditweb.places import Places
from tests.place_files import place, write_places

KNOWN = {
    "203.0.113.0/24": place("Bristol", "United Kingdom"),
    "198.51.100.0/25": place(None, "Japan"),
    "2001:db8::/48": place("Kobe", "Japan"),
    "192.0.2.0/24": {"city": {"names": {"de": "Wien"}}, "country": "AT"},
    "192.0.3.0/24": "what nobody expects",
}


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places.open(write_places(tmp_path / "places.mmdb", KNOWN))


@pytest.mark.parametrize(
    ("ip", "told"),
    [
        ("203.0.113.58", "Bristol, United Kingdom"),
        ("198.51.100.7", "Japan"),
        ("198.51.100.200", None),
        ("2001:db8::7", "Kobe, Japan"),
        ("2001:db8:1::7", None),
        ("127.0.0.1", None),
        ("192.0.2.1", None),
        ("192.0.3.1", None),
        ("nonsense", None),
        ("", None),
        (None, None),
    ],
)
def test_what_the_file_knows_is_told(places: Places, ip: str | None, told: str | None) -> None:
    assert places.of(ip) == told


def test_what_is_no_such_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no places here")
    with pytest.raises(ValueError, match="is not a file of places"):
        Places.open(tmp_path / "text")
    with pytest.raises(ValueError, match="No such file"):
        Places.open(tmp_path / "missing")
    with pytest.raises(ValueError, match="is not a file of places"):
        Places.open(tmp_path)
