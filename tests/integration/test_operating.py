"""docs/operate.md is followed, command by command: what it says is what happens."""

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
import trustme
from sqlalchemy.orm import Session

from auditweb.accounts.callers import Scope
from auditweb.app import create_app
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.models import Event, Organisation
from tests.callers import ORDER, new_key
from tests.databases import own_postgresql
from tests.ledgers import operator_engine, wait_for
from tests.machines import Machine, blocks, machine
from tests.readers import PASSWORD, Place, add_organisation, add_person, join
from tests.servers import free_port

HOST = "audit.example.org"
BACKUP = "auditweb-20261123T031000Z"
SETTINGS = "/etc/auditweb/auditweb.env"
UNITS = "/etc/systemd/system"
INSTALLING = ("python3 -m venv", "/bin/pip install")
FORGED = "203.0.113.7"
NGINX_KEEPS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Visitor:
    """A browser at the server on *port* that says what a proxy would, or by *tls* at the proxy there."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._port, self._tls, self._cookie = port, tls, ""

    def sign_in(self) -> None:
        self._cookie = ""
        form = self._open("/sign-in")
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
        assert token
        fields = {"csrf_token": token[1], "email": "ada@northgate.example", "password": PASSWORD}
        self._open("/sign-in", urlencode(fields), status=303)

    def log(self) -> str:
        return self._open("/o/northgate/settings/audit-log")

    def _open(self, address: str, form: str | None = None, *, status: int = 200) -> str:
        headers = {"Host": HOST, "Cookie": self._cookie, "Referer": f"https://{HOST}/sign-in"}
        headers |= {"X-Forwarded-For": FORGED, "X-Forwarded-Proto": "https", "X-Forwarded-Host": HOST}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if self._tls is None:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        else:
            headers |= {"X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example"}
            connection = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=30, context=self._tls)
        with closing(connection):
            connection.request("GET" if form is None else "POST", address, form, headers)
            answer = connection.getresponse()
            page = answer.read().decode()
        assert answer.status == status, page
        self._cookie = (answer.headers["Set-Cookie"] or self._cookie).partition(";")[0]
        return page


@pytest.fixture
def sockets() -> Iterator[Path]:
    """The folder of a PostgreSQL server of the test's own."""
    with own_postgresql() as folder:
        yield folder


def test_sqlite_from_the_first_day_on(tmp_path: Path) -> None:
    with machine(tmp_path) as here:
        visitor, url = move_in(here), f"sqlite:///{here.place('/var/lib/auditweb')}/auditweb.sqlite3"
        back_up(here)
        visitor.sign_in()
        assert count(url) == 2

        assert "counts and search index agree with" in here.follow("drill sqlite")
        assert count(url) == 2
        assert "counts and search index agree with" in here.follow("restore sqlite")
        assert count(url) == 1
        visitor.sign_in()
        assert "up to date already" in here.follow("upgrading", without=INSTALLING)
        assert "Signed in" in visitor.log()
        assert len(list(here.place("/var/backups/auditweb").iterdir())) == 2


def test_moving_to_postgresql_and_living_there(tmp_path: Path, sockets: Path) -> None:
    with machine(tmp_path, sockets) as here:
        visitor, url = move_in(here), f"postgresql://postgres@/auditweb?host={sockets}"
        here.follow("postgresql")
        assert "each table of the copy has as many as here" in here.follow("move")
        here.append(SETTINGS)
        here.put("/etc/auditweb/owner.env", mode=0o600)
        assert "Database: its settings are safe." in here.follow("moved")
        assert "Signed in" in visitor.log()  # in the session from before
        with pytest.raises(AssertionError, match="permission denied for table event"):
            here.run("runuser -u auditweb -- psql --command='DELETE FROM event' auditweb")

        back_up(here)
        visitor.sign_in()
        assert "counts and search index agree with" in here.follow("drill postgresql")
        assert count(url) == 2
        assert "counts and search index agree with" in here.follow("restore postgresql")
        assert count(url) == 1
        visitor.sign_in()
        assert "Signed in" in visitor.log()


def test_postgresql_from_the_first_day_on(tmp_path: Path, sockets: Path) -> None:
    with machine(tmp_path, sockets) as here:
        install(here)
        here.follow("postgresql")
        here.follow("partitions")
        here.append(SETTINGS)
        here.put("/etc/auditweb/owner.env", mode=0o600)
        assert "Database: its settings are safe." in here.follow("grants")


