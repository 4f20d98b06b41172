"""Which new passwords are refused, and why."""

import pytest

from auditweb.accounts.password_rules import COMMON, LONG, OWN, SHORT, problem_with

ADA = {"email": "ada.okafor@northgate.example", "name": "Ada Okafor"}


@pytest.mark.parametrize(
    "password",
    [
        "a password for tests",
        "correct horse battery",
        "k3Hq9vTz2LmP",
        "ada likes purple tractors",
        "Zwölf Bären tanzen",
        "合格したい車を輸入する会社",
        "🐘🚗🌊🎺🍋🧊🪁🦔🛶🥁🪐🍄",
        "x" * 4 + "correct horse battery" * 48,
    ],
)
def test_a_password_that_nobody_guesses_is_taken(password: str) -> None:
    assert problem_with(password, **ADA) is None


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("", SHORT),
        ("elevenchars", SHORT),
        ("e\u0301" * 11, SHORT),  # eleven letters, typed as twenty-two
        ("correct horse battery " * 47, LONG),
        ("password1234", COMMON),  # on the list as it is
        ("1qaz2wsx3edc", COMMON),
        ("PASSWORD1234", COMMON),
        ("elephant2026!", COMMON),  # figures put on
        ("2026!!elephant", COMMON),
        ("P@ssw0rd2026!", COMMON),  # letters swapped
        ("m1chelle2026", COMMON),
        ("extraordinary", COMMON),
        ("letmeinletmein", COMMON),  # repeated
        ("letmein-letmein-", COMMON),
        ("ｐａｓｓｗｏｒｄ１２３４", COMMON),  # as a Japanese keyboard may type it
        ("aaaaaaaaaaaa", COMMON),
        ("abababababab", COMMON),
        ("abcdefghijkl", COMMON),
        ("zyxwvutsrqpo", COMMON),
        ("123456789012", COMMON),
        ("20261123-1042", COMMON),
        ("            ", COMMON),
        ("ada.okafor@northgate.example", OWN),
        ("AdaOkafor2026", OWN),
        ("northgate-2026-hq", OWN),
        ("okafor!okafor!okafor", OWN),
        ("ImportOps2026!", OWN),
        ("my importops 1", OWN),
        ("auditweb-auditweb-9", OWN),
    ],
)
def test_a_password_that_is_easily_guessed_is_refused(password: str, problem: str) -> None:
    assert problem_with(password, **ADA) == problem


def test_of_nobody_in_particular_nothing_is_their_own() -> None:
    assert problem_with("AdaOkafor2026") is None
    assert problem_with("ImportOps2026!") == OWN
