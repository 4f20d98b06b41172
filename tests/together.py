"""Several things that are done at the same time."""

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

Result = TypeVar("Result")


def at_once(*acts: Callable[[], Result]) -> list[Result]:
    """Do several things at the same time, and return the answers."""
    answers: dict[int, Result] = {}
    together = threading.Barrier(len(acts))

    def run(number: int) -> None:
        together.wait()
        answers[number] = acts[number]()

    # Each with the time that the test pretends.
    threads = [threading.Thread(target=copy_context().run, args=(run, number)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return [answers[number] for number in sorted(answers)]
