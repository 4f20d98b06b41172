"""The client's spool, cut and damaged anywhere: nothing that it took is lost or altered."""

import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditweb.client import spool as spools
from auditweb.client.spool import HEADER, Spool

EVENTS = st.text(max_size=30).map(lambda text: b"{" + text.replace("\n", "").encode(errors="replace") + b"}")
STEPS = st.lists(EVENTS | st.integers(1, 4) | st.just("open"), max_size=40)
LIMIT = 1024 * 1024


@pytest.fixture(autouse=True)
def _no_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda file: None)


def contents(path: Path) -> list[bytes]:
    spool = Spool(path, limit=LIMIT)
    try:
        return spool.take(1000, LIMIT).events
    finally:
        spool.close()


@given(STEPS, st.integers(0, 200))
def test_it_holds_what_was_added_and_not_settled(steps: list[bytes | int | str], shortened_at: int) -> None:
    """Adding, settling some, and opening it again, in any order."""
    with tempfile.TemporaryDirectory() as folder, patch.object(spools, "WORTH_SHORTENING", shortened_at):
        path, wanted = Path(folder) / "s", list[bytes]()
        spool = Spool(path, limit=LIMIT)
        for step in steps:
            if isinstance(step, bytes):
                spool.add(step)
                wanted.append(step)
            elif isinstance(step, int):
                batch = spool.take(step, LIMIT)
                assert batch.events == wanted[:step]
                spool.settle(batch)
                del wanted[:step]
            else:
                spool.close()
                spool = Spool(path, limit=LIMIT)
            assert spool.waiting == len(wanted)
            assert spool.take(1000, LIMIT).events == wanted
        spool.close()


@given(st.lists(EVENTS, max_size=10), st.integers(0, 10), st.data())
def test_cut_anywhere_it_holds_all_that_was_whole(events: list[bytes], settled: int, data: st.DataObject) -> None:
    """What was settled may be there again, and then the server knows it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s"
        spool = Spool(path, limit=LIMIT)
        ends = []
        for event in events:
            spool.add(event)
            ends.append(path.stat().st_size)
        if 0 < settled < len(events):
            spool.settle(spool.take(settled, LIMIT))
        spool.close()
        cut = data.draw(st.integers(0, path.stat().st_size))
        path.write_bytes(path.read_bytes()[:cut])

        found = contents(path)

        whole = [event for event, end in zip(events, ends, strict=True) if end <= cut]
        assert found in (whole, events[settled:])
        spool = Spool(path, limit=LIMIT)
        spool.add(b"{later}")
        spool.close()
        assert contents(path) == [*found, b"{later}"]


@given(st.lists(EVENTS, min_size=1, max_size=10, unique=True), st.data())
def test_one_damaged_byte_costs_two_events_at_most(events: list[bytes], data: st.DataObject) -> None:
    """Two if it joins their lines; and what is damaged is never taken for an event."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s"
        spool = Spool(path, limit=LIMIT)
        for event in events:
            spool.add(event)
        spool.close()
        text = bytearray(path.read_bytes())
        text[data.draw(st.integers(len(HEADER), len(text) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(bytes(text))

        found = contents(path)

        assert set(found) < set(events)
        assert len(found) >= len(events) - 2
        assert found == sorted(found, key=events.index)
