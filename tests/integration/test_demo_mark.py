"""A database with the demo in it is shown to this machine only, whichever server makes the app."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert

from auditweb import clock, database
from auditweb.config import ConfigError, Settings
from auditweb.models import DemoMark
from tests.databases import Database

PUBLIC: dict[str, Any] = {"public_url": "https://audit.example.org", "proxy_hops": 1}


@pytest.fixture
def settings(fresh: Database, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, database_url=fresh.url, secret_key="s" * 32)


@pytest.mark.parametrize("change", [PUBLIC, PUBLIC | {"host": "0.0.0.0"}])
def test_no_server_shows_the_demo_to_other_machines(
    fresh: Database, settings: Settings, make_app: Callable[[Settings], Flask], change: dict[str, Any]
) -> None:
    public = settings.model_copy(update=change)
    make_app(public)  # no demo in there yet
    owner = database.operator_engine(fresh.owner_url)
    with owner.begin() as connection:
        connection.execute(insert(DemoMark).values(until=clock.now(), entries=1, loaded=0))
    owner.dispose()

    with pytest.raises(ConfigError, match="everyone knows its password"):
        make_app(public)
    make_app(settings)
