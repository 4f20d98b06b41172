"""Measuring two things against each other in the same breath, so that what the machine does besides cancels out."""

import gc
import os
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter

Call = Callable[[], object]

_TURN = 10  # calls in a row, as a worker answers one request of the same app after the other


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds that one thing took, round after round."""

    seconds: list[float]

    @property
    def typical(self) -> float:
        """
        What it takes while the machine has nothing else to do: the lower quartile.

        Other work only ever adds to a measurement, and more to a long one than to a short one, medians included.
        """
        return statistics.quantiles(self.seconds, n=4, method="inclusive")[0]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.seconds, n=20, method="inclusive")[18]


@dataclass(frozen=True, slots=True)
class Row:
    """
    One line of the result: milliseconds of the product and of what it is held against.

    *target* is the ratio it must not exceed; None where it is only shown.
    """

    name: str
    engine: str
    entries: int
    value: float
    floor: float
    ratio: float
    target: float | None
    ok: bool

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def row(name: str, engine: str, entries: int, value: float, floor: float, target: float | None) -> Row:
    """Return the line for *value* seconds held against *floor* seconds."""
    ratio = round(value / floor, 3)
    ok = target is None or ratio <= target
    return Row(name, engine, entries, round(value * 1000, 4), round(floor * 1000, 4), ratio, target, ok)


def interleave(first: Call, second: Call, *, seconds: float, least: int = 40) -> tuple[Measured, Measured]:
    """
    Call both by turns, each as often before the other as after it, for so many seconds but *least* times each.

    A turn is some calls in a row: right after the other, each call would find the processor's caches full of what it
    has no use for, and the one that runs more code would pay more for it, which no worker of a server does.
    """
    took: dict[Call, list[float]] = {first: [], second: []}
    with as_served():
        for call in (
            first,
            second,
        ):  # caches, compiled templates, statements that psycopg prepares once asked five times
            _take_turn(call)
        until = perf_counter() + seconds
        while perf_counter() < until or len(took[first]) < least:
            for call in (first, second, second, first):
                took[call] += _take_turn(call)
    return Measured(took[first]), Measured(took[second])


def _take_turn(call: Call) -> list[float]:
    """Return the seconds that each call of a turn took."""
    times = [perf_counter()]
    for _ in range(_TURN):
        call()
        times.append(perf_counter())
    return [after - before for before, after in pairwise(times)]


@contextmanager
def as_served() -> Iterator[None]:
    """
    Let the collector see only what requests make, as in the server's workers.

    The line that each request leaves in the server's own log is written, to nowhere.
    """
    gc.collect()
    gc.freeze()
    try:
        with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
            yield
    finally:
        gc.unfreeze()
