"""
Backups of the whole database, taken while the server goes on writing.

SQLite's are made by its online backup, PostgreSQL's by `pg_dump`. Each is read back in full before it gets its name:
a file of that name is whole, however a backup was ended.
"""

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL, Engine

from auditweb import database

Progress = Callable[[int, int, str], object]
"""Told how much is done, of how much, and at what it is."""

_PAGES = 2_000  # of SQLite, 8 MB, from one look at the time or at Ctrl+C to the next
_LOOKS = 0.1  # seconds from one look at pg_dump to the next
_MEGABYTE = 1_000_000
_TABLE = re.compile(r'dumping contents of table "?([^"]+?)"?$')


class BackupError(Exception):
    """No backup was made, and nothing is left of it; the text is one sentence that says why."""


def back_up(url: str, path: Path, progress: Progress = lambda done, of, doing: None) -> int:
    """
    Write a backup of the database at *url* to the new file *path*, for its owner's eyes only; return its size.

    It holds one moment of the database. On SQLite the write-ahead log grows until the backup is taken, for what is
    written meanwhile; nobody waits. Raises BackupError or `database.UnusableError`.
    """
    parsed, path = database.normalise_url(url), path.absolute()
    take = _from_sqlite if parsed.get_backend_name() == "sqlite" else _from_postgresql
    with _new_file(path) as fresh:
        take(parsed, fresh, progress)
    return path.stat().st_size


@contextmanager
def _new_file(path: Path) -> Iterator[Path]:
    """Give a file to be written to, that becomes *path* at the end of the block, or is gone if that fails."""
    try:
        if os.path.lexists(path):
            raise BackupError(f"{path} is there already, and no backup is written over another file.")
        descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
        os.close(descriptor)
        fresh = Path(name)
        try:
            yield fresh
            _save(fresh)
            _name(fresh, path)
            _save(path.parent)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise BackupError(f"The backup {path} cannot be written ({error.strerror}).") from error


def _save(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _name(fresh: Path, path: Path) -> None:
    try:
        os.link(fresh, path)  # which, unlike a rename, takes the place of nothing
    except FileExistsError:
        raise BackupError(
            f"{path} has been made by someone else meanwhile, and no backup is written over it."
        ) from None
    except OSError:  # no second names on this file system: the name is taken first, by an empty file
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        fresh.replace(path)


def _without_log(url: URL) -> BackupError:
    return BackupError(
        f"The database {url.render_as_string()} holds no log: is it the one that AUDITWEB_DATABASE_URL should name?"
    )


# SQLite


def _from_sqlite(url: URL, fresh: Path, progress: Progress) -> None:
    source = Path(url.database or "").absolute()
    if not source.is_file():
        raise BackupError(f"The database {url.render_as_string()} is not there.")
    try:
        with closing(_opened(source, "mode=ro")) as connection:
            _copy_pages(connection, fresh, progress, _without_log(url))
        progress(1, 1, "checking")
        with closing(_opened(fresh, "immutable=1")) as made:
            (found,) = made.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        raise BackupError(f"The database {url.render_as_string()} cannot be backed up: {error}.") from error
    if found != "ok":
        raise BackupError(f"The database {url.render_as_string()} is damaged, and so was its copy: {found}.")


def _opened(path: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?{how}", uri=True, isolation_level=None)


def _copy_pages(source: sqlite3.Connection, fresh: Path, progress: Progress, no_log: BackupError) -> None:
    # Within a transaction that only reads, what others write neither waits nor makes the backup begin anew.
    source.execute("BEGIN")
    if not source.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'event'").fetchone():
        raise no_log
    with closing(sqlite3.connect(fresh, isolation_level=None)) as target:
        for setting in ("journal_mode = OFF", "synchronous = OFF"):  # it is saved at the end, or not at all
            target.execute(f"PRAGMA {setting}").close()
        source.backup(target, pages=_PAGES, progress=lambda _, left, of: progress(of - left, of, "copying"))


# PostgreSQL


def _from_postgresql(url: URL, fresh: Path, progress: Progress) -> None:
    dump, restore = _program("pg_dump"), _program("pg_restore")
    with database.used_once(url) as engine, engine.connect() as connection:
        if connection.scalar(sa.text("SELECT to_regclass('event')")) is None:
            raise _without_log(url)
        sizes = {row.name: row.size for row in connection.execute(_SIZES)}
        place, environ = _place(engine)
    options = ["--format=custom", "--no-password", "--verbose", f"--file={fresh}", f"--dbname={place}"]
    with _running([dump, *options], environ) as (process, said):
        _follow(process, said, sizes, fresh, progress)
        if process.wait():
            raise BackupError(f"pg_dump could not back up {url.render_as_string()}: {_complaint(said)}")
    progress(1, 1, "checking")
    with _running([restore, "--file=/dev/null", str(fresh)], {}) as (process, said):
        if process.wait():
            raise BackupError(f"What pg_dump wrote cannot be read back: {_complaint(said)}")


def _place(engine: Engine) -> tuple[str, dict[str, str]]:
    """Return how pg_dump is told where *engine* connects to: in its arguments, which all can read, and environment."""
    given = engine.dialect.create_connect_args(engine.url)[1]
    hidden = {name: given.pop(name, None) for name in ("password", "sslpassword", "context")}
    return make_conninfo(**given), {"PGPASSWORD": hidden["password"]} if hidden["password"] else {}


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BackupError(
            f"{name} is missing, which belongs to PostgreSQL: install its client programs "
            "(on Debian and Ubuntu the package postgresql-client)."
        )
    return found


@contextmanager
def _running(command: list[str], environ: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run *command* for the length of the block at most; give the process, and the file of what it says."""
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said"
        with said.open("ab") as output:
            process = subprocess.Popen(
                command, env={**os.environ, "LC_ALL": "C", **environ}, stdin=subprocess.DEVNULL, stderr=output
            )
        try:
            yield process, said
        finally:
            process.kill()
            process.wait()


def _follow(
    process: subprocess.Popen[bytes], said: Path, sizes: Mapping[str, int], fresh: Path, progress: Progress
) -> None:
    """Tell how far pg_dump is, until it ends: it says which table it begins with."""
    of = sum(sizes.values())
    while process.poll() is None:
        begun = [found[1] for line in _lines(said) if (found := _TABLE.search(line))]
        size = f"{fresh.stat().st_size / _MEGABYTE:,.1f} MB written"
        progress(sum(sizes.get(name, 0) for name in begun[:-1]), of, f"{begun[-1]}, {size}" if begun else size)
        time.sleep(_LOOKS)


def _lines(said: Path) -> list[str]:
    return [line.strip() for line in said.read_text(errors="replace").splitlines() if line.strip()]


def _complaint(said: Path) -> str:
    """Return what one of PostgreSQL's programs ended with: its error, where hints and details follow."""
    lines = _lines(said) or ["it did not say why"]
    errors = [line.partition(" error: ")[2] for line in lines if " error: " in line]
    return f"{(errors or lines[-1:])[0].rstrip('.')}."


_SIZES = sa.text("""
    SELECT n.nspname || '.' || c.relname AS name, pg_table_size(c.oid) AS size
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
""")
