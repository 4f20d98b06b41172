"""
The settings of the server, read from the environment once and checked before anything starts.

Each is a variable called `AUDITWEB_` and the field's name in capitals. A value that cannot be meant, and a variable
that nobody knows, stop the start with a sentence naming it: a misspelt setting must not be a silent one.
"""

import ipaddress
import os
import secrets
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from sqlalchemy.exc import ArgumentError

from auditweb import database, mail
from auditweb.places import Places

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE if (PACKAGE / "templates").is_dir() else PACKAGE.parent  # wheel : checkout

THREADS = 8  # of a worker: streams and long polls hold one each, never a whole worker

_PREFIX = "AUDITWEB_"
_FOR_TESTS = "AUDITWEB_TEST_"  # read by the tests, not by the server
_SECRET_LENGTH = 32
_SECRET = ("database_url", "secret_key", "smtp_url", "webhook_proxy")  # values that may hold a password or a key


class ConfigError(Exception):
    """A setting that cannot be meant; its text is one sentence naming the variable."""


class Settings(BaseModel):
    """How this server runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path
    database_url: str = Field(repr=False)
    secret_key: str = Field(repr=False, min_length=_SECRET_LENGTH)
    public_url: str | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    workers: Annotated[int, Field(ge=1, le=64)] = Field(default_factory=lambda: min(os.cpu_count() or 1, 4))
    proxy_hops: Annotated[int, Field(ge=0, le=10)] = 0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    smtp_url: str | None = Field(default=None, repr=False)
    mail_from: str | None = None
    places_file: Path | None = None
    api_requests_a_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 6000
    webhook_networks: str = ""
    webhook_proxy: str = Field(default="", repr=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """
        Read the settings out of *environ*; raises ConfigError.

        Makes the data folder, and the secret key in it, where they are missing. An empty value counts as not given.
        """
        given = {
            name.removeprefix(_PREFIX).lower(): value.strip()
            for name, value in environ.items()
            if name.startswith(_PREFIX) and not name.startswith(_FOR_TESTS) and value.strip()
        }
        for field in given:
            if field not in cls.model_fields:
                known = ", ".join(sorted(_variable(field) for field in cls.model_fields))
                raise ConfigError(f"{_variable(field)} is not a setting of auditweb; these are: {known}.")
        data_dir = _made_folder(Path(given.pop("data_dir", "") or _default_data_dir()))
        given.setdefault("database_url", f"sqlite:///{data_dir / 'auditweb.sqlite3'}")
        if "secret_key" not in given:
            given["secret_key"] = _kept_secret_key(data_dir)
        try:
            return cls(data_dir=data_dir, **given)  # type: ignore[arg-type]
        except ValidationError as error:
            raise ConfigError(_sentence(error.errors()[0])) from None

    @property
    def secure(self) -> bool:
        """Tell whether people reach this server by https."""
        return self.public_url is not None and self.public_url.startswith("https:")

    @property
    def public_host(self) -> str | None:
        """Return host and port of the public address as browsers send them, or None without one."""
        return urlsplit(self.public_url).netloc if self.public_url else None

    @property
    def loopback(self) -> bool:
        """Tell whether the server listens to this machine alone."""
        return is_loopback(self.host)

    @property
    def public_on_loopback(self) -> bool:
        """Tell whether the public address, if there is one, is this machine's alone."""
        return self.public_url is None or is_loopback(urlsplit(self.public_url).hostname or "")

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, value: str) -> str:
        try:
            url = database.normalise_url(value)
        except ArgumentError:
            raise ValueError("is not the address of a database") from None
        except ValueError as error:
            raise ValueError(f"cannot be meant: {error}") from None
        if not url.database:
            raise ValueError("names no database: write postgresql://user:password@host/database")
        return value

    @field_validator("public_url")
    @classmethod
    def _is_an_address_of_a_site(cls, value: str | None) -> str | None:
        if value is None:
            return None
        wrong = ValueError("must be the address people type, such as https://audit.example.org, without a path")
        try:
            parts = urlsplit(value)
            host, _port = parts.hostname, parts.port
        except ValueError:
            raise wrong from None
        extra = parts.username or parts.password or parts.query or parts.fragment or parts.path not in ("", "/")
        if parts.scheme not in ("http", "https") or not host or extra or not value.isprintable() or " " in value:
            raise wrong
        if parts.scheme == "http" and not is_loopback(host):
            raise ValueError("must start with https:// (plain http is for this machine alone)")
        return f"{parts.scheme}://{parts.netloc.lower()}"

    @field_validator("smtp_url")
    @classmethod
    def _is_a_mail_server(cls, value: str | None) -> str | None:
        if value is not None:
            mail.Server.parse(value)
        return value

    @field_validator("mail_from")
    @classmethod
    def _is_a_sender(cls, value: str | None) -> str | None:
        if value is not None and not mail.is_address(value):
            raise ValueError("must be an e-mail address, such as auditweb@example.org")
        return value

    @field_validator("webhook_networks")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        try:
            return " ".join(str(ipaddress.ip_network(each)) for each in value.replace(",", " ").split())
        except ValueError:
            raise ValueError("must be networks such as 10.20.0.0/16, with blanks between") from None

    @field_validator("webhook_proxy")
    @classmethod
    def _is_a_proxy(cls, value: str) -> str:
        wrong = ValueError("must be the address of a proxy, such as http://proxy.example.org:3128")
        try:
            parts = urlsplit(value)
            known = not value or (parts.scheme == "http" and parts.hostname and parts.port)
        except ValueError:
            raise wrong from None
        if not known or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise wrong
        return value

    @field_validator("places_file")
    @classmethod
    def _is_a_file_of_places(cls, value: Path | None) -> Path | None:
        if value is not None:
            Places.open(value)
        return value

    @field_validator("host")
    @classmethod
    def _is_an_address_of_this_machine(cls, value: str) -> str:
        if value == "localhost":
            return value
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            raise ValueError("must be localhost or an IP address of this machine, such as 127.0.0.1") from None

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if (self.smtp_url is None) != (self.mail_from is None):
            raise ValueError(
                "AUDITWEB_SMTP_URL and AUDITWEB_MAIL_FROM go together: a server for mail, and the address it is from"
            )
        if self.loopback:
            return self
        if self.public_url is None:
            raise ValueError(
                "AUDITWEB_PUBLIC_URL must be set, to the address people type, "
                f"because AUDITWEB_HOST is {self.host}, which is not this machine alone"
            )
        if not (self.secure and self.proxy_hops):
            raise ValueError(
                f"AUDITWEB_HOST is {self.host}, which is open to other machines, and auditweb speaks plain http: put a "
                "proxy with TLS in front, name its https address in AUDITWEB_PUBLIC_URL, and set AUDITWEB_PROXY_HOPS=1"
            )
        return self


