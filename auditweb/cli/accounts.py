"""`auditweb user` and `auditweb org`: people and organisations, looked after by whoever runs the server."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from auditweb.accounts import listing, operators
from auditweb.accounts.founding import NewPerson, RefusedError
from auditweb.accounts.permissions import Role
from auditweb.cli import asking, opening, tables

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def user() -> None:
    """List, create, disable, enable and reset people’s accounts."""


@user.command(name="list")
@click.option("--organisation", metavar="SLUG", help="Only the members of this one.")
@_JSON
def list_people(organisation: str | None, as_json: bool) -> None:
    """List everyone who can sign in, or could."""
    with opening.application():
        found = listing.list_people(organisation)
    if as_json:
        _print_json(found)
        return
    tables.show(
        ("ADDRESS", "NAME", "ACCOUNT", "2FA", "ORGANISATIONS"),
        [
            (
                each.email,
                each.name,
                "on" if each.enabled else "disabled",
                "on" if each.two_factor else "off",
                ", ".join(f"{slug} ({role})" for slug, role in each.roles.items())
                or ("none (support)" if each.support else "none"),
            )
            for each in found
        ],
    )


@user.command(name="create")
@click.argument("email")
@click.option("--organisation", metavar="SLUG", required=True, help="The organisation to belong to.")
@click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.MEMBER.value, show_default=True)
@click.option("--name", metavar="NAME", help="What a newcomer is called; asked for if not given.")
@asking.PASSWORD_STDIN
def create_person(email: str, organisation: str, role: str, name: str | None, password_stdin: bool) -> None:
    """Add someone to an organisation: a newcomer, or whoever has an account with that address."""
    with opening.application():
        email = asking.for_email(email, option="EMAIL")
        operators.check_newcomer(email, organisation)
        person: NewPerson | str = email
        if not listing.is_known(email):
            place = listing.name_of_organisation(organisation)
            person = asking.for_person(email, name, place=place, from_stdin=password_stdin)
        elif name is not None or password_stdin:
            raise RefusedError(f"{email} has an account already: leave --name and --password-stdin away to add it.")
        called = operators.add_to_organisation(person, organisation, Role(role))
    click.echo(f"{called} is in {organisation} now, as {role}.")


@user.command()
@click.argument("email")
@asking.YES
def disable(email: str, yes: bool) -> None:
    """Switch an account off, everywhere and at once. Its entries stay."""
    with opening.application():
        name = listing.name_of(email)
        asking.if_sure(f"Sign {name} out everywhere and keep them from signing in?", yes=yes)
        done = operators.disable(email)
    click.echo(f"{name} is signed out and cannot sign in." if done else f"{name} was disabled already.")


@user.command()
@click.argument("email")
def enable(email: str) -> None:
    """Switch an account on again."""
    with opening.application():
        name = listing.name_of(email)
        done = operators.enable(email)
    click.echo(f"{name} can sign in again." if done else f"{name} was not disabled.")


@user.command()
@click.argument("email")
@asking.PASSWORD_STDIN
@asking.YES
def reset_password(email: str, password_stdin: bool, yes: bool) -> None:
    """Give someone another password, and sign them out everywhere."""
    with opening.application():
        name = listing.name_of(email)
        asking.if_sure(f"Set a new password for {name} and sign them out everywhere?", yes=yes)
        operators.reset_password(email, asking.for_password(email, name, from_stdin=password_stdin))
    click.echo(f"{name} signs in with the new password from now on.")


@user.command()
@click.argument("email")
@asking.YES
def reset_two_factor(email: str, yes: bool) -> None:
    """Take away someone's second factor; they set up another one at their next sign-in."""
    with opening.application():
        name = listing.name_of(email)
        asking.if_sure(f"Take away the second factor of {name} and sign them out everywhere?", yes=yes)
        done = operators.reset_two_factor(email)
    click.echo(
        f"{name} sets up two-factor authentication at the next sign-in."
        if done
        else f"{name} has no two-factor authentication: nothing was changed."
    )


