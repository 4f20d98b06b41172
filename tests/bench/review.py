"""`python -m tests.bench.review`: the table of docs/review.md, of a made-up year and what the review finds in it."""

from collections import Counter
from collections.abc import Iterator
from time import perf_counter

from auditweb.insights.memory import Memory
from auditweb.insights.reviewing import Reviewer
from auditweb.reading.flags import Flag
from tests.review_history import WEEKS, ZONE, history

SEEDS = (8, 9, 10)  # the first is the one that the tests hold


def table() -> Iterator[str]:
    """Yield the lines of the table, and how fast it was."""
    found: dict[int, Counter[Flag]] = {}
    false: dict[int, Counter[Flag]] = {}
    planted: Counter[Flag] = Counter()
    entries, seconds = 0, 0.0
    for seed in SEEDS:
        told = history(seed)
        reviewer = Reviewer(Memory(), ZONE)
        began = perf_counter()
        reviewer.hear_all(told.entries)
        seconds += perf_counter() - began
        entries += len(told.entries)
        seen = reviewer.take_found()
        planted = Counter(case.kind for case in told.planted)
        found[seed] = Counter(case.kind for case in told.planted if any(case.is_found_by(each) for each in seen))
        false[seed] = Counter(each.kind for each in seen if not any(case.is_found_by(each) for case in told.planted))
    yield "| kind | found | false findings a year |"
    yield "|---|---|---|"
    for kind in (kind for kind in Flag if planted[kind]):
        hits = ", ".join(f"{found[seed][kind]} of {planted[kind]}" for seed in SEEDS)
        yield f"| {kind.label} | {hits} | {', '.join(str(false[seed][kind]) for seed in SEEDS)} |"
    total = ", ".join(f"{found[seed].total()} of {planted.total()}" for seed in SEEDS)
    weekly = ", ".join(f"{false[seed].total() / WEEKS:.2f}" for seed in SEEDS)
    yield f"| **All** | {total} | {', '.join(str(false[seed].total()) for seed in SEEDS)} ({weekly} a week) |"
    yield ""
    yield f"{entries:,} entries in {seconds:.1f} s: {entries / seconds:,.0f} a second."


if __name__ == "__main__":
    for line in table():
        print(line)
