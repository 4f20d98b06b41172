"""The log as files: `formats` writes rows, `entries` goes through the log, `archive` packs it, `check` checks that."""
