"""Numbers as a reader sees them: exact, in brief, and what was not counted to the end said so."""

from collections.abc import Iterable

from auditweb.reading.counts import Count

_THOUSAND = 1_000
_NONE = Count(0, exact=False)  # none among those that were counted; not that there are none
_DASH = "–"


def brief(count: Count) -> str:
    """Write a number as short as a tab is wide: 731, 4.9k, 184k, 1.2m, 10k+; a dash for none so far."""
    if count == _NONE:
        return _DASH
    number, unit = float(count.number), ""
    for larger in "kmb":
        if round(number, 1) < _THOUSAND and round(number) < _THOUSAND:
            break
        number, unit = number / _THOUSAND, larger
    told = f"{number:.1f}".removesuffix(".0") if unit and round(number, 1) < 100 else f"{number:.0f}"
    return f"{told}{unit}{'' if count.exact else '+'}"


def exact(count: Count) -> str:
    """Write all digits of a number: 18,432, or 10,000+; a dash for none so far."""
    if count == _NONE:
        return _DASH
    return f"{count.number:,}{'' if count.exact else '+'}"


def titled(count: Count) -> str:
    """Write all digits of a number, and in words where there is none."""
    return spoken(count) if count == _NONE else exact(count)


def headed(count: Count) -> str:
    """Write a number of entries as a heading: "18,432 entries", "10,000+ entries", "None counted"."""
    if count == _NONE:
        return "None counted"
    return f"{exact(count)} {'entry' if count == Count(1) else 'entries'}"


def spoken(count: Count) -> str:
    """Write a number of entries to be read out: "18,432 entries", "at least 10,000 entries"."""
    if count == _NONE:
        return "none among those counted"
    return f"{'' if count.exact else 'at least '}{entries(count.number)}"


def entries(number: int) -> str:
    return f"{number:,} {'entry' if number == 1 else 'entries'}"


def total(counts: Iterable[Count]) -> Count:
    """Add counts up; the sum is exact only if all of them are."""
    counts = list(counts)
    return Count(sum([count.number for count in counts]), all(count.exact for count in counts))
