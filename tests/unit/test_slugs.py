"""Addresses of organisations: which can be one, and what is proposed for a name."""

import pytest

from auditweb.accounts.slugs import RESERVED, problem_with, propose


@pytest.mark.parametrize("slug", ["abc", "northgate", "osaka-bay", "7eleven", "a1-b2-c3", "x" * 40])
def test_an_address(slug: str) -> None:
    assert problem_with(slug) is None


@pytest.mark.parametrize(
    "slug",
    ["", "ab", "x" * 41, "North", "north gate", "-north", "north-", "nörth", "nor/th", "nor.th", "nor_th", "abc\n"],
)
def test_no_address(slug: str) -> None:
    assert problem_with(slug)


def test_words_of_the_product_are_no_addresses() -> None:
    for word in ("settings", "sign-in", "api", "admin", *RESERVED):
        assert problem_with(word) == "This word is kept for other pages. Choose another."
        assert propose(word.title()) == ""


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Northgate Imports", "northgate-imports"),
        ("  Müller & Söhne GmbH ", "muller-sohne-gmbh"),
        ("Maya’s Cars", "mayas-cars"),
        ("Ａｃｍｅ ２０００", "acme-2000"),
        ("A" * 39 + " Bee", "a" * 39),
        ("大阪湾モータース", ""),
        ("!", ""),
        ("", ""),
    ],
)
def test_what_is_proposed_for_a_name(name: str, slug: str) -> None:
    assert propose(name) == slug
    assert not slug or problem_with(slug) is None
