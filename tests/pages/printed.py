"""Whether a program prints what its page shows: the same lines in this order, among others.

What is another one each time (ids, addresses, dates, free ports, counts like 8/20) may differ;
`...` stands for anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_ANY = (
    (r"\.\.\.", r".*"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
    (r"\bzt-relay:[a-z2-7]{52}\b", r"zt-relay:[a-z2-7]{52}"),
    (r"\bzt1[a-z2-7]{56}\b", r"zt1[a-z2-7]{56}"),
    (r"#[a-z2-7]{31}\b", r"#[a-z2-7]{31}"),
    (r"\b[0-9a-f]{32}\b", r"[0-9a-f]{32}"),
    (r"127\.0\.0\.1:[3-6]\d{4}\b", r"127\.0\.0\.1:\d+"),
    (r"/tmp/zentalk-sim-\w+", r"\S*/zentalk-sim-\w+"),
    (r"\b\d+/\d+\b", r"\d+/\d+"),
)
_CHANGES = re.compile("|".join(f"({shown})" for shown, _ in _ANY))
_WIDTHS = re.compile(r"([ ─━])\1+")


def is_printed(shown: Sequence[str], output: str) -> bool:
    """Say whether the output has all lines that are shown."""
    lines = iter(_narrow(output).splitlines())
    patterns = [_pattern(line) for line in shown if line.strip() not in {"", "..."}]
    return all(any(pattern.fullmatch(line) for line in lines) for pattern in patterns)


def _pattern(shown: str) -> re.Pattern[str]:
    parts, end = [], 0
    line = _narrow(shown)
    for change in _CHANGES.finditer(line):
        parts += [re.escape(line[end : change.start()]), _ANY[(change.lastindex or 1) - 1][1]]
        end = change.end()
    return re.compile("".join(parts) + re.escape(line[end:]))


def _narrow(text: str) -> str:
    """Take out how wide columns are."""
    return "\n".join(_WIDTHS.sub(r"\1", line).rstrip() for line in text.splitlines())
