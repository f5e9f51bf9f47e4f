"""Printing: plain lines for people, JSON for programs.

What other people wrote is made harmless first: a control character in a message must not
move the cursor, set a title or colour the terminal of its reader.
"""

from __future__ import annotations

import json
import time
from typing import Any

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def say(line: str) -> None:
    """Print a line and let it out at once, also into a pipe."""
    print(line, flush=True)


def say_json(content: Any) -> None:
    """Print JSON in ASCII, so that nothing in it reaches a terminal as a control character."""
    print(json.dumps(content, indent=2), flush=True)


def harmless(text: str) -> str:
    """Return the text on one line with control and format characters replaced."""
    return "".join(c if c.isprintable() else _REPLACEMENT for c in text.replace("\n", " "))


def local_time(unix_seconds: float) -> str:
    """Return a time as the reader's clock shows it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(unix_seconds))


def utc_day(unix_seconds: float) -> str:
    """Return the day of a time, the same for every reader."""
    return time.strftime("%Y-%m-%d", time.gmtime(unix_seconds))
