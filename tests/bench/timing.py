"""Measuring two things against each other in the same breath, so that what the machine does besides cancels out."""

import gc
import os
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import asdict, dataclass
from itertools import chain, pairwise
from pathlib import Path
from time import perf_counter

Call = Callable[[], object]

_TURN = 6  # calls in a row, as a worker answers one request of the same app after the other


@dataclass(frozen=True, slots=True)
class Comparison:
    """Seconds that each call of two took, in a list for each round."""

    ours: list[list[float]]
    theirs: list[list[float]]

    @property
    def ratio(self) -> float:
        """
        How many times as long as theirs ours took: the median of what it was in each round.

        A round is over in a tenth of a second, so that a processor that is slow for a while is slow for both.
        """
        pairs = zip(self.ours, self.theirs, strict=True)
        return statistics.median(statistics.median(ours) / statistics.median(theirs) for ours, theirs in pairs)

    @property
    def medians(self) -> tuple[float, float]:
        return statistics.median(chain(*self.ours)), statistics.median(chain(*self.theirs))

    @property
    def p95(self) -> float:
        """What all but a twentieth of our calls took at most."""
        return statistics.quantiles(chain(*self.ours), n=20, method="inclusive")[18]


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


def row(name: str, engine: str, entries: int, compared: Comparison, target: float | None, *, calls: int = 1) -> Row:
    """Return the line for what was *compared*; one of what was timed is so many *calls*."""
    value, floor = (seconds * 1000 / calls for seconds in compared.medians)
    ratio = round(compared.ratio, 3)
    return Row(
        name, engine, entries, round(value, 4), round(floor, 4), ratio, target, target is None or ratio <= target
    )


def compare(ours: Call, theirs: Call, *, seconds: float, rounds: int = 8) -> Comparison:
    """
    Call both by turns, each as often before the other as after it, for so many seconds but so many *rounds* at least.

    A turn is some calls in a row: right after the other, each call would find the processor's caches full of what it
    has no use for, and the one that runs more code would pay more for it, which no worker of a server does.
    """
    compared = Comparison([], [])
    with as_served():
        _take_turn(ours)  # fills caches, compiles templates, has psycopg prepare its statements
        _take_turn(theirs)
        until = perf_counter() + seconds
        while perf_counter() < until or len(compared.ours) < rounds:
            before, other_before, other_after, after = map(_take_turn, (ours, theirs, theirs, ours))
            compared.ours.append(before + after)
            compared.theirs.append(other_before + other_after)
    return compared


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
