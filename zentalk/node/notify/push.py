"""What devices and their owner do about push endpoints. Every change is an event.

An endpoint belongs to a device: it has one at most, and loses it with its token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from zentalk.crypto.p256 import PUBLIC_BYTES
from zentalk.crypto.p256 import check_public as check_key
from zentalk.directory.allowance import Allowances
from zentalk.errors import ConfigError, NotFoundError, RefusedError, RemoteProtocolError
from zentalk.mailbox.http_credentials import decode_base64, encode_base64
from zentalk.net.runtime import Runtime
from zentalk.node.devices.tokens import DeviceTokens
from zentalk.node.notify import wakes
from zentalk.node.notify.push_sender import PushSender
from zentalk.node.notify.schedule import Answer
from zentalk.node.notify.targets import check_public, check_url, host_of
from zentalk.node.notify.web_push import AUTH_BYTES
from zentalk.store.history import events, push
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.push import PushRow
from zentalk.store.sqlite import Transaction

_NONE = "this device has no push endpoint: register one first"
_NO_DEVICE = "there is no device with this id"


@dataclass(frozen=True, slots=True)
class PushWish:
    """An endpoint that is to be registered; keys are base64url, empty if there are none."""

    device: str
    endpoint: str = field(repr=False)
    client_key: str = field(default="", repr=False)
    auth: str = field(default="", repr=False)
    is_signed: bool = False
    types: tuple[str, ...] = ()
    is_trusted: bool = False
    """Whether the owner's token names it."""


class PushCommands:
    """Registers, shows, tests and removes push endpoints.

    `on_change` is called with the id of each device whose endpoint has changed.
    """

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        tokens: DeviceTokens,
        sender: PushSender,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._tokens = tokens
        self._sender = sender
        self._tests = Allowances(wakes.TEST_BURST, 1.0 / wakes.TEST_SECONDS)
        self.on_change: Callable[[str], None] = lambda _device: None

    def key(self, device: str) -> str:
        """Return the public key, base64url, with which what this device is sent is signed."""
        return encode_base64(self._sender.key_of(device).public)

    async def listing(self) -> list[PushRow]:
        """Return all endpoints, oldest first."""
        return await self._database.read(push.every)

    async def register(self, wish: PushWish) -> PushRow:
        """Set the endpoint of a device, in place of the one before.

        The same one again changes nothing, but is tried again if it was given up. Raises
        ConfigError for an endpoint or a key that is not accepted, NotFoundError for no device.
        """
        check_url(wish.endpoint)
        client_key, auth = _keys(wish)
        now = self._runtime.wall()

        def job(tx: Transaction) -> PushRow:
            if not self._tokens.is_admitted(tx, wish.device):
                raise NotFoundError(_NO_DEVICE)
            known = push.get(tx, wish.device)
            row = PushRow(
                device=wish.device,
                endpoint=wish.endpoint,
                client_key=client_key,
                auth=auth,
                is_signed=wish.is_signed,
                is_trusted=wish.is_trusted or _was_trusted(known, wish),
                types=wish.types or wakes.DEFAULT_TYPES,
                created_at=now,
                cursor=events.last_seq(tx),
            )
            if not row.is_trusted:
                check_public(row.endpoint)
            if known is None or known.endpoint != row.endpoint:
                events.append(tx, "push.added", now, _about(row))
                row = replace(row, cursor=events.last_seq(tx))
            push.put(tx, row)
            return row

        row = await self._database.write(job)
        self.on_change(row.device)
        return row

    async def remove(self, device: str) -> None:
        """Forget the endpoint of a device; raises NotFoundError if it has none."""
        now = self._runtime.wall()

        def job(tx: Transaction) -> None:
            row = _known(tx, device)
            push.remove(tx, device)
            events.append(tx, "push.removed", now, _about(row))

        await self._database.write(job)
        self.on_change(device)

    async def test(self, device: str) -> Answer:
        """Wake a device now, whatever has happened, and return how its push server answered.

        Raises NotFoundError if it has no endpoint, RefusedError if it is tested too often.
        """
        row = await self._database.read(lambda tx: _known(tx, device))
        if not self._tests.take(device, self._runtime.monotonic()):
            raise RefusedError("rate", "this endpoint was tested just now: wait a minute")
        answer = await self._sender.send(row)
        now = self._runtime.wall()

        def job(tx: Transaction) -> None:
            fresh = push.get(tx, device)
            if fresh is not None and fresh.created_at == row.created_at:
                note(tx, wakes.tested(fresh, answer, now), now)

        await self._database.write(job)
        self.on_change(device)
        return answer


def note(tx: Transaction, row: PushRow, now: float) -> None:
    """Save what became of an endpoint, and tell the owner if it was given up."""
    known = push.get(tx, row.device)
    if push.update(tx, row) and row.stopped and known is not None and not known.stopped:
        events.append(tx, "push.stopped", now, {**_about(row), "reason": row.stopped})


def _about(row: PushRow) -> dict[str, str]:
    return {"id": row.device, "host": host_of(row.endpoint)}


def _known(tx: Transaction, device: str) -> PushRow:
    row = push.get(tx, device)
    if row is None:
        raise NotFoundError(_NONE)
    return row


def _was_trusted(known: PushRow | None, wish: PushWish) -> bool:
    """Say whether the owner's token has named this very endpoint before."""
    return known is not None and known.is_trusted and known.endpoint == wish.endpoint


def _keys(wish: PushWish) -> tuple[bytes, bytes]:
    """Return the keys of RFC 8291, or none; raises ConfigError for others."""
    if not wish.client_key and not wish.auth:
        return b"", b""
    try:
        client_key, auth = (
            decode_base64(wish.client_key, PUBLIC_BYTES),
            decode_base64(wish.auth, AUTH_BYTES),
        )
        check_key(client_key)
    except RemoteProtocolError:
        raise ConfigError(
            "the keys must be p256dh, an uncompressed point of P-256, and auth, 16 bytes, both in"
            " base64url without padding (RFC 8291)"
        ) from None
    return client_key, auth
