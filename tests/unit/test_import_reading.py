"""Files of other logs: what is read out of them, what is refused with its line, in which bounds."""

import gzip
import io
import json
import tracemalloc
from pathlib import Path

import pytest

from auditweb.importing import reading
from auditweb.importing.reading import FileError, Found, read_csv, read_json
from auditweb.importing.templates import Number, text_of


def as_json(content: bytes) -> list[Found]:
    return list(read_json(io.BufferedReader(io.BytesIO(content))))


def as_csv(content: bytes, *needed: str) -> list[Found]:
    return list(read_csv(io.BufferedReader(io.BytesIO(content)), needed))


def told(found: list[Found]) -> list[tuple[int, object]]:
    """What was read of each line: the value, with its numbers as such, or why there is none."""
    return [(each.line, each.fault or json.loads(json.dumps(each.value, default=number))) for each in found]


def number(written: Number) -> object:
    return json.loads(written.text)


# JSON

LIST = b"""\xef\xbb\xbf
[
  {"a": 1, "b": "]},{"}, {"a": 2},
  {
    "a": {"b": [3]}
  },1234,
  -1.5e3]

"""


def test_lines_of_json() -> None:
    found = as_json(
        b'\xef\xbb\xbf{"a": 1}\n\n  \r\n{"a": "\xc3\xa9"}\r\n{"a": \n[1]\n{"a": "\xff"}\n{"a":1,"a":2}\n{"a": 3}'
    )

    assert told(found) == [
        (1, {"a": 1}),
        (4, {"a": "é"}),
        (5, "this is no JSON: see line 2, column 1"),
        (6, "an object is needed"),
        (7, "this is not UTF-8"),
        (8, "an object in this has two fields of the same name"),
        (9, {"a": 3}),
    ]
    assert [each.source for each in found][3:6] == ["[1]", '{"a": "\\xff"}', '{"a":1,"a":2}']


@pytest.mark.parametrize("block", [1, 7, 64 * 1024])
def test_list_in_json(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """Wherever the file is cut into blocks: in the midst of a number, a letter or a line end."""
    monkeypatch.setattr(reading, "_BLOCK", block)
    content = LIST.replace(b"[3]", '[31, "é"]'.encode())

    found = list(reading._members(io.BufferedReader(io.BytesIO(content))))

    assert told(found) == [
        (3, {"a": 1, "b": "]},{"}),
        (3, {"a": 2}),
        (4, {"a": {"b": [31, "é"]}}),
        (6, "an object is needed"),
        (7, "an object is needed"),
    ]


DEEP = b'{"a": ' * 5_000 + b"1" + b"}" * 5_000


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[]", []),
        (
            b'[{"a": 1}, 7, {"a": "\xff"}, {"a": NaN},\n{"a": ' + b"1" * 5_000 + b'}, {"a": 2}]',
            [
                (1, {"a": 1}),
                (1, "an object is needed"),
                (1, "this is not UTF-8"),
                (1, "NaN and Infinity are no JSON"),
                (2, "this holds a number that is too long"),
                (2, {"a": 2}),
            ],
        ),
    ],
)
def test_bad_members_of_a_list_are_refused_alone(content: bytes, expected: list[tuple[int, object]]) -> None:
    assert told(as_json(content)) == expected


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'[{"a": 1},\n{"a": 2}', 2),
        (b'[{"a": 1},\n{"a": ], {"a": 3}]', 2),
        (b'[{"a": 1}\n{"a": 2}]', 2),
        (b'[{"a": 1}, {"a": 2},\n\n' + DEEP + b', {"a": 3}]', 3),
        (b"[" * 100_000, 1),
        (b"[,]", 1),
    ],
)
def test_list_that_breaks_off_is_an_error(content: bytes, line: int) -> None:
    """Whatever follows is lost to the reader: that is no matter of one entry."""
    with pytest.raises(FileError, match=f"The list that this file is cannot be read from line {line} on"):
        as_json(content)


def test_what_follows_a_list_is_an_error() -> None:
    with pytest.raises(FileError, match="Something follows the list that this file is, in line 2"):
        as_json(b'[{"a": 1}]\n[{"a": 2}]')


@pytest.mark.parametrize("written", ["4471.10", "1e999", "-0", "1E+2", "0.30000000000000000004", "9" * 4_000, "7"])
def test_numbers_are_taken_as_they_are_written(written: str) -> None:
    for content in (f'{{"a": {written}, "b": [{written}, true]}}', f'[{{"a": {written}, "b": [{written}, true]}}]'):
        (found,) = as_json(content.encode())
        assert (text_of(found.value, "a"), text_of(found.value, "b")) == (written, f"{written}, true")


