"""`auditweb` without the second that it takes to start: a process that has imported it forks for each command."""

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ledgers import process_for, wait_for

COMMAND = Path(__file__).parent / "stand_ins" / "auditweb"


@contextmanager
def command_server(place: Path) -> Iterator[None]:
    """Have `tests/stand_ins/auditweb` served at the socket *place* for the length of the block."""
    server = process_for(_serve, str(place))
    server.start()
    try:
        wait_for(place.exists)
        yield
    finally:
        server.kill()
        server.join()


def _serve(place: str) -> None:
    from auditweb.cli import main  # noqa: F401  here, where it is forked from

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{place}.new")
        listening.listen()
        Path(f"{place}.new").rename(place)
        while True:
            asked, _ = listening.accept()
            if os.fork() == 0:
                _answer(asked)
            asked.close()


def _answer(asked: socket.socket) -> None:
    """Run one command in a process of its own, and tell its number and how it ended."""
    sent, descriptors, _, _ = socket.recv_fds(asked, 65536, 3)
    while not sent.endswith(b"\n"):
        sent += asked.recv(65536)
    pid = os.fork()
    if pid == 0:
        asked.close()
        _run(json.loads(sent), descriptors)
    asked.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    asked.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _run(wanted: tuple[list[str], dict[str, str], str], descriptors: list[int]) -> None:
    from auditweb.cli import main

    sys.argv, environ, folder = wanted
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    code: int | str | None = 1
    try:
        main()
    except SystemExit as end:
        code = end.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)
