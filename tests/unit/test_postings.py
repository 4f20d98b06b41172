"""How the search index is spelled: whatever goes in comes out, at every size, and the two spellings are told apart."""

import random
from typing import Any

import pytest

from auditweb.ids import LAST_ID
from auditweb.reading import postings

ENTRY: Any = (
    7, "vehicles", "vehicle.updated", "Updated the Land Cruiser", {"chassis": "GRX-133"}, "api_key", "k1", "Feed",
    "Ada", "vehicle", "v:1", "Land Cruiser", "203.0.113.7", "denied",
)  # fmt: skip


@pytest.mark.parametrize("count", [1, 2, 254, 255, 256, 257, 4095, 4096])
@pytest.mark.parametrize("added", [1, 2, 254, 255, 256, 4096])
def test_places_read_back(count: int, added: int) -> None:
    known = max(0, count - added)
    places = sorted(random.Random(count).sample(range(postings.SEGMENT_SIZE), count))

    spelled = postings.spell_places(places[:known]) if known else b""
    spelled = postings.spell_places(places[known:], spelled)

    assert postings.read_places(spelled) == sum(1 << place for place in places)
    assert spelled == postings.spell_places(places)  # however it came to be
    assert len(spelled) == (2 * count if count < 256 else 512)


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 600, 4096])
@pytest.mark.parametrize("gone", [1, 2, 255, 256, 344, 345, 4095, 4096])
def test_places_that_are_gone_were_never_there(count: int, gone: int) -> None:
    """However many there were, what is left is spelled as if it were all there had ever been."""
    chance = random.Random(count)
    places = sorted(chance.sample(range(postings.SEGMENT_SIZE), count))
    taken = sorted(chance.sample(places, min(gone, count)))
    left = [place for place in places if place not in set(taken)]

    assert postings.without_places(
        postings.spell_places(places), sum(1 << place for place in taken)
    ) == postings.spell_places(left)


@pytest.mark.parametrize("gone", [[], [0], [4095], [7, 8, 4000], list(range(4096))])
def test_places_of_purged_entries_are_told(gone: list[int]) -> None:
    ids = [LAST_ID - number if number % 2 else number for number in range(4096)]
    for place in gone:
        ids[place] = postings.NOBODY

    assert postings.nobodys_places(postings.spell_ids(ids)) == sum(1 << place for place in gone)


def test_spelling_is_the_same_on_every_machine() -> None:
    assert postings.spell_places([1, 258]) == b"\x01\x00\x02\x01"
    assert postings.spell_places(list(range(256)))[:33] == b"\xff" * 32 + b"\0"
    assert postings.spell_ids([1, 2**62]) == b"\1\0\0\0\0\0\0\0" + b"\0\0\0\0\0\0\0\x40"


@pytest.mark.parametrize("count", [0, 1, 128, 129, 4096])
def test_ids_are_picked_by_their_places(count: int) -> None:
    ids = [0, LAST_ID, *range(5, 4099)]
    places = sorted(random.Random(count).sample(range(4096), count))

    spelled = postings.spell_ids(ids[100:], postings.spell_ids(ids[:100]))

    assert list(postings.read_ids(spelled)) == ids
    assert postings.pick(spelled, sum(1 << place for place in places)) == [ids[place] for place in places]


def test_all_places_are_those_of_the_segment() -> None:
    assert postings.pick(postings.spell_ids([3, 1, 2]), postings.all_places(3)) == [3, 1, 2]


def test_words_of_an_entry() -> None:
    assert postings.words_in(ENTRY) == {
        "updated", "the", "land", "cruiser", "grx", "133", "feed", "ada",
        postings.category_word("vehicles"), postings.action_word("vehicle.updated"),
        postings.actor_word("api_key", "k1"), postings.target_word("vehicle", "v:1"),
        postings.ip_word("203.0.113.7"), postings.outcome_word("denied"),
    }  # fmt: skip


def test_words_of_an_entry_that_says_little() -> None:
    bare: Any = (7, "team", "member.left", "Left", {}, "member", "1", "日", None, None, None, None, None, "success")
    assert postings.words_in(bare) == {
        "left", "日", postings.category_word("team"), postings.action_word("member.left"),
        postings.actor_word("member", "1"),
    }  # fmt: skip


def test_long_words_are_cut() -> None:
    entry: Any = (*ENTRY[:3], "a" * 65 + " " + "é" * 70, *ENTRY[4:])
    found = postings.words_in(entry)
    assert {"a" * 64, "e" * 64} <= found
    assert not {"a" * 65, "e" * 70} & found
