"""What is typed into the search, and what it finds in a text."""

import pytest

from auditweb import ids
from auditweb.reading.words import MOST, Term, Words, canonical, folded, found_words, occurs, spread, words_of

ID = 3559891809600722567
SPELLED = ids.to_text(ID)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Marked the Alphard as cleared", ["marked", "the", "alphard", "as", "cleared"]),
        ("Café cafe\u0301 CAFÉ", ["cafe", "cafe", "cafe"]),
        ("ne\u0301e", ["nee"]),
        ("Straße, Sørensen, Łódź, İstanbul", ["strasse", "sorensen", "lodz", "istanbul"]),
        ("２０２６ Ｉｍｐ ﬁne", ["2026", "imp", "fine"]),
        ("IMP-2026-0042 a.b@c.example", ["imp", "2026", "0042", "a", "b", "c", "example"]),
        ("snake_case", ["snake", "case"]),
        ("日本Honda車", ["日", "本", "honda", "車"]),
        ("豈𠀀", ["豈", "𠀀"]),
        ("ホンダ ﾎﾝﾀﾞ ホンタ\u3099", ["ホ", "ン", "ダ"] * 3),
        ("ランド・クルーザー", ["ラ", "ン", "ド", "ク", "ル", "ー", "ザ", "ー"]),
        ("ハス", ["ハ", "ス"]),
        ("हिन्दी", ["हिनदी"]),
        ("", []),
        ("— … \ud800", []),
    ],
)
def test_words_of_a_text(text: str, expected: list[str]) -> None:
    assert words_of(text) == [folded(word) for word in expected]
    assert [word for _, _, word in found_words(text)] == [folded(word) for word in expected]


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("Toyota", [Term(("toyota",))]),
        ("toyota  toyota", [Term(("toyota",))]),
        ("toyota -nissan", [Term(("toyota",)), Term(("nissan",), excluded=True)]),
        ('"Land Cruiser"', [Term(("land", "cruiser"))]),
        ("“Land Cruiser” „x“", [Term(("land", "cruiser")), Term(("x",))]),
        ('-"land cruiser"', [Term(("land", "cruiser"), excluded=True)]),
        ('big "land cru', [Term(("big",)), Term(("land", "cru"))]),
        ('name"land cruiser"big', [Term(("name",)), Term(("land", "cruiser")), Term(("big",))]),
        ("cru*", [Term(("cru",), begun=True)]),
        ('"land cru*" "land cru"*', [Term(("land", "cru"), begun=True)]),
        ("-cru*", [Term(("cru",), excluded=True, begun=True)]),
        ("imp-2026-0042", [Term(("imp", "2026", "0042"))]),
        ("a.b@c.example", [Term(("a", "b", "c", "example"))]),
        ('- toyota * “” "', [Term(("toyota",))]),
        ("–toyota −nissan", [Term(("toyota",)), Term(("nissan",))]),  # a dash and a true minus, pasted
        ("203.0.113.7", [Term(("203", "0", "113", "7"), ip="203.0.113.7")]),
        ("-203.0.113.7", [Term(("203", "0", "113", "7"), excluded=True, ip="203.0.113.7")]),
        ("::FFFF:203.0.113.7", [Term(("203", "0", "113", "7"), ip="203.0.113.7")]),
        ("2001:DB8:0:0::7:1", [Term(("2001", "db8", "7", "1"), ip="2001:db8::7:1")]),
        ("fe80::1%eth0", [Term((), ip="fe80::1")]),
        ("203.0.113.777", [Term(("203", "0", "113", "777"))]),
        (SPELLED, [Term((SPELLED.lower(),), id=ID)]),
        (SPELLED.lower(), [Term((SPELLED.lower(),), id=ID)]),
        (f'"{SPELLED}"', [Term((SPELLED.lower(),), id=ID)]),
        (f"https://log.example/o/n/settings/audit-log/entries/{SPELLED}", [Term((), id=ID)]),
        (f"/entries/{SPELLED}.json?q=x#top", [Term((), id=ID)]),
        ("ZZZZZZZZZZZZZ", [Term(("zzzzzzzzzzzzz",))]),
        ("日本", [Term(("日", "本"))]),
        (r"100% _ \ 'x'", [Term(("100",)), Term(("x",))]),
    ],
)
def test_what_is_typed_is_read(typed: str, terms: list[Term]) -> None:
    assert list(Words.parse(typed).terms) == terms
    assert Words.parse(canonical(typed)) == Words.parse(typed)


@pytest.mark.parametrize("typed", ["-", "*", '"', '""', "“”", "–", "… —", "-*", "%", "\\", "\ud800"])
def test_nothing_to_look_for_is_refused_in_words(typed: str) -> None:
    with pytest.raises(ValueError, match="There is no word to look for in it"):
        Words.parse(typed)


def test_too_many_terms_are_refused_in_words() -> None:
    most = " ".join(f"w{number}" for number in range(MOST))
    assert len(Words.parse(most).terms) == MOST
    with pytest.raises(ValueError, match=f"It has {MOST + 1} words and phrases, and a search takes {MOST} at most."):
        Words.parse(f"{most} more")


@pytest.mark.parametrize(
    ("typed", "text", "marked"),
    [
        ("cruiser", "Added Land CRUISER, cruisers", ["CRUISER"]),
        ("cru*", "Added Land Cruiser and crust", ["Cruiser", "crust"]),
        ('"land cruiser"', "Land; Land  Cruiser", ["Land  Cruiser"]),
        ('land "land cruiser"', "Land Cruiser, land", ["Land Cruiser", "land"]),
        ('"land cruiser" cruiser', "Land Cruiser, cruiser", ["Land Cruiser", "cruiser"]),
        ("-land cruiser", "Land Cruiser", ["Cruiser"]),
        ("cafe", "Le cafe\u0301 Café", ["cafe\u0301", "Café"]),
        ("ホンダ", "新車ﾎﾝﾀﾞ車", ["ﾎﾝﾀﾞ"]),
        ("203.0.113.7", "from 203.0.113.7:80", ["203.0.113.7"]),
        (f"/entries/{SPELLED}", "any text", []),
    ],
)
def test_hits_are_found_where_they_stand(typed: str, text: str, marked: list[str]) -> None:
    assert [text[start:end] for start, end in Words.parse(typed).spans(text)] == marked


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("cruiser", True),
        ("cruise", False),
        ("cruise*", True),
        ('"land cruiser"', True),
        ('"cruiser sold"', False),  # from one text into the next
        ('"land cruiser in"', False),
        ('"a land cru*"', True),
        ('"d cruiser"', False),
        ("osaka", True),
        ("added", True),
    ],
)
def test_words_in_a_row_are_those_of_one_text(typed: str, found: bool) -> None:
    (term,) = Words.parse(typed).terms
    assert occurs(term, spread(["Added a Land Cruiser", "Sold in Osaka"])) is found


def test_every_letter_is_a_word_that_an_index_can_hold() -> None:
    """None folds to nothing, nor to a sign that the index or `spread` uses."""
    for code in range(0x110000):
        if chr(code).isalnum():
            word = folded(chr(code))
            assert word
            assert not set(word) & set("\0\x01\n")
            assert folded(word) == word
