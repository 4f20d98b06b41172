"""The server as people run it: `auditweb serve` in a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen


@dataclass(frozen=True, slots=True)
class LiveServer:
    """A running server: its address, its process, and the file that its output goes to."""

    url: str
    process: subprocess.Popen[bytes]
    output: Path

    def kill(self) -> None:
        """End all its processes as a machine that falls does: none gets to tidy up."""
        pid = self.process.pid
        workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in (pid, *map(int, workers)):  # the one that would start new workers first
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self.process.wait()


@contextmanager
def serve(
    database_url: str,
    folder: Path,
    *,
    settings: Mapping[str, str] = {},
    python: str = sys.executable,
    port: int | None = None,
) -> Iterator[LiveServer]:
    """
    Run `auditweb serve` on *database_url* for the length of the block; its data folder and output go to *folder*.

    It is at a free *port*, unless it has to be where another was.
    """
    port = port or free_port()
    environ = clean_environ() | {
        "AUDITWEB_DATABASE_URL": database_url,
        "AUDITWEB_DATA_DIR": str(folder),
        "AUDITWEB_PORT": str(port),
        **settings,
    }
    with running([python, "-m", "auditweb.cli", "serve"], environ, folder / "server.log", port) as server:
        yield server


@contextmanager
def running(
    command: list[str], environ: Mapping[str, str], output: Path, port: int, *, folder: Path | None = None
) -> Iterator[LiveServer]:
    """Run *command* (in *folder*) until the block ends, having waited until it answers on *port*."""
    with output.open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    try:
        server = LiveServer(f"http://127.0.0.1:{port}", process, output)
        _wait_for(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environ() -> dict[str, str]:
    """Return this process's environment without any setting of auditweb."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AUDITWEB_")}


def _wait_for(server: LiveServer, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            break
        try:
            with urlopen(f"{server.url}/healthz", timeout=5):
                return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    raise RuntimeError(f"{server.process.args!r} does not answer:\n{server.output.read_text()}")
