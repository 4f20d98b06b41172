"""
A machine that docs/operate.md is followed on: a folder in place of `/`, and no more rights than tests have.

The guide's own commands and files are used, letter by letter but for where they are. What only root may do (users,
packages, services) is left to `tests/stand_ins`; PostgreSQL knows people by the names that `runuser` is given.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.commands import COMMAND, command_server

ROOT = Path(__file__).resolve().parents[1]
GUIDE = ROOT / "docs" / "operate.md"
STAND_INS = ROOT / "tests" / "stand_ins"
OF_ROOT = ("apt-get", "chown", "useradd")

_BLOCK = re.compile(r"^<!-- (.+?) -->\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PLACE = re.compile(r"/(?:opt|etc|root|run|usr/local|var/(?:lib|backups|log|tmp))/")


def blocks() -> dict[str, str]:
    """Return the commands and files of the guide, by the names that its comments give them."""
    found = _BLOCK.findall(GUIDE.read_text())
    assert len(dict(found)) == len(found)
    return dict(found)


class Machine:
    """Follows the guide in a folder."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self._folder = folder
        self._environ = environ
        self._blocks = blocks()

    def place(self, path: str) -> Path:
        """Return where *path* of the guide is here."""
        return Path(self._moved(path))

    def put(self, path: str, *, mode: int = 0o644, more: str = "") -> None:
        """Make the file that the guide gives for *path*, with *more* at its end."""
        self.place(path).parent.mkdir(parents=True, exist_ok=True)
        self.place(path).write_text(self._moved(self._blocks[f"file: {path}"]) + more)
        self.place(path).chmod(mode)

    def append(self, path: str) -> None:
        with self.place(path).open("a") as file:
            file.write(self._moved(self._blocks[f"append: {path}"]))

    def follow(self, name: str, *, without: Sequence[str] = ()) -> str:
        """Do what the guide says under *name*, *without* the lines that have these words; return what was said."""
        lines = self._blocks[name].splitlines(keepends=True)
        return self.run("".join(line for line in lines if not any(word in line for word in without)))

    def run(self, script: str) -> str:
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", self._moved(script)],
            env=self._environ,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _moved(self, text: str) -> str:
        return _PLACE.sub(lambda found: f"{self._folder}{found[0]}", text)


@contextmanager
def machine(folder: Path, postgresql: Path | None = None) -> Iterator[Machine]:
    """Give a machine with auditweb on it. Its PostgreSQL, if it has one, answers in the folder *postgresql*."""
    programs, stand_ins = folder / "opt/auditweb/bin", folder / "usr/bin"
    for place in ("opt/auditweb/bin", "usr/bin", "usr/local/sbin", "run", "var/tmp", "etc/systemd/system"):
        (folder / place).mkdir(parents=True)
    (programs / "auditweb").symlink_to(COMMAND)
    for name in ("install", "runuser", "systemctl"):
        (stand_ins / name).symlink_to(STAND_INS / name)
    for name in OF_ROOT:
        (stand_ins / name).symlink_to(STAND_INS / "nothing")
    environ = {
        "PATH": f"{folder / 'usr/local/sbin'}:{stand_ins}:{os.environ['PATH']}",
        "HOME": str(folder),
        "COMMANDS": str(folder / "run/commands"),
        "UNITS": str(folder / "etc/systemd/system"),
    }
    if postgresql is not None:
        (folder / "run/postgresql").symlink_to(postgresql)
        environ["PGHOST"] = str(postgresql)
    made = Machine(folder, environ)
    with command_server(folder / "run/commands"):
        try:
            yield made
        finally:
            made.run("systemctl stop auditweb")
