"""Mappings: what each way of writing a value makes of a record, and what is said of files that are none."""

import re
from pathlib import Path
from typing import Any

import pytest

from auditweb.api.ingest import Fault
from auditweb.importing.mapping import MappingError, MappingFile, read_mapping
from auditweb.importing.templates import Number

BASE = """
[event]
action = "order.shipped"
occurred_at = "{at}"
"""
RECORD: dict[str, Any] = {
    "at": "2025-03-02T09:30:00Z",
    "who": "Hana",
    "blank": " ",
    "none": None,
    "yes": True,
    "count": 12,
    "share": 0.25,
    "list": ["push", "pull", 3],
    "data": {"team": "devs", "deep": {"er": "x"}},
    "data.flat": "y",
    "state": "ok",
    "Event {name}": "no",
}


@pytest.fixture
def mapping(tmp_path: Path) -> Any:
    def read(text: str) -> MappingFile:
        place = tmp_path / "mapping.toml"
        place.write_text(text, "utf-8")
        return read_mapping(str(place))

    return read


# A value as the mapping has it, and what it is for RECORD; None: nothing, a Fault: the record is refused.
VALUES: list[tuple[str, str | Fault | None]] = [
    ('"constant"', "constant"),
    ('"{who}"', "Hana"),
    ('"by {who} and {who}, {{so}}"', "by Hana and Hana, {so}"),
    ('"{blank}"', None),
    ('"{none}"', None),
    ('"{nothing}"', None),
    ('"{who} {nothing}"', None),
    ('"{yes} {count} {share}"', "true 12 0.25"),
    ('"{list}"', "push, pull, 3"),
    ('"{data.team}/{data.deep.er}/{data.flat}"', "devs/x/y"),
    ('"{who.team}{data.nothing}"', None),
    ('"{data}"', Fault("request_id", "data is an object: name one of its fields, as data.…")),
    ('["{nothing}", "{who}", "nobody"]', "Hana"),
    ('["{nothing}", "nobody"]', "nobody"),
    ('{ from = "{state}", values = { ok = "success" } }', "success"),
    ('{ from = ["{nothing}", "{state}"], values = { ok = "{who} did" } }', "Hana did"),
    ('{ from = "{who}", values = { ok = "success" }, otherwise = "other" }', "other"),
    ('{ from = "{nothing}", values = { ok = "success" }, otherwise = "other" }', None),
    ('{ from = "{yes}", values = { true = "on" } }', "on"),
    (
        '{ from = "{who}", values = { ok = "success" } }',
        Fault("request_id", "the mapping lists no such value, and says nothing of others"),
    ),
    ('[{ from = "{nothing}", values = {} }, { from = "{state}", values = { ok = "b" } }]', "b"),
]


@pytest.mark.parametrize(("written", "expected"), VALUES, ids=lambda value: str(value)[:60])
def test_values(mapping: Any, written: str, expected: str | Fault | None) -> None:
    found = mapping(BASE + f"request_id = {written}").event_of(RECORD)

    if isinstance(expected, Fault):
        assert found == [expected]
    else:
        assert found.get("request_id") == expected


