"""Settings: what is read from the environment, and what is refused."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from auditweb.config import ConfigError, Settings

KEY = "k" * 32


@pytest.fixture
def settings_of(tmp_path: Path) -> Callable[..., Settings]:
    """Read settings given by their names without the prefix, in a data folder of the test's own."""

    def read(**given: str) -> Settings:
        environ = {"AUDITWEB_DATA_DIR": str(tmp_path / "data")}
        environ |= {f"AUDITWEB_{name.upper()}": value for name, value in given.items()}
        return Settings.from_environ({**environ, "PATH": "/usr/bin"})

    return read


def test_nothing_needs_to_be_set(settings_of: Callable[..., Settings], tmp_path: Path) -> None:
    settings = settings_of()

    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.database_url == f"sqlite:///{tmp_path}/data/auditweb.sqlite3"
    assert settings.public_url is None
    assert settings.proxy_hops == 0
    assert not settings.secure


def test_secret_key_is_made_once_for_its_owner_alone(settings_of: Callable[..., Settings], tmp_path: Path) -> None:
    first, second = settings_of(), settings_of()

    assert first.secret_key == second.secret_key
    assert len(first.secret_key) == 64
    assert stat.S_IMODE((tmp_path / "data" / "secret-key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret-key"]


def test_each_installation_has_a_key_of_its_own(tmp_path: Path) -> None:
    keys = {Settings.from_environ({"AUDITWEB_DATA_DIR": str(tmp_path / name)}).secret_key for name in "ab"}

    assert len(keys) == 2


def test_given_secret_key_is_used_and_not_kept(settings_of: Callable[..., Settings], tmp_path: Path) -> None:
    assert settings_of(secret_key=KEY).secret_key == KEY
    assert not (tmp_path / "data" / "secret-key").exists()


def test_secrets_stay_out_of_the_settings_own_text(settings_of: Callable[..., Settings]) -> None:
    settings = settings_of(secret_key=KEY, database_url="postgresql://me:hunter2@db/log")

    assert KEY not in repr(settings)
    assert "hunter2" not in repr(settings)


def test_empty_value_is_no_value(settings_of: Callable[..., Settings]) -> None:
    assert settings_of(port="", public_url=" ").port == 8000


def test_variables_of_the_tests_are_none_of_the_server(settings_of: Callable[..., Settings]) -> None:
    assert settings_of(test_pg_url="postgresql://db/x").port == 8000


@pytest.mark.parametrize(
    ("given", "name", "reason"),
    [
        ({"port": "eighty"}, "PORT", "whole number"),
        ({"port": "0"}, "PORT", "at least 1"),
        ({"port": "70000"}, "PORT", "at most 65535"),
        ({"workers": "0"}, "WORKERS", "at least 1"),
        ({"proxy_hops": "-1"}, "PROXY_HOPS", "at least 0"),
        ({"log_level": "loud"}, "LOG_LEVEL", "'debug', 'info', 'warning' or 'error'"),
        ({"host": "all"}, "HOST", "IP address"),
        ({"secret_key": "short"}, "SECRET_KEY", "at least 32"),
        ({"database_url": "mysql://db/log"}, "DATABASE_URL", "PostgreSQL"),
        ({"database_url": "nonsense"}, "DATABASE_URL", "not the address of a database"),
        ({"database_url": "sqlite://"}, "DATABASE_URL", "file"),
        ({"database_url": "sqlite:///:memory:"}, "DATABASE_URL", "file"),
        ({"database_url": "postgresql://db"}, "DATABASE_URL", "names no database"),
        ({"database_url": "postgresql://db:port/log"}, "DATABASE_URL", "cannot be meant"),
        ({"public_url": "audit.example.org"}, "PUBLIC_URL", "https://"),
        ({"public_url": "https://audit.example.org/log"}, "PUBLIC_URL", "without a path"),
        ({"public_url": "https://me:pw@audit.example.org"}, "PUBLIC_URL", "without a path"),
        ({"public_url": "https://audit.example.org:x"}, "PUBLIC_URL", "without a path"),
        ({"public_url": "https://"}, "PUBLIC_URL", "without a path"),
        ({"public_url": "http://audit.example.org"}, "PUBLIC_URL", "must start with https"),
        ({"host": "0.0.0.0"}, "PUBLIC_URL", "must be set"),
        ({"host": "::"}, "PUBLIC_URL", "must be set"),
        ({"host": "10.0.0.5", "public_url": "https://audit.example.org"}, "PROXY_HOPS", "TLS in front"),
        ({"host": "10.0.0.5", "public_url": "http://localhost", "proxy_hops": "1"}, "PUBLIC_URL", "TLS in front"),
        ({"places_file": "/nonexistent/places.mmdb"}, "PLACES_FILE", "cannot be read (No such file or directory)"),
        ({"places_file": "/dev/null"}, "PLACES_FILE", "is not a file of places"),
        ({"databse_url": "sqlite:///x"}, "DATABSE_URL", "not a setting"),
        ({"demo": "1"}, "DEMO", "not a setting"),
    ],
)
def test_value_that_cannot_be_meant_is_refused(
    settings_of: Callable[..., Settings], given: dict[str, str], name: str, reason: str
) -> None:
    """One sentence names the variable and the reason."""
    with pytest.raises(ConfigError) as caught:
        settings_of(**given)

    sentence = str(caught.value)
    assert f"AUDITWEB_{name}" in sentence
    assert reason in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize("given", [{"secret_key": "hunter2"}, {"database_url": "mysql://me:hunter2@db/log"}])
def test_refusal_repeats_no_secret(settings_of: Callable[..., Settings], given: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(**given)

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("given", "secure", "public_host"),
    [
        ({"public_url": "https://Audit.Example.org/"}, True, "audit.example.org"),
        ({"public_url": "https://audit.example.org:8443"}, True, "audit.example.org:8443"),
        ({"public_url": "http://localhost:8000"}, False, "localhost:8000"),
        ({"host": "0.0.0.0", "public_url": "https://audit.example.org", "proxy_hops": "1"}, True, "audit.example.org"),
        ({"host": "::1"}, False, None),
        ({"host": "localhost"}, False, None),
    ],
)
def test_addresses_that_hang_together(
    settings_of: Callable[..., Settings], given: dict[str, str], secure: bool, public_host: str | None
) -> None:
    settings = settings_of(**given)

    assert settings.secure is secure
    assert settings.public_host == public_host


def test_key_that_others_can_read_is_refused(settings_of: Callable[..., Settings], tmp_path: Path) -> None:
    settings_of()
    (tmp_path / "data" / "secret-key").chmod(0o644)

    with pytest.raises(ConfigError, match=r"AUDITWEB_SECRET_KEY: .* can be read by others"):
        settings_of()


def test_damaged_key_is_refused(settings_of: Callable[..., Settings], tmp_path: Path) -> None:
    settings_of()
    (tmp_path / "data" / "secret-key").write_text("")

    with pytest.raises(ConfigError, match=r"AUDITWEB_SECRET_KEY: .* is damaged"):
        settings_of()


def test_data_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match=r"AUDITWEB_DATA_DIR: the folder .* cannot be made"):
        Settings.from_environ({"AUDITWEB_DATA_DIR": str(tmp_path / "file" / "data")})
