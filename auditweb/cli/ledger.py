"""`auditweb seal` and `auditweb doctor`: looking after what is kept of a log besides its entries."""

import signal
import threading

import click

from auditweb import database
from auditweb.app import create_app
from auditweb.cli import reviewing, telling
from auditweb.cli.exporting import thread_of
from auditweb.config import Settings
from auditweb.ledger.doctor import STEPS, Doctor
from auditweb.ledger.locks import UnderRepairError
from auditweb.ledger.sealer import Sealer
from auditweb.ledger.watch import FINISH_IT, watch

_LAST_EXPORT = 5  # seconds until what is being prepared is left to another process


def seal(settings: Settings, *, forever: bool) -> bool:
    """
    Seal what waits, showing how far it is; *forever* also what comes after, until SIGTERM or SIGINT.

    Return whether nothing is held up by a repair that was not finished.
    """
    stopping = threading.Event()
    if forever:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
    with database.patient_engine(settings.database_url) as engine:
        sealer = Sealer(engine)
        done = _seal(sealer, stopping)
        if done or not sealer.held_up:
            click.echo(f"Sealed {_entries(done)}." if done else "Everything was sealed already.")
        for org_id in sorted(sealer.held_up):
            click.echo(f"Organisation {org_id}: its entries wait for a repair. {FINISH_IT}", err=True)
        if forever:
            click.echo("Sealing what comes, reviewing it, preparing exports and calling webhooks; Ctrl+C stops it.")
            exporting = thread_of(settings)
            review = reviewing.thread_of(settings)
            exporting.start()
            review.start()
            webhooks = telling.thread_of(create_app(settings), settings)
            webhooks.start()
            watch(engine, stopping)
            webhooks.tell_to_stop()
            exporting.stop(within=_LAST_EXPORT)
            review.stop(within=_LAST_EXPORT)
            webhooks.stop(within=_LAST_EXPORT)
        return not sealer.held_up


def examine(settings: Settings, *, repair: bool) -> bool:
    """Say whether the database and each log's ledger are sound, mend what can be, and return whether all is well."""
    with database.patient_engine(settings.database_url) as engine:
        doctor, sealer = Doctor(engine), Sealer(engine)
        dangers = doctor.find_dangers()
        for danger in dangers:
            click.echo(f"Database: {danger}")
        if not dangers:
            click.echo("Database: its settings are safe.")
        waiting = sealer.count_waiting()
        click.echo(f"Sealing: {_entries(waiting)} behind." if waiting else "Sealing: nothing waits.")
        sound = True
        for org_id in doctor.organisations():
            problems = examine_one(doctor, org_id)
            if problems and repair:
                _mend(doctor, sealer, org_id)
                problems = examine_one(doctor, org_id)
            sound = sound and not problems
        if not sound and not repair:
            click.echo("To make counts and search index anew, run: auditweb doctor --repair")
        return sound and not dangers


def examine_one(doctor: Doctor, org_id: int) -> list[str]:
    """Compare the ledger of one organisation with its entries, and say what was found."""
    sealed = doctor.count_sealed(org_id)
    length = doctor.count_leaves(org_id) + STEPS * sealed
    with click.progressbar(length=length, label=f"Examining organisation {org_id}") as bar:
        problems = doctor.examine(org_id, bar.update)
    for problem in problems:
        click.echo(f"Organisation {org_id}: {problem}")
    if not problems:
        click.echo(f"Organisation {org_id}: counts and search index agree with {_entries(sealed)} sealed.")
    return problems


def _mend(doctor: Doctor, sealer: Sealer, org_id: int) -> None:
    """Make counts and search index of one organisation anew."""
    click.echo(f"Organisation {org_id}: counts and search index are made anew.")
    try:
        length = doctor.count_leaves(org_id) + doctor.count_sealed(org_id)
        with click.progressbar(length=length, label="Putting entries back") as bar:
            doctor.put_back(org_id, bar.update)
    except UnderRepairError:
        raise click.ClickException("Another repair is at work on this database. Wait for it to end.") from None
    _seal(sealer, threading.Event())


def _seal(sealer: Sealer, stopping: threading.Event) -> int:
    with click.progressbar(length=sealer.count_waiting(), label="Sealing") as bar:
        return sealer.run(bar.update, stopped=stopping.is_set)


def _entries(number: int) -> str:
    return f"{number:,} {'entry' if number == 1 else 'entries'}"
