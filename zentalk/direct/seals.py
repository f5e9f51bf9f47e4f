"""The keys of one session, made of both offers, and the MAC of each probe.

Spec: docs/spec/direct.md section 4.1. Each direction has a key of its own: a probe that somebody
sends back to where it came from proves nothing.
"""

from __future__ import annotations

from zentalk.crypto.hashing import derive, equal, salted_digests
from zentalk.crypto.labels import Label
from zentalk.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from zentalk.wire.direct import (
    MAC_BYTES,
    TAG_BYTES,
    DirectOffer,
    ProbeKind,
    PunchProbe,
    decode_probe,
    probe_head,
)

_MAC_KEY_BYTES = 32


class ProbeSeals:
    """Makes our probes, and knows those of the other side.

    Raises RemoteProtocolError if the other's offer has our direct key, or our secret: it is an echo
    of ours. Raises LocalProtocolError if the offers are of two sessions.
    """

    __slots__ = ("_mac_of_ours", "_mac_of_theirs", "is_client", "tag")

    def __init__(self, own: DirectOffer, theirs: DirectOffer) -> None:
        if own.session != theirs.session:
            raise LocalProtocolError("these offers are of two sessions")
        if own.direct_key == theirs.direct_key or equal(own.secret, theirs.secret):
            raise RemoteProtocolError("the contact's offer is our own")
        self.is_client = own.direct_key < theirs.direct_key
        """Whether we choose the path, and are the client of what runs over it."""
        client, server = (own, theirs) if self.is_client else (theirs, own)
        parts = [client.direct_key, server.direct_key, client.secret, server.secret]
        keys = derive(Label.DIRECT_KEYS, own.session, *parts, length=TAG_BYTES + 2 * _MAC_KEY_BYTES)
        self.tag = bytes(keys[:TAG_BYTES])
        """Stands openly in each probe of the session, so that its reader knows which key to try."""
        of_client, of_server = (
            salted_digests(Label.DIRECT_PROBE, keys[at : at + _MAC_KEY_BYTES], MAC_BYTES)
            for at in (TAG_BYTES, TAG_BYTES + _MAC_KEY_BYTES)
        )
        self._mac_of_ours = of_client if self.is_client else of_server
        self._mac_of_theirs = of_server if self.is_client else of_client

    def make(self, kind: ProbeKind, transaction: bytes) -> bytes:
        """Return a probe of ours."""
        head = probe_head(kind, self.tag, transaction)
        return head + self._mac_of_ours(head)

    def read(self, data: bytes) -> PunchProbe | None:
        """Return a probe if the other side made it, else None."""
        try:
            probe = decode_probe(data)
        except DecodeError:
            return None
        if probe.tag != self.tag:
            return None
        mac = self._mac_of_theirs(probe_head(probe.kind, probe.tag, probe.transaction))
        return probe if equal(mac, probe.mac) else None
