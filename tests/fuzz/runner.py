"""Feeds mutated inputs to every parser: `python -m tests.fuzz.runner --inputs N --seed S`.

Prints one line of JSON: how many inputs were tried, what was found, and by how much the
memory of the process grew at its highest point, after all parsers had run once.
`--without outline` takes the walk over headers out of the codec: a control.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.fuzz.core_targets import core_targets
from tests.fuzz.group_targets import group_targets
from tests.fuzz.http_targets import http_targets
from tests.fuzz.linked_targets import linked_targets
from tests.fuzz.media_targets import media_targets
from tests.fuzz.mesh_targets import mesh_targets
from tests.fuzz.mutations import Mutator
from tests.fuzz.target import Target
from tests.fuzz.wire_targets import wire_targets
from zentalk.wire import codec

MAX_FINDINGS = 20
IN_MEMORY = Path("/dev/shm")
"""A folder for parsers of files, where the machine has one that needs no disk."""
_SHOWN_BYTES = 600


@dataclass(frozen=True)
class Finding:
    """One input that a parser did not survive as it should."""

    parser: str
    problem: str
    data: str
    trace: str = ""


@dataclass
class Outcome:
    """What a run did; `accepted` counts inputs that gave a value."""

    inputs: int = 0
    accepted: int = 0
    findings: list[Finding] = field(default_factory=list)
    growth_kib: int = 0


def all_targets(folder: Path) -> list[Target]:
    """Return every parser there is."""
    return [
        *wire_targets(),
        *group_targets(),
        *linked_targets(),
        *mesh_targets(),
        *core_targets(folder),
        *http_targets(),
        *media_targets(),
    ]


def try_one(parser: Target, data: bytes, outcome: Outcome) -> None:
    """Give one input to one parser and note what is wrong about what it does."""
    outcome.inputs += 1
    try:
        value = parser.parse(data)
    except parser.errors:
        return
    except Exception as error:  # noqa: BLE001  # whatever else it is, it is a finding
        trace = "".join(traceback.format_exception(error, limit=-4))
        _note(parser, f"raises {type(error).__name__}", data, outcome, trace)
        return
    outcome.accepted += 1
    if parser.again is None:
        return
    try:
        again = parser.again(value, data)
    except Exception as error:  # noqa: BLE001
        trace = "".join(traceback.format_exception(error, limit=-4))
        _note(parser, "its value has no encoding", data, outcome, trace)
        return
    if again != data:
        _note(parser, "its value is encoded in another way", data, outcome)


def _note(parser: Target, problem: str, data: bytes, outcome: Outcome, trace: str = "") -> None:
    outcome.findings.append(Finding(parser.name, problem, data[:_SHOWN_BYTES].hex(), trace))


def check_seeds(targets: Sequence[Target]) -> Outcome:
    """Return what is wrong with inputs that are valid."""
    outcome = Outcome()
    for parser in targets:
        for data in parser.seeds:
            accepted, findings = outcome.accepted, len(outcome.findings)
            try_one(parser, data, outcome)
            if (accepted, findings) == (outcome.accepted, len(outcome.findings)):
                _note(parser, "refuses a valid input", data, outcome)
    return outcome


def run(targets: Sequence[Target], inputs: int, seed: int) -> Outcome:
    """Give so many mutated inputs to the parsers in turn."""
    outcome = Outcome()
    mutator = Mutator(seed, [data for parser in targets for data in parser.seeds])
    for parser in itertools.islice(itertools.cycle(targets), inputs):
        try_one(parser, mutator.draw(parser.seeds), outcome)
        if len(outcome.findings) >= MAX_FINDINGS:
            break
    return outcome


def peak_kib() -> int:
    """Return the most memory that this process has had at once since `forget_peak`."""
    text = Path("/proc/self/status").read_text("ascii")
    return int(text.partition("VmHWM:")[2].split()[0])


def forget_peak() -> None:
    """Count the most memory from what is used now."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def main(arguments: Sequence[str]) -> int:
    """Run, print, and return 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without", choices=["outline"])
    options = parser.parse_args(arguments)
    if options.without == "outline":
        codec.check_outline = lambda data, **_kwargs: len(data)  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
        targets = all_targets(Path(folder))
        check_seeds(targets)
        forget_peak()
        before = peak_kib()
        outcome = run(targets, options.inputs, options.seed)
        outcome.growth_kib = peak_kib() - before
    print(json.dumps(asdict(outcome)))  # noqa: T201  # a program's only output
    return 1 if outcome.findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
