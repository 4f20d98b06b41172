"""People at their browsers, on a database of the test's own, on SQLite and on PostgreSQL."""

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine

from auditweb import cli, clock
from auditweb.accounts.callers import Scope
from auditweb.accounts.permissions import Role
from auditweb.models import Event
from tests.callers import Program, new_key
from tests.commands import COMMAND, command_server
from tests.databases import Database
from tests.ledgers import operator_engine
from tests.log_pages import NOW, fill_log
from tests.readers import Place, Reader, Someone, add_organisation, add_person, hash_cheaply, join, open_session
from tests.servers import clean_environ


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    said: str
    refused: str


Operate = Callable[..., Done]
Called = Callable[..., subprocess.CompletedProcess[str]]
SignedInAs = Callable[..., Reader]
FillLog = Callable[..., list[Event]]
AnEvent = Callable[..., Event]


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> None:
    hash_cheaply()


@pytest.fixture
def at_now() -> Iterator[None]:
    """It is NOW, for the app as for the test."""
    with clock.set_to(NOW):
        yield


@pytest.fixture
def organisation(app: Flask) -> Place:
    """Northgate Imports, in London, with nobody in it."""
    return add_organisation(app, "northgate", "Northgate Imports")


@pytest.fixture
def other_organisation(app: Flask) -> Place:
    """Osaka Bay Motors, whose log is nobody else's business."""
    return add_organisation(app, "osaka-bay", "Osaka Bay Motors", "Asia/Tokyo")


@pytest.fixture
def somebody(app: Flask) -> Someone:
    """Ada, who belongs to nothing yet."""
    return add_person(app, "Ada Okafor")


@pytest.fixture
def signed_in_as(app: Flask, organisation: Place) -> SignedInAs:
    """Sign a new person in: `signed_in_as("auditor")`, `signed_in_as("owner", osaka, name="Kenji Mori")`."""

    def sign_in(
        role: Role | str = Role.OWNER, place: Place = organisation, *, name: str = "", zone: str = ""
    ) -> Reader:
        name = name or f"{Role(role).value.capitalize()} of {place.name}"
        email = f"{name.lower().replace(' ', '.')}@{place.slug}.example"
        someone = add_person(app, name, email, zone=zone)
        join(app, place, someone, role)
        return open_session(app, app.test_client(), someone)

    return sign_in


@pytest.fixture
def reader(signed_in_as: SignedInAs) -> Reader:
    """An admin of Northgate Imports, signed in."""
    return signed_in_as(Role.ADMIN, name="Ines Ferreira")


@pytest.fixture
def fill(app: Flask, organisation: Place) -> FillLog:
    """Fill Northgate's log: `fill(51, actor=…)`."""
    return partial(fill_log, app, organisation)


@pytest.fixture
def program(app: Flask, organisation: Place, somebody: Someone) -> Program:
    """A system of Northgate that may write and read."""
    return Program(app.test_client(), new_key(app, organisation, somebody, scopes=list(Scope)))


@pytest.fixture
def owner(signed_in_as: SignedInAs) -> Reader:
    """Maya Okafor, an owner of Northgate."""
    return signed_in_as(Role.OWNER, name="Maya Okafor")


@pytest.fixture
def visitor(app: Flask) -> Reader:
    """Somebody at a browser, not signed in."""
    return Reader(app.test_client())


@pytest.fixture
def owner_engine(fresh: Database) -> Iterator[Engine]:
    """The database as the operator's commands connect to it."""
    with operator_engine(fresh.owner_url) as made:
        yield made


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where commands are run in no time, each in a process of its own."""
    place = tmp_path_factory.mktemp("commands") / "socket"
    with command_server(place):
        yield place


@pytest.fixture
def auditweb(tmp_path: Path, commands: Path) -> Called:
    """Call the command with settings by name; its data folder is the test's own."""

    def call(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        environ = clean_environ() | {"AUDITWEB_DATA_DIR": str(tmp_path / "data"), "COMMANDS": str(commands)}
        environ |= {f"AUDITWEB_{name.upper()}": value for name, value in settings.items()}
        command = [sys.executable, "-S", str(COMMAND), *arguments]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)

    return call


@pytest.fixture
def operate(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Operate:
    """Call the command in this process, on the test's database and without a terminal: `operate("user list")`."""
    monkeypatch.setenv("AUDITWEB_DATABASE_URL", database_url)
    monkeypatch.setenv("AUDITWEB_DATA_DIR", str(tmp_path))

    def call(line: str, *more: str, stdin: str = "") -> Done:
        monkeypatch.setattr(sys, "argv", ["auditweb", *line.split(), *more])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)

    return call
