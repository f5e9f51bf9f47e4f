"""What groups bring: entries, acts, cards and the bodies of contents, from the real encoders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.directory.support import identity
from tests.fuzz.target import Target, target
from tests.session.support import Person
from zentalk.crypto.labels import Label
from zentalk.ids import EntryId, EntryRef, GroupId, MessageId, NodeId, SendId, UserAddress
from zentalk.wire import group as wire
from zentalk.wire import group_acts as acts
from zentalk.wire import group_bodies as bodies
from zentalk.wire.codec import Fields, pack, unpack
from zentalk.wire.content import TEXT, Content
from zentalk.wire.group_card import decode_card, sign_card
from zentalk.wire.route import Route, RouteEntry

MAX_BYTES = 256 * 1024
AUTHOR = identity(5)
MEMBER = UserAddress(b"m" * 32)
REF = EntryRef(b"r" * 16)


def _acts() -> list[acts.GroupAct]:
    return [
        acts.Create("a group", acts.GroupKind.CHANNEL, b"n" * 16, GroupId(b"g" * 32)),
        acts.Add(MEMBER, acts.AddedAs.SUBSCRIBER, b"t" * 16),
        acts.Accept(b"h" * 32),
        acts.Remove(MEMBER),
        acts.Leave(),
        acts.Grant(MEMBER),
        acts.Demote(MEMBER),
        acts.Rename("new \u00e9"),
        acts.Describe(b"", "what it is"),
        acts.SetPosting(acts.PostingRule.ADMINS),
        acts.OpenTicket(b"t" * 16, acts.AddedAs.MEMBER, 5, 1_800_000_000),
        acts.CloseTicket(b"t" * 16),
        acts.Succeed(GroupId(b"s" * 32)),
        acts.Merge(),
    ]


def _body(read: Callable[[Any], Any], encode: Callable[[Any], Any], *values: Any) -> Target:
    return target(
        read,
        [pack(encode(value)) for value in values],
        parse=lambda data: read(unpack(data, max_bytes=MAX_BYTES)),
        again=lambda found: pack(encode(found)),
    )


def _entries() -> list[Target]:
    founding = wire.found_group(AUTHOR, acts.Create("g", acts.GroupKind.GROUP, b"n" * 16), 1)
    group, chain = founding.group, wire.chain_of(founding.group, EntryId(b"g" * 32), ())
    place = wire.EntryPlace(2, (EntryRef(b"p" * 16), REF), founding.ref, chain)
    made = [wire.sign_entry(AUTHOR, group, place, act, 1_800_000_000) for act in _acts()[1:]]
    signed = [Fields(unpack(item.raw, max_bytes=512), "").blob(512) for item in made]

    def parse_signed(body: bytes) -> wire.GroupEntry:
        raw = pack([body, AUTHOR.sign(Label.GROUP_ENTRY, group + body)])
        return wire.decode_entry(raw, group)

    def again(found: wire.GroupEntry) -> bytes:
        return wire._encode_signed(found.author, found.place, found.act, found.at)

    return [
        target(
            wire.decode_entry,
            [founding.raw, *(item.raw for item in made)],
            parse=lambda data: wire.decode_entry(data, group),
            again=lambda found: bytes(found.raw),
        ),
        target(wire.decode_entry, signed, parse=parse_signed, again=again),
        target(
            wire.read_stored_entry,
            [item.raw for item in made],
            parse=lambda data: wire.read_stored_entry(data, group),
            again_from=lambda found, data: pack(
                [again(found), Fields(unpack(data, max_bytes=512)[1:], "").fixed(64)]  # type: ignore[index]
            ),
        ),
        _body(acts.decode_act, acts.encode_act, *_acts()),
    ]


def _cards() -> list[Target]:
    person = Person.named("fuzz")
    bundle = person.bundle(one_time=False)
    route = Route(3, (RouteEntry(NodeId(b"n" * 32), SendId(b"s" * 16), b"k" * 32),) * 2)
    group = GroupId(b"g" * 32)
    card = sign_card(person.identity, group, route, bundle.signed_prekey, bundle.pq_prekey)
    signed = Fields(unpack(card.raw, max_bytes=2048), "").blob(2048)

    def parse_signed(body: bytes) -> Any:
        return decode_card(
            pack([body, person.identity.sign(Label.GROUP_CARD, group + body)]), group
        )

    return [
        target(
            decode_card,
            [card.raw],
            parse=lambda data: decode_card(data, group),
            again=lambda found: bytes(found.raw),
        ),
        target(
            decode_card,
            [signed],
            parse=parse_signed,
            again=lambda found: Fields(unpack(found.raw, max_bytes=2048), "").blob(2048),
        ),
    ]


def _bodies() -> list[Target]:
    group = GroupId(b"g" * 32)
    said = Content(TEXT, MessageId(b"i" * 16), sent_at_ms=1, text="hello")
    asked = bodies.GroupAsk(group, (REF,) * 3, (REF,), (bodies.CardWanted(MEMBER, 2),), b"h" * 32)
    b = bodies
    return [
        _body(b.read_entry_batch, b.entry_batch_body, b.EntryBatch(group, (b"raw", b"entry"))),
        _body(b.read_card_batch, b.card_batch_body, b.CardBatch(group, (b"raw card",))),
        _body(b.read_group_ask, b.group_ask_body, asked, b.GroupAsk(group)),
        _body(b.read_group_picture, b.group_picture_body, b.GroupPicture(group, b"picture")),
        target(
            b.read_shared_history,
            [
                pack(
                    b.shared_history_body(
                        b.SharedHistory(group, (REF,), (b.SharedLine(MEMBER, 5, said),) * 2)
                    )
                )
            ],
            parse=lambda data: b.read_shared_history(unpack(data, max_bytes=MAX_BYTES)),
            why_not="the contents inside keep keys they do not know",
        ),
        target(
            b.read_group_line,
            [pack(b.group_line_body(b.GroupLine(group, (REF,) * 8, said)))],
            parse=lambda data: b.read_group_line(unpack(data, max_bytes=MAX_BYTES)),
            why_not="the content inside keeps keys it does not know",
        ),
    ]


def group_targets() -> list[Target]:
    """Return all of them."""
    return [*_entries(), *_cards(), *_bodies()]
