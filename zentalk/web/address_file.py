"""The file `run.json` in a node's folder tells programs on this machine where its REST serves.

A program that was killed leaves it behind: what answers there may be somebody else.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from zentalk.config import remove_file, write_private

ADDRESS_FILE: Final = "run.json"


def note_url(directory: Path, url: str, pid: int) -> None:
    """Write where this process serves; raises ConfigError if it cannot."""
    content = json.dumps({"url": url, "pid": pid})
    write_private(directory / ADDRESS_FILE, content.encode(), replace=True)


def forget_url(directory: Path) -> None:
    """Remove the note."""
    remove_file(directory / ADDRESS_FILE)


def noted_url(directory: Path) -> str | None:
    """Return where a node serves or served last (after a crash), or None."""
    try:
        noted = json.loads((directory / ADDRESS_FILE).read_text("utf-8"))
        return str(noted["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
