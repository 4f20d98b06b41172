"""What applications import, and what that costs those who only want a part of it."""

import subprocess
import sys

import pytest

import auditweb

SERVER = {"alembic", "flask", "pydantic", "sqlalchemy", "structlog", "werkzeug"}


def test_every_public_name_is_there() -> None:
    assert set(auditweb._HOMES) == set(auditweb.__all__)
    assert set(auditweb.__all__) <= set(dir(auditweb))
    for name in auditweb.__all__:
        assert getattr(auditweb, name).__module__.startswith("auditweb.")
    with pytest.raises(AttributeError, match="no attribute 'recrod'"):
        auditweb.recrod  # noqa: B018


@pytest.mark.parametrize("module", ["auditweb", "auditweb.client"])
def test_nothing_of_the_server_is_loaded_before_it_is_used(module: str) -> None:
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()

    assert SERVER & set(loaded) == set()
