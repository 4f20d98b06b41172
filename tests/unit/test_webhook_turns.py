"""Whose turn it is: organisations one after the other, whatever each of them has piled up, and nobody for long."""

from collections.abc import Iterator

import pytest

from auditweb.webhooks.outbox import Due
from auditweb.webhooks.turns import AT_ONCE, FIRST_REST, LONGEST_REST, Turns


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def turns(seconds: Seconds) -> Turns:
    return Turns(seconds)


def hooks(org_id: int, number: int = 1) -> list[Due]:
    return [Due(org_id, f"wh_{org_id}_{each}", f"https://{org_id}.example/") for each in range(number)]


def taken(turns: Turns) -> Iterator[Due]:
    while (due := turns.take()) is not None:
        yield due


def test_each_organisation_has_its_turn_and_so_has_each_webhook(turns: Turns) -> None:
    turns.know(hooks(1, 5) + hooks(2, 2) + hooks(3))
    served = []
    for _ in range(16):
        due = turns.take()
        assert due is not None
        served.append(due)
        turns.give_back(due, answered=True)
    assert [due.org_id for due in served] == [1, 2, 3] * 5 + [1]
    assert [due.hook_id for due in served if due.org_id == 1] == [f"wh_1_{each}" for each in (0, 1, 2, 3, 4, 0)]


def test_only_so_many_of_an_organisation_at_once(turns: Turns) -> None:
    turns.know(hooks(1, 20))
    first = list(taken(turns))
    assert len(first) == AT_ONCE
    turns.know(hooks(1, 20) + hooks(2))  # those under way are due as well until that is noted
    assert [due.org_id for due in taken(turns)] == [2]
    turns.give_back(first[0], answered=True)
    (following,) = taken(turns)
    assert following.org_id == 1
    assert following not in first


def test_what_had_nothing_is_asked_again_once_it_is_due_again(turns: Turns) -> None:
    turns.know(hooks(1))
    (due,) = taken(turns)
    turns.give_back(due, answered=None)
    assert turns.take() is None
    turns.know(hooks(1))
    assert turns.take() == due


def test_whoever_does_not_answer_rests_for_longer_each_time(turns: Turns, seconds: Seconds) -> None:
    rested = []
    turns.know(hooks(1))
    for _ in range(6):
        due = turns.take()
        assert due is not None
        turns.give_back(due, answered=False)
        begun = seconds.now
        while turns.take() is None:
            assert turns.resting() == ["wh_1_0"]
            seconds.now += 10
            turns.know(hooks(1))
        rested.append(seconds.now - begun)
        turns.give_back(due, answered=False)
        seconds.now = begun + rested[-1] + LONGEST_REST
    assert rested[0] == FIRST_REST
    assert rested[-1] == LONGEST_REST
    assert rested == sorted(rested)


def test_while_it_rests_it_is_called_for_what_somebody_asked_for_and_at_a_new_address(
    turns: Turns, seconds: Seconds
) -> None:
    (due,) = hooks(1)
    turns.know([due])
    assert turns.take() == due
    turns.give_back(due, answered=False)
    assert turns.take() is None
    turns.know([due], asked_for={due.hook_id})
    assert turns.take() == due
    turns.give_back(due, answered=False)
    assert turns.take() is None  # once
    seconds.now += FIRST_REST
    assert turns.take() is None
    elsewhere = due._replace(url="https://other.example/")
    turns.know([elsewhere])
    assert turns.take() == elsewhere
    turns.give_back(elsewhere, answered=True)
    assert turns.take() == elsewhere


def test_once_it_answers_it_rests_no_more(turns: Turns, seconds: Seconds) -> None:
    turns.know(hooks(1))
    for answered, pause in ((False, FIRST_REST), (True, 0.0), (False, FIRST_REST), (False, 2 * FIRST_REST)):
        (due,) = taken(turns)
        turns.give_back(due, answered=answered)
        assert (turns.take() is None) is not answered if pause else True
        if answered:
            turns.know(hooks(1))
        seconds.now += pause - 1
        if pause:
            assert turns.take() is None
        seconds.now += 1
