"""`python -m auditweb.cli` is `auditweb`."""

from auditweb.cli import main

main()
