"""`auditweb` as it is called: what it says, and how it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from flask import Flask

from auditweb.demo.loading import LEAST_ENTRIES
from auditweb.extensions import db
from auditweb.models import DemoMark
from tests.databases import Database
from tests.integration.conftest import Called
from tests.readers import add_organisation
from tests.servers import LiveServer, free_port, serve


def says(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one sentence that a command refused with."""
    assert done.returncode == 2, done
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("auditweb: ")
    return line.removeprefix("auditweb: ")


@pytest.mark.parametrize("command", ["serve", "demo", "upgrade"])
def test_bad_setting_stops_with_a_sentence(auditweb: Called, command: str) -> None:
    assert says(auditweb(command, port="eighty")) == "AUDITWEB_PORT must be a whole number (it is 'eighty')."


def test_unknown_setting_stops_with_a_sentence(auditweb: Called) -> None:
    assert says(auditweb("serve", pubic_url="https://x.example")).startswith("AUDITWEB_PUBIC_URL is not a setting")


def test_database_must_be_up_to_date(auditweb: Called, tmp_path: Path) -> None:
    """Before `upgrade`, `serve` says so and makes no empty file; after it nothing is left to do."""
    assert says(auditweb("serve", port=str(free_port()))).endswith("Run: auditweb upgrade")
    assert not (tmp_path / "data" / "auditweb.sqlite3").exists()

    first, second = auditweb("upgrade"), auditweb("upgrade")

    assert (first.returncode, first.stdout) == (0, "The database is up to date now.\n")
    assert (second.returncode, second.stdout) == (0, "The database was up to date already.\n")


def test_database_that_does_not_answer(auditweb: Called) -> None:
    sentence = says(auditweb("upgrade", database_url=f"postgresql://me:hunter2@127.0.0.1:{free_port()}/log"))

    assert sentence.startswith("AUDITWEB_DATABASE_URL: The database postgresql+psycopg://me:***@127.0.0.1")
    assert "cannot be used" in sentence
    assert "hunter2" not in sentence


@pytest.mark.parametrize("command", ["serve", "upgrade"])
def test_folder_that_is_not_there(auditweb: Called, tmp_path: Path, command: str) -> None:
    url = f"sqlite:///{tmp_path}/nowhere/log.sqlite3"

    sentence = says(auditweb(command, port=str(free_port()), database_url=url))

    assert sentence.startswith("AUDITWEB_DATABASE_URL: ")
    assert sentence.endswith("there is no such folder.")