def is_loopback(host: str) -> bool:
    """Tell whether *host* can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _default_data_dir() -> Path:
    """Return `instance` in a checkout, the user's own data folder otherwise."""
    if ROOT != PACKAGE:
        return ROOT / "instance"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "auditweb"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "auditweb"


def _made_folder(folder: Path) -> Path:
    folder = folder.expanduser().absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"AUDITWEB_DATA_DIR: the folder {folder} cannot be made ({error.strerror}).") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"AUDITWEB_DATA_DIR: the folder {folder} cannot be written to.")
    return folder


def _kept_secret_key(data_dir: Path) -> str:
    """Return the secret key kept in *data_dir*, made at the first start, for its owner's eyes only."""
    path = data_dir / "secret-key"
    fresh = data_dir / f".secret-key-{os.getpid()}"
    try:
        if not path.exists():
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
            try:
                os.link(fresh, path)  # of two first starts at once, one wins and both read its key
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"AUDITWEB_SECRET_KEY: {path} can be read by others. Run: chmod 600 {path}")
        key = path.read_text().strip()
    except OSError as error:
        raise ConfigError(f"AUDITWEB_SECRET_KEY: {path} cannot be read or made ({error.strerror}).") from None
    if len(key) < _SECRET_LENGTH:
        raise ConfigError(f"AUDITWEB_SECRET_KEY: {path} is damaged. Delete it to get a new one; all will sign in anew.")
    return key


def _variable(field: str) -> str:
    return _PREFIX + field.upper()


def _sentence(error: ErrorDetails) -> str:
    """Say what is wrong with which variable. Values that may hold a password or a key are not repeated."""
    if not error["loc"]:
        return f"{error['ctx']['error']}."
    field = str(error["loc"][0])
    reasons: dict[str, str] = {
        "int_parsing": "must be a whole number",
        "greater_than_equal": "must be at least {ge}",
        "less_than_equal": "must be at most {le}",
        "literal_error": "must be one of {expected}",
        "string_too_short": "is too short: it needs at least {min_length} characters",
    }
    context: dict[str, Any] = error.get("ctx", {})
    reason = str(context["error"]) if "error" in context else reasons[error["type"]].format(**context)
    value = "" if field in _SECRET else f" (it is {error['input']!r})"
    return f"{_variable(field)} {reason}{value}."
