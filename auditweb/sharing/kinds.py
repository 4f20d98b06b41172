"""What a masked value was, and whose names are masked: those of people, customers, and all that is no known thing."""

import re
from enum import StrEnum
from functools import lru_cache


class Kind(StrEnum):
    """What a masked value was; it is called so, with a number."""

    PERSON = "person"
    CUSTOMER = "customer"
    NAME = "name"
    EMAIL = "email"
    ADDRESS = "address"
    PLACE = "place"
    DEVICE = "device"
    OTHER = "id"


_PEOPLE = frozenset((
    "adviser", "applicant", "assignee", "attendee", "author", "bidder", "borrower", "buyer", "candidate",
    "claimant", "consignee", "consignor", "contact", "creator", "driver", "employee", "guarantor", "guardian",
    "guest", "invitee", "inviter", "keeper", "lead", "lessee", "manager", "member", "owner", "parent",
    "participant", "passenger", "patient", "payee", "payer", "person", "policyholder", "recipient", "referee",
    "requester", "resident", "reviewer", "rider", "salesperson", "seller", "sender", "signatory", "signer", "staff",
    "student", "subscriber", "teacher", "technician", "tenant", "trainee", "traveller", "user", "visitor",
    "volunteer", "witness", "worker",
))  # fmt: skip
_CUSTOMERS = frozenset({"customer", "client"})
_THINGS = frozenset((
    "api_key", "audit_log", "container", "document", "export", "file", "finding", "finding_pattern", "folder", "group",
    "integration", "organisation", "part", "plan", "port", "product", "report", "review", "role", "setting", "share",
    "shipment", "supplier", "system", "team", "thing", "vehicle", "vessel", "view", "warehouse", "webhook",
))  # fmt: skip
"""The types of targets whose names stay. Others send what they like: any other type may be that of somebody."""

_OF_PEOPLE = frozenset({"full", "first", "last", "given", "family"})
_SAYS_NOTHING = _OF_PEOPLE | {"name", "new", "old", "previous", "former"}
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


def kind_of_type(type_: str) -> Kind | None:
    """Return what the names of actors and targets of a type are masked as; None where they stay."""
    if type_ in _CUSTOMERS:
        return Kind.CUSTOMER
    if type_ in _PEOPLE or type_ in {"support", "anonymous"}:
        return Kind.PERSON
    return None if type_ in _THINGS else Kind.NAME


@lru_cache(maxsize=4096)
def kind_of_fact(name: str) -> Kind | None:
    """Return whose name a fact holds, going by what it is called: buyer, clientName, approved_by, first_name."""
    parts = [part.lower() for part in _PARTS.findall(name)]
    told = "_".join([part for part in parts if part not in _SAYS_NOTHING])
    if told in _CUSTOMERS or told == "duplicate":
        return Kind.CUSTOMER
    of_people = told in _PEOPLE or parts[-1:] == ["by"] or told in {"surname", "forename"}
    return Kind.PERSON if of_people or (not told and "name" in parts and _OF_PEOPLE & {*parts}) else None
