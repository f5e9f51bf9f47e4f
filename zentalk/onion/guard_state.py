"""The state that a sender keeps of its guards, and the form in which the node stores it.

Spec: docs/spec/onion.md section 10. Only data: `guards` has the rules. All times are unix seconds,
0 for never.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zentalk.errors import DecodeError
from zentalk.ids import NODE_ID_BYTES, NodeId
from zentalk.wire.codec import Fields, Value

FORMAT: Final = 1
MAX_ENTRIES: Final = 64
MAX_MIDDLES: Final = 4
_MAX_SECONDS: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Middle:
    """A sticky second hop and when it is exchanged."""

    node_id: NodeId
    until: int


@dataclass(frozen=True, slots=True)
class GuardEntry:
    """One relay of the sampled list, or one that the configuration pins.

    `down_since` starts a run of failures without a success in between, `down_seen` is the last of
    them; both are 0 while the relay counts as reachable. `up_seen` is the last success.
    """

    node_id: NodeId
    sampled_at: int
    pinned: bool = False
    up_seen: int = 0
    down_since: int = 0
    down_seen: int = 0
    middles: tuple[Middle, ...] = ()


@dataclass(frozen=True, slots=True)
class GuardState:
    """The list in its fixed order: pinned entries first, then as sampled."""

    entries: tuple[GuardEntry, ...] = ()

    def to_value(self) -> Value:
        """Return the state as lists, integers and bytes, for `wire.codec.pack`."""
        return [FORMAT, [_entry_value(entry) for entry in self.entries]]

    @classmethod
    def from_value(cls, value: Value) -> GuardState:
        """Read what `to_value` returned; raises DecodeError if it is anything else."""
        fields = Fields(value, "the guard state")
        if fields.uint(FORMAT) != FORMAT:
            raise DecodeError("the guard state has a format that this version does not know")
        entries = tuple(_read_entry(item) for item in fields.array(MAX_ENTRIES))
        fields.end()
        if len({entry.node_id for entry in entries}) < len(entries):
            raise DecodeError("the guard state names a relay twice")
        return cls(entries)


def _entry_value(entry: GuardEntry) -> Value:
    middles: list[Value] = [[middle.node_id, middle.until] for middle in entry.middles]
    return [
        entry.node_id,
        entry.sampled_at,
        entry.pinned,
        entry.up_seen,
        entry.down_since,
        entry.down_seen,
        middles,
    ]


def _read_entry(value: Value) -> GuardEntry:
    fields = Fields(value, "a guard")
    entry = GuardEntry(
        node_id=NodeId(fields.fixed(NODE_ID_BYTES)),
        sampled_at=fields.uint(_MAX_SECONDS),
        pinned=fields.boolean(),
        up_seen=fields.uint(_MAX_SECONDS),
        down_since=fields.uint(_MAX_SECONDS),
        down_seen=fields.uint(_MAX_SECONDS),
        middles=tuple(_read_middle(item) for item in fields.array(MAX_MIDDLES)),
    )
    fields.end()
    return entry


def _read_middle(value: Value) -> Middle:
    fields = Fields(value, "a second hop")
    middle = Middle(NodeId(fields.fixed(NODE_ID_BYTES)), fields.uint(_MAX_SECONDS))
    fields.end()
    return middle
