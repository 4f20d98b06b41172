"""No query string earns a 500, on any page of the log."""

from urllib.parse import quote, urlencode

from hypothesis import given
from hypothesis import strategies as st

from auditweb import ids
from tests.log_pages import LOG
from tests.readers import Place, Reader

NAMES = (
    "category", "actor", "target", "action", "outcome", "from", "to", "tz", "last", "before", "after", "oldest", "name",
    "q", "page", "date", "seen",
)  # fmt: skip
NEARLY = {
    "category": ["team", "data_export", "Team"],
    "actor": ["member:1", "member:\0", "system:x", "member:" + "9" * 40, "api_key:\ud83d"],
    "target": ["vehicle:1", "::", "a:" + "\U0001f697" * 300],
    "action": ["vehicle.updated", "a.b", "vehicle.updated'--"],
    "outcome": ["success", "denied"],
    "from": ["2026-03-01", "2000-01-01", "2069-12-31", "2026-13-01"],
    "to": ["2026-03-01", "2000-01-01", "2069-12-31"],
    "tz": ["Asia/Tokyo", "America/St_Johns", "Pacific/Apia", "../../etc/passwd"],
    "last": ["7d", "9999d", "9999h", "0d"],
    "before": [ids.to_text(0), ids.to_text(ids.LAST_ID), "9" * 23, "-1"],
    "after": [ids.to_text(0), ids.to_text(ids.LAST_ID), "32ST6QNF15NM7"],
    "oldest": ["1", "0"],
    "q": ["alphard", "alph*", '"two words', "-no", "\0", "10.0.0.1", ids.to_text(0), "\u202e", "x" * 300],
    "page": ["1", "2", "0", "9" * 40, "-1", "1,000"],
    "date": ["2026-03-01", "2000-01-01", "2069-12-31", "2026-13-01"],
    "seen": ["1", "101", "x"],
    "name": ["a", "%", "_\\", "\0", "x" * 300],
}
PAIRS = st.sampled_from(NAMES).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(NEARLY[name]) | st.text(max_size=20))
)
PATHS = st.sampled_from(
    ["", "/actors", "/go", "/new", f"/entries/{ids.to_text(0)}", f"/entries/{ids.to_text(ids.LAST_ID)}.json"]
)


@given(path=PATHS, pairs=st.lists(PAIRS, max_size=5), htmx=st.booleans())
def test_whatever_the_parameters_say(
    reader: Reader, organisation: Place, path: str, pairs: list[tuple[str, str]], htmx: bool
) -> None:
    page = reader.get(f"{LOG}{path}?{urlencode(pairs, errors='replace')}", htmx=htmx)

    assert page.status in {200, 302, 400, 404}
    if page.status == 302:
        assert page.location is not None
        assert reader.get(page.location).status == 200


@given(path=PATHS, query=st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_whatever_the_query_string_is(reader: Reader, organisation: Place, path: str, query: bytes) -> None:
    escaped = quote(query, safe="&=+%;?/:@!$'()*,")

    assert reader.get(f"{LOG}{path}?{escaped}").status in {200, 302, 400, 404}


@given(spelled=st.text(st.characters(exclude_characters="/\\.?#"), min_size=1, max_size=30))
def test_whatever_the_address_of_an_entry_is(reader: Reader, organisation: Place, spelled: str) -> None:
    for ending in ("", ".json"):
        address = f"{LOG}/entries/{quote(spelled, errors='replace')}{ending}"
        assert reader.get(address).status in {400, 404}
