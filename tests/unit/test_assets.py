"""What the build takes from npm packages into `static/vendor/`."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

import hatch_build
from auditweb.config import ROOT

VENDOR = ROOT / "static" / "vendor"
SVG = "{http://www.w3.org/2000/svg}"


def sources() -> Iterator[str]:
    """Everything that may name an icon."""
    for folder, ending in (("templates", "html"), ("static/js", "js"), ("auditweb", "py")):
        for path in (ROOT / folder).rglob(f"*.{ending}"):
            yield path.read_text()


def symbols() -> set[str]:
    sprite = ElementTree.parse(VENDOR / "icons.svg").getroot()
    return {symbol.attrib["id"] for symbol in sprite.iter(f"{SVG}symbol")}


def test_sprite_has_every_icon_that_is_named() -> None:
    named = {name for text in sources() for name in re.findall(r"(?:#i-|\bicon\([\"'])([a-z0-9-]+)", text)}

    assert {f"i-{name}" for name in named} <= symbols()
    assert len(named) > 10


@pytest.mark.parametrize("name", hatch_build.ICONS)
def test_icon_is_used(name: str) -> None:
    """The sprite carries nothing that no page shows."""
    assert any(re.search(rf"[\"']{name}[\"']|#i-{name}\b", text) for text in sources())


def test_icons_leave_colour_and_stroke_to_the_style_sheet() -> None:
    sprite = (VENDOR / "icons.svg").read_text()

    assert len(symbols()) == len(hatch_build.ICONS) == len(set(hatch_build.ICONS))
    assert "stroke" not in sprite
    assert 'class="' not in sprite
    assert 'viewBox="0 0 24 24"' in sprite


def test_htmx_is_the_version_that_was_tested() -> None:
    packages = json.loads((ROOT / "package.json").read_text())["dependencies"]

    assert packages["htmx.org"] == "4.0.1"
    assert b"4.0.1" in (VENDOR / "htmx.min.js").read_bytes()


def test_licences_stand_beside_what_they_cover() -> None:
    text = (VENDOR / "LICENCES.txt").read_text()

    assert all(word in text for word in ("Zero-Clause BSD", "SIL OPEN FONT LICENSE", "ISC License"))


@pytest.mark.parametrize("name", ["package-lock.json", "constraints.txt"])
def test_pins_name_no_host(name: str) -> None:
    assert "://" not in (ROOT / name).read_text()


def test_lock_file_pins_content() -> None:
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]

    taken = {path: package for path, package in locked.items() if path}
    assert len(taken) == 3
    assert all(package["integrity"].startswith("sha512-") for package in taken.values())


def test_second_build_asks_npm_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []

    def installed(root: Path, folder: Path) -> Path:
        calls.append(root)
        packages = folder / "node_modules"
        for source in (*hatch_build.COPIES.values(), *hatch_build.LICENCES.values()):
            (packages / source).parent.mkdir(parents=True, exist_ok=True)
            (packages / source).write_text(source)
        (packages / "lucide-static" / "icons").mkdir(parents=True)
        for name in hatch_build.ICONS:
            (packages / "lucide-static" / "icons" / f"{name}.svg").write_text("<svg><path/></svg>")
        return packages

    monkeypatch.setattr(hatch_build, "_npm_packages", installed)
    for name in hatch_build.SOURCES:
        shutil.copy(ROOT / name, tmp_path)

    assert hatch_build.build_assets(tmp_path) is True
    assert hatch_build.build_assets(tmp_path) is False
    (tmp_path / "package.json").write_text("{}")
    assert hatch_build.build_assets(tmp_path) is True
    assert len(calls) == 2
    assert sorted(path.name for path in (tmp_path / "static" / "vendor").iterdir()) == sorted(
        [".built-from", "LICENCES.txt", "icons.svg", "inter.css", *hatch_build.COPIES]
    )
