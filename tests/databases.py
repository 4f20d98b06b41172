"""
Databases for the tests: a fresh, migrated one for each test, on SQLite and on PostgreSQL.

The first test that wants PostgreSQL starts a server in a temporary folder; all workers of the run share it, and it ends
with the run. `AUDITWEB_TEST_PG_URL` names another server instead, whose user may create databases and roles. The app
connects as a role of its own that may only read and add events, as it is meant to in production; the owner migrates.
"""

import atexit
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

from auditweb import database

PARTITIONS = 4  # of each table, in the partitioned profile
OWNER = "auditweb_owner"
SERVER = "auditweb_server"

_RUN_FOLDER = "AUDITWEB_TEST_RUN_FOLDER"  # set by the first process of the run, inherited by its workers
_GIVEN_SERVER = "AUDITWEB_TEST_PG_URL"
_DURABLE = "durable"  # a file in that folder
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",  # gone through when a database is dropped
}
_SETTINGS = {
    "autovacuum": "off",  # its workers belong to nobody who may drop a database under them
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "listen_addresses": "''",
}
MEMORY = Path("/dev/shm")  # a database is made there in a tenth of the time
_ROOMY = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Database:
    """One database: as the server connects to it, and as its owner does. On SQLite that is the same."""

    engine_name: str
    url: str
    owner_url: str


class Run:
    """What the databases of one test run share, in a folder that all its processes know."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def begin(cls, *, durable: bool = False) -> "Run":
        """Begin a run; *durable* databases are on a disk and lose nothing, as in production."""
        folder = Path(tempfile.mkdtemp(prefix="auditweb-"))
        folder.chmod(0o711)  # the user whom PostgreSQL runs as must reach its own folder in there
        os.environ[_RUN_FOLDER] = str(folder)
        if durable:
            (folder / _DURABLE).touch()
        return cls(folder)

    @classmethod
    def current(cls) -> "Run":
        return cls(Path(os.environ[_RUN_FOLDER]))

    def once(self, name: str, make: Callable[[], str]) -> str:
        """Return what *make* returns, calling it in the first process that asks while the others wait."""
        done = self.folder / name
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                done.write_text(make())
        return done.read_text()

    def end(self) -> None:
        """Stop the PostgreSQL server if this run started one, and leave nothing behind."""
        home = (self.folder / "postgresql").resolve()
        if not _stop_postgresql(home):
            for template in self.folder.glob("p*-template"):
                drop_postgresql(self, template.read_text())
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def fresh_database(engine_name: str, folder: Path) -> Iterator[Database]:
    """
    Give a migrated, empty database for the length of the block; a file of it goes into *folder*.

    "partitioned" is PostgreSQL with its tables cut by organisation.
    """
    run = Run.current()
    if engine_name == "sqlite":
        path = folder / f"{uuid4().hex}.sqlite3"
        shutil.copyfile(run.once("sqlite-template", lambda: _migrated_sqlite(run.folder / "template.sqlite3")), path)
        yield Database(engine_name, f"sqlite:///{path}", f"sqlite:///{path}")
        return
    partitions = PARTITIONS if engine_name == "partitioned" else 0
    template = run.once(f"{engine_name}-template", lambda: _migrated_postgresql(run, partitions))
    name = f"auditweb_{uuid4().hex[:16]}"
    _copy_postgresql(run, template, name)
    owner = _owner_url(run).set(database=name)
    try:
        yield Database("postgresql", _text(owner.set(username=SERVER)), _text(owner))
    finally:
        drop_postgresql(run, name)


def drop_postgresql(run: Run, name: str) -> None:
    """Drop a database and end who is connected to it: PostgreSQL itself would look only after a tenth of a second."""
    owner = _owner_connection(_owner_url(run), os.getpid())
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    _wait_until(lambda: owner.execute(end, [name]).rowcount == 0, 1, pause=0.001)
    _as_owner(run, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _copy_postgresql(run: Run, template: str, name: str) -> None:
    """Make a database like *template*, file by file: PostgreSQL's usual way since 15 costs twice that."""
    copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    owner = _owner_connection(_owner_url(run), os.getpid())
    owner.execute(copy + sql.SQL(" STRATEGY FILE_COPY") if owner.info.server_version >= 150000 else copy)


def _migrated_sqlite(path: Path) -> str:
    database.upgrade(f"sqlite:///{path}")
    return str(path)


