"""A relay's status in words, as `zentalk relay status` prints it."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

import zentalk
from zentalk.mailbox.core import MailboxStats
from zentalk.mailbox.newcomers import FULL, WORK
from zentalk.mailbox.writing import _COUNTED
from zentalk.relay.metrics import BUG, RelayStats
from zentalk.relay.shown import _UNKNOWN_UNIT, _text, lines, refused_unit, size, unit_of
from zentalk.relay.status import RelayStatus

CODE = Path(zentalk.__file__).parent
STATUS = RelayStatus(
    running=True,
    state="ready",
    pid=os.getpid(),
    port=9001,
    uri="zt-relay:x@h:1",
    network="local",
    version="1",
    started_at=3600,
    counters={
        "forwarded": 1200,
        "bytes_in": 5_000_000,
        "connections": 12,
        "memory_bytes": 3_000_000,
        "relays_known": 7,
    },
    refused={"replay": 3},
    mailbox={"deliverable": 4},
    warnings=["look here"],
    uptime_seconds=93_784,
    memory={"process_bytes": 120 * 2**20},
    disk={"queue_bytes": 4096, "free_bytes": 2**40},
)


def test_groups_and_units() -> None:
    text = [" ".join(line.split()) for line in lines(STATUS)]
    assert text[:2] == ["ready zt-relay:x@h:1", "warning look here"]
    groups = [line for line in lines(STATUS) if line and " " not in line]
    assert groups == ["relay", "traffic", "links", "mail", "refused", "memory", "disk"]
    for expected in (
        "uptime 1 d 2 h",
        "relays known 7 relays",
        "forwarded 1200 packets",
        "bytes in 4.8 MiB",
        "connections 12 links",
        "deliverable 4 envelopes",
        "replay 3 packets",
        "process bytes 120 MiB",
        "memory bytes 2.9 MiB",
        "queue bytes 4.0 KiB",
        "free bytes 1.0 TiB",
    ):
        assert expected in text


def test_every_counter_is_shown_somewhere() -> None:
    counted = dict.fromkeys(("something_new", *STATUS.counters), 1)
    text = "\n".join(lines(replace(STATUS, counters=counted)))
    assert all(name.replace("_", " ") in text for name in counted)


def found_in_code(pattern: str) -> set[str]:
    sources = [path for part in ("relay", "mailbox") for path in (CODE / part).rglob("*.py")]
    return {word for path in sources for word in re.findall(pattern, path.read_text("utf-8"))}


def test_each_number_has_a_unit() -> None:
    counted = found_in_code(r'counters\["(\w+)"\]') | set(_COUNTED.values())
    mailbox = {name for name in counted if not name.startswith("refused_")}
    mailbox |= {f"mailboxes_refused_{word}" for word in (FULL, WORK)}
    mailbox |= set(MailboxStats.__slots__) - {"counters"}
    assert {"acks_dropped", "leases_ended", "storage_failures", "undeleted"} <= mailbox
    names = {*mailbox, *RelayStats().counters()}
    assert {name for name in names if unit_of(name) == _UNKNOWN_UNIT} == set()


def test_each_reason_has_a_unit() -> None:
    page = (CODE.parent / "docs/how-to/run-a-relay.md").read_text("utf-8")
    table = page.split("## Why something was refused")[1]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    reasons = {reason for row in rows for reason in re.findall(r"`([a-z-]+)`", row)}
    reasons |= found_in_code(r'refuse\("([a-z-]+)"') | {BUG, "news"}
    assert {"undecryptable", "mailbox-full", "handshake-rate", "busy", "relay"} <= reasons
    assert {reason for reason in reasons if refused_unit(reason) == _UNKNOWN_UNIT} == set()


def test_control_a_number_without_a_unit_is_found() -> None:
    assert unit_of("something_new") == refused_unit("something-new") == _UNKNOWN_UNIT


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (2**20 * 256, "256 MiB")],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text
    assert size(2**60).endswith("TiB")


@pytest.mark.parametrize(
    ("name", "number", "shown"),
    [
        ("relays_known", 1, "1 relay"),
        ("relays_known", 2, "2 relays"),
        ("relays_known", 0, "0 relays"),
        ("online", 1, "1 mailbox"),
        ("leases_ended", 1, "1 time that mail was pushed again"),
        ("bytes_in", 1, "1 B"),
    ],
)
def test_one_of_something_is_said_as_one(name: str, number: int, shown: str) -> None:
    assert _text(number, unit_of(name)) == shown
