"""`auditweb setup`, and what `auditweb serve` prints until it was run."""

import json
import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import psycopg
import pytest
from flask import Flask
from sqlalchemy import create_engine, select
from sqlalchemy.engine import make_url

from auditweb import database
from auditweb.accounts import first_start
from auditweb.extensions import db
from auditweb.models import Event, Organisation, Person
from tests.databases import SERVER, Database
from tests.integration.conftest import Operate
from tests.ledgers import wait_for
from tests.readers import Reader
from tests.servers import clean_environ, serve

PASSWORD = "heron lantern quarry"
SETUP = "setup --slug northgate --zone Europe/London --owner Maya@northgate.example --password-stdin"
AT_A_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
NAMES = ("--name", "Northgate Imports", "--owner-name", "Maya Okafor")


def test_one_command_leads_to_a_working_server(app: Flask, operate: Operate, visitor: Reader) -> None:
    done = operate(SETUP, *NAMES, stdin=PASSWORD + "\n")

    assert (done.code, done.refused) == (0, "")
    assert "Northgate Imports is set up, and Maya Okafor is its owner.\n" in done.said
    assert "sign in at http://localhost:8000/o/northgate/settings/audit-log" in done.said
    assert PASSWORD not in done.said
    with app.app_context():
        event = db.session.scalars(select(Event)).one()
        assert (event.action, event.summary) == ("organisation.created", "Created the organisation Northgate Imports")
        assert (event.actor_type, event.actor_id, event.actor_name) == ("system", "operator", "Operator (command line)")
        assert event.facts == {"name": "Northgate Imports", "owner": "Maya Okafor"}
    assert visitor.sign_in("maya@northgate.example", PASSWORD).status == 303
    assert visitor.get("/").location == "/o/northgate/settings/audit-log"


def test_it_works_once(app: Flask, operate: Operate) -> None:
    assert operate(SETUP, *NAMES, stdin=PASSWORD).code == 0

    again = operate(SETUP, "--name", "Southgate", "--owner-name", "Eve", stdin=PASSWORD)

    assert (again.code, again.said) == (2, "")
    assert again.refused.startswith(f"auditweb: {first_start.OVER}")
    with app.app_context():
        assert db.session.scalars(select(Organisation.name)).all() == ["Northgate Imports"]
        assert db.session.scalars(select(Person.name)).all() == ["Maya Okafor"]


