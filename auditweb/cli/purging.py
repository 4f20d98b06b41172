"""`auditweb purge`: what falls due by itself, once a day."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import TypeVar

import click

from auditweb import database
from auditweb.accounts import expiry, removal, stale_invitations
from auditweb.accounts.entries import OPERATOR
from auditweb.accounts.expiry import Expired, Expiry, Progress
from auditweb.accounts.removal import Removal
from auditweb.accounts.retention import told
from auditweb.accounts.stale_invitations import Stale
from auditweb.config import Settings
from auditweb.exports import keeping
from auditweb.ledger.locks import UnderRepairError, only_one
from auditweb.ledger.watch import FINISH_IT
from auditweb.reading import days
from auditweb.sharing import expiring
from auditweb.sharing.expiring import Over
from auditweb.web.foreign_text import visible_text

Done = TypeVar("Done")


def purge(settings: Settings, *, dry_run: bool) -> bool:
    """Do what is due, or only say it; return whether nothing was held up by a repair that was not finished."""
    with database.used_once(settings.database_url) as engine, only_one(engine, "purge") as leads:
        if not leads():
            raise click.ClickException("Another purge is at work on this database. Wait for it to end.")
        removals = removal.find_removals(engine)
        going = {due.org_id for due in removals}
        expiries = [due for due in expiry.find_expiries(engine) if due.org_id not in going]
        stale = [due for due in stale_invitations.find_stale(engine) if due.org_id not in going]
        over = [due for due in expiring.find_over(engine) if due.org_id not in going]
        exports = keeping.count_expired(engine)
        if not (removals or expiries or stale or over or exports):
            click.echo("Nothing is due.")
        if dry_run:
            plans = [*map(_expiry, expiries), *map(_closing, stale), *map(_ending, over), *map(_removal, removals)]
            for plan in [*plans, f"{_exports(exports)} would be deleted."] if exports else plans:
                click.echo(plan)
            return True
        folder = keeping.folder_in(settings.data_dir)
        if exports:
            click.echo(f"Deleted {_exports(keeping.expire(engine, folder, actor=OPERATOR))}.")
        sound = [_expire(due, partial(expiry.expire, engine, due.org_id)) for due in expiries]
        for due in stale:
            click.echo(f"{_name(due)}: closed {_invitations(stale_invitations.close(engine, due.org_id))}.")
        for ended in over:
            click.echo(f"{_name(ended)}: ended {_shares(expiring.close(engine, ended.org_id))}.")
        for wish in removals:
            with keeping.without_files_of(engine, wish.org_id, folder):
                sound.append(_remove(wish, partial(removal.remove, engine, wish.org_id)))
        return all(sound)


def _expiry(due: Expiry) -> str:
    kept = f"{_name(due)}: entries are kept {told(due.months)}{' from now on' if due.begins else ''}."
    if due.entries:
        return f"{kept} {_entries(due.entries)} up to {_day(due.last_day)} would be removed."
    return f"{kept} What a run that was killed left over would be finished." if due.left or due.untidy else kept


def _closing(due: Stale) -> str:
    return f"{_name(due)}: {_invitations(due.invitations)} would be closed."


def _ending(due: Over) -> str:
    return f"{_name(due)}: {_shares(due.shares)} would be ended."


def _removal(due: Removal) -> str:
    return f"{_name(due)}: would be deleted, {_wish(due)}."


def _expire(due: Expiry, work: Callable[[Progress], Sequence[Expired]]) -> bool:
    if due.begins:
        click.echo(f"{_name(due)}: entries are kept {told(due.months)} from now on.")
    gone = _run(due, work, due.entries, "removing entries past their time")
    for each in gone or ():
        click.echo(f"{_name(due)}: removed {_entries(each.entries)} up to {_day(each.last_day)}.")
    return gone is not None


def _remove(due: Removal, work: Callable[[Progress], bool]) -> bool:
    done = _run(due, work, due.steps, "deleting all of it")
    if done is not None:
        click.echo(f"{_name(due)}: {'deleted, ' + _wish(due) if done else 'kept, its deletion was called off'}.")
    return done is not None


def _run(due: Expiry | Removal, work: Callable[[Progress], Done], steps: int, label: str) -> Done | None:
    """Do *work* behind a bar that shows how far it is; None, having said so, where a repair is in its way."""
    try:
        if not steps:
            return work(lambda _: None)
        with click.progressbar(length=steps, label=f"{_name(due)}: {label}") as bar:
            return work(bar.update)
    except UnderRepairError:
        click.echo(f"{_name(due)}: it has to wait. {FINISH_IT}", err=True)
        return None


def _name(due: Expiry | Removal | Stale | Over) -> str:
    return visible_text(due.name)


def _wish(due: Removal) -> str:
    return f"as {visible_text(due.asked_by)} asked for on {_day(due.asked_at.date())}"


def _entries(number: int) -> str:
    return f"{number:,} {'entry' if number == 1 else 'entries'}"


def _invitations(number: int) -> str:
    return f"{number:,} {'invitation' if number == 1 else 'invitations'} that nobody accepted"


def _shares(number: int) -> str:
    return f"{number:,} {'share' if number == 1 else 'shares'} of the log whose time is over"


def _exports(number: int) -> str:
    return f"{number:,} prepared {'export' if number == 1 else 'exports'} whose time was over"


def _day(day: date | None) -> str:
    return days.spelled(day) if day else "now"
