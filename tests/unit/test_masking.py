"""What is masked in a share, entry by entry: what stands for what, and that nothing else is left of it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from auditweb import catalogue, ids
from auditweb.parties import ActorRef
from auditweb.reading.pages import WholeRow
from auditweb.sharing.kinds import Kind
from auditweb.sharing.masking import Mask, Masker, Names, Subject, names_of_members, read_pseudonym

NOW = datetime(2026, 11, 23, 10, 42, 7, tzinfo=UTC)
ALL = frozenset(Mask)
KNOWN = names_of_members([(5, "Hana Sato"), (6, "Tom Lindqvist"), (7, "Ed"), (8, "José Álvarez")])


@dataclass
class Counted:
    """Numbers in the order in which they were asked for."""

    given: dict[tuple[Kind, str], int] = field(default_factory=dict)

    def number(self, subject: Subject) -> int:
        of_kind = sum(kind is subject.kind for kind, _ in self.given)
        return self.given.setdefault((subject.kind, subject.value), of_kind + 1)


def masker(*masks: Mask, known: Names = KNOWN) -> Masker:
    return Masker(frozenset(masks), known, Counted())


def a_row(**more: Any) -> WholeRow:
    given: dict[str, Any] = dict.fromkeys(WholeRow._fields)
    given |= {
        "id": ids.first_id_at(NOW),
        "occurred_at": NOW,
        "recorded_at": NOW,
        "category": "vehicles",
        "action": "vehicle.updated",
        "summary": "Updated the details of 2020 Honda Stepwgn Spada",
        "facts": {},
        "actor_type": "member",
        "actor_id": "5",
        "actor_name": "Hana Sato",
        "target_type": "vehicle",
        "target_id": "veh_1",
        "target_name": "2020 Honda Stepwgn Spada",
        "target_url": "/vehicles/1",
        "ip": "203.0.113.7",
        "user_agent": "Mozilla/5.0",
        "request_id": "7c1e94b0",
        "outcome": "success",
        "idempotency_key": "k1",
    }
    return WholeRow(**(given | more))


def test_without_masks_an_entry_stays_but_for_what_leads_elsewhere() -> None:
    row = a_row()

    assert masker().row(row) == row._replace(target_url=None, idempotency_key=None)


def test_a_person_is_the_same_wherever_they_stand() -> None:
    invited = catalogue.MEMBER_REMOVED
    mask = masker(Mask.NAMES)
    by_hana = mask.row(a_row())
    about_hana = mask.row(
        a_row(
            actor_id="6",
            actor_name="Tom Lindqvist",
            action=invited.slug,
            category="team",
            summary=invited.sentence({}, "Hana Sato"),
            target_type="member",
            target_id="5",
            target_name="Hana Sato",
        )
    )
    typed = mask.row(a_row(summary="Called hana  SATO about it", action="call.made"))

    assert (by_hana.actor_name, by_hana.actor_id) == ("Person 1", "person-1")
    assert (about_hana.actor_name, about_hana.target_name, about_hana.target_id) == ("Person 2", "Person 1", "person-1")
    assert about_hana.summary == invited.sentence({}, "Person 1")
    assert typed.summary == "Called Person 1 about it"


@pytest.mark.parametrize(
    ("mask", "text", "masked"),
    [
        (
            Mask.NAMES,
            "To Hana Sato, Tom Lindqvist and Hana Satoshi",
            "To Person 1, Person 2 and Hana Satoshi",
        ),
        (Mask.NAMES, "passport-tom-lindqvist.pdf", "passport-Person 1.pdf"),
        (Mask.NAMES, "Jose Alvarez", "Person 1"),
        (Mask.NAMES, "ed and ED, but Ed", "ed and ED, but Person 1"),
        (Mask.NAMES, "hana@northgate.example", "hana@northgate.example"),
        (Mask.NAMES, "Sato, Hana and LindqvistTom", "Person 1 and Person 2"),
        (Mask.NAMES, "@HanaSato, tomlindqvist.pdf, Hana Satoh", "@Person 1, Person 2.pdf, Hana Satoh"),
        (Mask.EMAILS, "Invited hana@x.example and <Tom@X.example>", "Invited E-mail 1 and <E-mail 2>"),
        (Mask.EMAILS, "HANA@x.example is hana@X.EXAMPLE", "E-mail 1 is E-mail 1"),
        (Mask.EMAILS, "Hana Sato", "Hana Sato"),
        (Mask.ADDRESSES, "From 203.0.113.7 and 2001:db8::7, at 10:42:07", "From Address 1 and Address 2, at 10:42:07"),
        (Mask.ADDRESSES, "203.0.113.0/24, version 1.2.3", "Address 1/24, version 1.2.3"),
        (Mask.EMAILS, "o'brien@x.example, hana＠x.example, hana%40x.example", "E-mail 1, E-mail 2, E-mail 2"),
        (Mask.EMAILS, "a" * 100_000 + " @", "a" * 100_000 + " @"),  # in no time
        (Mask.NAMES, "Hana%20Sato, Hana&nbsp;Sato, ha\u00adna sato&#10;", "Person 1, Person 1, Person 1&#10;"),
        (Mask.NAMES, "satohana, Jos%C3%A9%20%c3%81lvarez &amp; %zz &nope;", "Person 1, Person 2 &amp; %zz &nope;"),
        (Mask.NAMES, "%20" * 30_000 + "Ed", "%20" * 30_000 + "Person 1"),
        (Mask.EMAILS, '"hana sato"@x.example, hana@x.example', "E-mail 1, E-mail 2"),
        (
            Mask.EMAILS,
            "mailto:hana@x.example?cc=hana%40X.example&to=hana＠x.example, hana@x.example.",
            "mailto:E-mail 1E-mail 1E-mail 1, E-mail 1.",
        ),
        (Mask.EMAILS, '"' * 50_000 + "@", '"' * 50_000 + "@"),
        (
            Mask.ADDRESSES,
            "203-0-113-7.isp.example, x203.0.113.7, 203.0.113.007",
            "Address 1.isp.example, xAddress 1, Address 1",
        ),
        (
            Mask.ADDRESSES,
            "ip-203-0-113-7 on 2026-11-23, 2026-11-23-10, 1.2.3.4.5",
            "ip-Address 1 on 2026-11-23, 2026-11-23-10, 1.2.3.4.5",
        ),
        (Mask.ADDRESSES, "It ended at 203.0.113.7.", "It ended at Address 1."),
        (Mask.ADDRESSES, "203.0.113.7:443 is ip:203.0.113.7", "Address 1:443 is ip:Address 1"),
        (Mask.ADDRESSES, ":" * 100_000 + "x", ":" * 100_000 + "x"),
    ],
)
def test_what_is_masked_in_a_text(mask: Mask, text: str, masked: str) -> None:
    assert masker(mask).text(text) == masked


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ({"facts": {"customer": "Daniel Whitcombe"}}, {"facts": {"customer": "Customer 1"}}),
        ({"facts": {"member": "Tom Lindqvist"}}, {"facts": {"member": "Person 2"}}),
        ({"facts": {"member": "Nobody Known"}}, {"facts": {"member": "Person 2"}}),
        (
            {"facts": {"recipient": "Carol Kerr"}, "summary": "Sent it to Carol Kerr"},
            {"summary": "Sent it to Person 2"},
        ),
        ({"facts": {"device": "Chrome on Windows"}}, {"facts": {"device": "Device 1"}}),
        ({"facts": {"place": "Leith"}}, {"facts": {"place": "Leith"}}),
        ({"facts": {"place": "Leith"}, "category": "authentication"}, {"facts": {"place": "Place 1"}}),
        ({"facts": {"filter": "Entries with hana"}, "category": "data_export"}, {"facts": {"filter": "Masked"}}),
        (
            {"facts": {"scope": "audit log entries: Entries with whit*"}, "category": "data_export"},
            {"facts": {"scope": "audit log entries"}},
        ),
        ({"facts": {"email": "a@b.example"}}, {"facts": {"email": "E-mail 1"}}),
        ({"actor_type": "system", "actor_id": "nightly", "actor_name": "Nightly"}, {"actor_name": "Nightly"}),
        ({"via_type": "api_key", "via_id": "key_1", "via_name": "Feed"}, {"via_name": "Feed", "via_id": "key_1"}),
        ({"target_type": "customer", "target_id": "c7", "target_name": "Whitcombe"}, {"target_id": "customer-1"}),
        ({"target_type": "finding", "target_id": "a@b.example"}, {"target_id": "id-1"}),
        (
            {"actor_type": "anonymous", "actor_id": "unknown", "actor_name": "Unknown person"},
            {"actor_id": "unknown"},
        ),
        ({"actor_type": "anonymous", "actor_id": "link", "actor_name": "Someone with the link"}, {"actor_id": "link"}),
        ({}, {"ip": "Address 1", "user_agent": "Device 1", "request_id": None, "target_url": None}),
    ],
)
def test_what_is_masked_in_an_entry(more: dict[str, Any], shown: dict[str, Any]) -> None:
    row = Masker(ALL, KNOWN, Counted()).row(a_row(**more))

    assert {name: getattr(row, name) for name in shown} == shown


@pytest.mark.parametrize(
    ("type_", "called"),
    [
        *[
            (type_, "Person 2")
            for type_ in ("buyer", "consignee", "owner", "passenger", "seller", "guest", "applicant")
        ],
        *[(type_, "Customer 1") for type_ in ("customer", "client")],
        *[(type_, "Name 1") for type_ in ("account", "profile", "vendor", "invitation", "anything")],
        *[(type_, "Gareth Pugh") for type_ in ("vehicle", "shipment", "supplier", "document", "group", "api_key")],
    ],
)
def test_only_the_names_of_known_things_stay(type_: str, called: str) -> None:
    row = masker(Mask.NAMES).row(
        a_row(target_type=type_, target_id="gp", target_name="Gareth Pugh", summary="Rang Gareth Pugh", action="x.rung")
    )

    masked = called != "Gareth Pugh"
    assert (row.target_name, row.summary) == (called, f"Rang {called}")
    assert row.target_id == (called.lower().replace(" ", "-") if masked else "gp")
    assert masker(Mask.NAMES).may_be_named(type_, "gp") is not masked
    assert not masked or read_pseudonym(row.target_id)


def test_a_member_is_the_same_as_whatever_they_are_called() -> None:
    row = masker(Mask.NAMES).row(a_row(target_type="profile", target_id="hana", target_name="Hana Sato"))

    assert (row.actor_name, row.target_name) == ("Person 1", "Person 1")


@pytest.mark.parametrize(
    ("fact", "called"),
    [
        *[(fact, "Person 1") for fact in ("buyer", "buyer_name", "sellerName", "approved_by", "full_name", "surname")],
        *[(fact, "Customer 1") for fact in ("client_name", "new_client", "Customer")],
        *[(fact, "Gareth Pugh") for fact in ("name", "vessel", "place", "vehicle_name", "standby", "")],
    ],
)
def test_which_facts_are_names_of_people(fact: str, called: str) -> None:
    row = a_row(actor_type="system", facts={fact: "Gareth Pugh"}, summary="Rang Gareth Pugh", action="x.rung")

    masked = masker(Mask.NAMES).row(row)

    assert (masked.facts[fact], masked.summary) == (called, f"Rang {called}")


@pytest.mark.parametrize("name", ["J.P.", "H. M.", "O.", "Al!", "K-9?", "=1+1", "-2+3", '{"a":1}', "(Jo)", "?!"])
def test_a_short_name_is_found_with_its_signs(name: str) -> None:
    row = a_row(target_type="customer", target_id="c1", target_name=name, action="x.rung")

    for before, after in (("Called [", "] today"), ("", ""), ("To ", ", twice")):
        masked = masker(Mask.NAMES).row(row._replace(summary=f"{before}{name}{after}"))
        assert masked.summary == f"{before}Customer 1{after}"


def test_of_two_that_overlap_each_is_masked() -> None:
    mask = masker(*Mask, known=names_of_members([(1, "Ada northgate"), (2, "example Berg")]))

    assert mask.text("ada@northgate.example Berg") == "E-mail 1Person 1"


def test_whom_a_former_name_stands_for() -> None:
    mask = masker(Mask.NAMES, known=names_of_members([(5, "Hana Mori"), (6, "Tom Mori"), (5, "Hana Sato")]))

    assert mask.text("Hana Sato is Hana Mori") == "Person 1 is Person 1"


def test_two_people_with_one_name_stay_apart_where_their_ids_tell_them() -> None:
    mask = masker(Mask.NAMES, known=names_of_members([(1, "Ada Okafor"), (2, "Ada Okafor")]))
    first, second = (mask.row(a_row(actor_id=id_, actor_name="Ada Okafor")) for id_ in "12")

    assert first.actor_name != second.actor_name
    assert mask.text("Ada Okafor") not in {first.actor_name, second.actor_name}


def test_addresses_name_nobody_who_is_masked() -> None:
    mask = masker(Mask.NAMES)

    assert str(mask.ref(ActorRef("member", "5"))) == "member:person-1"
    assert not mask.may_be_named("member", "5")
    assert mask.may_be_named("vehicle", "veh_1")
    assert read_pseudonym("person-1") == (Kind.PERSON, 1)
    for other in ("person-0", "person-", "person-01", "thing-1", "person-1 ", "person-1" * 99):
        assert read_pseudonym(other) is None, other