def test_on_postgresql_it_prints_the_rights_of_the_server(fresh: Database, operate: Operate) -> None:
    done = operate(f"{SETUP} --server-role {SERVER}", *NAMES, stdin=PASSWORD)

    assert ("GRANT" in done.said) == (fresh.engine_name == "postgresql")
    if fresh.engine_name == "postgresql":
        found = re.search(r"^BEGIN;.*^COMMIT;$", done.said, re.DOTALL | re.MULTILINE)
        assert found
        url = make_url(fresh.owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
        with closing(psycopg.connect(url, autocommit=True)) as owner:
            owner.execute(found[0].encode())
            owner.execute(f"SET ROLE {SERVER}".encode())
            owner.execute("SELECT FROM event")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                owner.execute("DELETE FROM event")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("setup", "--name, --slug, --zone, --owner, --owner-name are needed: there is no terminal to ask at."),
        (f"{SETUP} --name North --owner-name Maya --zone Mars", "--zone: This is no time zone"),
        (f"{SETUP} --name North --owner-name Maya --slug x", "--slug: An address has 3 to 40 characters."),
        (f"{SETUP} --name North --owner-name Maya --owner maya", "--owner: This is not an e-mail address"),
        (f"{SETUP} --name North --owner-name \u200b", "--owner-name: Leave out characters"),
        (f"{SETUP} --name North --owner-name Maya", "--password-stdin: Use at least 12 characters."),
        (
            f"{SETUP} --name North --owner-name Maya --owner maya --zone Mars --slug x",
            "--slug: An address has 3 to 40 characters. "
            "--zone: This is no time zone: one is written like Europe/London. "
            "--owner: This is not an e-mail address",
        ),
        ("setup --name North --zone UTC --slug abc --owner a@b.example --owner-name A", "--password-stdin is needed"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(app: Flask, operate: Operate, line: str, reason: str) -> None:
    done = operate(line, stdin="short\n")

    assert (done.code, done.said) == (2, "")
    assert done.refused.startswith(f"auditweb: {reason}")
    with app.app_context():
        assert db.session.scalars(select(Organisation)).all() == []


def test_of_two_at_once_on_a_machine_without_a_database_one_sets_up(tmp_path: Path) -> None:
    environ = clean_environ() | {"AUDITWEB_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "auditweb.cli", *SETUP.split(), *NAMES]
    both = [
        subprocess.Popen(
            command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate(PASSWORD, timeout=60) for process in both]

    assert sorted(process.returncode for process in both) == [0, 2], said
    assert sum(first_start.OVER in refused for _, refused in said) == 1
    engine = create_engine(f"sqlite:///{tmp_path / 'auditweb.sqlite3'}")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM organisation").scalar() == 1
        assert connection.exec_driver_sql("SELECT count(*) FROM event").scalar() == 1
    engine.dispose()


def test_it_asks_at_a_terminal_until_what_is_typed_can_be_used(tmp_path: Path) -> None:
    """The address is proposed; the password is typed twice and never shown."""
    typed = [
        ("Organisation: ", "Northgate Imports"),
        ("[northgate-imports]: ", ""),
        ("[Europe/London]: ", "London"),
        ("This is no time zone", "Europe/London"),
        ("E-mail address: ", "maya"),
        ("This is not an e-mail address", "maya@northgate.example"),
        ("Name: ", "Maya Okafor"),
        ("Password: ", "password1234"),
        ("The same again: ", "password1234"),
        ("tried first", PASSWORD),
        ("The same again: ", "another one"),
        ("do not match", PASSWORD),
        ("The same again: ", PASSWORD),
    ]
    environ = clean_environ() | {"AUDITWEB_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-c", AT_A_TERMINAL, sys.executable, "-m", "auditweb.cli", "setup"]
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as terminal:
        assert terminal.stdin
        for question, answer in typed:
            read_until(terminal, question)
            if not question.endswith(": "):  # why something cannot be used; then it is asked for once more
                read_until(terminal, ": ")
            terminal.stdin.write(f"{answer}\n".encode())
        shown = read_until(terminal, "Maya Okafor is its owner.")
        assert terminal.wait(30) == 0
    assert PASSWORD not in shown


def read_until(terminal: subprocess.Popen[bytes], awaited: str) -> str:
    """Return what the terminal shows until *awaited* has come."""
    assert terminal.stdout
    seen = b""
    while awaited.encode() not in seen:
        more = terminal.stdout.read(1)
        assert more, seen.decode()
        seen += more
    return seen.decode()


def test_server_prints_the_code_of_the_first_run_page(tmp_path: Path) -> None:
    """For the eyes of whoever started it: on standard output, and in no line of the log."""
    url = f"sqlite:///{tmp_path / 'new.sqlite3'}"
    database.upgrade(url)
    with serve(url, tmp_path, settings={"AUDITWEB_SECRET_KEY": "k" * 32, "AUDITWEB_WORKERS": "1"}) as server:
        with urlopen(f"{server.url}/") as response:
            assert response.url == f"{server.url}/setup"
        printed = server.output.read_text()

    code = first_start.code("k" * 32)
    assert f"with the one-time code {code}\n" in printed
    assert f"at http://localhost:{server.url.rpartition(':')[2]}/setup\n" in printed
    logged = [line for line in printed.splitlines() if line.startswith("{")]
    assert len(logged) >= 3
    assert all(json.loads(line) for line in logged)
    assert not [line for line in logged if code in line]


def test_nobody_is_kept_from_writing_while_a_question_stands(tmp_path: Path) -> None:
    """On SQLite an open transaction that may write holds the whole file."""
    environ = clean_environ() | {"AUDITWEB_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "auditweb.cli", *SETUP.split(), *NAMES]
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as asking:
        assert asking.stdout is not None
        assert asking.stdout.readline() == "Preparing the database\n"  # and then it waits for the password
        wait_for(lambda: database.is_current(f"sqlite:///{tmp_path / 'auditweb.sqlite3'}"))
        with closing(sqlite3.connect(tmp_path / "auditweb.sqlite3", timeout=20)) as other:
            for _ in range(10):
                other.execute("BEGIN IMMEDIATE")
                other.rollback()
                time.sleep(0.1)
        asking.communicate(PASSWORD, timeout=60)
    assert asking.returncode == 0
