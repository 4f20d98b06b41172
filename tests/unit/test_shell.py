"""The frame around pages: what one thread looks up for its page keeps no other thread waiting."""

import threading

import pytest
from flask import Flask

from auditweb.web import gate
from auditweb.web.shell import Shell


def test_no_page_waits_for_what_another_looks_up(monkeypatch: pytest.MonkeyPatch) -> None:
    # One that waited for its turn at the database, and another that had the turn and waited for that one, hung.
    looking, answered = threading.Event(), threading.Event()
    told: list[bool] = []

    def look_up() -> None:
        if threading.current_thread() is slow:
            looking.set()
            told.append(answered.wait(10))

    def ask() -> None:
        with Flask(__name__).test_request_context():
            assert Shell().person is None

    monkeypatch.setattr(gate, "signed_in", look_up)
    slow = threading.Thread(target=ask)
    slow.start()
    assert looking.wait(10)

    quick = threading.Thread(target=ask)
    quick.start()
    quick.join(5)
    answered.set()
    slow.join(10)

    assert not quick.is_alive()
    assert told == [True]
