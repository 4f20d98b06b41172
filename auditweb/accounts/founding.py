"""Founding an organisation: the row, its owner, and the first entry of its log."""

from dataclasses import dataclass

from sqlalchemy import select

from auditweb.accounts import people
from auditweb.accounts.entries import as_actor
from auditweb.accounts.permissions import Role
from auditweb.catalogue import ORGANISATION_CREATED
from auditweb.extensions import db
from auditweb.models import FormerSlug, Organisation, Person
from auditweb.parties import Actor, Origin, Target
from auditweb.recorder import record


class RefusedError(Exception):
    """What was asked for cannot be done, and nothing was changed; the text is one sentence that says why."""


@dataclass(frozen=True, slots=True)
class NewOrganisation:
    name: str
    slug: str
    zone: str


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Someone without an account so far."""

    email: str
    name: str
    password_hash: str


def found(
    new: NewOrganisation, owner: NewPerson | Person, *, actor: Actor | None = None, origin: Origin | None = None
) -> tuple[Organisation, Person]:
    """
    Add an organisation and its owner to the open transaction and record it; RefusedError if the address is taken.

    Who did it is the owner, unless there is another *actor*.
    """
    check_slug(new.slug)
    if isinstance(owner, Person) and owner.support:
        raise RefusedError(f"{owner.email} is support staff, who belong to no organisation.")
    organisation = people.create_organisation(new.slug, new.name, new.zone)
    check_former_slug(new.slug)  # only now: an organisation that was giving the address up has done so
    if isinstance(owner, NewPerson):
        owner = people.add_person(owner.email, owner.name, owner.password_hash)
    people.add_member(organisation, owner, Role.OWNER)
    record(
        ORGANISATION_CREATED,
        org_id=organisation.id,
        actor=actor or as_actor(owner.id, owner.name),
        target=as_organisation_target(organisation),
        facts={"name": new.name, "owner": owner.name},
        origin=origin,
    )
    return organisation, owner


def check_slug(slug: str) -> None:
    """Raise RefusedError if an organisation has the address *slug*, or had it once."""
    if people.find_organisation(slug) is not None:
        raise RefusedError(f"The address {slug} belongs to another organisation.")
    check_former_slug(slug)


def check_former_slug(slug: str) -> None:
    """Raise RefusedError if an organisation had the address *slug* once: its old links lead there for good."""
    if db.session.scalar(select(FormerSlug.org_id).where(FormerSlug.slug == slug)) is not None:
        raise RefusedError(f"The address {slug} was another organisation’s, and its old links lead there for good.")


def as_organisation_target(organisation: Organisation) -> Target:
    """Return an organisation as what an entry is about."""
    return Target("organisation", str(organisation.id), organisation.name)
