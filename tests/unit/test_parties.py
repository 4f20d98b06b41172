"""Who and what an event is about."""

import pytest

from auditweb.parties import UNKNOWN_PERSON, Actor, ActorRef, ActorType


@pytest.mark.parametrize(
    ("text", "type_", "id_"),
    [("member:42", "member", "42"), ("api_key:a:b", "api_key", "a:b"), ("system:Rate sync", "system", "Rate sync")],
)
def test_reference_reads_back(text: str, type_: str, id_: str) -> None:
    reference = ActorRef.parse(text)

    assert reference == (type_, id_)
    assert str(reference) == text


@pytest.mark.parametrize("text", ["", "member", "member:", ":42", "Member:42", "robot:42", " member:42", "member :42"])
def test_damaged_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as member:42"):
        ActorRef.parse(text)


def test_actor_is_referred_to_by_type_and_id() -> None:
    """The name may change; the reference does not."""
    assert Actor(ActorType.MEMBER, "42", "Hana").ref == Actor(ActorType.MEMBER, "42", "Hana Sato").ref
    assert str(UNKNOWN_PERSON.ref) == "anonymous:unknown"
