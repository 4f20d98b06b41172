"""The command line: `auditweb setup`, `serve`, `demo` and what operators need besides."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
from click.core import ParameterSource

from auditweb import backups, clock, copying, database, demo
from auditweb.accounts.first_start import is_due
from auditweb.accounts.founding import RefusedError
from auditweb.app import create_app
from auditweb.cli import copies, exporting, ledger, purging, reviewing
from auditweb.cli.accounts import org, user
from auditweb.cli.checking import check_export as _check_export
from auditweb.cli.first_start import invitation, setup
from auditweb.cli.importing import import_entries
from auditweb.cli.opening import place_of as _place_of
from auditweb.cli.opening import read_settings as _settings
from auditweb.cli.opening import up_to_date as _current
from auditweb.cli.server import ListenError, check_port, run
from auditweb.config import ConfigError, Settings
from auditweb.exports.check import NotAnExportError
from auditweb.importing.mapping import MappingError
from auditweb.importing.reading import FileError
from auditweb.partitions import MOST as MOST_PARTITIONS
from auditweb.web.sign_in import offer

_ILL, _MENDABLE = 1, 2
_LOADED = (
    "The demo is here already, up to {until:%d %B %Y, %H:%M} UTC, and kept as it is: "
    "--entries and --until are for loading one. Delete it first to load another: {place}"
)


def main() -> None:
    """Run the command line. What its caller can mend is said in one sentence, with exit code 2, and no traceback."""
    try:
        commands(prog_name="auditweb")
    except database.UnusableError as error:
        click.echo(f"auditweb: AUDITWEB_DATABASE_URL: {error}", err=True)
        sys.exit(_MENDABLE)
    except (
        ConfigError,
        ListenError,
        RefusedError,
        demo.DemoError,
        backups.BackupError,
        copying.CopyError,
        MappingError,
        FileError,
        NotAnExportError,
    ) as error:
        click.echo(f"auditweb: {error}", err=True)
        sys.exit(_MENDABLE)


def _listening(command: Callable[..., None]) -> Callable[..., None]:
    """Give *command* the options that say where to listen."""
    command = click.option("--port", type=int, help="Port to listen on, instead of AUDITWEB_PORT (8000).")(command)
    return click.option("--host", help="Address to listen on, instead of AUDITWEB_HOST (127.0.0.1).")(command)


@click.group()
@click.version_option(package_name="auditweb")
def commands() -> None:
    """The audit log of an organisation. Settings are read from the environment; docs/running.md lists them."""


for _command in (setup, user, org, import_entries):
    commands.add_command(_command)


@commands.command()
@_listening
def serve(host: str | None, port: int | None) -> None:
    """Serve the dashboard."""
    settings = _settings(host, port)
    check_port(settings)
    app = create_app(_current(settings))
    with app.app_context():
        if demo.find_mark() is not None:
            offer(app, demo.SIGN_INS, demo.PASSWORD)
        first = is_due()
    run(app, settings, when_ready=lambda: click.echo(invitation(settings)) if first else None)


@commands.command(name="demo")
@_listening
@click.option("--entries", type=int, default=demo.DEFAULT_ENTRIES, show_default=True, help="About how many to load.")
@click.option("--until", metavar="MOMENT", help="Its last moment, such as 2026-11-23T20:00 (UTC), instead of now.")
def show_demo(host: str | None, port: int | None, entries: int, until: str | None) -> None:
    """Load two organisations with two years of entries, and serve them to this machine alone."""
    settings = _settings(host, port, for_demo=True)
    demo.keep_to_this_machine(settings)
    check_port(settings)
    end = _moment(until) or clock.now()
    demo.check(end, entries)
    if not database.is_current(settings.database_url):
        click.echo("Preparing the database")
        database.upgrade(settings.database_url)
    app = create_app(settings)
    with app.app_context():
        mark = demo.find_mark()
        if mark is None or mark.finished_at is None:
            _load(entries, end)
        elif _is_given("entries", "until"):
            click.echo(_LOADED.format(until=mark.until, place=_place_of(settings)))
    offer(app, demo.SIGN_INS, demo.PASSWORD)
    run(app, settings, when_ready=lambda: click.echo(_welcome(settings)))


@commands.command()
@click.option(
    "--partitions",
    type=click.IntRange(2, MOST_PARTITIONS),
    help="Make a new PostgreSQL database whose tables are cut by organisation into so many.",
)
def upgrade(partitions: int | None) -> None:
    """Bring the database up to date with this version, which `serve` asks for when it is needed."""
    settings = _settings()
    if partitions:
        database.upgrade(settings.database_url, partitions=partitions)
        click.echo(f"The database is ready, its tables cut into {partitions} partitions each.")
    elif database.is_current(settings.database_url):
        click.echo("The database was up to date already.")
    else:
        database.upgrade(settings.database_url)
        click.echo("The database is up to date now.")


@commands.command()
@click.argument("role")
@click.option("--schema", default="public", show_default=True, help="Where the tables are.")
def grants(role: str, schema: str) -> None:
    """Print what the owner of PostgreSQL's tables executes, for the server to run as ROLE: to read and add entries."""
    click.echo(database.grants_script(role, schema=schema))


