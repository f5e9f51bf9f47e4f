"""The keys of a file and of its leases, derived from three secrets of 32 random bytes.

Spec: docs/spec/mesh.md section 2. The share secret opens the head, the content secret inside it the
segments; the owner secret signs what an owner wants of a holder. A repr must never show any of
them. No secret may serve two files, nor a file whose bytes have changed: nonces are numbers of
segments, and would repeat.
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.hashing import derive
from zentalk.crypto.labels import Label
from zentalk.crypto.types import Secret
from zentalk.errors import LocalProtocolError
from zentalk.ids import NODE_ID_BYTES, NodeId
from zentalk.wire.head import SECRET_BYTES


class ShareSecrets:
    """Secrets of whoever was given a file: the key of its head, and where that lies."""

    __slots__ = ("head_key", "head_place", "share")

    def __init__(self, share: bytes) -> None:
        self.share: Final = _checked(share)
        self.head_key: Final = derive(Label.MESH_HEAD, self.share)
        self.head_place: Final = derive(Label.MESH_HEAD_PLACE, self.share)

    def __repr__(self) -> str:
        return "<share secrets of a file>"


class FileSecrets:
    """Secrets of whoever opened a head: the keys of its segments, and where shards lie."""

    __slots__ = ("content", "index_key", "segment_key", "shard_place")

    def __init__(self, content: bytes) -> None:
        self.content: Final = _checked(content)
        self.segment_key: Final = derive(Label.MESH_SEGMENT, self.content)
        self.index_key: Final = derive(Label.MESH_INDEX, self.content)
        self.shard_place: Final = derive(Label.MESH_PLACE, self.content)

    def __repr__(self) -> str:
        return "<secrets of a file>"


def lease_key(owner_secret: bytes, holder: NodeId) -> SigningKey:
    """Return the key that signs for one holder; other holders cannot tell that it is the owner's.

    Raises LocalProtocolError if the secret or the id has the wrong length.
    """
    if len(holder) != NODE_ID_BYTES:
        raise LocalProtocolError("a holder's id has the wrong length")
    return SigningKey(derive(Label.MESH_LEASE, _checked(owner_secret), holder))


def _checked(secret: bytes) -> Secret:
    if len(secret) != SECRET_BYTES:
        raise LocalProtocolError(f"a secret of a file has {SECRET_BYTES} bytes")
    return Secret(secret)