def test_file_that_is_no_database(auditweb: Called, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database " * 100)

    assert "file is not a database" in says(auditweb("upgrade", database_url=f"sqlite:///{tmp_path}/notes.txt"))


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_port_in_use(auditweb: Called, tmp_path: Path, command: str) -> None:
    """It says so before anything is made."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        sentence = says(auditweb(command, "--port", str(port)))

    assert sentence.startswith(f"Port {port} is in use by another program")
    assert not list((tmp_path / "data").glob("*.sqlite3"))


def test_address_of_another_machine(auditweb: Called) -> None:
    sentence = says(auditweb("serve", "--port", str(free_port()), "--host", "127.0.0.1", host="192.0.2.1"))
    assert sentence.endswith("Run: auditweb upgrade")  # the option stands above the variable

    settings = {"public_url": "https://audit.example.org", "proxy_hops": "1"}
    sentence = says(auditweb("serve", "--port", str(free_port()), host="192.0.2.1", **settings))
    assert sentence.startswith("AUDITWEB_HOST: nothing can listen on 192.0.2.1 here")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_plain_http_is_for_this_machine_alone(auditweb: Called, host: str) -> None:
    assert "AUDITWEB_PUBLIC_URL must be set" in says(auditweb("serve", host=host))
    assert "put a proxy with TLS in front" in says(auditweb("serve", host=host, public_url="https://audit.example.org"))


@pytest.mark.parametrize(
    ("command", "given", "variable"),
    [
        ("demo", {"public_url": "https://audit.example.org"}, "AUDITWEB_PUBLIC_URL"),
        ("serve", {"public_url": "https://audit.example.org"}, "AUDITWEB_PUBLIC_URL"),
        ("serve", {"host": "0.0.0.0", "public_url": "https://audit.example.org", "proxy_hops": "1"}, "AUDITWEB_HOST"),
    ],
)
def test_demo_is_for_this_machine_alone(
    auditweb: Called, app: Flask, database_url: str, command: str, given: dict[str, str], variable: str
) -> None:
    """Not even a proxy in front opens it: everyone knows its password."""
    with app.app_context():
        now = datetime.now(UTC)
        db.session.add(DemoMark(until=now, entries=1000, loaded=1000, finished_at=now))
        db.session.commit()

    sentence = says(auditweb(command, "--port", str(free_port()), database_url=database_url, **given))

    assert sentence.startswith(variable)
    assert "everyone knows its password" in sentence


def test_demo_is_not_loaded_over_real_data(auditweb: Called, app: Flask, owner_url: str) -> None:
    add_organisation(app, "real", "Real Imports")

    done = auditweb("demo", "--port", str(free_port()), database_url=owner_url)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "holds an organisation already" in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--until", "tomorrow", "--until must be"),
        ("--until", "2100-01-01", "and now"),
        ("--entries", "3", f"{LEAST_ENTRIES:,}"),
    ],
)
def test_demo_that_cannot_be_told(auditweb: Called, tmp_path: Path, option: str, value: str, reason: str) -> None:
    """It says so before anything is made."""
    done = auditweb("demo", "--port", str(free_port()), option, value)

    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not list(tmp_path.rglob("*.sqlite3"))


def test_grants_are_a_script_for_psql(auditweb: Called) -> None:
    done = auditweb("grants", 'odd"role', "--schema", "log")

    lines = done.stdout.splitlines()
    assert (done.returncode, lines[0], lines[-1]) == (0, "BEGIN;", "COMMIT;")
    assert 'GRANT INSERT ON "log".event, "log".leaf TO "odd""role";' in lines
    assert all(line.endswith(";") for line in lines)


@pytest.mark.parametrize("command", ["--help", "serve --help", "demo --help", "--version"])
def test_command_explains_itself(auditweb: Called, command: str) -> None:
    done = auditweb(*command.split())

    assert done.returncode == 0
    assert "auditweb" in done.stdout


@pytest.mark.usefixtures("organisation")
def test_server_answers_and_logs(live_server: LiveServer) -> None:
    with urlopen(f"{live_server.url}/sign-in") as response:
        assert response.status == 200
        request_id = response.headers["X-Request-ID"]

    logged = [json.loads(line) for line in live_server.output.read_text().splitlines()]
    assert logged[0]["event"] == "serving"
    assert [line["status"] for line in logged if line.get("request_id") == request_id] == [200]


def test_forged_proxy_headers_count_for_nothing(live_server: LiveServer) -> None:
    """Not even those that gunicorn itself would believe from this machine."""
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "on", "X-Forwarded-For": "192.0.2.7"}
    with urlopen(f"{live_server.url}/sign-in") as response:
        cookie, body = response.headers["Set-Cookie"].partition(";")[0], response.read().decode()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', body)
    assert token

    form = f"csrf_token={token[1]}&email=nobody@northgate.example&password=wrong-password".encode()
    refused = Request(f"{live_server.url}/sign-in", form, {"Cookie": cookie, **forged})

    # Taken for https, the form would be refused with 400 for its missing Referer.
    with pytest.raises(OSError, match=r"HTTP Error 401"):
        urlopen(refused)


@pytest.mark.usefixtures("organisation")
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_server_stops_cleanly(fresh: Database, tmp_path: Path, stop: signal.Signals) -> None:
    with serve(fresh.url, tmp_path, settings={"AUDITWEB_WORKERS": "1"}) as server:
        server.process.send_signal(stop)
        assert server.process.wait(15) == 0

        logged = server.output.read_text()
        assert "Traceback" not in logged
        assert next(json.loads(line)["event"] for line in logged.splitlines()) == "serving"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=5)


def test_worker_leaves_ctrl_c_to_the_arbiter(fresh: Database, tmp_path: Path) -> None:
    """It reaches every process of the terminal; a worker that heeds it, and then the arbiter too, may lock up."""
    with serve(fresh.url, tmp_path, settings={"AUDITWEB_WORKERS": "1"}) as server:
        (worker,) = workers_of(server).read_text().split()
        os.kill(int(worker), signal.SIGINT)
        time.sleep(0.5)

        with urlopen(f"{server.url}/healthz", timeout=30) as response:
            assert response.status == 200
        assert workers_of(server).read_text().split() == [worker]


def test_workers_that_die_are_replaced(live_server: LiveServer) -> None:
    children = workers_of(live_server)
    killed = set(children.read_text().split())
    assert killed
    for worker in killed:
        os.kill(int(worker), signal.SIGKILL)

    deadline = time.monotonic() + 30
    while killed & set(children.read_text().split()) and time.monotonic() < deadline:
        time.sleep(0.05)

    with urlopen(f"{live_server.url}/healthz", timeout=30) as response:
        assert response.status == 200
    assert killed.isdisjoint(children.read_text().split())


def workers_of(server: LiveServer) -> Path:
    """Return the file that tells the ids of the processes which a server started."""
    return Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
