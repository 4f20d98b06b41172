"""The built wheel, installed where nothing else is."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from auditweb.config import ROOT
from auditweb.demo.loading import LEAST_ENTRIES
from tests.databases import Run
from tests.servers import clean_environ, free_port, running

ADDRESS = re.compile(r'(?:href|src)="(/static/[^"#]+)')


@pytest.fixture(scope="module")
def wheel() -> Path:
    """The wheel, built once for all workers of the run."""
    run = Run.current()

    def build() -> str:
        folder = run.folder / "wheel"
        call(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
        (built,) = folder.glob("auditweb-*.whl")
        return str(built)

    return Path(run.once("built-wheel", build))


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """The programs of an environment that has the wheel and what it depends on, and nothing else."""
    run = Run.current()

    def install() -> str:
        folder = run.folder / "environment"
        call(sys.executable, "-m", "venv", "--without-pip", folder)
        pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
        call(*pip, "install", "--no-compile", "--constraint", ROOT / "constraints.txt", wheel)
        return str(folder / "bin")

    return Path(run.once("installed-wheel", install))


def test_wheel_holds_all_that_is_served_and_nothing_else(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    served = {
        f"auditweb/{path.relative_to(ROOT)}"
        for folder in ("templates", "static")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }

    assert served <= held
    assert "auditweb/static/vendor/htmx.min.js" in held
    assert "auditweb/py.typed" in held
    assert "auditweb/migrations/env.py" in held
    assert {name.partition("/")[0] for name in held} == {"auditweb", "auditweb-0.1.0.dist-info"}


def test_installed_wheel_serves_the_demo(installed: Path, tmp_path: Path) -> None:
    """The dashboard and all it refers to are there, and the data is kept in the user's own folder."""
    environ = clean_environ() | {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    port = free_port()
    command = [str(installed / "auditweb"), "demo", "--port", str(port), "--entries", str(LEAST_ENTRIES)]
    with running(command, environ, tmp_path / "output", port, folder=tmp_path) as server:
        browser = build_opener(HTTPCookieProcessor())
        form = browser.open(f"{server.url}/sign-in").read().decode()
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
        assert token
        fields = {"csrf_token": token[1], "email": "maya@northgate.example", "password": "importops-demo"}
        page = browser.open(f"{server.url}/sign-in", urlencode(fields).encode()).read().decode()
        sizes = {address: len(browser.open(server.url + address).read()) for address in ADDRESS.findall(page)}

    assert "Northgate Imports" in page
    assert page.count('href="/o/northgate/settings/audit-log/entries/') >= 50
    assert any("vendor/htmx.min.js" in address for address in sizes)
    assert any(".css" in address for address in sizes)
    assert all(sizes.values())
    output = (tmp_path / "output").read_text()
    assert f"http://localhost:{port}" in output
    assert "maya@northgate.example" in output
    assert (tmp_path / "data" / "auditweb" / "demo.sqlite3").is_file()


@pytest.mark.parametrize(("variable", "home"), [("HOME", ".local/share/auditweb"), ("XDG_DATA_HOME", "auditweb")])
def test_installed_wheel_keeps_its_data_with_the_user(
    installed: Path, tmp_path: Path, variable: str, home: str
) -> None:
    code = "from auditweb.config import Settings; print(Settings.from_environ({}).data_dir)"
    command = [str(installed / "python"), "-I", "-c", code]
    told = subprocess.check_output(command, env={variable: str(tmp_path)}, text=True, cwd=tmp_path)

    assert Path(told.strip()) == tmp_path / home


def call(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
