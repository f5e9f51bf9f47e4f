"""Writes tests/vectors/groups.json: `python -m tests.groups.make_vectors`.

Only for a new case. If it changes what an existing one decodes to, or what a log folds to, the
format or the rules have changed: members of two versions would see two groups.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.groups.histories import history, late_entries
from tests.groups.support import AT, address, group_of, sign_at
from tests.session.support import Person
from zentalk.groups.fold import fold
from zentalk.groups.log import GroupLog
from zentalk.groups.state import GroupState
from zentalk.ids import GroupId, NodeId, SendId
from zentalk.wire.group import GroupEntry
from zentalk.wire.group_acts import (
    Add,
    AddedAs,
    CloseTicket,
    Demote,
    Describe,
    Grant,
    GroupKind,
    Leave,
    Merge,
    OpenTicket,
    PostingRule,
    Remove,
    Rename,
    SetPosting,
    Succeed,
)
from zentalk.wire.group_card import sign_card
from zentalk.wire.route import Route, RouteEntry

PATH = Path(__file__).parent.parent / "vectors" / "groups.json"


def every_act() -> GroupLog:
    """Return a log with each act at least once, and two equals who removed each other."""
    ann, bob, cid, dan = group_of("Ann", "Bob", "Cid", "Dan", kind=GroupKind.CHANNEL)
    for act in (
        Grant(bob.address),
        Grant(cid.address),
        Rename("Hikes \u00e9"),
        Describe(b"p" * 32, "every Sunday"),
        SetPosting(PostingRule.MEMBERS),
        OpenTicket(b"t" * 16, AddedAs.SUBSCRIBER, 3, AT + 86_400),
        OpenTicket(b"u" * 16, AddedAs.MEMBER, 1, 0),
        CloseTicket(b"u" * 16),
        Add(address("Eve"), AddedAs.SUBSCRIBER, b"t" * 16),
        Succeed(GroupId(b"s" * 32)),
    ):
        ann.do(act)
    for peer in (bob, cid, dan):
        peer.meet(ann)
    for one, other in ((bob, cid), (cid, bob)):
        rests_on = ann.state.members[one.address].rests_on
        heads = one.log.binding_heads()
        ann.take([sign_at(one.log, one.key, Remove(other.address), heads, rests_on)])
    ann.take([dan.do(Leave())])
    ann.do(Merge())
    bob.meet(ann)
    bob.do(Demote(bob.address))
    ann.meet(bob)
    return ann.log


def with_late_entries() -> GroupLog:
    past = history(11)
    log = GroupLog(past.log.founding)
    for entry in [*past.entries, *late_entries(past, 11)]:
        log.insert(entry)
    return log


def described(entry: GroupEntry) -> dict[str, Any]:
    return {
        "raw": entry.raw.hex(),
        "id": entry.entry_id.hex(),
        "act": type(entry.act).__name__,
        "author": entry.author.hex(),
        "sequence": entry.place.sequence,
        "parents": len(entry.place.parents),
    }


def folded(state: GroupState) -> dict[str, Any]:
    return {
        "name": state.settings.name,
        "posting": state.settings.posting.name,
        "members": {
            member.address.hex(): [member.role, member.status, member.rank]
            for member in state.members.values()
        },
        "former": sorted(one.hex() for one in state.former),
        "open_grants": {who.hex(): rank for who, rank in state.open_grants.items()},
        "conflicts": [
            [one.author.hex(), one.target.hex(), one.is_equal] for one in state.conflicts
        ],
        "tickets": [[one.ticket.hex(), one.used, one.is_closed] for one in state.tickets],
        "successors": [one.hex() for one in state.settings.successors],
    }


def log_case(name: str, log: GroupLog) -> dict[str, Any]:
    return {
        "name": name,
        "group": log.group.hex(),
        "entries": [described(entry) for entry in log.export()],
        "folded": folded(fold(log)),
    }


def card_case() -> Mapping[str, Any]:
    person, group = Person.named("card"), GroupId(b"g" * 32)
    bundle = person.bundle(one_time=False)
    route = Route(7, (RouteEntry(NodeId(b"n" * 32), SendId(b"s" * 16), b"k" * 32),))
    card = sign_card(person.identity, group, route, bundle.signed_prekey, bundle.pq_prekey)
    return {
        "group": group.hex(),
        "member": card.member.hex(),
        "version": card.version,
        "raw": card.raw.hex(),
        "hash": card.card_hash.hex(),
    }


def made() -> dict[str, Any]:
    cases = [
        log_case("every act", every_act()),
        log_case("late entries", with_late_entries()),
    ]
    return {"version": 1, "logs": cases, "card": card_case()}


def main() -> None:
    PATH.write_text(json.dumps(made(), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
