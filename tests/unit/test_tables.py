"""The cells of a table: what others wrote in them can neither hide nor be taken for a formula."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from auditweb.exports.tables import TableWriter, safe_cell, safe_json


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("2020 Honda Stepwgn", "2020 Honda Stepwgn"),
        ("=1+1", "'=1+1"),
        ('=HYPERLINK("https://evil.example")', '\'=HYPERLINK("https://evil.example")'),
        ("+44 20 7946 0000", "'+44 20 7946 0000"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1", "'＝1"),
        ("＋1", "'＋1"),
        ("－1", "'－1"),
        ("＠a", "'＠a"),
        ("\t=1", "\\u{9}=1"),
        ("\r\n=1", "\\u{d}\\u{a}=1"),
        ("\0=1", "\\u{0}=1"),
        ("\u202e=1", "\\u{202e}=1"),
        ("a=1", "a=1"),
        ("Acme;=1+41;-x; =2", "Acme;'=1+41;'-x; =2"),
        ("佐藤 花", "佐藤 花"),
        ("a\u00a0b", "a\u00a0b"),
        ("", ""),
    ],
)
def test_cells_are_safe(text: str, cell: str) -> None:
    assert safe_cell(text) == cell


@pytest.mark.parametrize(
    "facts", [{"a": "\u202e\u2028x\U000e0001"}, {"\ufeff": "\x7f"}, {"b": 'a"\\\n'}, {"c": "x;=1;＠y"}, {}]
)
def test_facts_are_json_still_and_nothing_hides_in_them(facts: dict[str, str]) -> None:
    for stored in (json.dumps(facts, ensure_ascii=False), json.dumps(facts, ensure_ascii=False, indent=1)):
        safe = safe_json(stored)
        assert json.loads(safe) == facts
        assert safe.isprintable()


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/London", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("Europe/London", datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("America/St_Johns", datetime(2010, 3, 14, 3, 31, tzinfo=UTC)),  # at one minute past midnight
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),  # by half an hour
        ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),  # a day was left out
        ("Asia/Kathmandu", datetime(2026, 1, 1, tzinfo=UTC)),
        ("UTC", datetime(2069, 12, 31, tzinfo=UTC)),
    ],
)
def test_times_are_those_of_the_clocks_there(zone: str, change: datetime) -> None:
    moments = [change + timedelta(seconds=seconds) for seconds in (-86_400, -3_600, -60, -1, 0, 1, 59, 60, 900, 86_399)]
    rows = [(1, int(moment.timestamp()) * 1_000_000 + 7, 1_000_000_000_000_000, '""') for moment in moments]

    lines = TableWriter(zone).lines(rows).decode().splitlines()

    assert [line.split(",")[1:3] for line in lines] == [
        [f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}", f"{moment:%Y-%m-%dT%H:%M:%S}.000007Z"]
        for moment in moments
    ]
