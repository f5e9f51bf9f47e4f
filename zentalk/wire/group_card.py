"""A member's card for one group: what others need to write to somebody who is no contact.

Spec: docs/spec/groups.md section 3. It has the medium-term prekeys, so that a first message takes
nothing out of a pool, and one send id for each mailbox, which the member takes back when somebody
leaves. A card is verified when it is decoded; cards are shown to members only, inside ratchets.

    card    [signed, signature 64]
    signed  [format, member 32, [version, [[relay, send id, key]...]], signed prekey, PQ prekey]

The group's id is signed, in front, and not transmitted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from zentalk.crypto import ed25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.ids import USER_ADDRESS_BYTES, GroupId, UserAddress
from zentalk.wire.codec import Fields, pack, unpack
from zentalk.wire.prekeys import MAX_PREKEY_BYTES, PqPrekey, PrekeyBundle, SignedPrekey
from zentalk.wire.route import Route, decode_route_value, encode_route_value

FORMAT: Final = 1
MAX_CARD_BYTES: Final = 1_800
"""Both prekeys, two mailboxes and the signature fill 1,741."""
_FORMAT_LIMIT: Final = 255


@dataclass(frozen=True, slots=True)
class GroupCard:
    """One verified card; the version of its route is the card's, and higher ones replace lower."""

    group: GroupId = field(repr=False)
    member: UserAddress = field(repr=False)
    route: Route = field(repr=False)
    signed_prekey: SignedPrekey = field(repr=False)
    pq_prekey: PqPrekey = field(repr=False)
    raw: bytes = field(repr=False)

    @property
    def version(self) -> int:
        """Which of several cards of one member counts: the highest."""
        return self.route.version

    @property
    def bundle(self) -> PrekeyBundle:
        """What `session.pqxdh.initiate` takes and verifies; it has no one-time key."""
        return PrekeyBundle(self.member, self.signed_prekey, self.pq_prekey, None)

    @property
    def card_hash(self) -> bytes:
        """What an accepting entry says of this card."""
        return blake2b_256(Label.GROUP_CARD_HASH, self.group, self.raw)


def sign_card(
    identity: SigningKey,
    group: GroupId,
    route: Route,
    signed_prekey: SignedPrekey,
    pq_prekey: PqPrekey,
) -> GroupCard:
    """Sign a card; raises LocalProtocolError if it cannot be read again."""
    signed = pack(
        [
            FORMAT,
            identity.public,
            encode_route_value(route),
            signed_prekey.to_bytes(),
            pq_prekey.to_bytes(),
        ]
    )
    raw = pack([signed, identity.sign(Label.GROUP_CARD, group + signed)])
    try:
        return decode_card(raw, group)
    except DecodeError as error:
        raise LocalProtocolError(f"a card cannot hold this: {error}") from None


def decode_card(raw: bytes, group: GroupId) -> GroupCard:
    """Decode a card for one group and verify its signature.

    Raises DecodeError if it is malformed, AuthenticationError if its member did not sign it for
    this group. Whether that person is a member is for the group's log to say.
    """
    outer = Fields(unpack(raw, max_bytes=MAX_CARD_BYTES, max_items=2), "a card")
    signed, signature = outer.blob(MAX_CARD_BYTES), outer.fixed(ed25519.SIGNATURE_BYTES)
    outer.end()
    fields = Fields(unpack(signed, max_bytes=MAX_CARD_BYTES, max_items=8), "a card")
    if fields.uint(_FORMAT_LIMIT) != FORMAT:
        raise DecodeError("a card has a format that this version does not know")
    member = UserAddress(fields.fixed(USER_ADDRESS_BYTES))
    route = decode_route_value(fields.value())
    signed_prekey = SignedPrekey.from_bytes(fields.blob(MAX_PREKEY_BYTES))
    pq_prekey = PqPrekey.from_bytes(fields.blob(MAX_PREKEY_BYTES))
    fields.end()
    ed25519.verify(member, Label.GROUP_CARD, group + signed, signature)
    return GroupCard(group, member, route, signed_prekey, pq_prekey, raw)
