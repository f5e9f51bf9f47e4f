"""How `zentalk relay status` shows a status: groups with a title, numbers with their units."""

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
)
_MEMORY: Final[tuple[str, ...]] = ("memory_bytes", "queued_bytes")
_SIZES: Final = ("KiB", "MiB", "GiB", "TiB")
_TIMES: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_UNITS: Final = {
    **dict.fromkeys(("forwarded", "delivered", "cover", "delayed"), "packets"),
    **dict.fromkeys(("deposited", "repeats", "deliverable", "expired", "total"), "envelopes"),
    **dict.fromkeys(("connections", "connections_accepted"), "links"),
    **dict.fromkeys(("relay_links", "relays_known"), "relays"),
    "links_dialled": "links",
    "dialled_by": "relays in the last hour",
    "streams": "tunnels",
    "acks_sent": "acks",
    "tokens": "acks",
    "unique_recipients": "mailboxes",
    "online": "mailboxes",
    "commits": "writes",
}


def lines(status: RelayStatus) -> Iterator[str]:
    """Yield the lines of a status: state, warnings, then the groups."""
    yield f"{status.state}  {status.uri}"
    for warning in status.warnings:
        yield f"warning   {warning}"
    for title, numbers in _groups(status).items():
        if numbers:
            yield ""
            yield title
        for name, number in numbers.items():
            yield f"  {name.replace('_', ' '):24} {_text(name, number)}"


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
        "refused": status.refused,
        "memory": {**status.memory, **memory},
        "disk": status.disk,
    }


def _text(name: str, number: int | str) -> str:
    if isinstance(number, str):
        return number
    if name.endswith("_bytes") or name.startswith("bytes_"):
        return size(number)
    return f"{number} {_UNITS.get(name, '')}".rstrip()


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
