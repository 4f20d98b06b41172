"""Text that others wrote cannot hide, turn round or pretend."""

import sys
import unicodedata

import pytest

from auditweb.web.foreign_text import mixed_scripts, visible, visible_text

HIDDEN = [
    chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in {"Cc", "Cf", "Zl", "Zp"}
]


def test_every_control_and_format_character_is_shown() -> None:
    assert len(HIDDEN) > 200
    for character in HIDDEN:
        shown = visible(f"<{character}>")
        assert character not in shown
        assert f"\\u{{{ord(character):x}}}</span>" in shown
        assert shown.startswith("&lt;")
        assert visible_text(f"<{character}>") == f"<\\u{{{ord(character):x}}}>"


@pytest.mark.parametrize(
    "character", ["\ue000", "\U0010ffff", "\u0378", "\ud800", "\u115f", "\u1160", "\u3164", "\uffa0"]
)
def test_what_no_font_can_show_is_shown_too(character: str) -> None:
    assert character not in visible(f"a{character}b")


@pytest.mark.parametrize(
    "text",
    [
        "2020 Honda Stepwgn Spada",
        "MV Höegh Trapper, voyage 118",
        "佐藤 花",
        "Ольга",
        "a\u00a0b\u3000c",
        "می\u200cخواهم",  # Persian is spelled with a zero-width non-joiner
        "👨\u200d👩\u200d👧",
        "❤\ufe0f\u200d🔥",
    ],
)
def test_honest_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text
    assert visible_text(text) == text


@pytest.mark.parametrize("text", ["\u200dadmin", "admin\u200d", "1\u200d2", "a \u200cb"])
def test_joiners_with_nothing_to_join_are_shown(text: str) -> None:
    assert "\u200d" not in visible(text)
    assert "\u200c" not in visible(text)


def test_markup_is_escaped_beside_chips() -> None:
    assert visible("<b>\u202e") == (
        '&lt;b&gt;<span class="chip-u" title="U+202E RIGHT-TO-LEFT OVERRIDE">\\u{202e}</span>'
    )


@pytest.mark.parametrize(
    ("name", "scripts"),
    [
        ("аdmin", "Latin and Cyrillic"),
        ("Αda", "Latin and Greek"),
        ("Ольга", ""),
        ("Ελένη", ""),
        ("Höegh", ""),
        ("Hana 佐藤", ""),
        ("admin", ""),
        ("αбc", "Latin and Cyrillic and Greek"),
    ],
)
def test_names_that_mix_scripts_are_told(name: str, scripts: str) -> None:
    assert mixed_scripts(name) == scripts