def test_nginx_in_front(tmp_path: Path) -> None:
    """
    Signed in through TLS; what clients say in the headers of a proxy counts for nothing.

    Lines of more than the API takes in one body are in the log as they come, before their end.
    """
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    authority, port = trustme.CA(), free_port()
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    with machine(tmp_path) as here:
        move_in(here)
        url = f"sqlite:///{here.place('/var/lib/auditweb')}/auditweb.sqlite3"
        configuration = configure_nginx(here, authority, port)
        with subprocess.Popen([nginx, "-c", configuration, "-p", tmp_path]) as proxy:
            try:
                wait_for(lambda: answers(port))
                visitor = Visitor(port, tls)
                visitor.sign_in()
                assert "Signed in" in visitor.log()
                assert send_lines(port, tls, make_key(here), url) == (200, 501)
            finally:
                proxy.terminate()
    with operator_engine(url) as engine, Session(engine) as session:
        assert set(session.scalars(sa.select(Event.ip))) == {FORGED, "127.0.0.1"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    with machine(tmp_path) as here:
        install(here)
        units = [name.removeprefix("file: ") for name in blocks() if f"file: {UNITS}" in name]
        for unit in units:
            here.put(unit)
        command = ["systemd-analyze", "verify", *(str(here.place(unit)) for unit in units)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert len(units) == 5


@pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not installed")
def test_caddy_understands_its_file(tmp_path: Path) -> None:
    with machine(tmp_path) as here:
        here.put("/etc/caddy/Caddyfile")
        assert "reverse_proxy" in here.run("caddy adapt --validate --config /etc/caddy/Caddyfile --adapter caddyfile")


def move_in(here: Machine) -> Visitor:
    """Install auditweb, start it, and sign somebody in."""
    port = install(here)
    here.follow("upgrade")
    app = create_app(settings_of(here))
    join(app, add_organisation(app, "northgate", "Northgate Imports"), add_person(app, "Ada Okafor"), "owner")
    with app.app_context():
        db.engine.dispose()
    here.put(f"{UNITS}/auditweb.service")
    here.follow("service")
    visitor = Visitor(port)
    visitor.sign_in()
    return visitor


def settings_of(here: Machine) -> Settings:
    data = here.place("/var/lib/auditweb")
    return Settings(data_dir=data, database_url=f"sqlite:///{data}/auditweb.sqlite3", secret_key="s" * 32)


def install(here: Machine) -> int:
    """Install auditweb, which test_wheel.py does from a wheel, and return the port that it will listen on."""
    port = free_port()
    here.follow("install", without=INSTALLING)
    here.put(SETTINGS, mode=0o600, more=f"AUDITWEB_PORT={port}\nAUDITWEB_WORKERS=1\n")
    here.put("/usr/local/sbin/auditweb", mode=0o755)
    return port


def back_up(here: Machine) -> None:
    """Do what is done every night, and give the backup the name that the guide's has."""
    for kind in ("service", "timer"):
        here.put(f"{UNITS}/auditweb-backup.{kind}")
    here.follow("backup timer")
    (backup,) = here.place("/var/backups/auditweb").glob("auditweb-*")
    assert re.fullmatch(r"auditweb-\d{8}T\d{6}Z", backup.name)
    backup.rename(backup.with_name(BACKUP))


def make_key(here: Machine) -> str:
    """Return a key that writes to the log."""
    app = create_app(settings_of(here))
    with app.app_context():
        place = Place(db.session.scalars(sa.select(Organisation.id)).one(), "northgate", "Northgate Imports", "UTC")
    key = new_key(app, place, add_person(app, "Hana Sato"), scopes=[Scope.WRITE])
    with app.app_context():
        db.engine.dispose()
    return key


def send_lines(port: int, tls: ssl.SSLContext, key: str, url: str) -> tuple[int, int]:
    """Send 5 MB of lines, see the first in the log, and end them; return the status and how many results there are."""
    line = json.dumps(ORDER).encode() + b" " * 10_000 + b"\n"
    headers = {"Host": HOST, "Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"}
    with closing(http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=tls)) as connection:
        before = count(url)

        def lines() -> Iterator[bytes]:
            yield line * 500
            wait_for(lambda: count(url) > before, seconds=20)
            yield line

        connection.request("POST", "/api/v1/events", lines(), headers, encode_chunked=True)
        answer = connection.getresponse()
        return answer.status, len(answer.read().splitlines())


def configure_nginx(here: Machine, authority: trustme.CA, port: int) -> Path:
    """Give nginx the guide's site, on this *port* of this machine, and a certificate; return its configuration."""
    site, own = here.place("/etc/nginx/conf.d/auditweb.conf"), here.place("/etc/ssl/auditweb")
    here.put("/etc/nginx/conf.d/auditweb.conf")
    told = re.search(r"^AUDITWEB_PORT=(\d+)$", here.place(SETTINGS).read_text(), re.MULTILINE)
    assert told
    text = re.sub(r".*listen \[::\].*\n", "", site.read_text())
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}").replace(
        "listen 80", f"listen 127.0.0.1:{free_port()}"
    )
    site.write_text(text.replace("127.0.0.1:8000", f"127.0.0.1:{told[1]}"))
    certificate = authority.issue_cert(HOST, "127.0.0.1")
    own.mkdir(parents=True)
    certificate.private_key_pem.write_to_path(own / "privkey.pem")
    for part in certificate.cert_chain_pems:
        part.write_to_path(own / "fullchain.pem", append=True)
    here.place("/var/log/nginx").mkdir(parents=True)
    whole = site.with_name("nginx.conf")
    kept = "".join(f"{kind}_temp_path {here.place('/var/tmp')}/{kind};\n" for kind in NGINX_KEEPS)
    whole.write_text(
        f"daemon off;\npid {here.place('/run')}/nginx.pid;\nerror_log stderr crit;\nevents {{}}\n"
        f"http {{\nproxy_max_temp_file_size 0;\n{kept}include {site};\n}}\n"
    )
    return whole


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def count(url: str) -> int:
    """Return how many entries there are."""
    with operator_engine(url) as engine, Session(engine) as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Event)) or 0