@commands.command()
@click.option(
    "--watch",
    is_flag=True,
    help="Go on with what is recorded from now on, review it and prepare exports, until stopped.",
)
def seal(watch: bool) -> None:
    """Give the entries that wait their place in the order, count and index them. `serve` does so by itself."""
    if not ledger.seal(_current(_settings()), forever=watch):
        sys.exit(_ILL)


@commands.command()
@click.option("--again", is_flag=True, help="Read every log from its beginning. What was decided about findings stays.")
def review(again: bool) -> None:
    """Look for what is unusual in entries that are sealed. `serve` does so by itself."""
    reviewing.review(_current(_settings()), again=again)


@commands.command(name=exporting.NAME, hidden=True)
def prepare_exports() -> None:
    """Prepare the exports that wait. `serve` starts it by itself."""
    exporting.prepare(_current(_settings()))


@commands.command()
@click.option("--repair", is_flag=True, help="Make counts and search index anew where they disagree.")
def doctor(repair: bool) -> None:
    """Say whether counts, search index and entries agree, and the database is safe. Exit code 1 if not."""
    if not ledger.examine(_current(_settings()), repair=repair):
        sys.exit(_ILL)


@commands.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def purge(dry_run: bool) -> None:
    """Do what is due today: remove entries past their time, delete organisations whose owners asked for it."""
    if not purging.purge(_current(_settings()), dry_run=dry_run):
        sys.exit(_ILL)


@commands.command()
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Write a backup of the whole database to the new FILE, while the server goes on."""
    copies.back_up(_settings(), file)


@commands.command()
@click.argument("target")
def copy(target: str) -> None:
    """Copy everything from SQLite to TARGET, the address of a PostgreSQL database without any data."""
    if not copies.copy(_current(_settings()), target):
        sys.exit(_ILL)


@commands.command(name="check-export")
@click.argument("file", type=click.Path(path_type=Path))
def check_export(file: Path) -> None:
    """
    Say whether the exported FILE is whole, and what its manifest says. Exit code 1 if not, 2 if it is no export.

    This cannot find out who changes the entries and writes a new manifest for them. The entry that tells of a prepared
    export, or of a bare file, has its SHA-256: compare it with what is printed here.
    """
    if not _check_export(file):
        sys.exit(_ILL)


def _is_given(*options: str) -> bool:
    """Tell whether any of these options stood on the command line."""
    context = click.get_current_context()
    return any(context.get_parameter_source(option) is ParameterSource.COMMANDLINE for option in options)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError("--until must be a date and time, such as 2026-11-23T20:00.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _load(entries: int, until: datetime) -> None:
    """Load the demo, or go on where an earlier start was interrupted, showing how far it is."""
    label = "Loading the demo: two organisations, two years"
    with click.progressbar(length=entries, label=label, update_min_steps=100) as bar:

        def show(done: int, about: int) -> None:
            bar.length = about
            bar.update(done - bar.pos)

        demo.load(until=until, entries=entries, progress=show)


def _welcome(settings: Settings) -> str:
    people = "\n".join(f"  {email:<26}{role}" for email, role in demo.SIGN_INS)
    return (
        f"\nThe dashboard is at http://localhost:{settings.port}\n\n"
        f"Sign in with the password {demo.PASSWORD} as one of\n{people}\n\n"
        "Ctrl+C stops it; the data is kept for the next time.\n"
    )
