"""`auditweb review`, and the thread of the server that reviews what is sealed."""

import signal
import threading

import click

from auditweb import database
from auditweb.config import Settings
from auditweb.insights import runs
from auditweb.insights.detectors.desk import SpotOf
from auditweb.insights.runs import Review
from auditweb.insights.watch import review_thread
from auditweb.ledger.leading import ServerThread
from auditweb.places import Places


def thread_of(settings: Settings) -> ServerThread:
    """Return what reviews the logs for as long as this process runs."""
    return review_thread(settings.database_url, _spot_of(settings))


def review(settings: Settings, *, again: bool) -> None:
    """Review all that is sealed and was not yet, or all there is *again*; stopped, it has lost nothing."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with database.patient_engine(settings.database_url) as engine:
        if again:
            runs.begin_again(engine)
        work = Review(engine, _spot_of(settings))
        waiting = sum(log.waiting for log in work.logs())
        with click.progressbar(length=waiting, label="Reviewing") as bar:
            read = work.run(bar.update, stopped=stopping.is_set)
    click.echo(
        f"Reviewed {read:,} {'entry' if read == 1 else 'entries'}." if read else "Everything was reviewed already."
    )


def _spot_of(settings: Settings) -> SpotOf:
    if settings.places_file is None:
        return lambda _: None
    return Places.open(settings.places_file).spot_of
