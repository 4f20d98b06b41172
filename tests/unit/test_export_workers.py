"""The processes that prepare exports: so many at most, gone with whoever started them, and no crowd of failing ones."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from auditweb.exports import workers
from auditweb.exports.workers import Crew, is_gone, watch_input, working
from tests.ledgers import wait_for

PATIENT = [sys.executable, "-c", "import sys; sys.stdin.read()"]


def test_they_end_with_whoever_started_them() -> None:
    crew = Crew(PATIENT, os.environ, most=2)
    for _ in range(2):
        assert crew.has_place()
        crew.start_one()
    assert not crew.has_place()
    started = list(crew._started)
    crew.dismiss(within=10)
    assert [process.returncode for process in started] == [0, 0]
    assert crew.has_place()


def test_after_one_that_could_not_begin_there_is_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "PAUSE_AFTER_FAILURE", 0.2)
    crew = Crew([sys.executable, "-c", "raise SystemExit(2)"], os.environ, most=2)
    crew.start_one()
    (process,) = crew._started
    assert process.wait(10) == 2
    assert not crew.has_place()
    crew.dismiss(within=10)
    wait_for(crew.has_place, 5)


def test_the_end_of_the_input_is_a_word_to_stop() -> None:
    stopping = threading.Event()
    reading, writing = os.pipe()
    watch_input(stopping, reading)
    os.write(writing, b"whatever")
    assert not stopping.wait(0.05)
    os.close(writing)
    assert stopping.wait(5)


def test_a_worker_that_is_waiting_for_its_input_ends_in_peace() -> None:
    ends = "import threading, sys; from auditweb.exports.workers import watch_input; "
    ends += "watch_input(threading.Event(), sys.stdin.fileno())"
    process = subprocess.Popen([sys.executable, "-c", ends], stdin=subprocess.PIPE)
    assert process.wait(20) == 0
    assert process.stdin
    process.stdin.close()


def test_one_is_gone_once_its_lock_is(tmp_path: Path) -> None:
    with working(tmp_path) as worker:
        assert not is_gone(worker.name, tmp_path)
        assert not is_gone("elsewhere/abc", tmp_path), "nothing is known of other machines"
        (lock,) = tmp_path.iterdir()
        left_behind = lock.with_name(f"dead{workers.LOCKS}")
        left_behind.touch()
        assert is_gone(worker.name.replace(worker.mark, "dead"), tmp_path)
        assert not left_behind.exists()
    assert is_gone(worker.name, tmp_path)
    assert list(tmp_path.iterdir()) == []
