"""`python -m benchmarks`: prints the ratios that zentalk promises, and writes them as JSON.

    python -m benchmarks                       all ratios to other implementations and raw parts
    python -m benchmarks onion session         only these
    python -m benchmarks start                 how long commands take beside `python -c pass`
    python -m benchmarks work                  hashes a second of one core, and what prices take
    python -m benchmarks erasure               the code of files: plain Python, ISA-L and zfec
    python -m benchmarks peers                 LXMF over Reticulum beside ours, two minutes
    python -m benchmarks peers --relays 6      and ours over six relays, where packets take four
                                               hops, beside ours over three
    python -m benchmarks ways                  messages over WebSockets, directly, and polled over
                                               HTTP, beside TCP to relays, three minutes
    python -m benchmarks acks                  what part of a message's CPU is that of its acks
    python -m benchmarks messages              messages end to end over processes, some minutes
    python -m benchmarks load                  messages while a crowd besets a relay, a minute
    python -m benchmarks history               how fast a million messages answer, some minutes
    python -m benchmarks linked                how it gets to a linked node, and what it keeps
                                               waiting meanwhile, some minutes
    python -m benchmarks files                 files to fifteen relays and back, two minutes
    python -m benchmarks group                 what a text costs in a group of 256, in virtual time;
                                               half an hour, or less with --count 32
    python -m benchmarks profiles              what privacy profiles cost and hide, in virtual
                                               time; half an hour, or less with --count 20

A ratio is measured against something in the same run, so that another machine gives about the same
numbers; `messages` gives absolute figures of this machine, `profiles` those of the protocol alone.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from benchmarks import files, history, large_group, linked, messages, peers, profiles, ways
from benchmarks.peer_load import RELAYS
from benchmarks.rounds import Row

RATIOS = (
    "onion",
    "session",
    "relay",
    "mailbox",
    "restart",
    "directory",
    "http",
    "start",
    "erasure",
)
PEERS = "peers"
MESSAGES = "messages"
PROFILES = "profiles"
LOAD = "load"
WORK = "work"
ACKS = "acks"
WAYS = "ways"
HISTORY = "history"
LINKED = "linked"
GROUP = "group"
FILES = "files"
OTHERS = (PEERS, WAYS, MESSAGES, PROFILES, LOAD, WORK, HISTORY, LINKED, ACKS, GROUP, FILES)
DEFAULT_JSON = Path(__file__).with_name("results.json")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure zentalk.")
    parser.add_argument(
        "group",
        nargs="*",
        choices=[[], *RATIOS, *OTHERS],
        help="default: ratios",
    )
    parser.add_argument("--json", type=Path, default=DEFAULT_JSON, help="where to write results")
    parser.add_argument("--count", type=int, help="how many messages, or rounds of profiles")
    parser.add_argument(
        "--relays", type=int, default=RELAYS, help="how many for a second network of `peers`"
    )
    options = parser.parse_args()
    print(busy(), flush=True)
    results = []
    for group in options.group or RATIOS:
        for row in rows_of(group, options.count, options.relays):
            results.append({"group": group, **row})
            print(line(row), flush=True)
    report = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg(),
        "rows": results,
    }
    options.json.write_text(json.dumps(report, indent=1) + "\n")
    print(f"written to {options.json}")
    return 0


def busy() -> str:
    """Say what else runs here: ratios bear it, absolute figures do not."""
    return f"{os.cpu_count()} cores, {os.getloadavg()[0]:.1f} busy before the start"


def rows_of(group: str, count: int | None, relays: int) -> list[Row]:
    if group == PEERS:
        return peers.rows(count or peers.COUNT, relays)
    if group == WAYS:
        return ways.rows(count or peers.COUNT)
    if group == MESSAGES:
        return messages.rows(count or messages.MANY)
    if group == HISTORY:
        return history.rows(count or history.MESSAGES)
    if group == LINKED:
        return linked.rows(count or history.MESSAGES)
    if group == GROUP:
        return large_group.rows(count or large_group.MEMBERS)
    if group == FILES:
        return files.rows(count or files.SIZE_MIB)
    if group == PROFILES:
        return profiles.rows(count or profiles.ROUNDS)
    try:
        rows: list[Row] = importlib.import_module(f"benchmarks.{group}").rows()
    except ModuleNotFoundError as error:
        return [{"name": f"all of {group}", "skipped": f"no {error.name} here; see `make bench`"}]
    return rows


def line(row: dict[str, Any]) -> str:
    """Return a row as text: name, median, spread, target, verdict."""
    name = f"{row['name']:68}"
    if "skipped" in row:
        return f"{name} left out: {row['skipped']}"
    if "unit" in row:
        shown = f"{row['value']:10,.2f} {row['unit']}"
    else:
        low, high = row["spread"]
        shown = f"{row['ratio']:10.3f} ({low:.3f} to {high:.3f})"
    return f"{name} {shown:28} {verdict(row)}".rstrip()


def verdict(row: dict[str, Any]) -> str:
    target = row["target"]
    if target is None:
        return ""
    value = row["value"] if "unit" in row else row["ratio"]
    least = row.get("at_least", False)
    met = value >= target if least else value <= target
    return f"target {'at least' if least else 'at most'} {target:g}{'' if met else ': MISSED'}"


if __name__ == "__main__":
    sys.exit(main())
