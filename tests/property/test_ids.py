"""Whatever the id: its spelling reads back, sorts as it does, and nothing else reads as it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditweb import ids

IDS = st.integers(0, ids.LAST_ID)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2069, 9, 5)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001  (made aware)


@given(IDS)
def test_spelling_reads_back(event_id: int) -> None:
    assert ids.from_text(ids.to_text(event_id)) == event_id


@given(IDS, IDS)
def test_spellings_sort_like_ids(one: int, other: int) -> None:
    assert (ids.to_text(one) < ids.to_text(other)) == (one < other)


@given(st.text(alphabet="0123456789ABCDEFGHJKMNPQRSTVWXYZilou\0 -", min_size=11, max_size=15))
def test_what_reads_is_spelled_just_so(text: str) -> None:
    try:
        event_id = ids.from_text(text)
    except ValueError:
        return
    assert ids.to_text(event_id) == text


@given(MOMENTS, MOMENTS)
def test_ids_are_in_order_of_time(one: datetime, other: datetime) -> None:
    earlier, later = sorted([one, other])

    first, second = ids.new_id(earlier), ids.new_id(later)

    if later - earlier >= timedelta(milliseconds=1) or ids.milliseconds(earlier) == ids.milliseconds(later):
        assert first < second
    assert ids.first_id_at(later) <= second


@given(st.integers(min_value=ids.LAST_ID + 1, max_value=32**13 - 1))
def test_larger_than_any_id_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="larger"):
        ids.from_text(ids.to_text(number))
