"""TLS on a server's connections, with the operator's certificate.

Only what is below HTTP: deadlines, bounds and the end of a connection stay where they are. Files
that have changed are read again, so that a renewed certificate needs no restart. It must never show
a key, nor end a server because a new file is wrong.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Final

import trio

from zentalk.errors import ConfigError
from zentalk.logs import quiet_logger
from zentalk.web.peer import READ_BYTES, Peer

LOOK_SECONDS: Final = 60.0
"""The time between two looks whether the files have changed, while connections come."""
_PIECE_BYTES: Final = 64 * 1024
_LOG: Final = quiet_logger("zentalk.web")


class ServerCertificate:
    """A certificate with those that lead to a trusted one, and its key, from PEM files.

    Raises ConfigError if they cannot be read or do not belong together.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._changed = self._changes()
        self._context = self._load()
        self._looked_at = -LOOK_SECONDS

    def peer(self, sock: socket.socket) -> Peer:
        """Return the other end of a new connection, which has yet to shake hands."""
        self._look(trio.current_time())
        return TlsPeer(sock, self._context)

    def _look(self, now: float) -> None:
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        changed = self._changes()
        if changed == self._changed:
            return
        self._changed = changed
        try:
            self._context = self._load()
        except ConfigError as error:
            _LOG.warning("certificate_not_renewed", reason=str(error))
        else:
            _LOG.info("certificate_renewed")

    def _changes(self) -> tuple[float, ...]:
        """Return when each file was last changed, 0 where there is none at this moment."""
        try:
            return tuple(file.stat().st_mtime for file in self._files)
        except OSError:
            return (0.0,)

    def _load(self) -> ssl.SSLContext:
        certificate, key = self._files
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.set_alpn_protocols(["http/1.1"])
        try:
            # A key with a passphrase would ask for it at the terminal.
            context.load_cert_chain(certificate, key, password=lambda: "")
        except ssl.SSLError as error:
            raise ConfigError(
                f"{certificate} and {key} are no certificate with its key, both as PEM and the key "
                f"without a passphrase ({error.reason or 'unreadable'})"
            ) from None
        except OSError as error:
            reason = (error.strerror or "unknown error").lower()
            raise ConfigError(
                f"the certificate or key of HTTP: {error.filename or certificate}: {reason}"
            ) from None
        return context


class TlsPeer(Peer):
    """A connected socket that speaks TLS; it shakes hands when it is first read."""

    __slots__ = ("_incoming", "_outgoing", "_sending", "_tls")

    is_secure = True

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        super().__init__(sock)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._sending = trio.Lock()

    async def read(self) -> bytes:
        """Return what arrives next, nothing at the end or if it is no TLS."""
        while not self.gone:
            try:
                data = self._tls.read(READ_BYTES)
            except ssl.SSLWantReadError:
                await self._flush()
                if encrypted := await self._receive():
                    self._incoming.write(encrypted)
                else:
                    self._incoming.write_eof()
            except ssl.SSLError:
                await self._flush()  # it is told why
                break
            else:
                self.ended = not data
                return data
        self.ended = True
        return b""

    async def write(self, data: bytes) -> None:
        """Send all of it, or find that the peer is gone."""
        rest = memoryview(data)
        for start in range(0, len(rest), _PIECE_BYTES):
            if self.gone:
                return
            try:
                self._tls.write(rest[start : start + _PIECE_BYTES])
            except ssl.SSLError:
                self.gone = True
                return
            await self._flush()

    async def linger(self) -> None:
        """Say in TLS, and below it, that nothing more is sent, and wait a while for the peer."""
        with suppress(ssl.SSLError):  # the peer has not said it yet, or there was no handshake
            self._tls.unwrap()
        await self._flush()
        await super().linger()

    async def _flush(self) -> None:
        """Send what TLS has to say; reading has something to say as well as writing."""
        async with self._sending:
            await super().write(self._outgoing.read())
