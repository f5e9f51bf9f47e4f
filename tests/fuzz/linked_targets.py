"""What linked nodes send each other, from the real encoders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.directory.support import identity
from tests.fuzz.target import Target, target
from zentalk.crypto.types import Secret
from zentalk.ids import MessageId, UserAddress
from zentalk.wire import gaps, invite, recovery, sync
from zentalk.wire.codec import pack, unpack

MAX_BYTES = 256 * 1024
OWNER = identity(7)
PHRASE = Secret(b"p" * 32)
REQUEST = MessageId(b"r" * 16)
PERSON = UserAddress(b"a" * 32)
_CHUNK = sync.Chunk(b"f" * 16, b"p" * 8, 1, 2, 16, 0, 1, b"rows")
_BODIES: Sequence[sync.SyncBody] = (
    _CHUNK,
    sync.Have(b"f" * 16, 5, 16, 1_800_000_000_000),
    sync.Write(REQUEST, PERSON, b"a content"),
    sync.WriteAnswer(REQUEST, 7, ""),
)


def _body(read: Callable[[Any], Any], encode: Callable[[Any], Any], *values: Any) -> Target:
    return target(
        read,
        [pack(encode(value)) for value in values],
        parse=lambda data: read(unpack(data, max_bytes=MAX_BYTES)),
        again=lambda found: pack(encode(found)),
    )


def linked_targets() -> list[Target]:
    """Return the parsers of sync contents, gaps, codes of links and sealed identities."""
    rows = [
        sync.encode_row(sync.RowChange("messages", "[1]", {"seq": 1, "text": "é", "at": 1.5})),
        sync.encode_row(sync.RowChange("contacts", "[2]", None)),
    ]
    link = invite.InviteLink(UserAddress(OWNER.public), b"s" * 16)
    sealed = recovery.seal_identity(OWNER, PHRASE, bytes)
    return [
        _body(sync.decode_sync, sync.encode_sync, *_BODIES),
        target(
            sync.decode_rows,
            [*rows, b"".join(rows)],
            again=lambda found: b"".join(map(sync.encode_row, found)),
        ),
        _body(gaps.decode_gaps, gaps.encode_gaps, gaps.Gaps(3, (1, 2), 0, 9)),
        target(
            gaps.decode_question,
            [pack([4, 5])],
            parse=lambda data: gaps.decode_question(unpack(data, max_bytes=MAX_BYTES)),
            why_not="what is no question counts as none",
        ),
        target(
            invite.parse_link_code,
            [invite.format_link_code(link).encode()],
            parse=lambda data: invite.parse_link_code(data.decode("utf-8", "replace")),
            again=lambda found: invite.format_link_code(found).encode(),
        ),
        target(
            recovery.open_identity,
            [sealed],
            parse=lambda data: recovery.open_identity(data, PHRASE),
            why_not="each seal has a fresh salt",
        ),
    ]
