"""An attacker who sees when every line carries data, and guesses who writes to whom.

Pure statistics (K5 of docs/threat-model.md): nothing here sees a byte of content, or more
of a line than the times and directions of its units. Spec of what is watched:
docs/spec/onion.md section 13.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

BIN_SECONDS: Final = 2.0
"""The length of the bins in which the watcher counts units."""
LONGEST_LAG_SECONDS: Final = 60.0
"""The longest delay at which the watcher looks for a message after its sending."""


@dataclass
class Line:
    """Times (seconds) at which one person's line carried a unit, by direction."""

    out: list[float] = field(default_factory=list)
    into: list[float] = field(default_factory=list)


def ranks(lines: Mapping[str, Line], partners: Mapping[str, str], end: float) -> dict[str, int]:
    """Return for each person the place of the true partner among all others; 1 is the first.

    Each other is scored by how well what comes in there follows what goes out here: the
    largest correlation of counts in bins over all lags from 0 to a minute. `end` is how
    long was watched, in seconds from 0. Of equal scores the true one comes last.
    """
    bins = max(2, int(end / BIN_SECONDS))
    out = {name: _standard(_counts(line.out, bins)) for name, line in lines.items()}
    into = {name: _standard(_counts(line.into, bins)) for name, line in lines.items()}
    found = {}
    for name, partner in partners.items():
        scores = {other: _follows(out[name], into[other]) for other in lines if other != name}
        found[name] = sum(score >= scores[partner] for score in scores.values())
    return found


def expected_rank(people: int) -> float:
    """Return the mean place of the true partner for somebody who guesses."""
    return people / 2


def _counts(times: Sequence[float], bins: int) -> list[float]:
    counts = [0.0] * bins
    for at in times:
        place = int(at / BIN_SECONDS)
        if 0 <= place < bins:
            counts[place] += 1.0
    return counts


def _standard(counts: Sequence[float]) -> list[float]:
    """Return counts with mean 0 and variance 1; all 0 if they are constant."""
    mean = sum(counts) / len(counts)
    spread = math.sqrt(sum((count - mean) ** 2 for count in counts) / len(counts))
    return [(count - mean) / spread if spread else 0.0 for count in counts]


def _follows(out: Sequence[float], into: Sequence[float]) -> float:
    lags = range(min(len(out) - 1, int(LONGEST_LAG_SECONDS / BIN_SECONDS)) + 1)
    return max(
        sum(a * b for a, b in zip(out, into[lag:], strict=False)) / (len(out) - lag) for lag in lags
    )