@user.command()
@click.argument("email")
@click.option("--end", is_flag=True, help="Let them read it no longer.")
@click.option("--name", metavar="NAME", help="What a newcomer is called; asked for if not given.")
@asking.PASSWORD_STDIN
def support(email: str, end: bool, name: str | None, password_stdin: bool) -> None:
    """Let someone read what organisations share with support, and nothing else."""
    with opening.application():
        if end:
            if name is not None or password_stdin:
                raise RefusedError("--end takes no --name and no --password-stdin.")
            called = listing.name_of(email)
            done = operators.end_support(email)
            click.echo(f"{called} is support staff no longer." if done else f"{called} was not support staff.")
            return
        email = asking.for_email(email, option="EMAIL")
        person: NewPerson | str = email
        if not listing.is_known(email):
            person = asking.for_person(email, name, place="support", from_stdin=password_stdin)
        elif name is not None or password_stdin:
            raise RefusedError(f"{email} has an account already: leave --name and --password-stdin away.")
        made = operators.make_support(person)
    click.echo(f"{made} reads what is shared with support from now on." if made else f"{email} does so already.")


@click.group()
def org() -> None:
    """List, create, disable and enable organisations."""


@org.command(name="list")
@click.option("--deleted", is_flag=True, help="What remains of those that were deleted, instead.")
@_JSON
def list_organisations(deleted: bool, as_json: bool) -> None:
    """List all organisations."""
    if deleted:
        _list_deleted(as_json=as_json)
        return
    with opening.application():
        found = listing.list_organisations()
    if as_json:
        _print_json(found)
        return
    tables.show(
        ("ADDRESS", "NAME", "STATE", "MEMBERS", "OWNERS", "ZONE"),
        [
            (each.slug, each.name, _state(each), f"{each.members}", ", ".join(each.owners) or "none", each.zone)
            for each in found
        ],
    )


@org.command(name="create")
@click.option("--name", metavar="NAME", help="What it is called.")
@click.option("--slug", metavar="SLUG", help="Its address: its pages begin with /o/SLUG.")
@click.option("--zone", metavar="ZONE", help="Its time zone, such as Europe/London.")
@click.option("--owner", metavar="EMAIL", help="The address of its owner, who may have an account or not.")
@click.option("--owner-name", metavar="NAME", help="What an owner without an account is called.")
@asking.PASSWORD_STDIN
def create_organisation(
    name: str | None,
    slug: str | None,
    zone: str | None,
    owner: str | None,
    owner_name: str | None,
    password_stdin: bool,
) -> None:
    """Create an organisation and give it an owner. What no option says is asked for."""
    with opening.application():
        asking.check_options(name=name, slug=slug, zone=zone, owner=owner)
        new = asking.for_organisation(name, slug, zone)
        email = asking.for_email(owner, option="--owner")
        person: NewPerson | str = email
        if not listing.is_known(email):
            person = asking.for_person(
                email, owner_name, place=new.name, from_stdin=password_stdin, option="--owner-name"
            )
        elif owner_name is not None or password_stdin:
            raise RefusedError(f"{email} has an account already: leave --owner-name and --password-stdin away.")
        operators.create_organisation(new, person)
    click.echo(f"{new.name} is there, at /o/{new.slug}, and {email} is its owner.")


@org.command(name="disable")
@click.argument("slug")
@asking.YES
def switch_off(slug: str, yes: bool) -> None:
    """Let nobody open an organisation. Everything in it is kept."""
    with opening.application():
        name = listing.name_of_organisation(slug)
        asking.if_sure(f"Keep everyone out of {name}?", yes=yes)
        done = operators.switch_off(slug)
    click.echo(f"Nobody can open {name} now." if done else f"{name} was disabled already.")


@org.command(name="enable")
@click.argument("slug")
def switch_on(slug: str) -> None:
    """Let people into an organisation again."""
    with opening.application():
        name = listing.name_of_organisation(slug)
        done = operators.switch_on(slug)
        due_at = listing.deletion_of(slug)
    going = f" It is to be deleted on {due_at:%d %B %Y} now." if due_at else ""
    click.echo(f"{name} can be opened again.{going}" if done else f"{name} was not disabled.")


def _list_deleted(*, as_json: bool) -> None:
    with opening.application():
        found = listing.list_deleted()
    if as_json:
        _print_json(found)
        return
    tables.show(
        ("ID", "NAME", "ASKED FOR BY", "ON", "DELETED"),
        [
            (
                f"{each.id}",
                each.name,
                each.asked_by,
                f"{each.asked_at:%d %B %Y}",
                f"{each.deleted_at:%d %B %Y}" if each.deleted_at else "under way",
            )
            for each in found
        ],
    )


def _state(each: listing.ListedOrganisation) -> str:
    if not each.enabled:
        return "disabled"
    return f"to be deleted on {each.deletion_due_at:%d %B %Y}" if each.deletion_due_at else "on"


def _print_json(found: Sequence[Any]) -> None:
    click.echo(json.dumps([asdict(each) for each in found], indent=2, default=str))
