"""Sends a wake-up to the endpoint of a device.

It says that a device is to look, and nothing else. An endpoint that a device has named is reached
on the public Internet only; one that the owner's token has named, anywhere.
"""

from __future__ import annotations

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.hashing import derive
from zentalk.crypto.labels import Label
from zentalk.crypto.p256 import P256Key
from zentalk.errors import AuthenticationError
from zentalk.net.runtime import Runtime
from zentalk.node.notify import web_push
from zentalk.node.notify.outgoing import Outgoing
from zentalk.node.notify.schedule import Answer
from zentalk.store.history.push import PushRow


class PushSender:
    """Makes and sends wake-ups, through one of two ways out."""

    def __init__(
        self, runtime: Runtime, identity: SigningKey, trusted: Outgoing, public: Outgoing
    ) -> None:
        self._runtime = runtime
        self._identity = identity
        self._trusted = trusted
        self._public = public

    def key_of(self, device: str) -> P256Key:
        """Return the key that signs what a device is sent: each has another, always the same."""
        seed = self._identity.seed
        return P256Key(derive(Label.PUSH_KEY, seed, device.encode("utf-8")))

    async def send(self, row: PushRow) -> Answer:
        """Send one wake-up; every failure is an answer, never an exception."""
        signature = None
        if row.is_signed:
            key = self.key_of(row.device)
            signature = web_push.signature(row.endpoint, key, self._runtime.wall())
        try:
            body = web_push.body_of(row.client_key, row.auth, self._runtime.entropy)
        except AuthenticationError:
            return Answer(0, "the device's key is not usable: let it register again")
        out = self._trusted if row.is_trusted else self._public
        return await out.post(row.endpoint, web_push.headers_of(row.client_key, signature), body)
