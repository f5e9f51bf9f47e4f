"""How many people keep their tunnels while strangers ask for all streams of all relays (K43).

`python simulations/crowd/run.py [--json]` prints the floor of docs/spec/link.md section 11.1 for
20 relays and 1,000 people. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from simulations.crowd.network import Attacker, Person, Relay

HOPS = 4
MAILBOXES = 4


@dataclass(frozen=True)
class Outcome:
    """What stood at the ends of rounds; a round is the time in which a node tries again."""

    addresses: int
    aim: str
    hostile_hops: int
    standing: float
    """Of all tunnels that people want."""
    reached: float
    """Of all people: those with at least one tunnel to an own mailbox."""
    reached_at_target: float
    """The same of people whose guard is the relay that is aimed at."""


def measure(
    *,
    relays: int = 20,
    people: int = 1000,
    addresses: int,
    aim: str,
    hostile_hops: int,
    streams: int = 8,
    rounds: int = 8,
    seed: int = 1,
) -> Outcome:
    rng = random.Random(seed)
    network = [Relay(name) for name in range(relays)]
    honest = [Person(name, network, rng, HOPS) for name in range(people)]
    hostile = [
        Attacker(name, network, rng, streams, aim, hostile_hops) for name in range(addresses)
    ]
    counts = [0, 0, 0, 0]
    for number in range(rounds):
        turns: list[tuple[Person, int] | tuple[Attacker, tuple[int, int]]] = [
            # Strangers are there first: everybody comes, or comes back, to full relays.
            *((who, name) for who in honest if number for name in who.missing()),
            *((who, place) for who in hostile for place in who.missing()),
        ]
        rng.shuffle(turns)
        for who, wanted in turns:
            who.open(wanted)  # type: ignore[arg-type]  # each with what it misses itself
        if number >= rounds // 2:
            targets = [who for who in honest if network[0] in who.guards]
            counts[0] += sum(MAILBOXES - len(who.missing()) for who in honest)
            counts[1] += sum(len(who.missing()) < MAILBOXES for who in honest)
            counts[2] += sum(len(who.missing()) < MAILBOXES for who in targets)
            counts[3] += len(targets)
    seen = (rounds - rounds // 2) * people
    return Outcome(
        addresses,
        aim,
        hostile_hops,
        counts[0] / seen / MAILBOXES,
        counts[1] / seen,
        counts[2] / max(1, counts[3]),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    rows = (
        measure(addresses=addresses, aim=aim, hostile_hops=hops)
        for addresses in (0, 6, 100, 250)
        for aim in ("all relays", "one relay")
        for hops in (2, 4)
        if addresses or (aim, hops) == ("all relays", 2)
    )
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
        return
    print(f"{'addresses':>9}  {'aim':10} {'hops':>4} {'tunnels':>8} {'people':>7} {'there':>7}")
    for row in rows:
        print(
            f"{row.addresses:9}  {row.aim:10} {row.hostile_hops:4} {row.standing:8.1%}"
            f" {row.reached:7.1%} {row.reached_at_target:7.1%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