MISSING = "this is missing"
# How a moment is written, by which keys, and what it is in UTC, or why it is none.
MOMENTS = [
    ("2025-03-02T09:30:00Z", "", "2025-03-02T09:30:00Z"),
    ("2025-03-02 09:30:00.250+09:00", "", "2025-03-02T00:30:00.250000Z"),
    ("2025-07-02 09:30", 'zone = "Europe/London"', "2025-07-02T08:30:00Z"),
    ("2025-07-02 09:30+02:00", 'zone = "Europe/London"', "2025-07-02T07:30:00Z"),
    ("2025-10-26 01:30", 'zone = "Europe/London"', "2025-10-26T00:30:00Z"),
    ("2025-03-30 01:30", 'zone = "Europe/London"', "clocks were put forward over this time: it never was"),
    ("2025-07-02 09:30", "", "this names no time zone: say with zone of which it is"),
    ("yesterday", "", "a date and time is needed, such as 2026-03-02T09:30:00Z"),
    (1740907800, 'time = "epoch_seconds"', "2025-03-02T09:30:00Z"),
    ("1740907800.25", 'time = "epoch_seconds"', "2025-03-02T09:30:00.250000Z"),
    (1740907800.25, 'time = "epoch_seconds"', "2025-03-02T09:30:00.250000Z"),
    (1740907800250, 'time = "epoch_milliseconds"', "2025-03-02T09:30:00.250000Z"),
    (Number("1.74090780025e+12"), 'time = "epoch_milliseconds"', "2025-03-02T09:30:00.250000Z"),
    ("1e99", 'time = "epoch_seconds"', "this is in no year that there is"),
    ("soon", 'time = "epoch_milliseconds"', "a number is needed, counted from 1970"),
    ("99999999999999999999", 'time = "epoch_seconds"', "this is in no year that there is"),
    ("0001-01-01T00:00:00+14:00", "", "this is in no year that there is"),
    ("9999-12-31T23:30:00", 'zone = "America/New_York"', "this is in no year that there is"),
    ("02/03/2025 09:30", 'time = "%d/%m/%Y %H:%M", zone = "Asia/Tokyo"', "2025-03-02T00:30:00Z"),
    ("2. 3. 2025 à 09h30", 'time = "%d. %m. %Y à %Hh%M", zone = "UTC"', "2025-03-02T09:30:00Z"),
    ("Sun 2 Mar 25, 9.30 am – %", 'time = "%a %d %b %y, %I.%M %p – %%", zone = "UTC"', "2025-03-02T09:30:00Z"),
    ("061/2025 09:30:01.5 UTC", 'time = "%j/%Y %H:%M:%S.%f %Z", zone = "UTC"', "2025-03-02T09:30:01.500000Z"),
    ("02/03/2025 09:30 +0100", 'time = "%d/%m/%Y %H:%M %z"', "2025-03-02T08:30:00Z"),
    ("2025-03-02", 'time = "%d/%m/%Y", zone = "UTC"', "this is not written as %d/%m/%Y"),
    ("", "", MISSING),
    (None, "", MISSING),
]


@pytest.mark.parametrize(("written", "keys", "expected"), MOMENTS)
def test_moments(mapping: Any, written: object, keys: str, expected: str) -> None:
    keys = f", {keys}" if keys else ""
    text = f'[event]\naction = "a.b"\noccurred_at = {{ from = "{{at}}"{keys} }}'

    found = mapping(text).event_of({"at": written})

    if expected.endswith("Z") and expected[:1].isdigit():
        assert found["occurred_at"] == expected
    else:
        assert found == [Fault("occurred_at", expected)]


CASES = """
by = "{state}"
[ignore]
who = ["Nobody"]
count = ["0", "1"]
[event]
action = "thing.happened"
category = "documents"
summary = "Did something"
occurred_at = "{at}"
outcome = "success"
[event.facts]
a = "1"
b = "{nothing}"
[event.target]
type = "thing"
id = "{thing}"
name = "{thing}"
[cases.ok]
action = "thing.done"
summary = "Did it with {tool}"
[cases.ok.facts]
a = "2"
c = "3"
[cases.person]
target = { type = "person", id = "{who}", name = "{who}" }
"""


def test_cases_say_what_differs(mapping: Any) -> None:
    read = mapping(CASES)

    ok = read.event_of(RECORD | {"tool": "a spanner", "thing": "t"})
    other = read.event_of(RECORD | {"state": "other"})

    assert (ok["action"], ok["category"], ok["summary"]) == ("thing.done", "documents", "Did it with a spanner")
    assert ok["facts"] == {"a": "2", "c": "3"}
    assert ok["target"] == {"type": "thing", "id": "t", "name": "t"}
    assert read.event_of(RECORD)["summary"] == "Did something", "a case that has nothing leaves it to all"
    assert (other["action"], other["facts"]) == ("thing.happened", {"a": "1"})
    assert "target" not in other, "a target without an id is none"
    assert read.event_of(RECORD | {"state": "person"})["target"]["id"] == "Hana"
    assert read.event_of(RECORD | {"who": "Nobody"}) is None
    assert read.event_of(RECORD | {"count": 1}) is None


def test_all_that_is_wrong_with_a_record_is_told(mapping: Any) -> None:
    text = BASE + 'ip = "{data}"\nfacts = { x = "{data}" }\nactor = { type = "member", id = "{data}", name = "{who}" }'

    found = mapping(text).event_of(RECORD | {"at": "soon"})

    assert [fault.field for fault in found] == ["actor.id", "ip", "occurred_at", "facts.x"]


