"""Actions: how one makes its sentence, and what it takes to be one."""

import re
from dataclasses import FrozenInstanceError

import pytest

from auditweb import catalogue
from auditweb.catalogue import Action, Category, Part


def test_parts_say_what_they_are() -> None:
    assert catalogue.IVA_BOOKED.parts({"station": "Avonmouth"}, "2021 Alphard") == [
        Part("text", "Booked an IVA test for "),
        Part("target", "2021 Alphard"),
        Part("text", " at "),
        Part("fact", "Avonmouth"),
    ]


def test_words_stand_for_the_action_itself() -> None:
    assert catalogue.IVA_BOOKED.words == "Booked an IVA test for … at …"
    assert catalogue.SIGNED_OUT.words == "Signed out"


def test_braces_in_a_fact_are_left_alone() -> None:
    """A sentence that holds people's words is never formatted again."""
    facts = {"email": "{role} {0} {{x}}", "role": "{email}"}

    assert catalogue.MEMBER_INVITED.sentence(facts) == "Invited {role} {0} {{x}} as {email}"


@pytest.mark.parametrize(
    ("facts", "target_name", "complaint"),
    [
        ({}, "Alphard", "vehicle.inspected lacks place"),
        ({"place": "Kobe", "colour": "red", "age": "2"}, "Alphard", "vehicle.inspected does not take age, colour"),
        ({"place": "Kobe"}, "", "vehicle.inspected lacks a target"),
        ({"place": "Kobe", "target": "Alphard"}, "Alphard", "vehicle.inspected does not take target"),
    ],
)
def test_incomplete_sentence_is_refused(facts: dict[str, str], target_name: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
        catalogue.VEHICLE_INSPECTED.sentence(facts, target_name)


def test_details_are_optional() -> None:
    for facts in ({}, {"lot": "1"}, {"sale": "USS", "lot": "1"}):
        assert catalogue.BID_PLACED.sentence(facts, "Alphard") == "Placed a bid on Alphard"


def test_parts_of_an_incomplete_entry_are_refused() -> None:
    with pytest.raises(ValueError, match="lacks role"):
        catalogue.MEMBER_INVITED.parts({"email": "a@b.example"})


def test_action_cannot_be_altered() -> None:
    with pytest.raises(FrozenInstanceError):
        catalogue.MEMBER_INVITED.slug = "other.thing_done"  # type: ignore[misc]


@pytest.mark.parametrize(
    "slug",
    ["", "vehicle", "Vehicle.washed", "vehicle.", ".washed", "vehicle washed", "véhicule.lavé", "vehicle.1", "a.b\n"],
)
def test_slug_is_thing_dot_past_tense(slug: str) -> None:
    with pytest.raises(ValueError, match="is no slug"):
        Action(slug, Category.VEHICLES, "Washed {target}")


@pytest.mark.parametrize(
    "summary",
    [
        "",
        "washed {target}",
        "Washed {target}.",
        "Washed {target} ",
        "Washed {}",
        "Washed {0}",
        "Washed {target!r}",
        "Washed {target:>9}",
        "Washed {target.name}",
        "Washed {target[0]}",
        "Washed {Target}",
        "Washed {target",
        "Washed target}",
    ],
)
def test_summary_is_a_plain_template(summary: str) -> None:
    with pytest.raises(ValueError, match=r"vehicle.washed|[Ss]ingle '}'|expected '}'"):
        Action("vehicle.washed", Category.VEHICLES, summary)


@pytest.mark.parametrize("details", [("target",), ("place",), ("by", "by"), ("By",), ("",), ("a b",)])
def test_details_are_facts_of_their_own(details: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="cannot be a detail"):
        Action("vehicle.washed", Category.VEHICLES, "Washed {target} in {place}", details=details)


def test_category_is_one_of_the_nine() -> None:
    with pytest.raises(ValueError, match="laundry"):
        Action("vehicle.washed", "laundry", "Washed {target}")  # type: ignore[arg-type]
