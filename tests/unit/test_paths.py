"""Ids in paths: whatever an id holds, the address of its page leads back to it."""

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditweb.parties import ActorRef
from auditweb.web.paths import person_href, read, spell, thing_href


@pytest.mark.parametrize(
    ("id_", "spelled"),
    [
        ("member:42", "member:42"),
        ("veh_4471", "veh_4471"),
        ("2019/044", "2019%252F044"),
        ("..", "%252E%252E"),
        ("a.b", "a.b"),
        ("100%", "100%2525"),
        ("two words?#", "two%20words%3F%23"),
    ],
)
def test_ids_are_spelled_so_that_nothing_tidies_them_up(id_: str, spelled: str) -> None:
    assert spell(id_) == spelled


@given(st.text(min_size=1))
def test_every_id_comes_back(id_: str) -> None:
    spelled = spell(id_)

    assert "/" not in spelled
    assert unquote(spelled).strip(".") != ""
    assert read(unquote(spelled)) == id_


def test_addresses_are_below_that_of_the_log() -> None:
    assert urlsplit(str(person_href("/log", ActorRef("api_key", "key_1")))).path == "/log/people/api_key:key_1"
    assert str(thing_href("/log", "vehicle", "a/b")) == "/log/targets/vehicle/a%252Fb"