EVENT = '[event]\naction = "a.b"\noccurred_at = "{t}"\n'
# A file, and what is said of it, by its keys.
WRONG = [
    ("x =", ["is no TOML"]),
    ("", ["event: this is missing"]),
    ("colour = 1\n" + EVENT, ["colour: there is no such key"]),
    ('[event]\nsummary = "x"', ["event.action: this is missing", "event.occurred_at: this is missing"]),
    (EVENT + 'colour = "x"', ["event.colour: there is no such key"]),
    (EVENT + 'ip = "{a"', ["event.ip: a brace stands alone"]),
    (EVENT + 'ip = "a}"', ["event.ip: a brace stands alone"]),
    (EVENT + 'ip = "{}"', ["event.ip: a brace stands alone"]),
    (EVENT + 'ip = ""', ["event.ip: this is empty"]),
    (EVENT + "ip = []", ["event.ip: this list is empty"]),
    (EVENT + "ip = 7", ["event.ip: a text is needed"]),
    (EVENT + 'ip = ["{a}", 7]', ["event.ip[1]: a text is needed"]),
    (EVENT + "ip = { values = {} }", ["event.ip.from: this is missing"]),
    (
        EVENT + 'ip = { from = "{a}", values = { b = 3 }, text = "" }',
        ["event.ip.values.b", "event.ip.text: there is no"],
    ),
    (EVENT + 'category = "cars"', ["event.category: one of these is needed: organisation, team, "]),
    (
        EVENT + 'outcome = { from = "{a}", values = { x = "good" } }',
        ["event.outcome: one of these is needed: success, "],
    ),
    (EVENT + 'actor = { type = "robot", id = "1" }', ["event.actor.type: one of", "event.actor.name: this is missing"]),
    (EVENT + "facts = 7", ["event.facts: a table is needed"]),
    (
        EVENT.replace('"{t}"', '{ from = "{t}", time = "%Y-%Y", zone = "UTC" }'),
        ["event.occurred_at: time: this pattern has the same part twice"],
    ),
    (
        EVENT.replace('"{t}"', '{ from = "{t}", time = "%Y-%q %", zone = "UTC" }'),
        ["event.occurred_at: time: this pattern cannot be read: 'q' is a bad directive"],
    ),
    (
        EVENT.replace('"{t}"', '{ from = "{t}", time = "%G-%V", zone = "UTC" }'),
        ["event.occurred_at: time: this pattern cannot be read: ISO year directive"],
    ),
    (EVENT.replace('"{t}"', '{ from = "{t}", time = "soon" }'), ["event.occurred_at: time: iso, epoch_seconds, "]),
    (
        EVENT.replace('"{t}"', '{ from = "{t}", time = "%d.%m.%Y" }'),
        ["event.occurred_at: time: this pattern has no %z"],
    ),
    (EVENT.replace('"{t}"', '{ from = "{t}", zone = "Mars/Base" }'), ["event.occurred_at: zone: there is no such"]),
    (EVENT.replace('"{t}"', '{ from = "{t}", zone = "../x" }'), ["event.occurred_at: zone: there is no such"]),
    (
        EVENT.replace('"{t}"', '{ from = "{t}", time = "epoch_seconds", zone = "UTC" }'),
        ["event.occurred_at: time: epoch_seconds has no zone"],
    ),
    (EVENT + '[cases."a.b"]\nsumary = "x"', ['cases."a.b".sumary: there is no such key']),
    (EVENT + '[cases.x]\nsummary = "x"', ["by says what the cases are chosen by"]),
    (EVENT + '[cases.x]\noccurred_at = "{t}"', ["cases.x.occurred_at: there is no such key"]),
    ('by = "{x}"\n' + EVENT, ["by says what the cases are chosen by"]),
    ('format = "xml"\n' + EVENT, ["format: one of these is needed: csv, ndjson"]),
    ('[ignore]\na = "x"\n' + EVENT, ["ignore.a: a list of texts is needed"]),
]


@pytest.mark.parametrize(("text", "reasons"), WRONG, ids=[reasons[0][:60] for _, reasons in WRONG])
def test_mapping_of_no_use_is_told_of_by_its_keys(mapping: Any, text: str, reasons: list[str]) -> None:
    with pytest.raises(MappingError) as refused:
        mapping(text)

    for reason in reasons:
        assert reason in str(refused.value)
    assert len(str(refused.value).splitlines()) == len(reasons) + ("is no TOML" not in reasons)


def test_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"# \xff")
    for place, reason in ((tmp_path / "none", "No such file.*Shipped are: github"), (tmp_path / "latin.toml", "UTF-8")):
        with pytest.raises(MappingError, match=re.compile(reason)):
            read_mapping(str(place))
