"""
What all tests stand on: databases, the app on them, the app served by a real process, and Chromium.

`pytest --soak` makes the long rounds as long as they are meant to be; without it each is run a few times.
"""

import gc
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import hypothesis
import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.orm import Session
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from auditweb import catalogue
from auditweb.app import create_app
from auditweb.config import Settings
from auditweb.extensions import db
from auditweb.models import Event
from auditweb.parties import Actor, ActorType, Target
from auditweb.recorder import record
from auditweb.web import first_start
from tests.browsers import CHROMIUM_FLAGS, chromium
from tests.databases import MEMORY, Database, Run, fresh_database, is_roomy
from tests.ledgers import server_engine
from tests.servers import LiveServer, serve

hypothesis.settings.register_profile("few", max_examples=60, deadline=None, derandomize=True)
hypothesis.settings.register_profile("soak", max_examples=2000, deadline=None)
for _profile in ("few", "soak"):
    hypothesis.settings.register_profile(
        _profile,
        parent=hypothesis.settings.get_profile(_profile),
        suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
    )


# Python looks for garbage far more often than tests leave any, and each time through all there is: a quarter of a run.
gc.set_threshold(100_000, 20, 20)


def pytest_collection_finish() -> None:
    """Never look for garbage again in what is imported and collected by now."""
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long rounds at full length")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    hypothesis.settings.load_profile("soak" if config.getoption("--soak") else "few")
    if not hasattr(config, "workerinput"):  # the first process of the run, not one of its xdist workers
        config.add_cleanup(Run.begin().end)
        if config.option.basetemp is None and is_roomy(MEMORY):  # where nothing waits for a disk
            config.option.basetemp = tempfile.mkdtemp(prefix="auditweb-tmp-", dir=MEMORY)
            config.add_cleanup(partial(shutil.rmtree, config.option.basetemp, ignore_errors=True))
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a run that is cut short tidies up, too


@pytest.fixture
def rounds(pytestconfig: pytest.Config) -> Callable[[int, int], int]:
    """Choose how often to do what is long: `rounds(3, 200)` is 3, and 200 with --soak."""
    soaking = bool(pytestconfig.getoption("--soak"))
    return lambda few, full: full if soaking else few


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Run the test once on each engine."""
    return str(request.param)


@pytest.fixture
def fresh(engine_name: str, tmp_path: Path) -> Iterator[Database]:
    """A database of the test's own, migrated and empty."""
    with fresh_database(engine_name, tmp_path) as made:
        yield made


@pytest.fixture
def database_url(fresh: Database) -> str:
    """The address of the test's database, with the rights that the server has."""
    return fresh.url


@pytest.fixture
def owner_url(fresh: Database) -> str:
    """The address of the test's database for its owner, who migrates and purges."""
    return fresh.owner_url


@pytest.fixture(autouse=True)
def _own_catalogue() -> Iterator[None]:
    """Let a test add actions of a host without leaving them behind."""
    # Not by monkeypatch: asked for before the app is made, it would undo a test's own patches only after the app's end.
    with patch.object(catalogue, "_actions", dict(catalogue._actions)):
        yield


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The database as the server connects to it."""
    with server_engine(database_url) as made:
        yield made


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as made:
        yield made


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Plain settings on loopback."""
    return Settings(data_dir=tmp_path, database_url=database_url, secret_key="s" * 32)


class _CompiledOnce(Rule):
    """A rule whose builders, compiled for each app anew, would take two thirds of what a test's app costs."""

    _known: ClassVar[dict[tuple[str, bool], Any]] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Any:
        if self.defaults or self.subdomain or self.host:
            return super()._compile_builder(append_unknown)
        key = self.rule, append_unknown
        if key not in self._known:
            self._known[key] = super()._compile_builder(append_unknown)
        return self._known[key]


Flask.url_rule_class = _CompiledOnce


class _AlikeDialects:
    """What makes engines of one kind share the SQL that any of them compiled: each test has an engine of its own."""

    _compiled: ClassVar[LRUCache[Any, Any]] = LRUCache(5000)

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        engine._compiled_cache = cls._compiled

    def __eq__(self, other: object) -> bool:
        return self is other or (type(self) is type(other) and _traits(self) == _traits(other))

    def __hash__(self) -> int:
        return hash(type(self))


def _traits(dialect: Any) -> tuple[object, ...]:
    """Return what can differ between dialects of one kind here; the version is known once connected."""
    return dialect.server_version_info, dialect._json_serializer, dialect._json_deserializer, dialect.paramstyle


for _name in ("_compiled", "engine_created", "__eq__", "__hash__"):
    setattr(DefaultDialect, _name, vars(_AlikeDialects)[_name])


@pytest.fixture
def make_app() -> Iterator[Callable[[Settings], Flask]]:
    """Make an app for each settings given; errors inside it reach the test."""
    made: list[Flask] = []

    def make(settings: Settings) -> Flask:
        app = create_app(settings)
        app.config["TESTING"] = True
        app.extensions[first_start.IS_OVER] = True  # or whoever is signed out would be led there
        # Templates are compiled once a run.
        app.jinja_env.bytecode_cache = FileSystemBytecodeCache(str(Run.current().folder))
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def app(make_app: Callable[[Settings], Flask], settings: Settings) -> Flask:
    """The app on the test's database."""
    return make_app(settings)


@pytest.fixture
def app_context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def an_event(app: Flask) -> Callable[..., Event]:
    """
    Record and commit an event: `an_event("vehicle.deleted", actor="Hana Sato")`.

    What is not said is made up: the facts that its sentence needs, and what it was done to. Someone who is only named
    has their name as their id.
    """

    def make(
        action: str = "vehicle.updated",
        *,
        org_id: int = 1,
        actor: Actor | str = "Ada Okafor",
        facts: Mapping[str, str] | None = None,
        target: Target | None = None,
        **more: Any,
    ) -> Event:
        kind = catalogue.find(action)
        assert kind is not None, f"the catalogue has no {action}"
        if isinstance(actor, str):
            actor = Actor(ActorType.MEMBER, actor.lower().replace(" ", "-"), actor)
        if target is None and kind.takes_target:
            target = Target("thing", "thing-1", "2020 Honda Stepwgn Spada")
        facts = {name: f"some {name}" for name in kind.needed} | dict(facts or {})
        with app.app_context():
            event = record(kind, org_id=org_id, actor=actor, target=target, facts=facts, **more)
            db.session.commit()
        return event

    return make


@pytest.fixture
def live_server(database_url: str, tmp_path: Path) -> Iterator[LiveServer]:
    """The app on the test's database, served by `auditweb serve` on a free port of this machine."""
    with serve(database_url, tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Let Playwright drive the system's Chromium, which then talks to nobody but the test's server."""
    return {**browser_type_launch_args, "executable_path": chromium(), "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "locale": "en-GB", "viewport": {"width": 1280, "height": 900}}
