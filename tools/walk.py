"""`python -m tools.walk`: prints the way of one message from REST to the guard's link.

Three relays, Alice and Bob run in this process in virtual time, over cables in memory, and know
each other already. Alice's REST application gets one `POST .../messages`. Cables have a delay, so
that until the end of the walk nobody else has anything to do. It has two ends:

- `to the guard's link`: from the call of the application until the link has taken the message's
  first packet into its queue, and `Connection.send_packet` has returned to its caller.
- `to the wire`: the same and what comes after, until the link's writer hands the sealed packet to
  the stream: the answer of REST and the plans for a retry, which come first, and the link's core.

A profile function (`sys.setprofile`) tells which function runs; for either end

- `files` counts the files of `zentalk/` in which a function ran.
- `moves` counts how often the next thing happens in another file of `zentalk/` than the last one. A
  call into another file is a move, and so is the return to the caller's file. Libraries do not
  count: what a library calls is taken for called by our function above it.
- A task that waited goes on where it waited, which is one move at most. Python then enters all
  functions of the task again from the first one down, and leaves all of them when it waits; neither
  counts.

Blocking calls run inline and entropy comes from `random`, so threads and `zentalk.net.runtime` are
not seen. Trio runs tasks that are due together in any order: several messages are sent, and the
walk with the median number of moves to the link is shown.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import trio
from trio.testing import MockClock

from tools.profiling import Recorder, Step
from tools.quiet_network import QuietNetwork
from zentalk.net.connection import Connection

MESSAGES: Final = 5
"""An odd number, for a median."""
WARM_UP: Final = 3
PAUSE_SECONDS: Final = 10.0
TEXT: Final = "x" * 1024
MOST_PAIRS: Final = 10


class Stretch(NamedTuple):
    """The way of one message up to some end: every place at which the file changes is a step."""

    files: int
    moves: int
    steps: Sequence[Step]

    @property
    def pairs(self) -> Counter[tuple[str, ...]]:
        """Return how many moves go between which two files, in either direction."""
        return Counter(tuple(sorted((a.file, b.file))) for a, b in pairwise(self.steps))

    @property
    def result(self) -> str:
        """Return what is counted, in words."""
        return f"{self.files} files, {self.moves} moves between files"


class Walk(NamedTuple):
    """The way of one message, up to its two ends."""

    to_link: Stretch
    to_wire: Stretch


def measure(messages: int = MESSAGES) -> Walk:
    """Send messages, one at a time, and return the walk of the median."""
    with tempfile.TemporaryDirectory() as folder:
        clock = MockClock(autojump_threshold=0)
        walks = trio.run(_walks, Path(folder), messages, clock=clock)
    return sorted(walks, key=lambda walk: walk.to_link.moves)[messages // 2]


async def _walks(folder: Path, messages: int) -> list[Walk]:
    walks = []
    async with trio.open_nursery() as nursery:
        network = QuietNetwork(folder)
        await network.start(nursery)
        for number in range(WARM_UP + messages):
            recorder = Recorder(Connection.send_packet.__code__)
            network.when_sent = recorder.stop
            with recorder:
                await network.post(TEXT)
                await trio.sleep(PAUSE_SECONDS)
            if number >= WARM_UP:
                walks.append(_walk_of(recorder))
        nursery.cancel_scope.cancel()
    return walks


def _walk_of(recorder: Recorder) -> Walk:
    if not (recorder.stopped and recorder.to_landmark):
        raise RuntimeError("the message did not reach the guard's link")
    return Walk(_stretch(recorder.steps[: recorder.to_landmark]), _stretch(recorder.steps))


def _stretch(every: Sequence[Step]) -> Stretch:
    steps = list(_changes_of_file(every))
    return Stretch(len({step.file for step in every}), len(steps) - 1, steps)


def _changes_of_file(steps: Sequence[Step]) -> Iterator[Step]:
    last = ""
    for step in steps:
        if step.file != last:
            yield step
        last = step.file


def main() -> int:
    """Print the walk and what it counts."""
    parser = argparse.ArgumentParser(prog="python -m tools.walk", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--json", action="store_true", help="print numbers and steps as JSON")
    parser.add_argument("--quiet", action="store_true", help="print the numbers only")
    options = parser.parse_args()
    walk = measure()
    link, wire = walk
    if options.json:
        found = {
            name: {"files": stretch.files, "moves": stretch.moves}
            for name, stretch in walk._asdict().items()
        }
        steps = [] if options.quiet else [step._asdict() for step in wire.steps]
        print(json.dumps({**found, "steps": steps}))
        return 0
    if not options.quiet:
        for number, step in enumerate(wire.steps):
            if number == len(link.steps):
                print(f"--- the guard's link has the packet: {link.result} ---")
            print(f"{'  ' * step.depth}{step.how} {step.file}  {step.function}")
        print("\nmoves to the guard's link between files, most frequent pairs:")
        for pair, moves in link.pairs.most_common(MOST_PAIRS):
            print(f"{moves:5}  {' and '.join(pair)}")
    print(f"to the guard's link: {link.result}")
    print(f"to the wire: {wire.result}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
