"""Hide a person's record with chosen ids: zentalk's directory beside the package `kademlia`.

`python simulations/eclipse/run.py [--victims N]` prints the share of honest reads that still
find it. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from functools import partial
from pathlib import Path

import trio
import trio.testing

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from simulations.eclipse import ours, stock
from zentalk.directory.identity_work import MAIN_DIFFICULTY

HONEST, HOSTILE = 100, 20


def attack_ours(draw: ours.Draw, networks: int, victims: int) -> ours.Outcome:
    with tempfile.TemporaryDirectory(prefix="zentalk-eclipse-") as folder:
        attack = partial(
            ours.measure,
            Path(folder),
            honest=HONEST,
            hostile=HOSTILE,
            draw=draw,
            networks=networks,
            victims=victims,
        )
        return trio.run(attack, clock=trio.testing.MockClock(autojump_threshold=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--victims", type=int, default=3, help="records attacked, one by one")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found, reads = stock.measure(HONEST, HOSTILE, asked.victims)
    rows = [
        {"directory": "kademlia", "ids": "nearest to the key", "share": found / reads},
    ]
    for ids, draw, networks in (
        ("nearest to the key", ours.around_the_key, HOSTILE),
        ("nearest to the day's points, 2 networks", ours.around_the_points, 2),
        ("nearest to the day's points, 20 networks", ours.around_the_points, HOSTILE),
    ):
        outcome = attack_ours(draw, networks, asked.victims)
        rows.append(
            {
                "directory": "zentalk",
                "ids": ids,
                "share": outcome.share,
                "hostile_holders": outcome.hostile_holders / outcome.holders,
                "keys_drawn": outcome.keys_drawn / asked.victims,
            }
        )
    if asked.json:
        print(json.dumps(rows, indent=1))
        return
    print(
        f"{HONEST} honest and {HOSTILE} hostile nodes, {asked.victims} records, {reads} reads each"
    )
    print(
        f"{'directory':10} {'hostile ids':42} {'found':>6} {'hostile holders':>16}"
        f" {'keys drawn':>11}"
    )
    for row in rows:
        holders = f"{row['hostile_holders']:.0%}" if "hostile_holders" in row else ""
        drawn = f"{row['keys_drawn']:.0f}" if "keys_drawn" in row else "0"
        print(
            f"{row['directory']:10} {row['ids']:42} {row['share']:6.1%} {holders:>16} {drawn:>11}"
        )
    print(f"in the network `main` each key drawn costs 2^{MAIN_DIFFICULTY} tries")


if __name__ == "__main__":
    main()