def test_line_that_is_too_long_is_refused_alone() -> None:
    found = as_json(b'{"a": "' + b"x" * (3 * reading.LONGEST) + b'"}\n{"a": 1}\n')

    assert told(found) == [(1, "this line is longer than 1024 KiB"), (2, {"a": 1})]
    assert len(found[0].source) < 100_000


def test_member_that_is_too_long_ends_the_list(tmp_path: Path) -> None:
    """And the memory that is taken does not grow with what it holds."""
    place = tmp_path / "long.json"
    place.write_bytes(b'[{"a": 1}, {"a": "' + b"x" * (24 * reading.LONGEST) + b'"}]')

    tracemalloc.start()
    try:
        with reading.opened(place) as (found, _), pytest.raises(FileError, match="from line 1 on"):
            list(found)
        assert tracemalloc.get_traced_memory()[1] < 12 * reading.LONGEST
    finally:
        tracemalloc.stop()


# CSV


def test_rows() -> None:
    found = as_csv(b'\xef\xbb\xbfWho,What\r\nHana,"says ""hi"", \r\nand goes"\r\n\r\n"Tom",\r\nOlu,"x"', "What")

    assert told(found) == [
        (2, {"Who": "Hana", "What": 'says "hi", \r\nand goes'}),
        (5, {"Who": "Tom", "What": ""}),
        (6, {"Who": "Olu", "What": "x"}),
    ]
    assert found[0].source == 'Hana,"says ""hi"", \r\nand goes"'


BAD = reading._BAD_QUOTES
GOOD = (3, {"a": "1", "b": "2"})


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (b'x,"y"z', [(2, BAD), GOOD]),
        (b'x,y"z', [(2, BAD), GOOD]),
        (b'x,y"z"', [(2, BAD), GOOD]),
        (b'x, "y"', [(2, BAD), GOOD]),
        (b'x,"y', [(2, "a closing quote is missing"), GOOD]),
        (b'"x,y', [(2, "a closing quote is missing"), GOOD]),
        (b"x", [(2, "this row has 1 cells, and the first one 2"), GOOD]),
        (b"x,y,z", [(2, "this row has 3 cells, and the first one 2"), GOOD]),
        (b"x,\xff", [(2, "this is not UTF-8"), GOOD]),
        (b"x," + b"y" * 200_000, [(2, "a cell is longer than 128 KiB, or its closing quote is missing"), GOOD]),
        (b"x," + b"y" * 2_000_000, [(2, "this line is longer than 1024 KiB"), GOOD]),
    ],
)
def test_bad_rows_are_refused_alone(row: bytes, expected: list[tuple[int, object]]) -> None:
    assert told(as_csv(b"a,b\n" + row + b"\n1,2\n")) == expected


def test_quote_that_is_never_closed_hides_no_other_row() -> None:
    rows = b"".join(b"%d,x\n" % n for n in range(reading.MOST_LINES + 500))

    found = as_csv(b'a,b\n0,"x\n' + rows)

    assert (found[0].line, found[0].fault) == (2, "this row has more than 1000 lines: a closing quote is missing")
    assert [(each.line, each.value["a"]) for each in found[1:]] == [
        (3 + n, str(n)) for n in range(reading.MOST_LINES + 500)
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "The file is empty"),
        (b'a,"b\n', "cannot be read: a closing quote is missing"),
        (b"a,a\n", "Two columns have the same name: a"),
        (b"a,\n", "leaves one without a name"),
        (b"a,\xff\n", "is not UTF-8"),
        (b"a,c\n", "There is no column b, which the mapping names. There are: a, c."),
    ],
)
def test_files_without_a_header_are_not_read(content: bytes, reason: str) -> None:
    with pytest.raises(FileError, match=reason.replace("(", r"\(")):
        as_csv(content, "b")


# Files


def test_packed_files_are_unpacked(tmp_path: Path) -> None:
    place = tmp_path / "log.ndjson.gz"
    place.write_bytes(gzip.compress(b'{"a": 1}\n{"a": 2}\n'))

    with reading.opened(place) as (found, position):
        assert told(list(found)) == [(1, {"a": 1}), (2, {"a": 2})]
        assert position() == place.stat().st_size


def test_files_that_cannot_be_read_to_their_end(tmp_path: Path) -> None:
    cut, bad, none = tmp_path / "cut.gz", tmp_path / "bad.gz", tmp_path / "none"
    cut.write_bytes(gzip.compress(b'{"a": 1}\n' * 1_000)[:-20])
    bad.write_bytes(b'{"a": 1}\n')
    for place, reason in (
        (cut, "is not complete"),
        (bad, "cannot be read on"),
        (none, "No such file"),
        (tmp_path, "Is a"),
    ):
        with pytest.raises(FileError, match=reason), reading.opened(place) as (found, _):
            list(found)
