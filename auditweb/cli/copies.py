"""`auditweb backup` and `auditweb copy`: the whole database, into a file or into another database."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from auditweb import backups, copying, database
from auditweb.cli import ledger
from auditweb.cli.stopping import stopping_between_steps
from auditweb.config import Settings
from auditweb.ledger.doctor import Doctor


def back_up(settings: Settings, path: Path) -> None:
    """Write a backup to the new file *path*, showing how far it is."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl+C: nothing half done is left
    with _bar("Backing up", has_eta=False) as show:
        size = backups.back_up(settings.database_url, path, show)
    click.echo(f"The backup {path} is whole: {size:,} bytes.")


def copy(settings: Settings, target: str) -> bool:
    """Copy everything into the PostgreSQL database *target*, and return whether its ledgers are sound."""
    copying.prepare(settings.database_url, target)
    if copying.is_served(settings.database_url):
        click.echo(
            "A server is at work on this database: what is recorded from now on will not be in the copy. "
            "For the real move stop it first.",
            err=True,
        )
    with _bar("Copying") as show, stopping_between_steps() as stop_here:

        def step(done: int, of: int, table: str) -> None:
            stop_here()
            show(done, of, table)

        rows = copying.copy(settings.database_url, target, step)
    click.echo(f"Copied {rows:,} rows; each table of the copy has as many as here.")
    with database.patient_engine(target) as engine:
        doctor = Doctor(engine)
        problems = [ledger.examine_one(doctor, org_id) for org_id in doctor.organisations()]
    return not any(problems)


@contextmanager
def _bar(label: str, *, has_eta: bool = True) -> Iterator[Callable[[int, int, str], None]]:
    """
    Give what shows a bar, once something is done: how much, of how much, and at what it is.

    Without *has_eta* it does not say when it will be over: pg_dump does not tell how far it is within a table.
    """
    with ExitStack() as shown:
        bar: Any = click.progressbar(
            length=1, label=label, item_show_func=lambda doing: doing, show_eta=has_eta, update_min_steps=0
        )

        def show(done: int, of: int, doing: str) -> None:
            if not bar.entered:
                shown.enter_context(bar)
            bar.pos, bar.length = done, max(of, 1)
            bar.update(0, doing)

        yield show
