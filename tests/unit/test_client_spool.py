"""The file in which events wait: what it keeps when it is opened again, whatever happened to it meanwhile."""

import os
import resource
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from auditweb.client import ClientError, SpoolError, SpoolFullError, SpoolInUseError
from auditweb.client import spool as spools
from auditweb.client.spool import HEADER, Spool

LIMIT = 1024 * 1024
MANY = 10_000


@contextmanager
def opened(path: Path, limit: int = LIMIT) -> Iterator[Spool]:
    spool = Spool(path, limit=limit)
    try:
        yield spool
    finally:
        spool.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.spool"


def left(path: Path) -> list[bytes]:
    """Return what waits in the file for whoever opens it next."""
    with opened(path) as spool:
        return spool.take(MANY, LIMIT).events


def test_what_is_settled_is_gone_and_the_rest_is_found_again(path: Path) -> None:
    with opened(path) as spool:
        for number in range(5):
            spool.add(b'{"n":%d}' % number)
        spool.sync()
        spool.settle(spool.take(2, LIMIT))
        assert (spool.added, spool.settled, spool.waiting) == (5, 2, 3)

    with opened(path) as spool:
        assert spool.waiting == 3
        assert spool.take(MANY, LIMIT).events == [b'{"n":2}', b'{"n":3}', b'{"n":4}']
        spool.settle(spool.take(MANY, LIMIT))
        assert path.read_bytes() == HEADER
        spool.add(b'{"n":5}')
    assert left(path) == [b'{"n":5}']
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_batches_are_no_larger_than_asked_but_hold_one_event_at_least(path: Path) -> None:
    with opened(path) as spool:
        for letter in b"abcd":
            spool.add(bytes([letter]) * 100)
        assert [len(spool.take(most, size).events) for most, size in ((3, LIMIT), (9, 250), (9, 10))] == [3, 2, 1]


def test_the_file_is_shortened_when_most_of_it_is_settled(path: Path) -> None:
    with patch.object(spools, "WORTH_SHORTENING", 1000), opened(path) as spool:
        for number in range(100):
            spool.add(b'{"n":%d,"x":"%b"}' % (number, b"x" * 30))
        most = path.stat().st_size
        while spool.waiting > 10:
            spool.settle(spool.take(9, LIMIT))
            spool.add(b'{"new":1}')
        waiting = spool.take(MANY, LIMIT).events
        assert len(waiting) == spool.waiting
        assert path.stat().st_size < most / 2
    assert left(path) == waiting
    assert sorted(file.name for file in path.parent.iterdir()) == ["audit.spool", "audit.spool.lock"]


def test_many_marks_before_the_next_event_are_read_over(path: Path) -> None:
    """As after a long time without the server, in batches of one."""
    with patch.object(spools, "LONGEST", 200), opened(path) as spool:
        for number in range(100):
            spool.add(b'{"n":%d}' % number)
        for _ in range(100):
            spool.settle(spool.take(1, 100))
            spool.add(b'{"late":1}')
        assert spool.take(MANY, 100).events[0] == b'{"late":1}'


def test_a_spool_has_one_owner(path: Path) -> None:
    with opened(path), pytest.raises(SpoolInUseError, match="each needs one of its own"):
        Spool(path, limit=LIMIT)
    assert left(path) == []


def test_what_is_no_spool_is_left_alone(path: Path) -> None:
    path.write_text("a letter to a friend\n")

    with pytest.raises(SpoolError, match="is no spool of this client"):
        Spool(path, limit=LIMIT)
    with pytest.raises(SpoolError, match="cannot be opened: No such file"):
        Spool(path.parent / "missing" / "audit.spool", limit=LIMIT)

    assert path.read_text() == "a letter to a friend\n"
    path.write_bytes(HEADER[:5])  # its very first write was interrupted
    assert left(path) == []


