"""Measuring two things against each other in the same breath, so that what the machine does besides cancels out."""

import gc
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from time import perf_counter

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds that one thing took, round after round."""

    seconds: list[float]

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
    """Call both in turn, each as often before the other as after it, for so many seconds but *least* times each."""
    took: dict[Call, list[float]] = {first: [], second: []}
    for call in (first, second, first, second, first, second):  # caches, prepared statements, compiled templates
        call()
    until = perf_counter() + seconds
    with as_served():
        while perf_counter() < until or len(took[first]) < least:
            for call in (first, second, second, first):
                begun = perf_counter()
                call()
                took[call].append(perf_counter() - begun)
    return Measured(took[first]), Measured(took[second])


@contextmanager
def as_served() -> Iterator[None]:
    """Let the collector see only what requests make, as in the server's workers."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
