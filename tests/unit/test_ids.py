"""Event ids: in order of time, unmistakable when spelled."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from auditweb import ids

NOON = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


def test_id_starts_with_its_millisecond() -> None:
    """41 bits of milliseconds since 2000, and bit 63 is zero."""
    made = ids.new_id(NOON)

    assert made >> 22 == (NOON - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert 0 < made < 2**63
    assert ids.moment_of(made) == NOON.replace(microsecond=123000)


def test_ids_of_one_millisecond_count_up() -> None:
    made = [ids.new_id(NOON) for _ in range(5000)]

    assert made == list(range(made[0], made[0] + 5000))


def test_first_id_of_a_millisecond_is_random() -> None:
    """Two processes that record in the same millisecond hardly ever start alike."""
    starts = {ids.new_id(NOON + timedelta(milliseconds=n)) & (2**22 - 1) for n in range(1, 200)}

    assert len(starts) > 190
    assert max(starts) < 2**21, "starting in the lower half leaves room for two million more"


def test_going_back_to_a_millisecond_counts_on() -> None:
    """An import may switch between days; its entries keep their order within each."""
    first = ids.new_id(NOON)
    ids.new_id(NOON + timedelta(days=1))

    assert ids.new_id(NOON) == first + 1


def test_milliseconds_long_past_are_forgotten() -> None:
    first = ids.new_id(NOON)
    for n in range(1, 5000):
        ids.new_id(NOON + timedelta(milliseconds=n))

    assert len(ids._sequence._latest) == 4096
    assert ids.new_id(NOON) >> 22 == first >> 22


def test_forked_process_does_not_count_on_from_its_parent() -> None:
    before = ids.new_id(NOON)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(ids.new_id(NOON)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    in_child = int(os.read(reading, 100))
    os.close(reading)
    os.close(writing)

    assert in_child != before + 1
    assert in_child >> 22 == before >> 22


def test_another_id_leaps_ahead_in_the_same_millisecond() -> None:
    taken = ids.new_id(NOON)

    others = [ids.another_id(taken) for _ in range(20)]

    assert others == sorted(set(others))
    assert all(other > taken and other >> 22 == taken >> 22 for other in others)
    assert others[-1] - taken > 1000


def test_full_millisecond_is_an_error() -> None:
    last_of_its_millisecond = ids.new_id(NOON) | (2**22 - 1)

    with pytest.raises(ValueError, match="more events in one millisecond"):
        ids.another_id(last_of_its_millisecond)


@pytest.mark.parametrize(
    "moment",
    [datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), datetime(2069, 9, 7, tzinfo=UTC)],
)
def test_years_that_ids_cannot_tell(moment: datetime) -> None:
    with pytest.raises(ValueError, match="outside 2000 to 2069"):
        ids.new_id(moment)


def test_first_and_last_year() -> None:
    assert ids.new_id(datetime(2000, 1, 1, tzinfo=UTC)) >> 22 == 0
    assert ids.new_id(ids.LAST_MOMENT) >> 22 == 2**41 - 1
    assert datetime(2069, 9, 6, tzinfo=UTC) < ids.LAST_MOMENT


@pytest.mark.parametrize(
    ("moment", "first"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(2000, 1, 1, tzinfo=UTC), 0),
        (datetime(2000, 1, 1, 0, 0, 0, 1999, tzinfo=UTC), 1 << 22),
        (datetime(9999, 1, 1, tzinfo=UTC), (2**41 - 1) << 22),
    ],
)
def test_first_id_at(moment: datetime, first: int) -> None:
    assert ids.first_id_at(moment) == first


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0000000000000"),
        (31, "000000000000Z"),
        (32, "0000000000010"),
        (2**63 - 1, "7ZZZZZZZZZZZZ"),
        (0x1234_5678_9ABC_DEF0, "14D2PF2DBSQQG"),
    ],
)
def test_spelling(number: int, text: str) -> None:
    assert ids.to_text(number) == text
    assert ids.from_text(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "32ST6QNF15NM",  # too short
        "32ST6QNF15NM7 ",
        " 32ST6QNF15NM7",
        "32ST6QNF15NM77",
        "32st6qnf15nm7",  # one entry has one address
        "32ST6QNF15NMI",
        "32ST6QNF15NML",
        "32ST6QNF15NMO",
        "32ST6QNF15NMU",
        "32ST6-NF15NM7",
        "32ST6QNF15NM７",  # a full-width seven
        "٣2ST6QNF15NM7",
        "\x0032ST6QNF15NM",
        "8000000000000",  # 2**63
        "ZZZZZZZZZZZZZ",
        "9" * 30,
    ],
)
def test_spelling_is_strict(text: str) -> None:
    with pytest.raises(ValueError, match="entry id"):
        ids.from_text(text)


def test_spelling_in_the_design_is_of_its_time() -> None:
    """The example that the documents use: an entry of 23 November 2026."""
    assert ids.moment_of(ids.from_text("32ST6QNF15NM7")).year == 2026
