"""
Browser tests show what a person meets, which is the same on both engines: they run on SQLite.

One server and one database, filled once, serve all the tests of a process: tests read, and leave things as they were.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from auditweb.app import create_app
from auditweb.config import Settings
from auditweb.extensions import db
from tests.browser.site import Site
from tests.browser.world import make_world
from tests.databases import Database, fresh_database
from tests.servers import serve


@pytest.fixture
def engine_name() -> str:
    return "sqlite"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The database that everyone looks at."""
    folder = tmp_path_factory.mktemp("world")
    with fresh_database("sqlite", folder) as made:
        app = create_app(Settings(data_dir=folder, database_url=made.url, secret_key="s" * 32))
        with app.app_context():
            make_world()
            db.engine.dispose()
        yield made


@pytest.fixture(scope="session")
def site(world: Database, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The served world, and the way in for each of its people."""
    folder: Path = tmp_path_factory.mktemp("served")
    with serve(
        world.url, folder, settings={"AUDITWEB_WORKERS": "1", "AUDITWEB_WEBHOOK_NETWORKS": "127.0.0.0/8"}
    ) as server:
        yield Site(server.url, browser, world.url)


@pytest.fixture
def new_context(site: Site, browser_context_args: dict[str, Any]) -> Iterator[Callable[..., BrowserContext]]:
    """Open a browser of one's own: `new_context("maya", color_scheme="dark")`, signed out without a name."""
    opened: list[BrowserContext] = []

    def open_one(who: str = "", **options: Any) -> BrowserContext:
        state = site.signed_in(who) if who else None
        context = site.browser.new_context(
            **{**browser_context_args, "base_url": site.url, "storage_state": state, **options}
        )
        context.set_default_timeout(8_000)
        opened.append(context)
        return context

    yield open_one
    for context in opened:
        context.close()


@pytest.fixture
def maya(new_context: Callable[..., BrowserContext]) -> Page:
    """The owner of Northgate Imports, at a desk."""
    return new_context("maya").new_page()
