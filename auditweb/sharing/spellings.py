"""
What may be masked, found in texts however it is spelled: words behind escapes, e-mail addresses, network addresses.

Each is found with where it stands and with its usual spelling, so that one value gets one number.
"""

import html
import ipaddress
import re
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote

from auditweb.reading.words import found_words

# Each part has a length that it ends at: a pattern without one looks through a long text from each of its letters anew.
_OUTSIDE = r"\s<>\"“”‘’(),;:\[\]@＠"
_AT = re.compile(r"[@＠]|%40")
_NAME, _LONGEST_NAME = re.compile(rf"(?:\"[^\"\n]{{1,64}}\"|[^{_OUTSIDE}]{{1,64}})\Z"), 66
_DOMAIN = re.compile(rf"[^{_OUTSIDE}?&#/]{{1,255}}")
_BEFORE_NAME = re.compile(r".*[=?&/]", re.DOTALL)  # as in mailto links: ?to=ada@x.example
_ENDS_SENTENCE = ".!'*_|"
_LIKE_ADDRESS = re.compile(r"(?<![\w.])[0-9A-Fa-f:]{0,45}[.:][0-9A-Fa-f:.]{0,45}(?:%\w{1,20})?(?![\w])")
_FOUR_NUMBERS = re.compile(r"(?<![0-9.])([0-9]{1,3})([.-])([0-9]{1,3})\2([0-9]{1,3})\2([0-9]{1,3})(?![0-9]|\.[0-9])")
_ESCAPED = re.compile(
    r"%[0-7][0-9a-f]|%[cd][0-9a-f]%[89ab][0-9a-f]|%e[0-9a-f](?:%[89ab][0-9a-f]){2}|%f[0-7](?:%[89ab][0-9a-f]){3}"
    r"|&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});"
    r"|[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]",
    re.IGNORECASE,
)


def words_in(text: str) -> list[tuple[int, int, str]]:
    """Return the words of *text* with where they stand in it, those of which a letter or a gap is escaped included."""
    if not _ESCAPED.search(text):
        return found_words(text)
    plain, starts, ends, at = [], [], [], 0
    for match in _ESCAPED.finditer(text):
        for place in range(at, match.start()):
            plain.append(text[place])
            starts.append(place)
            ends.append(place + 1)
        for letter in _unescaped(match.group()):
            plain.append(letter)
            starts.append(match.start())
            ends.append(match.end())
        at = match.end()
    plain += text[at:]
    starts += range(at, len(text))
    ends += range(at + 1, len(text) + 1)
    return [(starts[start], ends[end - 1], word) for start, end, word in found_words("".join(plain))]


def emails_in(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield where e-mail addresses stand in *text*."""
    end = 0
    for at in _AT.finditer(text):
        begin = max(end, at.start() - _LONGEST_NAME)
        name, domain = _NAME.search(text[begin : at.start()]), _DOMAIN.match(text, at.end())
        if at.start() < end or not name or not domain:
            continue
        start = begin + name.start()
        end = at.end() + len(domain.group().rstrip(_ENDS_SENTENCE))
        spelled = unquote(text[start : at.start()]).casefold()
        of = unquote(text[at.end() : end]).casefold()
        yield start, end, f"{_BEFORE_NAME.sub('', spelled) or spelled}@{of}"


def addresses_in(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield where network addresses stand in *text*, as parts of names of machines, too."""
    if "." in text or ":" in text:
        for match in _LIKE_ADDRESS.finditer(text):
            spelled = match.group().rstrip(".:" if "::" not in match.group() else ".")
            for address in (spelled, spelled.rpartition(":")[0]):  # an address, or one with a port
                with suppress(ValueError):
                    yield match.start(), match.start() + len(address), str(ipaddress.ip_address(address))
                    break
    for match in _FOUR_NUMBERS.finditer(text):
        numbers = [int(match[group]) for group in (1, 3, 4, 5)]
        if max(numbers) <= 255:
            yield match.start(), match.end(), ".".join(map(str, numbers))


def _unescaped(text: str) -> str:
    if text.startswith("%"):
        return unquote(text)
    return html.unescape(text) if text.startswith("&") else ""