def _migrated_postgresql(run: Run, partitions: int) -> str:
    name = f"auditweb_template_{uuid4().hex[:8]}"
    _as_owner(run, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = _owner_url(run).set(database=name)
    database.upgrade(_text(url), partitions=partitions)
    with closing(psycopg.connect(_conninfo(url))) as connection, connection, connection.cursor() as cursor:
        for statement in database.grants(SERVER):
            cursor.execute(statement.encode())
    return name


def _owner_url(run: Run) -> URL:
    return make_url(run.once("postgresql-server", lambda: _given_server() or _started_server(run)))


def _given_server() -> str | None:
    given = os.environ.get(_GIVEN_SERVER)
    if given:
        url = database.normalise_url(given)
        with closing(psycopg.connect(_conninfo(url), autocommit=True)) as connection:
            if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [SERVER]).fetchone() is None:
                password = sql.Literal(url.password or "")
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(SERVER), password))
        return _text(url)
    return None


def _started_server(run: Run) -> str:
    """Start the server of a run; return the owner's address."""
    durable = (run.folder / _DURABLE).exists()
    home = _roomy_folder(in_memory=not durable)
    (run.folder / "postgresql").symlink_to(home)
    start_postgresql(home, {} if durable else _FAST)
    url = URL.create("postgresql+psycopg", username="postgres", database="postgres", query={"host": str(home)})
    with closing(psycopg.connect(_conninfo(url), autocommit=True)) as connection:
        connection.execute(f"CREATE ROLE {OWNER} LOGIN CREATEDB")
        connection.execute(f"CREATE ROLE {SERVER} LOGIN")
        connection.execute(f"GRANT {SERVER} TO {OWNER}")  # who drops a database may then end what is connected to it
    return _text(url.set(username=OWNER))


@contextmanager
def own_postgresql() -> Iterator[Path]:
    """Give the folder in which a server that a test has for itself answers its superuser, `postgres`."""
    home = _roomy_folder(in_memory=True)
    try:
        start_postgresql(home, {})
        yield home
    finally:
        _stop_postgresql(home)
        shutil.rmtree(home, ignore_errors=True)


def start_postgresql(home: Path, settings: Mapping[str, str]) -> None:
    """Start PostgreSQL in the folder *home* without any network: it is reached by a socket there."""
    binaries = _postgresql_binaries()
    as_other: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = _unprivileged_user()
        os.chown(home, user.pw_uid, user.pw_gid)
        as_other = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
    data = str(home / "data")
    initdb = [str(binaries / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    _call([*as_other, *initdb, "--locale=C.UTF-8"], home)
    options = " ".join(
        f"-c {name}={value}" for name, value in {**settings, **_SETTINGS, "unix_socket_directories": home}.items()
    )
    _call(
        [*as_other, str(binaries / "pg_ctl"), "-D", data, "-l", str(home / "log"), "-w", "-o", options, "start"], home
    )


def is_roomy(folder: Path) -> bool:
    """Tell whether all that a run of the tests writes fits into *folder*."""
    return folder.is_dir() and shutil.disk_usage(folder).free > _ROOMY


def _roomy_folder(*, in_memory: bool) -> Path:
    return Path(tempfile.mkdtemp(prefix="auditweb-", dir=MEMORY if in_memory and is_roomy(MEMORY) else None))


def _stop_postgresql(home: Path) -> bool:
    """Stop the server in *home*, and tell whether there was one."""
    pid_file = home / "data" / "postmaster.pid"
    if not pid_file.exists():
        return False
    pid = int(pid_file.read_text().split()[0])
    os.kill(pid, signal.SIGQUIT)
    _wait_until(lambda: not pid_file.exists() or not Path(f"/proc/{pid}").exists(), 10)
    return True


def _postgresql_binaries() -> Path:
    """Find `initdb` and its kin: on the PATH, or where Debian keeps them, the newest first."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    kept = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: -int(path.parts[-3]))
    if not kept:
        raise RuntimeError("PostgreSQL is missing: install its server (on Debian and Ubuntu the package postgresql).")
    return kept[0].parent


def _unprivileged_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _call(command: list[str], folder: Path) -> None:
    with (folder / "output").open("a+") as output:
        # A pipe would stay open in the server that outlives this command.
        if subprocess.run(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, check=False).returncode:
            output.seek(0)
            log = folder / "log"
            raise RuntimeError(f"{command}\n{output.read()}\n{log.read_text() if log.exists() else ''}")


def _as_owner(run: Run, statement: sql.Composed) -> None:
    _owner_connection(_owner_url(run), os.getpid()).execute(statement)


@cache
def _owner_connection(url: URL, process: int) -> "psycopg.Connection[Any]":
    """Return the one connection by which *process*, which is this one, makes and drops databases."""
    if url.database is None or url.host is None:
        url = url.set(database="postgres")
    connection = psycopg.connect(_conninfo(url), autocommit=True)
    # A process that forked off leaves it alone, or it would end what its parent still needs.
    atexit.register(lambda: connection.close() if os.getpid() == process else None)
    return connection


def _conninfo(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _wait_until(done: Callable[[], bool], seconds: float, *, pause: float = 0.02) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(pause)
