r"""
Entries as CSV (RFC 4180): for spreadsheets, and for people.

In the cells, text that others wrote can do no harm: what a spreadsheet would take for a formula begins with an
apostrophe, and a character that hides stands as an escape, \u{202e}. In the facts, which are JSON, it stands as JSON
escapes it. So one entry is one line, whatever is in it.

The database puts most of a line together, and what could do harm is looked for in many lines at once: with one value
and one cell after the other, Python's own writer takes longer than all of this.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Table, case, func, literal, literal_column

from auditweb.catalogue import Category
from auditweb.hidden_characters import BLANK, is_hidden, is_plain, visible_text
from auditweb.ids import to_text
from auditweb.models import Event
from auditweb.reading.strides import Raw, as_text, in_microseconds

END = "\r\n"
HEAD = ("Entry", "Time ({zone})", "Time (UTC)", "Recorded (UTC)")
# What the database writes, all of it in quotes: the name of each column, and what it is.
CELLS = {
    "Category": "category",
    "What happened": "summary",
    "Actor": "actor_name",
    "Actor type": "actor_type",
    "Actor id": "actor_id",
    "Through": "via_name",
    "Through type": "via_type",
    "Through id": "via_id",
    "Target": "target_name",
    "Target type": "target_type",
    "Target id": "target_id",
    "Target address": "target_url",
    "IP address": "ip",
    "Device": "user_agent",
    "Request id": "request_id",
    "Outcome": "outcome",
    "Action": "action",
    "Idempotency key": "idempotency_key",
    "Facts": "facts",
}

_BYTE_ORDER_MARK = "\ufeff"  # spreadsheets take a file without it for one of the last century
_FORMULA = tuple("=+-@\t\r\n\0＝＋－＠")
# What a cell must not begin with; a quote inside a cell is doubled. As one pattern they take four times as long.
_RISKY_STARTS = re.compile(r',"[=+\-@＝＋－＠]'), re.compile(r";[=+\-@＝＋－＠]")
_AFTER_SEPARATOR = re.compile(r";(?=[=+\-@＝＋－＠])")  # what parts cells in half of Europe
_RISKY_IN_JSON = re.compile(r";([=+\-@＝＋－＠])")
_CELL = re.compile(r'"([^"]*(?:""[^"]*)*)"')
_JSON_SPACE = "\t\r\n"  # in JSON these stand only between its parts, where one is as good as another
_DAY = 86_400
_MOST_KEPT = 4096
_MILLION = 1_000_000

_HELD_TO_A_LIST = {"actor_type", "via_type", "outcome"}  # by checks of the table: no quotes to double

_event = cast(Table, Event.__table__).c


class TableWriter:
    """Writes rows as lines of CSV, their times as clocks in *zone* show them and in UTC."""

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._offsets = _Offsets(zone)
        self._days = _Days()
        self._clock = _clock()

    def columns(self, engine_name: str) -> tuple[ColumnElement[Any], ...]:
        return columns(engine_name)

    def head(self) -> bytes:
        names = [name.format(zone=self._zone) for name in (*HEAD, *CELLS)]
        return f"{_BYTE_ORDER_MARK}{','.join(names)}{END}".encode()

    def lines(self, rows: Sequence[Raw]) -> bytes:
        cells = [row[3] for row in rows]
        if not all(map(str.isprintable, cells)):
            cells = [each if each.isprintable() else _made_safe(each) for each in cells]
        text = END.join(self._lines(rows, cells))
        if any(risky.search(text) for risky in _RISKY_STARTS) or any(blank in text for blank in BLANK):
            text = END.join(self._lines(rows, map(_made_safe, cells)))
        return f"{text}{END}".encode() if rows else b""

    def _lines(self, rows: Sequence[Raw], cells: Iterable[str]) -> list[str]:
        # Every name in here is a local one, and nothing is called but the spelling of ids: it is done for each entry.
        spell, days, clock, offsets = to_text, self._days, self._clock, self._offsets
        lines = []
        for (id_, occurred_at, recorded_at, _), rest in zip(rows, cells, strict=True):
            seconds, microseconds = divmod(occurred_at, _MILLION)
            if (ahead := offsets[seconds // _DAY]) is None:
                ahead = offsets.at(seconds)
            local = seconds + ahead
            recorded, fraction = divmod(recorded_at, _MILLION)
            lines.append(
                "%s,%s %s,%sT%s.%06dZ,%sT%s.%06dZ,%s"  # noqa: UP031  (f"{fraction:06}" takes twice as long)
                % (
                    spell(id_),
                    days[local // _DAY],
                    clock[local % _DAY],
                    days[seconds // _DAY],
                    clock[seconds % _DAY],
                    microseconds,
                    days[recorded // _DAY],
                    clock[recorded % _DAY],
                    fraction,
                    rest,
                )
            )
        return lines


@cache
def columns(engine_name: str) -> tuple[ColumnElement[Any], ...]:
    """Return what a row has that is written as CSV: id, moments in microseconds, and its cells from there on."""
    form = ",".join(['"%w"' if engine_name == "sqlite" else '"%s"'] * len(CELLS))
    cells = [_cell(name, engine_name) for name in CELLS.values()]
    text = func.printf(form, *cells) if engine_name == "sqlite" else func.format(literal(form), *cells)
    moments = [in_microseconds(_event[name], engine_name) for name in ("occurred_at", "recorded_at")]
    return _event.id, *moments, text.label("cells")


def safe_cell(text: str) -> str:
    """Return *text* as it stands in a cell: nothing in it hides, and no spreadsheet takes it for a formula."""
    shown = visible_text(text)
    shown = _AFTER_SEPARATOR.sub(";'", shown)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def safe_json(text: str) -> str:
    """Return JSON with what hides in it escaped, so that it is JSON still."""
    text = _RISKY_IN_JSON.sub(lambda found: f";\\u{ord(found[1]):04x}", text)
    if is_plain(text):
        return text
    return "".join(_json_escape(text[at]) if is_hidden(text, at) else text[at] for at in range(len(text)))


def _cell(name: str, engine_name: str) -> ColumnElement[Any]:
    """Return what stands between the quotes of a cell. SQLite doubles quotes by itself, by %w."""
    if name == "category":
        labels: dict[Any, Any] = {each.value: literal_column(f"'{each.label}'") for each in Category}
        return case(labels, value=_event.category, else_=_event.category)
    value = as_text(_event[name], engine_name)
    if name in _HELD_TO_A_LIST and engine_name != "sqlite":
        return value
    if engine_name == "sqlite":
        return func.ifnull(value, literal_column("''"))
    return func.replace(value, literal_column("'\"'"), literal_column("'\"\"'"))


def _made_safe(cells: str) -> str:
    *others, facts = [cell.replace('""', '"') for cell in _CELL.findall(cells)]
    safe = [*map(safe_cell, others), safe_json(facts)]
    return ",".join([f'"{_doubled(cell)}"' for cell in safe])


def _doubled(cell: str) -> str:
    return cell.replace('"', '""')


def _json_escape(character: str) -> str:
    return json.dumps(character)[1:-1] if character not in _JSON_SPACE else " "


class _Kept(dict[int, Any], ABC):
    """Remembers so many answers, and no more."""

    def __missing__(self, key: int) -> Any:
        if len(self) >= _MOST_KEPT:
            self.clear()
        answer = self[key] = self.find(key)
        return answer

    @abstractmethod
    def find(self, key: int) -> Any: ...


class _Offsets(_Kept):
    """How many seconds clocks in a zone are ahead of UTC, by the day since 1970; None where they change on that day."""

    def __init__(self, zone: str) -> None:
        super().__init__()
        self._zone = ZoneInfo(zone)

    def at(self, seconds: int) -> int:
        ahead = datetime.fromtimestamp(seconds, self._zone).utcoffset()
        assert ahead is not None
        return round(ahead.total_seconds())

    def find(self, key: int) -> int | None:
        # In no zone have clocks changed twice on one day of UTC, there and back.
        first, last = self.at(key * _DAY), self.at(key * _DAY + _DAY - 1)
        return first if first == last else None


class _Days(_Kept):
    """The date of a day, by how many days after 1970 began it is."""

    def find(self, key: int) -> str:
        return f"{datetime.fromtimestamp(key * _DAY, UTC):%Y-%m-%d}"


@cache
def _clock() -> list[str]:
    """Return the time of day for each second of one."""
    two = [f"{number:02}" for number in range(60)]
    return [f"{hour}:{minute}:{second}" for hour in two[:24] for minute in two for second in two]
