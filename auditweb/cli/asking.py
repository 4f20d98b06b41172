"""
Asking at the terminal for what the options did not say, until it can be used.

Where nobody is there to answer, or an option cannot be used, the command ends with a sentence.
"""

import sys
from collections.abc import Callable

import click

from auditweb.accounts import password_rules, passwords, slugs
from auditweb.accounts.founding import NewOrganisation, NewPerson, RefusedError
from auditweb.mail import is_address
from auditweb.reading import days
from auditweb.web import names

Problem = Callable[[str], str | None]
_Option = Callable[[Callable[..., None]], Callable[..., None]]

PASSWORD_STDIN: _Option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from the first line of standard input."
)
YES: _Option = click.option("--yes", is_flag=True, help="Do not ask whether you are sure.")


def check_options(**given: str | None) -> None:
    """
    Raise RefusedError with all that is wrong with the options of a new organisation, instead of one after the other.

    Those that are None have to be asked for: they are named where nobody is there to answer.
    """
    checks = {
        "name": names.problem_with,
        "slug": slugs.problem_with,
        "zone": _problem_with_zone,
        "owner": _problem_with_email,
        "owner_name": names.problem_with,
    }
    options = {f"--{name.replace('_', '-')}": (text, checks[name]) for name, text in given.items()}
    problems = {option: check(names.tidied(text)) for option, (text, check) in options.items() if text is not None}
    if any(problems.values()):
        raise RefusedError(" ".join(f"{option}: {problem}" for option, problem in problems.items() if problem))
    _need_someone(*(option for option in options if option not in problems))


def for_organisation(name: str | None, slug: str | None, zone: str | None) -> NewOrganisation:
    """Return the organisation that the options tell of, having asked for what they left open."""
    name = _text("Organisation", "--name", name, names.problem_with)
    slug = _text("Address of its pages, /o/…", "--slug", slug, slugs.problem_with, proposal=slugs.propose(name))
    zone = _text("Time zone", "--zone", zone, _problem_with_zone, proposal="Europe/London")
    return NewOrganisation(name, slug, zone)


def for_email(email: str | None, *, option: str) -> str:
    """Return an e-mail address."""
    return _text("E-mail address", option, email, _problem_with_email)


def for_person(email: str, name: str | None, *, place: str, from_stdin: bool, option: str = "--name") -> NewPerson:
    """
    Return the newcomer with this address, having asked for the name if it was not given, and for a password.

    *place* is the organisation that they will belong to.
    """
    name = _text("Name", option, name, names.problem_with)
    return NewPerson(email, name, for_password(email, f"{name} {place}", from_stdin=from_stdin))


def for_password(email: str, words: str, *, from_stdin: bool) -> str:
    """
    Return the hash of a password that was typed twice, hidden, or came by standard input.

    It is not made of someone's address and of the *words* that anyone would try.
    """

    def problem_with(password: str) -> str | None:
        return password_rules.problem_with(password, email=email, name=words)

    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
        if problem := problem_with(password):
            raise RefusedError(f"--password-stdin: {problem}")
        return passwords.hash_password(password)
    _need_someone("--password-stdin")
    while True:
        password = click.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True)
        if (problem := problem_with(password)) is None:
            return passwords.hash_password(password)
        click.echo(problem, err=True)


def if_sure(what: str, *, yes: bool) -> None:
    """Go on if the answer to *what* is yes, or was given by --yes."""
    if yes:
        return
    _need_someone("--yes")
    click.confirm(what, abort=True, err=True)


def _text(label: str, option: str, given: str | None, problem_with: Problem, *, proposal: str = "") -> str:
    if given is not None:
        given = names.tidied(given)
        if problem := problem_with(given):
            raise RefusedError(f"{option}: {problem}")
        return given
    _need_someone(option)
    while True:
        answer = names.tidied(click.prompt(label, default=proposal or None, err=True))
        if (problem := problem_with(answer)) is None:
            return answer
        click.echo(problem, err=True)


def _need_someone(*options: str) -> None:
    if options and not sys.stdin.isatty():
        are = "is" if len(options) == 1 else "are"
        raise RefusedError(f"{', '.join(options)} {are} needed: there is no terminal to ask at.")


def _problem_with_zone(zone: str) -> str | None:
    return None if days.is_zone(zone) else "This is no time zone: one is written like Europe/London."


def _problem_with_email(email: str) -> str | None:
    return None if is_address(email) else "This is not an e-mail address: one is like name@example.org."
