"""The file of what an import refused: a line of JSON for each, to be mended and imported by itself."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from auditweb.importing.loading import Refused
from auditweb.importing.reading import FileError


@contextmanager
def refusal_file(path: Path) -> Iterator[Callable[[Refused], None]]:
    """
    Give what writes to the new file *path*, which only its owner may read; without any refusal it does not stay.

    It holds lines of another log as they are, secrets in them included.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise FileError(f"{path} exists already. Name a new file for what is refused.") from None
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror}.") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:

        def tell(refused: Refused) -> None:
            errors = [{"field": fault.field, "reason": fault.reason} for fault in refused.faults]
            told = {"line": refused.line, "errors": errors, "source": refused.source}
            file.write(json.dumps(told) + "\n")

        try:
            yield tell
        finally:
            file.flush()
            if not file.tell():
                path.unlink()
