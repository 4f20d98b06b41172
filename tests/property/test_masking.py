"""However they are spelled and wherever they stand, masked values are not in what is made of an entry."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from auditweb.parties import ActorRef
from auditweb.reading.pages import WholeRow
from auditweb.sharing.kinds import Kind
from auditweb.sharing.masking import Mask, Masker, names_of_members
from tests.unit.test_masking import ALL, Counted, a_row

WORDS = st.text(st.characters(categories=["Lu", "Ll", "Lo"]), min_size=3, max_size=9)
NAMES = st.lists(WORDS, min_size=2, max_size=3).map(" ".join)
EMAILS = st.builds("{}@{}.example".format, st.from_regex(r"[a-z][a-z0-9.+-]{2,9}", fullmatch=True), st.just("canary"))
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
HOSTILE = st.sampled_from(("{}", "={}", "<b>{}</b>", "\u202e{}", "({})", "“{}”", "x {} y", "{}, {}", "\n{}\t", "'{}'"))


@given(name=NAMES, other=NAMES, email=EMAILS, ip=ADDRESSES, around=HOSTILE, action=st.sampled_from(("odd.done", "")))
def test_nothing_masked_is_left(name: str, other: str, email: str, ip: str, around: str, action: str) -> None:
    def text(value: str) -> str:
        return around.replace("{}", value)

    row = a_row(
        actor_name=name,
        actor_id=email,
        target_type="customer",
        target_id=email,
        target_name=other,
        via_type="api_key",
        via_id=email,
        via_name=text(email),
        ip=ip,
        user_agent=text(ip),
        request_id=ip,
        facts={"text": text(name), "more": text(email), "where": text(ip), "customer": other},
        summary=text(f"{name} wrote to {email} from {ip} for {other}"),
        **({"action": action} if action else {}),
    )
    masked = Masker(ALL, names_of_members([(5, name)]), Counted()).row(row)

    left = repr(masked)
    for value in (name, other, email, ip):
        assert value not in left


@given(st.lists(st.tuples(NAMES, st.integers(1, 9)), min_size=1, max_size=9))
def test_people_stay_who_they_are(people: list[tuple[str, int]]) -> None:
    """Whoever is one person has one number, and two have two."""
    mask = Masker(frozenset({Mask.NAMES}), names_of_members(()), Counted())

    seen: dict[int, Any] = {}
    for name, person_id in people:
        row: WholeRow = mask.row(a_row(actor_id=str(person_id), actor_name=name))
        assert seen.setdefault(person_id, (row.actor_id, row.actor_name)) == (row.actor_id, row.actor_name)
        assert mask.ref(ActorRef("member", str(person_id))).id == row.actor_id
        assert row.actor_id.startswith(Kind.PERSON)
    assert len(set(seen.values())) == len(seen)