def test_damaged_lines_are_put_aside_and_the_others_kept(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(path) as spool:
        for number in range(3):
            spool.add(b'{"n":%d}' % number)
    lines = path.read_bytes().splitlines(keepends=True)
    broken = lines[2].replace(b'"n":1', b'"n":7')
    path.write_bytes(b"".join([*lines[:2], broken, lines[3], b'0000 {"n"']))

    assert left(path) == [b'{"n":0}', b'{"n":2}']

    assert path.with_name("audit.spool.damaged").read_bytes() == broken
    assert f"{path}.damaged: 1" in caplog.text
    assert left(path) == [b'{"n":0}', b'{"n":2}']


def test_no_more_waits_than_may(path: Path) -> None:
    with opened(path, limit=1000) as spool:
        for _ in range(9):
            spool.add(b"x" * 90)
        with pytest.raises(SpoolFullError, match="Nothing was recorded: "):
            spool.add(b"x" * 93)
        spool.add(b"x" * 90)
        assert spool.waiting == 10
        spool.settle(spool.take(5, LIMIT))
        spool.add(b"x" * 90)


def test_a_full_disk_costs_only_what_did_not_fit(path: Path) -> None:
    """The system takes the first bytes of a line and then no more, as on a full disk."""
    with opened(path) as spool:
        spool.add(b'{"n":0}')
        with writes_end_at(path.stat().st_size + 20):
            with pytest.raises(SpoolError, match=r"Nothing was recorded: .* File too large"):
                spool.add(b'{"n":"%b"}' % (b"x" * 100))
            with patch("os.ftruncate", side_effect=OSError(5, "Input/output error")), pytest.raises(SpoolError):
                spool.add(b'{"m":"%b"}' % (b"x" * 100))  # which then cannot be taken back, either
        assert spool.take(MANY, LIMIT).events == [b'{"n":0}']
        spool.add(b'{"n":1}')
        assert spool.waiting == 2
        assert spool.take(MANY, LIMIT).events == [b'{"n":0}', b'{"n":1}']
        with writes_end_at(path.stat().st_size):
            spool.settle(spool.take(1, LIMIT))
            assert spool.take(MANY, LIMIT).events == [b'{"n":1}']
            spool.settle(spool.take(1, LIMIT))
    assert left(path) == []


def test_a_disk_that_does_not_keep_it_is_told(path: Path) -> None:
    with opened(path) as spool:
        number = spool.add(b"{}")
        failing = patch("os.fsync", side_effect=OSError(5, "Input/output error"))
        with failing, pytest.raises(SpoolError, match="was not put on the disk: Input/output error"):
            spool.sync(number)
        spool.sync(number)


def test_threads_share_the_waits_for_the_disk(path: Path) -> None:
    gate = threading.Barrier(20)
    with opened(path) as spool:

        def add(number: int) -> None:
            added = spool.add(b'{"n":%d}' % number)
            gate.wait(10)
            spool.sync(added)

        with patch("os.fsync", wraps=os.fsync) as fsync, ThreadPoolExecutor(20) as pool:
            list(pool.map(add, range(20)))
        assert fsync.call_count == 1
        assert sorted(spool.take(MANY, LIMIT).events) == sorted(b'{"n":%d}' % number for number in range(20))


def test_after_closing_nothing_is_written(path: Path) -> None:
    with opened(path) as spool:
        spool.add(b'{"n":0}')
        batch = spool.take(1, LIMIT)
    with pytest.raises(ClientError, match="is closed"):
        spool.add(b"{}")
    spool.settle(batch)  # an answer that came late
    spool.close()

    assert left(path) == [b'{"n":0}']


def test_a_file_that_others_change_is_noticed(path: Path) -> None:
    with opened(path) as spool:
        spool.add(b'{"n":0}')
        path.write_bytes(HEADER)
        with pytest.raises(SpoolError, match="Somebody else has changed the spool"):
            spool.take(1, LIMIT)


@contextmanager
def writes_end_at(size: int) -> Iterator[None]:
    """Let no file grow beyond *size*."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
