"""Finding the system's Chromium."""

import os
import shutil

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    """Return the path of Chromium or Chrome; `CHROMIUM` names another one."""
    for name in (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome-stable", "google-chrome"):
        path = shutil.which(name) if name else None
        if path:
            return path
    raise RuntimeError("Chromium is missing: install it (on Debian the package chromium), or name it in CHROMIUM.")
