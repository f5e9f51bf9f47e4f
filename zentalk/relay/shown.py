"""A relay's status as its operator reads it: groups with a title, numbers with their units.

`zentalk relay status` prints it, and the status page shows it. Nothing is looked up here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from zentalk.relay.status import RelayStatus

_LINKS: Final[tuple[str, ...]] = (
    "connections",
    "connections_accepted",
    "relay_links",
    "dialled_by",
    "links_dialled",
    "streams",
    "access_tokens",
    "access_tokens_used",
)
_MEMORY: Final[tuple[str, ...]] = ("memory_bytes", "queued_bytes")
_REFUSED: Final = "refused"
_BYTES: Final = "bytes"
_SIZES: Final = ("KiB", "MiB", "GiB", "TiB")
_TIMES: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_UNITS: Final = {
    **dict.fromkeys(("forwarded", "delivered", "cover", "delayed"), "packets"),
    **dict.fromkeys(("deposited", "repeats", "deliverable", "expired", "total"), "envelopes"),
    **dict.fromkeys(("acknowledged", "evicted", "pushed", "deferred", "written"), "envelopes"),
    **dict.fromkeys(("connections", "connections_accepted"), "links"),
    **dict.fromkeys(("relay_links", "relays_known"), "relays"),
    "links_dialled": "links",
    "dialled_by": "relays in the last hour",
    **dict.fromkeys(("streams", "streams_spliced", "streams_ended_here"), "tunnels"),
    **dict.fromkeys(("acks_sent", "acks_dropped", "tokens"), "acks"),
    **dict.fromkeys(("unique_recipients", "online", "mailboxes_made"), "mailboxes"),
    **dict.fromkeys(("mailboxes_removed", "mailboxes_refused_full"), "mailboxes"),
    **dict.fromkeys(("mailboxes_refused_work", "mailboxes_refused_access"), "mailboxes"),
    **dict.fromkeys(("access_tokens", "access_tokens_used"), "tokens"),
    "leases_ended": "times that mail was pushed again",
    "undeleted": "failed deletions",
    "prekeys_taken": "prekeys",
    "send_ids_unused": "send ids",
    **dict.fromkeys(("shards", "puts", "reads", "renewed", "deleted", "ended", "lost"), "shards"),
    "strays": "files",
    "sweeps": "sweeps",
    "commits": "writes",
    "storage_failures": "failed writes",
    "boot": "starts",
}
_SINGULAR: Final = {"mailboxes": "mailbox", "was": "was"}
"""Words of units that lose something else than an s, or nothing, beside one."""
_UNKNOWN_UNIT: Final = "times"
_OF_MAILBOXES: Final = "mailbox-"
_OF_STORAGE: Final = "storage-"
_REFUSED_UNITS: Final = {
    **dict.fromkeys(("undecryptable", "replay", "epoch", "malformed", "key"), "packets"),
    **dict.fromkeys(("delay", "command", "ack", "full", "queue-full", "delay-full"), "packets"),
    "memory-packet": "packets",
    **dict.fromkeys(("unknown", "unreachable", "self", "forbidden"), "packets and tunnels"),
    **dict.fromkeys(("connections", "source", "subnet", "memory", "evicted", "relay"), "links"),
    **dict.fromkeys(("handshake", "handshake-rate"), "handshakes"),
    "busy": "tunnels",
    **dict.fromkeys(("access", "banned"), "links"),
    "news": "descriptors and proofs",
    "udp": "datagrams",
    "bug": "links and packets",
}
"""By reason (docs/how-to/run-a-relay.md); those of mailboxes refuse deposits."""


def lines(status: RelayStatus) -> Iterator[str]:
    """Yield the lines of a status: state, warnings, then the groups."""
    yield f"{status.state}  {status.uri}"
    for warning in status.warnings:
        yield f"warning   {warning}"
    for title, rows in groups(status).items():
        yield ""
        yield title
        for name, text in rows.items():
            yield f"  {name:24} {text}"


def groups(status: RelayStatus) -> dict[str, dict[str, str]]:
    """Return the numbers of a status by title and name, as text; no group is empty."""
    found: dict[str, dict[str, str]] = {}
    for title, numbers in _groups(status).items():
        for name, number in numbers.items():
            unit = refused_unit(name) if title == _REFUSED else unit_of(name)
            found.setdefault(title, {})[name.replace("_", " ")] = _text(number, unit)
    return found


def _groups(status: RelayStatus) -> dict[str, Mapping[str, int | str]]:
    counters = dict(status.counters)
    links: dict[str, int | str] = {name: counters.pop(name) for name in _LINKS if name in counters}
    memory: dict[str, int | str] = {
        name: counters.pop(name) for name in _MEMORY if name in counters
    }
    relay: dict[str, int | str] = {"network": status.network, "version": status.version}
    if status.uptime_seconds is not None:
        relay["uptime"] = _duration(status.uptime_seconds)
    relay |= {name: counters.pop(name) for name in ("relays_known", "boot") if name in counters}
    return {
        "relay": relay,
        "traffic": counters,
        "links": links,
        "mail": status.mailbox,
        "storage": status.storage,
        _REFUSED: status.refused,
        "memory": {**status.memory, **memory},
        "disk": status.disk,
    }


def unit_of(name: str) -> str:
    """Return what a number of the status counts."""
    if name.endswith("_bytes") or name.startswith("bytes_"):
        return _BYTES
    return _UNITS.get(name, _UNKNOWN_UNIT)


def refused_unit(reason: str) -> str:
    """Return what was refused for a reason."""
    if reason.startswith(_OF_MAILBOXES):
        return "deposits"
    if reason.startswith(_OF_STORAGE):
        return "requests"
    return _REFUSED_UNITS.get(reason, _UNKNOWN_UNIT)


def _text(number: int | str, unit: str) -> str:
    if isinstance(number, str):
        return number
    if unit == _BYTES:
        return size(number)
    return f"{number} {_one(unit) if number == 1 else unit}"


def _one(unit: str) -> str:
    return " ".join(_SINGULAR.get(word, word.removesuffix("s")) for word in unit.split())


def size(count: int) -> str:
    """Return bytes as people read them, with three digits at most: 1536 is `1.5 KiB`."""
    if count < 1024:
        return f"{count} B"
    power = min((count.bit_length() - 1) // 10, len(_SIZES))
    amount, unit = count / 1024**power, _SIZES[power - 1]
    return f"{amount:.0f} {unit}" if amount >= 100 else f"{amount:.1f} {unit}"


def _duration(seconds: int) -> str:
    """Return the two largest units: 93,784 is `1 d 2 h`."""
    parts: list[str] = []
    for unit, length in _TIMES:
        count, seconds = divmod(seconds, length)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
